"""People's accounts over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.accounts import actions, queries
from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.accounts.schemas import (
    UserIn,
    UserOut,
    UserPatch,
)
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery

CanReadUsers = Annotated[Principal, Requires(Permission.USER_READ)]
CanManageUsers = Annotated[Principal, Requires(Permission.USER_MANAGE)]

routes = router("/users", "Tài khoản · Accounts")


@routes.get("", response_model=Page[UserOut])
async def list_users(
    _: CanReadUsers,
    session: DbSession,
    paging: PagingQuery,
    search: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[UserOut]:
    """List accounts in order of user name."""
    items, total = await queries.users_page(session, paging, search)
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
    user = await actions.create_user(session, body, by=caller, now=now)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])


@routes.get("/{user_id}", response_model=UserOut, responses=problems(queries.UserNotFound))
async def read_user(user_id: UUID, _: CanReadUsers, session: DbSession, response: Response) -> UserOut:
    """Show an account."""
    user = await queries.user_by_id(session, user_id)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])


@routes.patch(
    "/{user_id}", response_model=UserOut, responses=problems(queries.UserNotFound, actions.LastAdministrator)
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
    """Change an account: name, roles, a new initial password, or switch it off."""
    user = await queries.user_by_id(session, user_id)
    require_version(user, if_match)
    await actions.change_user(session, user, body, by=caller, now=now)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])
