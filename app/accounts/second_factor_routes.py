"""The second factor and the log-ins of an account over HTTP: one's own, and another's for the administrator."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from app.accounts import remits, second_factor, sessions
from app.accounts.auth import Person, Repeatable, Requires
from app.accounts.log_in_schemas import (
    AdministratorsReason,
    LogInOut,
    RecoveryCodesOut,
    SecondFactorBegun,
    SecondFactorCode,
    SecondFactorEnd,
    SecondFactorIn,
    SecondFactorOut,
)
from app.accounts.logging_in import BadCredentials
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery
from app.core.problems import NothingChanged

CanManageUsers = Annotated[Principal, Requires(Permission.USER_MANAGE)]

_TAG = "Đăng nhập · Log-in"
routes = router("/me/second-factor", _TAG)
log_in_routes = router("/me/log-ins", _TAG)
user_routes = router("/users", "Tài khoản · Accounts")


# --- one's own second factor --------------------------------------------------------------------------------


@routes.get("", response_model=SecondFactorOut)
async def read_second_factor(request: Request, caller: Person, session: DbSession) -> SecondFactorOut:
    """Show whether the caller has a second factor, and whether his roles ask for one."""
    return await second_factor.state_of(session, caller, request.app.state.strong_roles)


@routes.post(
    "",
    response_model=SecondFactorBegun,
    status_code=201,
    responses=problems(BadCredentials, second_factor.SecondFactorPresent),
    dependencies=[Repeatable()],
)
async def begin_second_factor(
    request: Request,
    response: Response,
    body: SecondFactorIn,
    caller: Person,
    session: DbSession,
    now: Now,
) -> SecondFactorBegun | Response:
    """Begin: take the secret into an app, then confirm it with a code; shown only in this answer."""
    response.headers["Cache-Control"] = "no-store"
    seal = request.app.state.gate.seal
    begun = await second_factor.begin(session, seal, caller, body.current_password, now)
    return begun or request.app.state.render(request, BadCredentials())


@routes.post(
    "/confirm",
    response_model=RecoveryCodesOut,
    responses=problems(second_factor.SecondFactorNotBegun),
    dependencies=[Repeatable()],
)
async def confirm_second_factor(
    request: Request,
    response: Response,
    body: SecondFactorCode,
    caller: Person,
    session: DbSession,
    now: Now,
) -> RecoveryCodesOut:
    """Confirm with a code: every other log-in ends, and the recovery codes are shown only in this answer."""
    response.headers["Cache-Control"] = "no-store"
    seal = request.app.state.gate.seal
    return RecoveryCodesOut(recovery_codes=await second_factor.confirm(session, seal, caller, body.code, now))


@routes.post(
    "/end",
    status_code=204,
    responses=problems(BadCredentials, second_factor.SecondFactorNotBegun),
    dependencies=[Repeatable()],
)
async def end_second_factor(
    request: Request, body: SecondFactorEnd, caller: Person, session: DbSession, now: Now
) -> Response:
    """Take one's own second factor off; every other log-in ends."""
    proof = second_factor.Proof(body.current_password, body.code)
    if await second_factor.end(session, request.app.state.gate.seal, caller, proof, now):
        return Response(status_code=204)
    refused: Response = request.app.state.render(request, BadCredentials())
    return refused


# --- one's own log-ins --------------------------------------------------------------------------------------


@log_in_routes.get("", response_model=Page[LogInOut])
async def list_log_ins(caller: Person, session: DbSession, now: Now, paging: PagingQuery) -> Page[LogInOut]:
    """List where the caller is logged in, the newest first."""
    items, total = await sessions.log_ins_page(session, caller, paging, now)
    return Page[LogInOut].of(items, total, paging)


@log_in_routes.post("/end-others", status_code=204, dependencies=[Repeatable()])
async def end_other_log_ins(caller: Person, session: DbSession, now: Now) -> None:
    """End every log-in of the caller but this one."""
    await sessions.end_others(session, caller, now)


@log_in_routes.delete("/{log_in_id}", status_code=204, responses=problems(sessions.LogInNotFound))
async def end_log_in(log_in_id: UUID, caller: Person, session: DbSession, now: Now) -> None:
    """End one of the caller's log-ins: its tokens and the links made by it stop working at once."""
    await sessions.end_own(session, caller, log_in_id, now)


# --- another's, for the administrator -----------------------------------------------------------------------


@user_routes.post(
    "/{user_id}/end-log-ins",
    status_code=204,
    responses=problems(remits.UserNotFound, remits.AccountBeyondRemit, remits.AlreadyErased),
    dependencies=[Repeatable(Permission.USER_MANAGE)],
)
async def end_log_ins(
    user_id: UUID, body: AdministratorsReason, caller: CanManageUsers, session: DbSession, now: Now
) -> None:
    """End every log-in of a person."""
    user = await remits.account_managed(session, caller, user_id, now)
    await sessions.end_all_of(session, user, body.reason, by=caller, now=now)


@user_routes.post(
    "/{user_id}/remove-second-factor",
    status_code=204,
    responses=problems(
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        remits.AlreadyErased,
        second_factor.OwnSecondFactor,
        NothingChanged,
    ),
    dependencies=[Repeatable(Permission.USER_MANAGE)],
)
async def remove_second_factor(
    user_id: UUID,
    body: AdministratorsReason,
    if_match: IfMatch,
    caller: CanManageUsers,
    session: DbSession,
    now: Now,
    response: Response,
) -> None:
    """Take a lost device off a person's account; all his log-ins end, and he enrols anew."""
    user = await remits.account_managed(session, caller, user_id, now)
    require_version(user, if_match)
    await second_factor.remove(session, user, body.reason, by=caller, now=now)
    set_etag(response, user)
