"""Who is calling, and may his role do this: the dependencies every protected route declares."""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2, SecurityScopes

from app.accounts import queries
from app.accounts.permissions import Permission, Principal
from app.accounts.tokens import TokenRefused
from app.core.http import DbSession, Now, client_address
from app.core.problems import Problem
from app.core.repetition import IdempotencyKey, claim_key

TOKEN_URL = "/api/v1/auth/token"  # noqa: S105


class NotAuthenticated(Problem):
    status, code = 401, "not_authenticated"
    title_vi, title_en = "Chưa đăng nhập hoặc phiên đã hết hạn", "Not logged in, or the log-in has expired"
    headers = {"WWW-Authenticate": "Bearer"}


class NotPermitted(Problem):
    status, code = 403, "not_permitted"
    title_vi, title_en = "Vai trò của tài khoản không được làm việc này", "Your role does not allow this"


class PasswordChangeRequired(Problem):
    status, code = 403, "password_change_required"
    title_vi, title_en = "Phải đổi mật khẩu ban đầu trước", "Change the initial password first"


class SecondFactorMissing(Problem):
    status, code = 403, "second_factor_missing"
    title_vi, title_en = "Vai trò này phải xác thực hai lớp", "This role asks for a second factor"


_scheme = OAuth2(
    flows=OAuthFlows(
        password=OAuthFlowPassword(
            tokenUrl=TOKEN_URL, refreshUrl=TOKEN_URL, scopes={p.value: "" for p in Permission}
        ),
        clientCredentials=OAuthFlowClientCredentials(
            tokenUrl=TOKEN_URL, scopes={p.value: "" for p in Permission}
        ),
    ),
    auto_error=False,
)


async def get_principal(
    scopes: SecurityScopes,
    request: Request,
    session: DbSession,
    now: Now,
    authorization: Annotated[str | None, Security(_scheme)] = None,
) -> Principal:
    """Return the caller if a role of his has the permissions the route asks for.

    Raises: NotAuthenticated (401), NotPermitted (403), PasswordChangeRequired (403), SecondFactorMissing (403).
    """
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise NotAuthenticated()
    try:
        claims = request.app.state.tokens.read(token.strip(), now)
    except TokenRefused as error:
        raise NotAuthenticated() from error
    request.app.state.limits.require_account(request.scope, claims.subject)
    principal = await queries.principal_for(
        session, claims, now, request.state.request_id, address=client_address(request)
    )
    if principal is None:
        raise NotAuthenticated()
    if scopes.scopes and (why := unready(request, principal)):
        raise why
    if any(Permission(scope) not in principal.permissions for scope in scopes.scopes):
        raise NotPermitted()
    return principal


def unready(request: Request, principal: Principal) -> Problem | None:
    """Return what the caller has to do before he acts in his roles, or None."""
    if principal.must_change_password:
        return PasswordChangeRequired("Dùng POST /api/v1/me/password.", "Use POST /api/v1/me/password.")
    if principal.lacks_second_factor(request.app.state.strong_roles):
        return SecondFactorMissing(
            "Dùng POST /api/v1/me/second-factor; nếu đã có, đăng nhập lại với mã.",
            "Use POST /api/v1/me/second-factor; if there is one, log in again with a code.",
        )
    return None


def Requires(*permissions: Permission) -> Any:  # noqa: N802  reads as a declaration in the route
    """Declare the permissions of a route; they show in OpenAPI as scopes."""
    return Security(get_principal, scopes=[p.value for p in permissions])


Caller = Annotated[Principal, Requires()]


async def get_person(caller: Annotated[Principal, Security(get_principal)]) -> Principal:
    """Return the caller if it is a person: service accounts have no password and no log-in to end.

    Raises: NotPermitted (403).
    """
    if caller.session_id is None:
        raise NotPermitted()
    return caller


Person = Annotated[Principal, Depends(get_person)]


async def get_any_person(request: Request, caller: Person) -> Principal:
    """Return the caller if it is a person, whatever his roles are, with a password of his own.

    Raises: NotPermitted (403), PasswordChangeRequired (403), SecondFactorMissing (403).
    """
    if why := unready(request, caller):
        raise why
    return caller


AnyPerson = Annotated[Principal, Depends(get_any_person)]


async def _claim(
    request: Request,
    session: DbSession,
    now: Now,
    caller: Annotated[Principal, Security(get_principal)],
    key: IdempotencyKey,
) -> None:
    await claim_key(request, session, caller.id, key, now)


def Repeatable(*permissions: Permission) -> Any:  # noqa: N802  reads as a declaration in the route
    """Declare that a POST is safe to repeat; names the route's permissions, so that a replay needs them too.

    A streamed upload takes IdempotencyKey instead and claims it once the body is there.
    """
    return Security(_claim, scopes=[p.value for p in permissions])
