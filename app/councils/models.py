"""Who of a reviewing unit checks what: councils, their seats, and the minutes of their meetings."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Instant, Row, VersionedRow
from app.units.models import UnitKind


class SeatRole(StrEnum):
    """What a member of a council is."""

    CHAIR = "chair"
    SECRETARY = "secretary"
    MEMBER = "member"


class Council(VersionedRow):
    """The council (hội đồng) in which a unit reviews the dossiers of one kind of unit in a period."""

    __tablename__ = "council"
    __table_args__ = (UniqueConstraint("period_id", "reviewer_unit_id", "unit_kind"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    reviewer_unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    unit_kind: Mapped[UnitKind]
    name: Mapped[str]
    decision: Mapped[str]
    created_at: Mapped[Instant]
    changed_at: Mapped[Instant]


class Seat(Base):
    """A member of a council with the groups of indicators he checks; earlier seatings are in the audit trail."""

    __tablename__ = "council_seat"

    council_id: Mapped[UUID] = mapped_column(ForeignKey("council.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    role: Mapped[SeatRole]
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Minutes(Row):
    """The minutes (biên bản) of a meeting, `number` 1, 2, … of a council; corrected by new minutes that name them."""

    __tablename__ = "council_minutes"
    __table_args__ = (UniqueConstraint("council_id", "number"),)

    council_id: Mapped[UUID] = mapped_column(ForeignKey("council.id"))
    number: Mapped[int]
    held_on: Mapped[date]
    place: Mapped[str]
    chair_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    secretary_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    present: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    absent: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    conclusions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    corrects: Mapped[int | None]
    recorded_at: Mapped[Instant]
    recorded_by: Mapped[UUID]
    recorded_by_name: Mapped[str]
