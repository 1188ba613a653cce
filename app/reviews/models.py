"""What the reviewer finds: clarifications asked for and adjustments made; nothing is overwritten."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row


class AdjustmentKind(StrEnum):
    """What an adjustment puts in the place of the declared answer."""

    ANSWER = "answer"
    POINTS = "points"
    NOT_APPLICABLE = "not_applicable"
    AS_DECLARED = "as_declared"


class Adjustment(Row):
    """A decision of the reviewer on one indicator; the latest one of an indicator holds.

    `value`: {"choice": …} or {"figures": …} for ANSWER, {"points": "exact"} for POINTS, {"accepted": bool} for
    NOT_APPLICABLE, {} for AS_DECLARED (takes earlier decisions back).
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


class Clarification(Row):
    """A return of the dossier: why, which items, until when. The latest one is open while the dossier is returned."""

    __tablename__ = "clarification"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"), index=True)
    reason: Mapped[str]
    items: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    due_at: Mapped[Instant]
    asked_at: Mapped[Instant]
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str]
