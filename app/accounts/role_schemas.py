"""Shapes of the table of roles."""

from pydantic import Field

from app.accounts.permissions import Permission, Reach, Role
from app.core.http import Schema


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
