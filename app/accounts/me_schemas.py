"""Shapes of one's own account: what it may do, and where."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.accounts.permissions import Permission, Role
from app.accounts.rights import Spread
from app.accounts.schemas import HeldOut
from app.accounts.service_rules import ServiceState
from app.core.http import Schema
from app.units.schemas import UnitRef


class PlaceOut(Schema):
    """A unit for which a permission is held, and how far it goes from there."""

    unit: UnitRef
    spread: Spread = Field(
        description="unit: what is this unit's own; subtree: it and all below it; below: those alone; verified: what "
        "names it as verifier or source; served: subtree and verified; everywhere: bound to no unit"
    )
    role: Role = Field(description="by which it is held")
    on_behalf_of: UUID | None = Field(description="whose role it is; null: the caller's own")
    until: date | None = Field(description="last day of the delegation (Asia/Ho_Chi_Minh)")


class RightOut(Schema):
    """A permission, and where the caller has it."""

    permission: Permission
    places: list[PlaceOut]


class OwnServiceOut(Schema):
    """What binds a service account."""

    scopes: list[Permission]
    networks: list[str] = Field(description="where it may call from; empty: everywhere")
    state: ServiceState
    expires_at: datetime | None


class MeOut(Schema):
    """The caller: what the account may do and for which units."""

    id: UUID
    name: str
    unit_id: UUID
    unit: UnitRef = Field(description="the home unit; one that has ended as it was called last")
    grants: list[HeldOut]
    permissions: list[Permission]
    rights: list[RightOut] = Field(description="every permission with its units")
    must_change_password: bool
    service: OwnServiceOut | None = Field(description="null for people")
