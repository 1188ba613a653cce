"""People's accounts over HTTP."""

from uuid import UUID

from fastapi import Response

from app.accounts import actions, administering, people_queries, queries, remits
from app.accounts.auth import Repeatable
from app.accounts.permissions import Permission
from app.accounts.schemas import UserIn, UserOut, UserPatch
from app.accounts.user_filter import CanManageUsers, CanReadUsers, FilterQuery
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery

routes = router("/users", "Tài khoản · Accounts")


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
        remits.AlreadyErased,
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
