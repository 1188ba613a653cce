"""Single sign-on: beginning, coming back, and which account an identity belongs to.

No account is ever made, or guessed from a name or an e-mail: an administrator links, or the person himself does.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.log_in_schemas import TokenOut
from app.accounts.logging_in import Gate, Origin, open_log_in
from app.accounts.models import LogInMethod, LoginSession, SsoAttempt, User, UserIdentity
from app.accounts.passwords import fingerprint, new_secret
from app.accounts.permissions import Principal
from app.accounts.provider import Provider, SsoRefused
from app.accounts.proving import is_open
from app.accounts.remits import AlreadyErased
from app.accounts.sso_schemas import BegunOut, FinishIn
from app.accounts.tokens import IdClaims
from app.core.audit import Actor, record
from app.core.problems import NotFound, Problem

log = structlog.get_logger("sso")

MINUTES = 10


class NoAccount(Problem):
    """The provider knows the person; nobody has linked him here, or his account is switched off or locked."""

    status, code = 403, "sso_no_account"
    title_vi = "Danh tính này chưa được gắn với tài khoản nào đang hoạt động"
    title_en = "This identity belongs to no account that is active"


class PasswordLogInRequired(Problem):
    status, code = 403, "password_log_in_required"
    title_vi, title_en = (
        "Phải đăng nhập bằng mật khẩu để gắn danh tính",
        "Log in by password to link an identity",
    )


class IdentityTaken(Problem):
    status, code = 409, "identity_taken"
    title_vi, title_en = "Danh tính này đã gắn với tài khoản khác", "The identity belongs to another account"


class IdentityNotFound(NotFound):
    code = "identity_not_found"
    title_vi, title_en = "Tài khoản chưa gắn với danh tính nào", "The account is linked to no identity"


async def begin(
    session: AsyncSession, provider: Provider, now: datetime, *, user_id: UUID | None = None
) -> BegunOut:
    """Begin a log-in at the provider, or the linking of an account.

    Raises: SsoUnavailable (503).
    """
    await session.commit()  # no connection waits for the provider
    page_secret, nonce, verifier = new_secret(), new_secret(), new_secret()
    state = fingerprint(page_secret)
    url = await provider.authorization_url(state=state, nonce=nonce, verifier=verifier, now=now)
    expires_at = now + timedelta(minutes=MINUTES)
    session.add(
        SsoAttempt(
            state_hash=fingerprint(state),
            nonce=nonce,
            code_verifier=verifier,
            user_id=user_id,
            begun_at=now,
            expires_at=expires_at,
        )
    )
    return BegunOut(authorization_url=url, state=state, page_secret=page_secret, expires_at=expires_at)


async def begin_linking(
    session: AsyncSession, provider: Provider, now: datetime, *, by: Principal
) -> BegunOut:
    """Begin to link the caller's own account: whoever stole a log-in of the provider gains nothing by it.

    Raises: PasswordLogInRequired (403), SsoUnavailable (503).
    """
    login = await session.get_one(LoginSession, by.session_id)
    if login.method is not LogInMethod.PASSWORD:
        raise PasswordLogInRequired()
    return await begin(session, provider, now, user_id=by.id)


async def log_in(
    session: AsyncSession,
    provider: Provider,
    gate: Gate,
    body: FinishIn,
    origin: Origin,
    now: datetime,
) -> TokenOut:
    """Open a log-in for the account of whoever has come back from the provider and return its first tokens.

    Raises: SsoRefused (400), NoAccount (403), SsoUnavailable (503).
    """
    claims = await _come_back(session, provider, body, now, user_id=None)
    # The link is locked: whoever takes it away waits, and then finds this log-in to end.
    query = (
        select(User)
        .join(UserIdentity, UserIdentity.user_id == User.id)
        .where(UserIdentity.issuer == provider.issuer, UserIdentity.subject == claims.subject)
        .with_for_update(of=UserIdentity)
    )
    user = await session.scalar(query)
    if user is None or not is_open(user, now):
        log.info("sso_login_failed", known=user is not None)
        raise NoAccount()
    is_strong = claims.is_strong or provider.is_strong
    return await open_log_in(session, gate, user, origin, now, is_strong=is_strong, method=LogInMethod.SSO)


async def link_own(
    session: AsyncSession, provider: Provider, body: FinishIn, *, by: Principal, now: datetime
) -> UserIdentity:
    """Link the caller's account to the identity he has come back with.

    Raises: SsoRefused (400), IdentityTaken, AlreadyErased (409), SsoUnavailable (503).
    """
    claims = await _come_back(session, provider, body, now, user_id=by.id)
    user = await session.get_one(User, by.id)
    return await link(session, user, provider.issuer, claims.subject, by=by, now=now)


async def _come_back(
    session: AsyncSession, provider: Provider, body: FinishIn, now: datetime, *, user_id: UUID | None
) -> IdClaims:
    """Return who has come back; the attempt is used up, whatever comes of it."""
    if fingerprint(body.page_secret) != body.state:
        raise SsoRefused()
    attempt = await session.scalar(
        update(SsoAttempt)
        .where(
            SsoAttempt.state_hash == fingerprint(body.state),
            SsoAttempt.used_at.is_(None),
            SsoAttempt.expires_at > now,
            SsoAttempt.user_id.is_not_distinct_from(user_id),
        )
        .values(used_at=now)
        .returning(SsoAttempt)
    )
    if attempt is None:
        raise SsoRefused()
    await session.commit()  # used, even if all else fails; and no connection waits for the provider
    return await provider.who(
        body.code, body.iss, nonce=attempt.nonce, verifier=attempt.code_verifier, now=now
    )


async def identity_of(session: AsyncSession, user_id: UUID, issuer: str) -> UserIdentity:
    """Return who an account is for a provider.

    Raises: IdentityNotFound (404).
    """
    identity = await session.scalar(select(UserIdentity).filter_by(user_id=user_id, issuer=issuer))
    if identity is None:
        raise IdentityNotFound()
    return identity


async def link(
    session: AsyncSession,
    user: User,
    issuer: str,
    subject: str,
    *,
    by: Actor,
    now: datetime,
    reason: str | None = None,
) -> UserIdentity:
    """Make an account this identity's, in place of the one it may have had.

    Raises: IdentityTaken, AlreadyErased (409).
    """
    await _lock(session, user)
    if user.erased_at is not None:  # since he went to the provider
        raise AlreadyErased()
    held = await session.scalar(select(UserIdentity).filter_by(issuer=issuer, subject=subject))
    if held is not None and held.user_id == user.id:
        return held
    if held is not None:
        raise IdentityTaken()
    former = await session.scalar(select(UserIdentity).filter_by(user_id=user.id, issuer=issuer))
    if former is not None:
        await _take_away(session, former, now)
    identity = UserIdentity(user_id=user.id, issuer=issuer, subject=subject, linked_at=now)
    session.add(identity)
    await session.flush()
    before = _shown(former) if former else None
    await record(
        session, by, "user.link_identity", user, now, before=before, after=_shown(identity), reason=reason
    )
    return identity


async def unlink(session: AsyncSession, user: User, issuer: str, *, by: Actor, now: datetime) -> None:
    """Take an account's identity away; the log-ins by it end.

    Raises: IdentityNotFound (404).
    """
    await _lock(session, user)
    identity = await identity_of(session, user.id, issuer)
    await _take_away(session, identity, now)
    await record(session, by, "user.unlink_identity", user, now, before=_shown(identity))


async def _lock(session: AsyncSession, user: User) -> None:
    # One change of an account's identity after the other. Not the whole row: a log-in that holds the identity has to
    # refer to it, and would wait for us while we wait for it.
    await session.refresh(user, with_for_update={"key_share": True})


async def _take_away(session: AsyncSession, identity: UserIdentity, now: datetime) -> None:
    await session.delete(identity)
    await session.flush()  # waits for a log-in that is just being opened by it
    await session.execute(
        update(LoginSession)
        .where(
            LoginSession.user_id == identity.user_id,
            LoginSession.method == LogInMethod.SSO,
            LoginSession.ended_at.is_(None),
        )
        .values(ended_at=now, end_reason="identity taken away")
    )


def _shown(identity: UserIdentity) -> dict[str, str]:
    # Without the subject: it may be a citizen's number, and the trail forgets nothing.
    return {"identity_id": str(identity.id), "issuer": identity.issuer}
