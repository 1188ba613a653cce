"""Official figures as the API takes and shows them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.catalogue.declared import ValueIn
from app.core.http import Schema

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example

MAX_ROWS = 1000


class Outcome(StrEnum):
    """What became of a row: a new row of the history, or nothing because the agency's present figure is the same."""

    CREATED = "created"
    UNCHANGED = "unchanged"


class UnitName(Schema):
    """The unit a figure is about, named in exactly one way: by id, by key, or by a code with its scheme."""

    id: UUID | None = None
    key: str | None = Field(None, max_length=64, examples=["xa-31999"])
    scheme: str | None = Field(None, max_length=64, examples=["gso"])
    value: str | None = Field(None, max_length=64, examples=["31999"])


class FigureIn(ValueIn):
    """One unit's figures (or choice …) for one indicator, in the answer format of the dossiers."""

    unit: UnitName = Field(examples=[{"scheme": "gso", "value": "31999"}])
    indicator: str = Field(max_length=16, examples=["5.4"])
    note: str | None = Field(None, max_length=5000)


class FiguresIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "period_id": _ID,
                "dry_run": True,
                "figures": [
                    {
                        "unit": {"scheme": "gso", "value": "31999"},
                        "indicator": "5.4",
                        "figures": {"infected": 2, "a": 2, "b": 15},
                    }
                ],
            }
        ]
    },
):
    """A push of figures: all rows are taken or none; `dry_run` only says what would become of them."""

    period_id: UUID
    dry_run: bool = False
    figures: Annotated[list[FigureIn], Field(min_length=1, max_length=MAX_ROWS)]


class GivenRow(Schema):
    """What became of one row."""

    index: int = Field(description="place in the request, from 0")
    unit_id: UUID
    indicator: str
    outcome: Outcome
    id: UUID | None = Field(description="the new row of the history; null in a dry run or if unchanged")


class GivenOut(Schema):
    """What became of a push, row by row in the order of the request."""

    period_id: UUID
    dry_run: bool
    created: int
    unchanged: int
    rows: list[GivenRow]


class OfficialFigureOut(Schema):
    """One row of the history; the latest of an agency for a unit and an indicator holds."""

    id: UUID
    period_id: UUID
    unit_id: UUID
    indicator_code: str
    agency_unit_id: UUID
    answer: dict[str, Any]
    provenance: dict[str, Any]
    given_at: datetime
    given_by_name: str
