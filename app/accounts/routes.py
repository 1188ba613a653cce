"""Log-in and accounts over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form, Query, Request, Response

from app.accounts import actions, queries
from app.accounts.auth import Caller, NotAuthenticated, Person, Repeatable, Requires
from app.accounts.models import ServiceAccount
from app.accounts.permissions import Permission, Principal
from app.accounts.schemas import (
    MeOut,
    PasswordChange,
    ServiceAccountCreated,
    ServiceAccountIn,
    ServiceAccountOut,
    ServiceAccountPatch,
    TokenOut,
    UserIn,
    UserOut,
    UserPatch,
)
from app.core.http import (
    DbSession,
    IfMatch,
    Now,
    Page,
    PagingQuery,
    problems,
    require_version,
    router,
    set_etag,
)
from app.core.problems import InvalidRequest

CanReadUsers = Annotated[Principal, Requires(Permission.USER_READ)]
CanManageUsers = Annotated[Principal, Requires(Permission.USER_MANAGE)]
CanManageServices = Annotated[Principal, Requires(Permission.SERVICE_MANAGE)]

auth_routes = router("/auth", "Đăng nhập · Log-in")
me_routes = router("/me", "Đăng nhập · Log-in")
user_routes = router("/users", "Tài khoản · Accounts")
service_routes = router("/service-accounts", "Tài khoản · Accounts")


@auth_routes.post("/token", response_model=TokenOut, responses=problems(actions.BadCredentials))
async def token(
    request: Request,
    response: Response,
    session: DbSession,
    now: Now,
    grant_type: Annotated[Literal["password", "refresh_token", "client_credentials"], Form()],
    username: Annotated[str, Form(max_length=128)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    refresh_token: Annotated[str, Form(max_length=256)] = "",
    client_id: Annotated[str, Form(max_length=128)] = "",
    client_secret: Annotated[str, Form(max_length=256)] = "",
) -> TokenOut | Response:
    """Log in: password, refresh_token (each good for one use) or client_credentials (RFC 6749)."""
    tokens, settings = request.app.state.tokens, request.app.state.settings
    response.headers["Cache-Control"] = "no-store"
    if grant_type == "password":
        days = settings.refresh_token_days
        out = await actions.log_in(session, tokens, username, password, now, refresh_days=days)
    elif grant_type == "refresh_token":
        out = await actions.refresh(session, tokens, refresh_token, now)
    else:
        out = await actions.log_in_service(session, tokens, client_id, client_secret, now)
    # Rendered, not raised: the count of failed log-ins and a stolen log-in's end must be committed.
    return out or request.app.state.render(request, actions.BadCredentials())


@auth_routes.post("/logout", status_code=204, responses=problems(NotAuthenticated))
async def logout(caller: Person, session: DbSession, now: Now) -> None:
    """End this log-in: its tokens stop working at once."""
    await actions.log_out(session, caller, now)


@me_routes.get("", response_model=MeOut)
async def me(caller: Caller, session: DbSession) -> MeOut:
    """Show the caller's account, roles (his own and those delegated to him) and permissions."""
    return await queries.me_out(session, caller)


@me_routes.post(
    "/password",
    status_code=204,
    responses=problems(actions.BadCredentials, InvalidRequest),
    dependencies=[Repeatable()],
)
async def change_password(
    request: Request, body: PasswordChange, caller: Person, session: DbSession, now: Now
) -> Response:
    """Change one's own password; every other log-in of the account ends."""
    if await actions.change_password(session, caller, body.current_password, body.new_password, now):
        return Response(status_code=204)
    refused: Response = request.app.state.render(request, actions.BadCredentials())
    return refused


@user_routes.get("", response_model=Page[UserOut])
async def list_users(
    _: CanReadUsers,
    session: DbSession,
    paging: PagingQuery,
    search: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[UserOut]:
    """List accounts in order of user name."""
    items, total = await queries.users_page(session, paging, search)
    return Page[UserOut].of(items, total, paging)


@user_routes.post(
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


@user_routes.get("/{user_id}", response_model=UserOut, responses=problems(queries.UserNotFound))
async def read_user(user_id: UUID, _: CanReadUsers, session: DbSession, response: Response) -> UserOut:
    """Show an account."""
    user = await queries.user_by_id(session, user_id)
    set_etag(response, user)
    return queries.user_out(user, (await queries.grants_of(session, [user.id]))[user.id])


@user_routes.patch(
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


@service_routes.get("", response_model=list[ServiceAccountOut])
async def list_service_accounts(_: CanManageServices, session: DbSession) -> list[ServiceAccount]:
    """List the service accounts."""
    return await queries.service_accounts(session)


@service_routes.post(
    "",
    response_model=ServiceAccountCreated,
    status_code=201,
    responses=problems(actions.UsernameTaken),
    dependencies=[Repeatable(Permission.SERVICE_MANAGE)],
)
async def create_service_account(
    body: ServiceAccountIn, caller: CanManageServices, session: DbSession, now: Now, response: Response
) -> ServiceAccountCreated:
    """Create a service account; its secret is shown only in this answer."""
    account, secret = await actions.create_service_account(session, body, by=caller, now=now)
    set_etag(response, account)
    response.headers["Cache-Control"] = "no-store"
    shown = ServiceAccountOut.model_validate(account).model_dump()
    return ServiceAccountCreated(**shown, client_secret=secret)


@service_routes.patch(
    "/{account_id}", response_model=ServiceAccountOut, responses=problems(queries.ServiceAccountNotFound)
)
async def change_service_account(
    account_id: UUID,
    body: ServiceAccountPatch,
    if_match: IfMatch,
    caller: CanManageServices,
    session: DbSession,
    now: Now,
    response: Response,
) -> ServiceAccount:
    """Switch a service account on or off."""
    account = await queries.service_account_by_id(session, account_id)
    require_version(account, if_match)
    await actions.change_service_account(session, account, body, by=caller, now=now)
    set_etag(response, account)
    return account
