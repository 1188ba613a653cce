"""Log-in and one's own account over HTTP."""

from typing import Annotated, Literal

from fastapi import Form, Request, Response

from app.accounts import logging_in, services
from app.accounts.auth import Caller, NotAuthenticated, Person, Repeatable
from app.accounts.log_in_schemas import PasswordChange, TokenOut
from app.accounts.me import me_out
from app.accounts.me_schemas import MeOut
from app.core.http import DbSession, Now, client_address, problems, router
from app.core.problems import InvalidRequest

auth_routes = router("/auth", "Đăng nhập · Log-in")


me_routes = router("/me", "Đăng nhập · Log-in")
MAX_USER_AGENT = 200


@auth_routes.post(
    "/token",
    response_model=TokenOut,
    responses=problems(
        logging_in.BadCredentials,
        logging_in.SecondFactorRequired,
        services.BadClient,
        services.ScopeNotHeld,
    ),
)
async def token(
    request: Request,
    response: Response,
    session: DbSession,
    now: Now,
    grant_type: Annotated[Literal["password", "refresh_token", "client_credentials"], Form()],
    username: Annotated[str, Form(max_length=128)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    refresh_token: Annotated[str, Form(max_length=256)] = "",
    otp: Annotated[str, Form(max_length=64, description="code of the app, or a recovery code")] = "",
    client_id: Annotated[str, Form(max_length=128)] = "",
    client_secret: Annotated[str, Form(max_length=256)] = "",
    scope: Annotated[str, Form(max_length=512)] = "",
) -> TokenOut | Response:
    """Log in: password, refresh_token (each good for one use) or client_credentials (RFC 6749).

    A service account shows its id and secret in the form or by HTTP Basic.
    """
    gate: logging_in.Gate = request.app.state.gate
    response.headers["Cache-Control"] = "no-store"
    if grant_type == "password":
        attempt = logging_in.Attempt(username, password, otp)
        out = await logging_in.log_in(session, gate, attempt, origin_of(request), now)
    elif grant_type == "refresh_token":
        out = await logging_in.refresh(session, gate, refresh_token, now)
    else:
        client = services.client_of(request.headers.get("authorization"), client_id, client_secret)
        address = client_address(request)
        out = await services.log_in_service(session, gate.tokens, client, now, scope=scope, address=address)
    # Rendered, not raised: the count of failed log-ins and a stolen log-in's end must be committed.
    return out or request.app.state.render(request, logging_in.BadCredentials())


def origin_of(request: Request) -> logging_in.Origin:
    """Return where a log-in comes from, in characters that can be kept and shown."""
    agent = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))
    return logging_in.Origin(client_address(request), agent[:MAX_USER_AGENT] or None)


@auth_routes.post("/logout", status_code=204, responses=problems(NotAuthenticated))
async def logout(caller: Person, session: DbSession, now: Now) -> None:
    """End this log-in: its tokens stop working at once."""
    await logging_in.log_out(session, caller, now)


@me_routes.get("", response_model=MeOut)
async def me(caller: Caller, session: DbSession, now: Now) -> MeOut:
    """Show the caller's account, roles (his own and those delegated to him) and what he may do for which units."""
    return await me_out(session, caller, now)


@me_routes.post(
    "/password",
    status_code=204,
    responses=problems(logging_in.BadCredentials, InvalidRequest),
    dependencies=[Repeatable()],
)
async def change_password(
    request: Request, body: PasswordChange, caller: Person, session: DbSession, now: Now
) -> Response:
    """Change one's own password; every other log-in of the account ends."""
    if await logging_in.change_password(session, caller, body.current_password, body.new_password, now):
        return Response(status_code=204)
    refused: Response = request.app.state.render(request, logging_in.BadCredentials())
    return refused
