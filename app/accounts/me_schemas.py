"""Shapes of one's own account, and of the table of roles."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.accounts.permissions import Permission, Reach, Role
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


class RoleOut(Schema):
    """A role: what it may do, and how far it reads."""

    role: Role
    title_vi: str
    title_en: str
    permissions: list[Permission]
    reach: Reach = Field(description="which dossiers it reads; served: subtree and verified")
    is_delegable: bool = Field(description="whether others may take its turn for some days")
    is_province_only: bool = Field(description="whether it is held for provinces only")


class PermissionOut(Schema):
    """A permission in a sentence."""

    permission: Permission
    vi: str
    en: str
    is_scope: bool = Field(description="whether service accounts may be given it")


class RolesOut(Schema):
    """The table of roles, and the permissions it speaks of."""

    roles: list[RoleOut]
    permissions: list[PermissionOut]
