"""The result: what a ranking scope came to, kept with everything it came from, in versions that never change."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Instant, VersionedRow
from app.units.models import UnitKind


class ResultState(StrEnum):
    """A result is finalized, told to its units, published by a decision, superseded by a newer version or withdrawn."""

    PROVISIONAL = "provisional"
    ANNOUNCED = "announced"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Result(VersionedRow):
    """One version (`number` 1, 2, …) of the result of a ranking scope.

    Everything up to `reason` is written once, at finalization. `sha256` covers the set, the policy, the engine, the
    peers' extremes and every line. `overseen_by` is the unit that finalizes and all above it as the tree stood:
    their people see the result before it is published. `ranking` is the public ranking as it is served, plain and
    gzipped: written at publication, and once more when the version is superseded.
    """

    __tablename__ = "result"
    __table_args__ = (UniqueConstraint("scope_id", "number"),)

    scope_id: Mapped[UUID] = mapped_column(ForeignKey("ranking_scope.id"))
    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"), index=True)
    number: Mapped[int]
    year: Mapped[int]
    unit_kind: Mapped[UnitKind]
    scope_name: Mapped[str]
    overseen_by: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    index_set_id: Mapped[UUID] = mapped_column(ForeignKey("index_set.id"))
    index_set_sha256: Mapped[str]
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("policy.id"))
    policy_sha256: Mapped[str]
    engine_version: Mapped[str]
    peers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    units: Mapped[int]
    sha256: Mapped[str]
    finalized_at: Mapped[Instant]
    finalized_by: Mapped[UUID]
    finalized_by_name: Mapped[str]
    reason: Mapped[str | None]

    state: Mapped[ResultState]
    # What was given again to single units, to be read beside the ranking (see `Note` in the schemas).
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    announced_at: Mapped[Instant | None]
    announced_by: Mapped[UUID | None]
    announced_by_name: Mapped[str | None]
    appeals_due_at: Mapped[Instant | None]
    withdrawn_at: Mapped[Instant | None]
    withdrawn_by: Mapped[UUID | None]
    withdrawn_by_name: Mapped[str | None]
    withdrawn_reason: Mapped[str | None]
    decision_number: Mapped[str | None]
    decision_date: Mapped[date | None]
    signer: Mapped[str | None]
    published_at: Mapped[Instant | None]
    published_by: Mapped[UUID | None]
    published_by_name: Mapped[str | None]
    superseded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("result.id"))
    ranking: Mapped[bytes | None] = mapped_column(deferred=True)
    ranking_gzip: Mapped[bytes | None] = mapped_column(deferred=True)
    ranking_etag: Mapped[str | None]


class ResultLine(Base):
    """One unit in a result: never changed.

    `document` is canonical JSON: what was scored and the scorecard (see `app.results.snapshot`); `sha256` is its
    fingerprint. The other columns repeat it for lists. `total`, `maximum` (points) and `dti` (percent) are exact.
    There are no foreign keys: results and units are never deleted, and checking both for each of ten thousand lines
    doubles the time of storing them.
    """

    __tablename__ = "result_line"
    # Documents of 2 to 8 kB stay in the row and uncompressed: compressing them trebles the time of storing.
    __table_args__ = {"postgresql_with": {"toast_tuple_target": 8160}}

    result_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_key: Mapped[str]
    gso_code: Mapped[str | None]
    unit_name: Mapped[str]
    is_ranked: Mapped[bool]
    rank: Mapped[int | None]
    total: Mapped[str]
    maximum: Mapped[str]
    dti: Mapped[str | None]
    band: Mapped[str | None]
    document: Mapped[str] = mapped_column(deferred=True)
    sha256: Mapped[str]


class AppealState(StrEnum):
    """What became of an appeal (phúc tra)."""

    LODGED = "lodged"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Appeal(VersionedRow):
    """A unit contests its points in one indicator of a result; an accepted one takes effect in the next version.

    `adjustment_id` is the decision that an accepted appeal put on the dossier.
    """

    __tablename__ = "appeal"
    __table_args__ = (
        # One at a time for an indicator of a result.
        Index(
            "uq_appeal_open",
            "result_id",
            "submission_id",
            "indicator_code",
            unique=True,
            postgresql_where=text("state = 'lodged'"),
        ),
    )

    result_id: Mapped[UUID] = mapped_column(ForeignKey("result.id"), index=True)
    scope_id: Mapped[UUID] = mapped_column(ForeignKey("ranking_scope.id"), index=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"), index=True)
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    indicator_code: Mapped[str]
    grounds: Mapped[str]
    evidence: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    state: Mapped[AppealState]
    lodged_at: Mapped[Instant]
    lodged_by: Mapped[UUID]
    lodged_by_name: Mapped[str]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    decision_reason: Mapped[str | None]
    adjustment_id: Mapped[UUID | None] = mapped_column(ForeignKey("adjustment.id"))
