"""Councils and their minutes as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.councils.models import SeatRole
from app.periods.schemas import Day
from app.units.models import UnitKind

_IDS = [f"01a200ed-6325-762a-8d8d-25dc3465d7a{i}" for i in range(4)]  # of examples
_SEATS = [
    {"user_id": _IDS[0], "role": "chair", "groups": ["1", "2", "3", "4"]},
    {"user_id": _IDS[1], "role": "secretary", "groups": ["5", "6", "7", "8"]},
]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Reason = Annotated[str, Field(min_length=5, max_length=5000)]
Remark = Annotated[str, Field(min_length=1, max_length=5000)]
Code = Annotated[str, Field(max_length=16, examples=["6.10"])]
Votes = Annotated[int, Field(ge=0, le=1000)]


class SeatIn(Schema):
    """A member with the groups of indicators he checks; whoever only presides needs none."""

    user_id: UUID
    role: SeatRole
    groups: list[Code] = Field(max_length=50, description='groups of the set, such as "1"')


class CouncilIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "period_id": _IDS[2],
                "reviewer_unit_id": _IDS[3],
                "unit_kind": "commune",
                "name": "Hội đồng thẩm định cấp xã",
                "decision": "215/QĐ-UBND",
                "seats": _SEATS,
            }
        ]
    },
):
    """A new council of a reviewing unit, for the dossiers of one kind of unit."""

    period_id: UUID
    reviewer_unit_id: UUID
    unit_kind: UnitKind
    name: Name
    decision: Name = Field(description="number of the decision that set it up")
    seats: list[SeatIn] = Field(min_length=1, max_length=100)


class SeatsIn(
    Schema, json_schema_extra={"examples": [{"seats": _SEATS, "reason": "Thay thành viên nghỉ ốm dài ngày"}]}
):
    """Seats in place of the present ones."""

    seats: list[SeatIn] = Field(min_length=1, max_length=100)
    reason: Reason


class SeatOut(Schema):
    """A member of a council."""

    user_id: UUID
    full_name: str
    role: SeatRole
    groups: list[str]


class CouncilOut(Schema):
    """A council, to its members and those who oversee the unit that reviews; never to the units it reviews."""

    id: UUID
    period_id: UUID
    reviewer_unit_id: UUID
    unit_kind: UnitKind
    name: str
    decision: str
    created_at: datetime
    changed_at: datetime
    seats: list[SeatOut]
    allowed_actions: list[AllowedAction]


class AbsenceIn(Schema):
    """Who was absent, and why."""

    user_id: UUID
    reason: Name


class ConclusionIn(Schema):
    """What was said of a matter, and what the council concluded."""

    unit_id: UUID | None = Field(None, description="the unit it is about")
    indicator: Code | None = Field(None, description="the indicator it is about")
    opinion: Remark
    conclusion: Remark
    votes_for: Votes = Field(0, alias="for")
    against: Votes = 0
    abstained: Votes = 0


class MinutesIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "held_on": "2024-01-08",
                "place": "Phòng họp số 1, Ủy ban nhân dân thành phố",
                "chair_id": _IDS[0],
                "secretary_id": _IDS[1],
                "present": [_IDS[0], _IDS[1]],
                "absent": [],
                "conclusions": [
                    {
                        "unit_id": _IDS[2],
                        "indicator": "3.1",
                        "opinion": "Số liệu chưa có xác nhận của doanh nghiệp viễn thông",
                        "conclusion": "Trả lại, yêu cầu giải trình",
                        "for": 2,
                        "against": 0,
                        "abstained": 0,
                    }
                ],
            }
        ]
    },
):
    """The minutes of a meeting; they are never changed, only corrected by new ones that name them."""

    held_on: Day = Field(description="day of the meeting (Vietnam), not in the future")
    place: Name
    chair_id: UUID = Field(description="who presided")
    secretary_id: UUID = Field(description="who kept the minutes")
    present: list[UUID] = Field(min_length=2, max_length=100)
    absent: list[AbsenceIn] = Field(default=[], max_length=100)
    conclusions: list[ConclusionIn] = Field(min_length=1, max_length=500)
    corrects: int | None = Field(None, ge=1, le=1_000_000, description="number of the minutes they correct")


class AttendantOut(Schema):
    """Who was there, as the council was then."""

    user_id: UUID
    full_name: str
    role: SeatRole


class AbsentOut(AttendantOut):
    """Who was not there."""

    reason: str


class ConclusionOut(ConclusionIn):
    """What the council concluded."""

    unit_name: str | None


class MinutesOut(Schema):
    """The minutes of a meeting."""

    council_id: UUID
    number: int
    held_on: date
    place: str
    chair_id: UUID
    secretary_id: UUID
    present: list[AttendantOut]
    absent: list[AbsentOut]
    conclusions: list[ConclusionOut]
    corrects: int | None
    corrected_by: int | None = Field(description="number of the minutes that took the place of these")
    recorded_at: datetime
    recorded_by_name: str
