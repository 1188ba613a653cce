"""Units as the API shows them."""

from datetime import date
from uuid import UUID

from pydantic import Field

from app.core.http import Schema
from app.units.models import UnitKind


class UnitRef(Schema):
    """A unit in passing."""

    id: UUID
    key: str
    kind: UnitKind
    name: str


class UnitOut(UnitRef):
    """A unit as it stood on one day."""

    parent_id: UUID | None
    is_ranked: bool = Field(description="false: assessed, but takes no rank (000:39)")
    valid_from: date
    valid_to: date | None = Field(description="last day of this name and parent; null: still so")
    identifiers: dict[str, str] = Field(description="code by scheme, e.g. gso")
