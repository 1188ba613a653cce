"""Log-in, log-out and a person's own password."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.log_in_schemas import SecondFactorState, TokenOut
from app.accounts.models import LogInMethod, LoginSession, RefreshToken, User
from app.accounts.password_setting import set_password
from app.accounts.passwords import fingerprint, new_secret
from app.accounts.permissions import Principal, Role
from app.accounts.proving import count_failure, forget_failures, proves
from app.accounts.queries import principal_for
from app.accounts.sealing import Seal
from app.accounts.second_factor import is_code
from app.accounts.sessions import end_log_ins
from app.accounts.tokens import Claims, Tokens
from app.core.audit import record
from app.core.problems import Fault, InvalidRequest, Problem

log = structlog.get_logger("accounts")


class BadCredentials(Problem):
    """The same answer for a wrong name, password or code, a locked or disabled account, an old initial password."""

    status, code = 400, "invalid_grant"
    title_vi, title_en = "Tên đăng nhập hoặc mật khẩu không đúng", "Wrong user name or password"


class SecondFactorRequired(Problem):
    """Said only to who knows the password."""

    status, code = 400, "second_factor_required"
    title_vi, title_en = "Cần mã xác thực lớp thứ hai", "A code of the second factor is needed"


@dataclass(frozen=True, slots=True)
class Gate:
    """What log-ins are made with: the keys, how long they last (days), and who must show a second factor."""

    tokens: Tokens
    seal: Seal
    refresh_days: int
    strong_roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a log-in comes from."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody shows to be let in; `code` of his app or for recovery, may be empty."""

    username: str
    password: str
    code: str


async def log_in(
    session: AsyncSession, gate: Gate, attempt: Attempt, origin: Origin, now: datetime
) -> TokenOut | None:
    """Open a log-in and return its first tokens, or None if the credentials are wrong.

    None is returned (not raised) so that the count of failures is committed.

    Raises: SecondFactorRequired (400), Unavailable (503) if too many log in at once.
    """
    user = await session.scalar(select(User).where(User.username == attempt.username.lower()))
    # Hashing takes its time: no connection is taken meanwhile.
    await session.commit()
    if not await proves(session, user, attempt.password, now) or user is None:
        log.info("login_failed", known=user is not None)
        return None
    is_strong = user.totp_confirmed_at is not None
    if is_strong and not attempt.code:
        raise SecondFactorRequired("Gửi lại kèm trường otp.", "Send it again with the field otp.")
    if is_strong and not await is_code(session, gate.seal, user, attempt.code, now):
        count_failure(user, now)
        log.info("login_failed", known=True, second_factor=True)
        return None
    forget_failures(user)
    return await open_log_in(session, gate, user, origin, now, is_strong=is_strong)


async def open_log_in(
    session: AsyncSession,
    gate: Gate,
    user: User,
    origin: Origin,
    now: datetime,
    *,
    is_strong: bool,
    method: LogInMethod = LogInMethod.PASSWORD,
) -> TokenOut:
    """Return the first tokens of a new log-in of somebody who has proved who he is, whatever by."""
    login = LoginSession(
        user_id=user.id,
        created_at=now,
        expires_at=now + timedelta(days=gate.refresh_days),
        method=method,
        is_strong=is_strong,
        address=origin.address,
        user_agent=origin.user_agent,
    )
    session.add(login)
    await session.flush()
    return await _tokens_out(session, gate, user, login, now)


async def _tokens_out(
    session: AsyncSession, gate: Gate, user: User, login: LoginSession, now: datetime
) -> TokenOut:
    refresh, claims = new_secret(), Claims(user.id, login.id, is_service=False)
    session.add(RefreshToken(session_id=login.id, token_hash=fingerprint(refresh), issued_at=now))
    return TokenOut(
        access_token=gate.tokens.issue(claims, now),
        expires_in=gate.tokens.lifetime_seconds,
        refresh_token=refresh,
        # Who came by single sign-on has not used the initial password.
        must_change_password=user.must_change_password and login.method is LogInMethod.PASSWORD,
        second_factor=await _state(session, gate, user, claims, now),
    )


async def _state(
    session: AsyncSession, gate: Gate, user: User, claims: Claims, now: datetime
) -> SecondFactorState:
    principal = await principal_for(session, claims, now, "-")
    if principal is not None and principal.lacks_second_factor(gate.strong_roles):
        return SecondFactorState.MISSING
    return SecondFactorState.OFF if user.totp_confirmed_at is None else SecondFactorState.ON


async def refresh(session: AsyncSession, gate: Gate, refresh_token: str, now: datetime) -> TokenOut | None:
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
    token.used_at = login.last_used_at = now
    return await _tokens_out(session, gate, user, login, now)


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

    Raises: InvalidRequest (422) if the new password equals the old one or is no good one.
    """
    user = await session.get_one(User, principal.id)
    if not await proves(session, user, current, now):
        return False
    if current == new:
        vi, en = "phải khác mật khẩu cũ", "must differ from the old one"
        raise InvalidRequest(faults=[Fault("/new_password", "unchanged", vi, en)])
    await set_password(session, user, new, now, pointer="/new_password", initial=False)
    user.touch()
    await end_log_ins(session, user.id, now, "password changed", keep=principal.session_id)
    await record(session, principal, "user.change_password", user, now)
    return True
