"""Lists of reviewed units as the API shows and takes them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.reviews.models import HandOver
from app.submissions.models import ReviewState
from app.units.models import UnitKind


class HandOverIn(
    Schema,
    json_schema_extra={
        "examples": [
            {
                "reviewer_unit_id": "01a200ed-6325-762a-8d8d-25dc3465d7ad",
                "unit_kind": "commune",
                "document_number": "45/UBND-VHTT",
            }
        ]
    },
):
    """The letter that hands a list to the unit above (R-101)."""

    reviewer_unit_id: UUID
    unit_kind: UnitKind
    document_number: Annotated[str, Field(min_length=1, max_length=200)]
    note: str | None = Field(
        None, min_length=5, max_length=5000, description="why dossiers are handed over that have not passed"
    )


class HandedUnitOut(Schema):
    """A unit of the list, as its dossier stood."""

    submission_id: UUID
    unit_id: UUID
    unit_name: str
    state: ReviewState
    revision: int
    total_shown: str | None = Field(
        description="points of the review in the policy's digits, without what depends on other units; null: not passed"
    )


class HandOverSummary(Schema):
    """A list that was handed over: never changed; a later one has the next number."""

    id: UUID
    period_id: UUID
    reviewer_unit_id: UUID
    to_unit_id: UUID
    unit_kind: UnitKind
    number: int
    document_number: str
    note: str | None
    sha256: str
    handed_at: datetime
    handed_by_name: str
    listed: int
    passed: int

    @classmethod
    def of(cls, row: HandOver) -> "HandOverSummary":
        """Return a list in short."""
        return HandOverSummary(**_shown(row))


class HandOverOut(HandOverSummary):
    """A list with its units, and whether it still says how things stand."""

    units: list[HandedUnitOut]
    is_current: bool

    @classmethod
    def whole(cls, row: HandOver, *, is_current: bool) -> "HandOverOut":
        """Return a list in full."""
        return HandOverOut(**_shown(row), units=row.units, is_current=is_current)


def _shown(row: HandOver) -> dict[str, Any]:
    counted = {
        "listed": len(row.units),
        "passed": sum(unit["state"] == ReviewState.PASSED.value for unit in row.units),
    }
    names = HandOverSummary.model_fields.keys() - counted.keys()
    return {name: getattr(row, name) for name in names} | counted
