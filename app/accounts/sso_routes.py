"""Single sign-on over HTTP.

None of these POSTs takes an Idempotency-Key: an attempt is good for one return, and its secrets are not kept.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from app.accounts import remits, sso
from app.accounts.auth import AnyPerson, Requires
from app.accounts.log_in_routes import origin_of
from app.accounts.log_in_schemas import TokenOut
from app.accounts.models import User
from app.accounts.permissions import Permission, Principal
from app.accounts.provider import Provider, SsoRefused, SsoUnavailable
from app.accounts.sso_schemas import BegunOut, FinishIn, IdentityIn, IdentityOut
from app.core.audit import record_reading
from app.core.http import DbSession, Now, problems, router
from app.core.problems import NotFound

CanManageIdentities = Annotated[Principal, Requires(Permission.IDENTITY_MANAGE)]

_TAG = "Đăng nhập một lần · Single sign-on"
auth_routes = router("/auth/sso", _TAG)
me_routes = router("/me/identity", _TAG)
user_routes = router("/users/{user_id}/identity", _TAG)


class SsoNotConfigured(NotFound):
    code = "sso_not_configured"
    title_vi, title_en = "Chưa cấu hình đăng nhập một lần", "Single sign-on is not configured"


async def get_provider(request: Request) -> Provider:
    """Return the province's provider.

    Raises: SsoNotConfigured (404).
    """
    provider: Provider | None = request.app.state.sso
    if provider is None:
        raise SsoNotConfigured()
    return provider


Sso = Annotated[Provider, Depends(get_provider)]


@auth_routes.post("/begin", response_model=BegunOut, responses=problems(SsoNotConfigured, SsoUnavailable))
async def begin(provider: Sso, session: DbSession, now: Now, response: Response) -> BegunOut:
    """Begin a log-in at the province's provider: send the person to `authorization_url` within ten minutes."""
    response.headers["Cache-Control"] = "no-store"
    return await sso.begin(session, provider, now)


@auth_routes.post(
    "/finish",
    response_model=TokenOut,
    responses=problems(SsoNotConfigured, SsoRefused, sso.NoAccount, SsoUnavailable),
)
async def finish(
    request: Request, body: FinishIn, provider: Sso, session: DbSession, now: Now, response: Response
) -> TokenOut:
    """Finish the log-in with what came back from the provider; good once."""
    response.headers["Cache-Control"] = "no-store"
    return await sso.log_in(session, provider, request.app.state.gate, body, origin_of(request), now)


@me_routes.get("", response_model=IdentityOut, responses=problems(SsoNotConfigured, sso.IdentityNotFound))
async def read_own_identity(caller: AnyPerson, provider: Sso, session: DbSession) -> IdentityOut:
    """Show who the caller is for the province's provider."""
    return IdentityOut.model_validate(await sso.identity_of(session, caller.id, provider.issuer))


@me_routes.post(
    "/begin",
    response_model=BegunOut,
    responses=problems(SsoNotConfigured, sso.PasswordLogInRequired, SsoUnavailable),
)
async def begin_linking(
    caller: AnyPerson, provider: Sso, session: DbSession, now: Now, response: Response
) -> BegunOut:
    """Begin to link the caller's account to his identity at the provider; needs a log-in by password."""
    response.headers["Cache-Control"] = "no-store"
    return await sso.begin_linking(session, provider, now, by=caller)


@me_routes.post(
    "/finish",
    response_model=IdentityOut,
    responses=problems(SsoNotConfigured, SsoRefused, sso.IdentityTaken, remits.AlreadyErased, SsoUnavailable),
)
async def finish_linking(
    body: FinishIn, caller: AnyPerson, provider: Sso, session: DbSession, now: Now
) -> IdentityOut:
    """Link the caller's account to the identity he has come back with."""
    return IdentityOut.model_validate(await sso.link_own(session, provider, body, by=caller, now=now))


@me_routes.delete("", status_code=204, responses=problems(SsoNotConfigured, sso.IdentityNotFound))
async def unlink_own(caller: AnyPerson, provider: Sso, session: DbSession, now: Now) -> None:
    """Take the caller's own identity away; his log-ins by it end."""
    user = await session.get_one(User, caller.id)
    await sso.unlink(session, user, provider.issuer, by=caller, now=now)


@user_routes.get(
    "",
    response_model=IdentityOut,
    responses=problems(
        SsoNotConfigured,
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        remits.AlreadyErased,
        sso.IdentityNotFound,
    ),
)
async def read_identity(
    user_id: UUID, caller: CanManageIdentities, provider: Sso, session: DbSession, now: Now
) -> IdentityOut:
    """Show who an account is for the province's provider. Reading is recorded: it may be a citizen's number."""
    user = await remits.account_managed(session, caller, user_id, now)
    identity = IdentityOut.model_validate(await sso.identity_of(session, user.id, provider.issuer))
    table = User.__tablename__
    await record_reading(session, caller, "user.read_identity", table, now, object_id=user.id)
    return identity


@user_routes.put(
    "",
    response_model=IdentityOut,
    responses=problems(
        SsoNotConfigured,
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        remits.AlreadyErased,
        sso.IdentityTaken,
    ),
)
async def link(
    user_id: UUID, body: IdentityIn, caller: CanManageIdentities, provider: Sso, session: DbSession, now: Now
) -> IdentityOut:
    """Say who an account is for the province's provider; log-ins by the identity before end."""
    user = await remits.account_managed(session, caller, user_id, now)
    linked = await sso.link(
        session, user, provider.issuer, body.subject, by=caller, now=now, reason=body.reason
    )
    return IdentityOut.model_validate(linked)


@user_routes.delete(
    "",
    status_code=204,
    responses=problems(
        SsoNotConfigured,
        remits.UserNotFound,
        remits.AccountBeyondRemit,
        remits.AlreadyErased,
        sso.IdentityNotFound,
    ),
)
async def unlink(
    user_id: UUID, caller: CanManageIdentities, provider: Sso, session: DbSession, now: Now
) -> None:
    """Take an account's identity away; its log-ins by it end."""
    user = await remits.account_managed(session, caller, user_id, now)
    await sso.unlink(session, user, provider.issuer, by=caller, now=now)
