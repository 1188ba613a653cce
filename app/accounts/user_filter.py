"""Which accounts a list or an export is asked for, and who may ask."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from app.accounts.auth import Requires
from app.accounts.people_queries import UserFilter, UserOrder
from app.accounts.permissions import Permission, Principal, Role

CanReadUsers = Annotated[Principal, Requires(Permission.USER_READ)]
CanManageUsers = Annotated[Principal, Requires(Permission.USER_MANAGE)]


async def get_filter(
    search: Annotated[
        str | None, Query(max_length=64, description="in names and user names, accents ignored")
    ] = None,
    unit_id: Annotated[UUID | None, Query(description="at home in this unit")] = None,
    below_unit_id: Annotated[
        UUID | None, Query(description="at home in this unit or below it, as of today")
    ] = None,
    role: Annotated[Role | None, Query(description="holds this role himself")] = None,
    is_active: bool | None = None,
    never_logged_in: bool | None = None,
    sort: Annotated[UserOrder, Query(description="full_name: in Vietnamese order")] = UserOrder.USERNAME,
) -> UserFilter:
    """Return which accounts are asked for."""
    return UserFilter(search, unit_id, below_unit_id, role, is_active, never_logged_in, sort)


FilterQuery = Annotated[UserFilter, Depends(get_filter)]
