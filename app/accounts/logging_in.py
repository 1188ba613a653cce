"""Log-in, log-out and a person's own password."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.log_in_schemas import TokenOut
from app.accounts.models import LogInMethod, LoginSession, RefreshToken, User
from app.accounts.passwords import fingerprint, hash_password, is_password, new_secret
from app.accounts.permissions import Principal
from app.accounts.tokens import Claims, Tokens
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest, Problem

log = structlog.get_logger("accounts")


MAX_FAILURES, LOCK_MINUTES = 10, 15


class BadCredentials(Problem):
    """The same answer for a wrong name, a wrong password, a locked or disabled account."""

    status, code = 400, "invalid_grant"
    title_vi, title_en = "Tên đăng nhập hoặc mật khẩu không đúng", "Wrong user name or password"


async def log_in(
    session: AsyncSession, tokens: Tokens, username: str, password: str, now: datetime, *, refresh_days: int
) -> TokenOut | None:
    """Open a log-in and return its first tokens, or None if the credentials are wrong.

    None is returned (not raised) so that the count of failures is committed.
    """
    user = await session.scalar(select(User).where(User.username == username.lower()))
    # Hashing takes its time: no row stays locked and no connection taken meanwhile.
    await session.commit()
    good = await is_password(password, user.password_hash if user and may_log_in(user, now) else None)
    if user is None:
        log.info("login_failed", known=False)
        return None
    await session.refresh(user, with_for_update=True)
    if not good or not may_log_in(user, now):
        if may_log_in(user, now):
            _count_failure(user, now)
        log.info("login_failed", known=True, is_active=user.is_active)
        return None
    user.failed_logins, user.locked_until = 0, None
    login = LoginSession(user_id=user.id, created_at=now, expires_at=now + timedelta(days=refresh_days))
    session.add(login)
    await session.flush()
    return tokens_out(session, tokens, user, login, now)


def may_log_in(user: User, now: datetime) -> bool:
    """Answer whether an account gets in at all: it is active and not locked."""
    return user.is_active and not (user.locked_until and user.locked_until > now)


def _count_failure(user: User, now: datetime) -> None:
    user.failed_logins += 1
    if user.failed_logins >= MAX_FAILURES:
        user.failed_logins, user.locked_until = 0, now + timedelta(minutes=LOCK_MINUTES)


def tokens_out(
    session: AsyncSession, tokens: Tokens, user: User, login: LoginSession, now: datetime
) -> TokenOut:
    """Return new tokens of a log-in that is open."""
    refresh = new_secret()
    session.add(RefreshToken(session_id=login.id, token_hash=fingerprint(refresh), issued_at=now))
    return TokenOut(
        access_token=tokens.issue(Claims(user.id, login.id, is_service=False), now),
        expires_in=tokens.lifetime_seconds,
        refresh_token=refresh,
        # Who came by single sign-on has not used the initial password.
        must_change_password=user.must_change_password and login.method is LogInMethod.PASSWORD,
    )


async def refresh(
    session: AsyncSession, tokens: Tokens, refresh_token: str, now: datetime
) -> TokenOut | None:
    """Exchange a refresh token for new tokens, or return None if it is not good.

    A second use of the same token means it was stolen: the whole log-in ends.
    """
    query = (
        select(RefreshToken, LoginSession, User)
        .join(LoginSession, LoginSession.id == RefreshToken.session_id)
        .join(User, User.id == LoginSession.user_id)
        .where(RefreshToken.token_hash == fingerprint(refresh_token))
        .with_for_update(of=RefreshToken)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    token, login, user = row
    if login.ended_at is not None or login.expires_at <= now or not user.is_active:
        return None
    if token.used_at is not None:
        login.ended_at, login.end_reason = now, "refresh token used twice"
        log.warning("refresh_token_reused", user_id=str(user.id))
        return None
    token.used_at = now
    return tokens_out(session, tokens, user, login, now)


async def log_out(session: AsyncSession, principal: Principal, now: datetime) -> None:
    """End the caller's log-in: its access and refresh tokens stop working at once."""
    await session.execute(
        update(LoginSession)
        .where(LoginSession.id == principal.session_id, LoginSession.ended_at.is_(None))
        .values(ended_at=now, end_reason="log-out")
    )


async def change_password(
    session: AsyncSession, principal: Principal, current: str, new: str, now: datetime
) -> bool:
    """Change the caller's password and end all his other log-ins; return False if the current one is wrong.

    False is returned (not raised) so that the count of failures is committed: guessing here locks as at the log-in.

    Raises: InvalidRequest (422) if the new password equals the old one.
    """
    user = await session.get_one(User, principal.id, with_for_update=True)
    if not may_log_in(user, now) or not await is_password(current, user.password_hash):
        _count_failure(user, now)
        return False
    if current == new:
        raise InvalidRequest(
            faults=[
                Fault("/new_password", "unchanged", "phải khác mật khẩu cũ", "must differ from the old one")
            ]
        )
    user.password_hash, user.must_change_password = await hash_password(new), False
    user.touch()
    await end_log_ins(session, user.id, now, "password changed", keep=principal.session_id)
    await record(session, principal, "user.change_password", user, now)
    return True


async def end_log_ins(
    session: AsyncSession, user_id: UUID, now: datetime, why: str, keep: UUID | None = None
) -> None:
    await session.execute(
        update(LoginSession)
        .where(
            LoginSession.user_id == user_id,
            LoginSession.ended_at.is_(None),
            LoginSession.id != (keep or user_id),
        )
        .values(ended_at=now, end_reason=why)
    )
