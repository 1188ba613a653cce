"""When: the assessment year, which sets it uses, and the official calendar."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Row, VersionedRow
from app.units.models import UnitKind


class PeriodState(StrEnum):
    """A period is prepared, then open for the year's work."""

    DRAFT = "draft"
    OPEN = "open"


class Period(VersionedRow):
    """An assessment year. Its bounds and deadlines are stored as computed when it was opened."""

    __tablename__ = "period"

    year: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    guidance_on: Mapped[date]
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("policy.id"))
    state: Mapped[PeriodState]
    submission_due_at: Mapped[Instant]
    created_at: Mapped[Instant]
    opened_at: Mapped[Instant | None]


class PeriodSet(Row):
    """The index set that measures one kind of unit in a period, and until when it is reviewed."""

    __tablename__ = "period_set"
    __table_args__ = (UniqueConstraint("period_id", "unit_kind"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_kind: Mapped[UnitKind]
    index_set_id: Mapped[UUID] = mapped_column(ForeignKey("index_set.id"))
    review_due_at: Mapped[Instant]


class CalendarDay(VersionedRow):
    """A day the administrator corrected: a swapped working day, or a holiday the library does not know."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(unique=True)
    is_working: Mapped[bool]
    reason: Mapped[str]
    source: Mapped[str]
    changed_at: Mapped[Instant]
    changed_by: Mapped[str]
