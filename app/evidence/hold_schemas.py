"""Holds on evidence as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema

Reason = Annotated[str, Field(min_length=1, max_length=1000)]

_ID = "01a200ed-6325-762a-8d8d-25dc3465d7ad"  # of an example
_WHY = "Thanh tra theo Quyết định 45/QĐ-TTr"


class HoldIn(Schema, json_schema_extra={"examples": [{"period_id": _ID, "unit_id": _ID, "reason": _WHY}]}):
    """Evidence of a period is to be kept until further notice."""

    period_id: UUID
    unit_id: UUID | None = Field(None, description="whose evidence; null: of every unit")
    reason: Reason


class ReleaseIn(Schema, json_schema_extra={"examples": [{"reason": "Đã có kết luận thanh tra"}]}):
    """Why a hold is no longer needed."""

    reason: Reason


class HoldOut(Schema):
    """A hold, and what the caller may do with it."""

    id: UUID
    period_id: UUID
    unit_id: UUID | None = Field(description="null: the evidence of every unit")
    reason: str
    set_by_name: str
    set_at: datetime
    released_at: datetime | None
    release_reason: str | None
    version: int = Field(description="the ETag is this number in quotes")
    allowed_actions: list[AllowedAction]
