"""The groups of a dossier as the API shows and takes them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.http import AllowedAction, Schema
from app.units.models import UnitKind


class CheckIn(
    Schema, json_schema_extra={"examples": [{"is_done": True, "note": "Đã đối chiếu đủ tài liệu"}]}
):
    """A council member has checked a group, or takes that back."""

    is_done: bool
    note: str | None = Field(None, min_length=1, max_length=2000)


class MemberOut(Schema):
    """Who checks a group."""

    user_id: UUID
    full_name: str


class GroupOut(Schema):
    """A group of a dossier's indicators, and whether the council has checked it as it stands."""

    code: str
    name: str | None
    members: list[MemberOut] | None = Field(description="null: no council, or shown only to those who review")
    is_done: bool = Field(description="checked, and not changed since")
    is_stale: bool = Field(description="was checked, but the unit has changed its answers since")
    at: datetime | None = Field(description="of the latest verdict")
    by: str | None = Field(description="shown only to those who review")
    note: str | None
    allowed_actions: list[AllowedAction]


class GroupsOut(Schema):
    """Every group of a dossier; where no council reviews it, nobody has to check them one by one."""

    submission_id: UUID
    has_council: bool
    groups: list[GroupOut]


class TaskOut(Schema):
    """A group of a dossier that waits for a member."""

    submission_id: UUID
    period_id: UUID
    unit_id: UUID
    unit_name: str
    unit_kind: UnitKind
    claimed_at: datetime | None
    group_code: str
    group_name: str | None
    is_stale: bool = Field(description="was checked, but the unit has changed its answers since")
