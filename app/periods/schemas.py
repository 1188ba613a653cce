"""Periods and the calendar as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.periods.models import PeriodState
from app.units.models import UnitKind

Year = Annotated[int, Field(ge=2000, le=2100, examples=[2023])]
# Far enough for every deadline to be computed on it.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 12, 31))]
Key = Annotated[str, Field(max_length=64, examples=["camau-2023-xa"])]


class PeriodIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "year": 2023,
                "guidance_on": "2023-12-15",
                "policy": "camau-2023",
                "sets": {"commune": "camau-2023-xa"},
            }
        ]
    },
):
    """A new assessment year."""

    year: Year
    guidance_on: Day = Field(
        description="day the guidance letter is sent; the deadline counts from it (000:83)"
    )
    submit_until: Day | None = Field(
        None, description="last day to submit, where the policy sets no term and the guidance letter does"
    )
    policy: Key = "camau-2023"
    sets: dict[UnitKind, Key] = Field(
        min_length=1,
        max_length=5,
        description="index set by kind of unit",
        examples=[{"commune": "camau-2023-xa"}],
    )


class PeriodPatch(Schema, json_schema_extra={"examples": [{"guidance_on": "2023-12-18"}]}):
    """A change of a year that is not open yet."""

    guidance_on: Day
    submit_until: Day | None = Field(None, description="last day to submit, where the policy sets no term")


class PeriodSetOut(Schema):
    """The set of one kind of unit."""

    unit_kind: UnitKind
    index_set: str
    index_set_version: int
    index_set_sha256: str
    review_due_at: datetime = Field(description="first instant after the last day of review")


class PeriodOut(Schema):
    """An assessment year; the figures are those of starts_on to ends_on, both included (Asia/Ho_Chi_Minh)."""

    id: UUID
    year: int
    name: str
    starts_on: date
    ends_on: date
    guidance_on: date
    submission_due_at: datetime = Field(description="first instant after the last day to submit")
    policy: str
    state: PeriodState
    opened_at: datetime | None
    sets: list[PeriodSetOut]
    allowed_actions: list[AllowedAction]


class CalendarDayIn(
    Schema,
    json_schema_extra={
        "examples": [
            {"is_working": False, "reason": "Hoán đổi ngày nghỉ Tết Dương lịch", "source": "12729/VPCP-KGVX"}
        ]
    },
):
    """Whether a day is worked, with the document that says so."""

    is_working: bool
    reason: str = Field(min_length=1, max_length=300)
    source: str = Field(min_length=1, max_length=300, examples=["12729/VPCP-KGVX"])


class CalendarDayOut(Schema):
    """A day of the calendar: corrected by the administrator, or as the public holidays give it (source null)."""

    day: date
    is_working: bool
    reason: str | None
    source: str | None
