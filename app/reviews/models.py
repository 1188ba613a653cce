"""What the reviewer finds: clarifications asked for and adjustments made; nothing is overwritten."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row
from app.units.models import UnitKind


class AdjustmentKind(StrEnum):
    """What an adjustment puts in the place of the declared answer."""

    ANSWER = "answer"
    POINTS = "points"
    NOT_APPLICABLE = "not_applicable"
    AS_DECLARED = "as_declared"
    EVIDENCE = "evidence"


class Adjustment(Row):
    """A decision of the reviewer on one indicator; the latest one of an indicator holds.

    `value`: {"choice": …} or {"figures": …} for ANSWER, {"points": "exact"} for POINTS, {"accepted": bool} for
    NOT_APPLICABLE, {} for AS_DECLARED (takes earlier decisions back). EVIDENCE stands beside these, and the latest
    one of an indicator holds beside the latest of the others: {"disallowed": [document ids]}, [] allows all again,
    {"late": true} says that the evidence asked for came too late to count.
    """

    __tablename__ = "adjustment"
    __table_args__ = (Index("ix_adjustment_submission", "submission_id", "indicator_code"),)

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    indicator_code: Mapped[str]
    kind: Mapped[AdjustmentKind]
    value: Mapped[Json]
    declared: Mapped[Json | None]
    reason: Mapped[str]
    made_at: Mapped[Instant]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]


class Reply(Row):
    """What the unit says to a decision."""

    __tablename__ = "adjustment_reply"

    adjustment_id: Mapped[UUID] = mapped_column(ForeignKey("adjustment.id"), index=True)
    text: Mapped[str]
    made_at: Mapped[Instant]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]


class ClarificationKind(StrEnum):
    """Whether the dossier went back to the unit, or the unit was asked for more while it stays where it is."""

    RETURN = "return"
    SUPPLEMENT = "supplement"


class Clarification(Row):
    """What a unit is asked to clear up: why, which items, until when, and which unit asks.

    The latest RETURN is open while the dossier is returned; a SUPPLEMENT while one of its items has no answer.
    """

    __tablename__ = "clarification"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"), index=True)
    kind: Mapped[ClarificationKind]
    asked_for: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    reason: Mapped[str]
    items: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    due_at: Mapped[Instant]
    asked_at: Mapped[Instant]
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str]


class ItemAnswer(Row):
    """The unit's answer to one item (its place, from 0) of a clarification; the latest one holds."""

    __tablename__ = "clarification_answer"

    clarification_id: Mapped[UUID] = mapped_column(ForeignKey("clarification.id"), index=True)
    item: Mapped[int]
    text: Mapped[str]
    evidence: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    is_late: Mapped[bool]
    made_at: Mapped[Instant]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]


class GroupVerdict(Row):
    """A council member has checked a group of a dossier's indicators, or takes that back; the latest one holds.

    `checked_hash` is the fingerprint of the group's answers then: a verdict on other answers counts no more.
    """

    __tablename__ = "group_verdict"
    __table_args__ = (Index("ix_group_verdict_submission", "submission_id", "group_code"),)

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    group_code: Mapped[str]
    is_done: Mapped[bool]
    checked_hash: Mapped[str]
    note: Mapped[str | None]
    made_at: Mapped[Instant]
    made_by: Mapped[UUID]
    made_by_name: Mapped[str]


class HandOver(Row):
    """The list of the units a unit has reviewed, handed to the one above it (004:65, R-101); `number` 1, 2, …

    `units`: [{"submission_id", "unit_id", "unit_name", "state", "revision", "total_shown"}, …] as they stood; `sha256`
    is over it, so that it can be seen whether the list still holds.
    """

    __tablename__ = "hand_over"
    __table_args__ = (UniqueConstraint("period_id", "reviewer_unit_id", "unit_kind", "number"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    reviewer_unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    to_unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    unit_kind: Mapped[UnitKind]
    number: Mapped[int]
    document_number: Mapped[str]
    note: Mapped[str | None]
    units: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    sha256: Mapped[str]
    handed_at: Mapped[Instant]
    handed_by: Mapped[UUID]
    handed_by_name: Mapped[str]
