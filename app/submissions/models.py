"""What the unit declares: one dossier per unit and period, with every state of its content kept."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row, VersionedRow
from app.units.models import UnitKind


class ReviewState(StrEnum):
    """Whose turn it is with a dossier."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    RESUBMITTED = "resubmitted"
    PASSED = "passed"


class RankingScope(VersionedRow):
    """The units that are ranked against each other: one finalization, one decision.

    `parent_id` is None where all units of the kind in the period stand in one ranking (ruling 19).
    `finalized_by_id` is the unit whose reviewers finalize and whose leader signs.
    """

    __tablename__ = "ranking_scope"
    __table_args__ = (
        UniqueConstraint("period_id", "unit_kind", "parent_id", postgresql_nulls_not_distinct=True),
    )

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_kind: Mapped[UnitKind]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("unit.id"))
    finalized_by_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    name: Mapped[str]


class Submission(VersionedRow):
    """The dossier of a unit in a period.

    `path` is the unit and all above it as the tree stood at the period's end, the unit first: visibility and the
    reviewing unit follow it, however many levels there are (ruling 18).
    """

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("period_id", "unit_id"),
        Index("ix_submission_path", "path", postgresql_using="gin"),
        Index("ix_submission_scope_id", "scope_id"),
    )

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    unit_name: Mapped[str]
    search_text: Mapped[str]
    sort_key: Mapped[bytes]
    unit_kind: Mapped[UnitKind]
    is_ranked: Mapped[bool]
    path: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    reviewer_unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"), index=True)
    scope_id: Mapped[UUID] = mapped_column(ForeignKey("ranking_scope.id"))
    index_set_id: Mapped[UUID] = mapped_column(ForeignKey("index_set.id"))
    state: Mapped[ReviewState]
    revision_id: Mapped[UUID]
    revision_number: Mapped[int]
    content_hash: Mapped[str]
    approved_hash: Mapped[str | None]
    approved_revision: Mapped[int | None]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[Instant | None]
    submitted_at: Mapped[Instant | None]
    submitted_revision: Mapped[int | None]
    # Items of the latest return that the unit has not answered yet.
    open_items: Mapped[int]
    claimed_by: Mapped[UUID | None]
    claimed_at: Mapped[Instant | None]
    entry_due_at: Mapped[Instant]
    # Indicators that were opened again, and until when each: {"6.10": "2024-01-20T17:00:00+00:00"}.
    reopened: Mapped[Json | None]
    passed_at: Mapped[Instant | None]
    # The agencies' figures the review ended with: later ones count only when it is taken up again.
    settled_figures: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    # What the review ended with, ready to be scored and stored (see app/reviews/settled).
    settled: Mapped[str | None] = mapped_column(deferred=True)
    changed_at: Mapped[Instant]


class Reopening(Row):
    """Entry given again to one unit, or for some of its indicators: who, why, and until when; it ends by itself."""

    __tablename__ = "entry_reopening"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"), index=True)
    indicators: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    reason: Mapped[str]
    until_at: Mapped[Instant]
    granted_at: Mapped[Instant]
    granted_by: Mapped[UUID]
    granted_by_name: Mapped[str]


class Stage(StrEnum):
    """What a dossier is checked for."""

    SUBMIT = "submit"
    PASS = "pass"  # noqa: S105


class ReadinessNote(Row):
    """Why a dossier went on in spite of warnings: [{"code", "pointer", "message"}, …] and what was said to them."""

    __tablename__ = "readiness_note"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"), index=True)
    stage: Mapped[Stage]
    revision_number: Mapped[int]
    warnings: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    note: Mapped[str]
    made_at: Mapped[Instant]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]


class Revision(Row):
    """One state of a dossier's content: {general_information, contacts, answers}; never changed but by an erasure."""

    __tablename__ = "submission_revision"
    __table_args__ = (UniqueConstraint("submission_id", "number"),)

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    number: Mapped[int]
    content: Mapped[Json]
    content_hash: Mapped[str]
    created_at: Mapped[Instant]
    created_by: Mapped[UUID]
    created_by_name: Mapped[str]
    # Contacts were taken out at a person's request: the hash is of what stood there before.
    erased_at: Mapped[Instant | None]
