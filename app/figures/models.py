"""What other agencies know: official figures per unit and indicator, every version kept."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Instant, Json, Row


class OfficialFigure(Row):
    """An agency's figures (or choice) for one indicator of one unit in a period; the agency's latest row holds.

    `answer` has the one answer format, canonical; `provenance` says how it came: {"via": "service" or "user",
    "request_sha256": hash (hex) of the request's body}.
    """

    __tablename__ = "official_figure"
    __table_args__ = (Index("ix_official_figure_unit", "period_id", "unit_id", "indicator_code"),)

    period_id: Mapped[UUID] = mapped_column(ForeignKey("period.id"))
    unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    indicator_code: Mapped[str]
    agency_unit_id: Mapped[UUID] = mapped_column(ForeignKey("unit.id"))
    answer: Mapped[Json]
    provenance: Mapped[Json]
    given_at: Mapped[Instant]
    given_by: Mapped[UUID]
    given_by_name: Mapped[str]
