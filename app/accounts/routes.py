"""People's accounts over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from app.accounts import actions, administering, people_queries, queries, remits
from app.accounts.auth import Repeatable, Requires
from app.accounts.people_queries import UserFilter, UserOrder
from app.accounts.permissions import Permission, Principal, Role
from app.accounts.schemas import UserIn, UserOut, UserPatch
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery

CanReadUsers = Annotated[Principal, Requires(Permission.USER_READ)]
CanManageUsers = Annotated[Principal, Requires(Permission.USER_MANAGE)]

routes = router("/users", "Tài khoản · Accounts")


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


@routes.get("", response_model=Page[UserOut])
async def list_users(
    caller: CanReadUsers,
    session: DbSession,
    now: Now,
    paging: PagingQuery,
    asked: FilterQuery,
) -> Page[UserOut]:
    """List the accounts you look after: those of the units below yours, as the tree stands today."""
    remit = await remits.remit_of(session, caller, now)
    items, total = await people_queries.users_page(session, remit, asked, paging)
    return Page[UserOut].of(items, total, paging)


@routes.post(
    "",
    response_model=UserOut,
    status_code=201,
    responses=problems(actions.UsernameTaken),
    dependencies=[Repeatable(Permission.USER_MANAGE)],
)
async def create_user(
    body: UserIn, caller: CanManageUsers, session: DbSession, now: Now, response: Response
) -> UserOut:
    """Create an account with an initial password that its owner must change."""
    user = await administering.create(session, body, by=caller, now=now)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])


@routes.get("/{user_id}", response_model=UserOut, responses=problems(remits.UserNotFound))
async def read_user(
    user_id: UUID, caller: CanReadUsers, session: DbSession, now: Now, response: Response
) -> UserOut:
    """Show an account you look after."""
    user = await remits.account_for(session, await remits.remit_of(session, caller, now), user_id)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])


@routes.patch(
    "/{user_id}",
    response_model=UserOut,
    responses=problems(
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        administering.OwnAccount,
        actions.LastAdministrator,
    ),
)
async def change_user(
    user_id: UUID,
    body: UserPatch,
    if_match: IfMatch,
    caller: CanManageUsers,
    session: DbSession,
    now: Now,
    response: Response,
) -> UserOut:
    """Change an account: name, unit, roles, a new initial password, or switch it off."""
    remit = await remits.remit_of(session, caller, now)
    user = await remits.account_for(session, remit, user_id)
    require_version(user, if_match)
    await administering.change(session, user, body, remit=remit, by=caller, now=now)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])
