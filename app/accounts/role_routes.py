"""The table of roles over HTTP: everybody may know the rules they work by (R-011)."""

from app.accounts.permissions import (
    DELEGABLE,
    PROVINCE_ROLES,
    ROLE_PERMISSIONS,
    ROLE_REACH,
    SERVICE_SCOPES,
    Permission,
    Role,
)
from app.accounts.rights import PERMISSION_TEXT, ROLE_TEXT
from app.accounts.role_schemas import PermissionOut, RoleOut, RolesOut
from app.core.http import router

routes = router("/meta", "Tài khoản · Accounts")


@routes.get("/roles", response_model=RolesOut)
async def read_roles() -> RolesOut:
    """Show every role with what it may do and how far it reads, and every permission in a sentence."""
    return RolesOut(
        roles=[_role(role) for role in Role], permissions=[_permission(one) for one in Permission]
    )


def _role(role: Role) -> RoleOut:
    vi, en = ROLE_TEXT[role]
    return RoleOut(
        role=role,
        title_vi=vi,
        title_en=en,
        permissions=sorted(ROLE_PERMISSIONS[role]),
        reach=ROLE_REACH[role],
        is_delegable=role in DELEGABLE,
        is_province_only=role in PROVINCE_ROLES,
    )


def _permission(one: Permission) -> PermissionOut:
    vi, en = PERMISSION_TEXT[one]
    return PermissionOut(permission=one, vi=vi, en=en, is_scope=one in SERVICE_SCOPES)
