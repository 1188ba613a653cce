"""Log-in, log-out, passwords and the administration of accounts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LoginSession, RefreshToken, RoleGrant, ServiceAccount, User
from app.accounts.passwords import fingerprint, hash_password, is_password, new_secret
from app.accounts.permissions import PROVINCE_ROLES, SERVICE_SCOPES, Grant, Principal, Role
from app.accounts.schemas import GrantIn, ServiceAccountIn, ServiceAccountPatch, TokenOut, UserIn, UserPatch
from app.accounts.tokens import Claims, Tokens
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest, Problem
from app.units.models import Unit, UnitKind

log = structlog.get_logger("accounts")
MAX_FAILURES, LOCK_MINUTES = 10, 15
ADMINISTRATORS_LOCK = 297  # any number of our own


class BadCredentials(Problem):
    """The same answer for a wrong name, a wrong password, a locked or disabled account."""

    status, code = 400, "invalid_grant"
    title_vi, title_en = "Tên đăng nhập hoặc mật khẩu không đúng", "Wrong user name or password"


class LastAdministrator(Problem):
    status, code = 409, "last_administrator"
    title_vi, title_en = "Phải còn ít nhất một quản trị viên", "At least one administrator must remain"


class UsernameTaken(Problem):
    status, code = 409, "username_taken"
    title_vi, title_en = "Tên đăng nhập đã có người dùng", "The user name is taken"


async def log_in(
    session: AsyncSession, tokens: Tokens, username: str, password: str, now: datetime, *, refresh_days: int
) -> TokenOut | None:
    """Open a log-in and return its first tokens, or None if the credentials are wrong.

    None is returned (not raised) so that the count of failures is committed.
    """
    user = await session.scalar(select(User).where(User.username == username.lower()))
    # Hashing takes its time: no row stays locked and no connection taken meanwhile.
    await session.commit()
    good = await is_password(password, user.password_hash if user and _may_log_in(user, now) else None)
    if user is None:
        log.info("login_failed", known=False)
        return None
    await session.refresh(user, with_for_update=True)
    if not good or not _may_log_in(user, now):
        if _may_log_in(user, now):
            _count_failure(user, now)
        log.info("login_failed", known=True, is_active=user.is_active)
        return None
    user.failed_logins, user.locked_until = 0, None
    login = LoginSession(user_id=user.id, created_at=now, expires_at=now + timedelta(days=refresh_days))
    session.add(login)
    await session.flush()
    return _tokens_out(session, tokens, user, login, now)


def _may_log_in(user: User, now: datetime) -> bool:
    return user.is_active and not (user.locked_until and user.locked_until > now)


def _count_failure(user: User, now: datetime) -> None:
    user.failed_logins += 1
    if user.failed_logins >= MAX_FAILURES:
        user.failed_logins, user.locked_until = 0, now + timedelta(minutes=LOCK_MINUTES)


def _tokens_out(
    session: AsyncSession, tokens: Tokens, user: User, login: LoginSession, now: datetime
) -> TokenOut:
    refresh = new_secret()
    session.add(RefreshToken(session_id=login.id, token_hash=fingerprint(refresh), issued_at=now))
    return TokenOut(
        access_token=tokens.issue(Claims(user.id, login.id, is_service=False), now),
        expires_in=tokens.lifetime_seconds,
        refresh_token=refresh,
        must_change_password=user.must_change_password,
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
    return _tokens_out(session, tokens, user, login, now)


async def log_in_service(
    session: AsyncSession, tokens: Tokens, client_id: str, secret: str, now: datetime
) -> TokenOut | None:
    """Return an access token for a service account, or None if id or secret are wrong."""
    account = await session.scalar(select(ServiceAccount).where(ServiceAccount.client_id == client_id))
    if account is None or not account.is_active or account.secret_hash != fingerprint(secret):
        return None
    token = tokens.issue(Claims(account.id, account.id, is_service=True), now)
    return TokenOut(access_token=token, expires_in=tokens.lifetime_seconds)


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
    if not _may_log_in(user, now) or not await is_password(current, user.password_hash):
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
    await _end_log_ins(session, user.id, now, "password changed", keep=principal.session_id)
    await record(session, principal, "user.change_password", user, now)
    return True


async def _end_log_ins(
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


async def create_user(
    session: AsyncSession, body: UserIn, *, by: Actor, now: datetime, initial: bool = True
) -> User:
    """Create an account whose owner must change the initial password at the first log-in.

    Raises: UsernameTaken (409), InvalidRequest (422) for an unknown unit.
    """
    if await session.scalar(select(User.id).where(User.username == body.username)):
        raise UsernameTaken()
    await _require_units(session, body.unit_id, body.grants)
    user = User(
        username=body.username,
        full_name=body.full_name,
        email=body.email,
        unit_id=body.unit_id,
        password_hash=await hash_password(body.password),
        must_change_password=initial,
        is_active=True,
        created_at=now,
        failed_logins=0,
        locked_until=None,
    )
    session.add(user)
    await session.flush()
    grants = [Grant(g.role, g.unit_id) for g in body.grants]
    await set_grants(session, user, grants, now)
    after = {"username": user.username, "unit_id": str(user.unit_id), "grants": _plain(grants)}
    await record(session, by, "user.create", user, now, after=after)
    return user


def _plain(grants: Sequence[Grant]) -> list[dict[str, str]]:
    return [{"role": g.role.value, "unit_id": str(g.unit_id)} for g in grants]


async def _require_units(session: AsyncSession, home: UUID | None, grants: Sequence[GrantIn]) -> None:
    """Refuse units that do not exist, and province roles for anything but a province.

    Raises: InvalidRequest (422) with every fault.
    """
    wanted = {grant.unit_id for grant in grants} | ({home} if home else set())
    kinds = {
        unit_id: kind
        for unit_id, kind in (
            await session.execute(select(Unit.id, Unit.kind).where(Unit.id.in_(wanted)))
        ).all()
    }
    unknown = ("unknown_unit", "không có đơn vị này", "there is no such unit")
    faults = [] if home is None or home in kinds else [Fault("/unit_id", *unknown)]
    for i, grant in enumerate(grants):
        if grant.unit_id not in kinds:
            faults.append(Fault(f"/grants/{i}/unit_id", *unknown))
        elif grant.role in PROVINCE_ROLES and kinds[grant.unit_id] is not UnitKind.PROVINCE:
            vi, en = "vai trò này chỉ cấp cho tỉnh", "this role is held for a province only"
            faults.append(Fault(f"/grants/{i}/role", "role_not_for_unit", vi, en))
    if faults:
        raise InvalidRequest(faults=faults)


async def _require_an_administrator(session: AsyncSession) -> None:
    """Refuse a change after which nobody could administer accounts.

    Raises: LastAdministrator (409).
    """
    await session.flush()
    # One after the other: two administrators who remove each other at once must not both find the other one.
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMINISTRATORS_LOCK})
    left = (
        select(User.id)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(User.is_active, RoleGrant.role == Role.PROVINCE_ADMIN, RoleGrant.ended_at.is_(None))
    )
    if await session.scalar(left.limit(1)) is None:
        raise LastAdministrator()


async def present_grants(session: AsyncSession, user: User) -> list[RoleGrant]:
    """Return the roles a user holds now."""
    query = select(RoleGrant).where(RoleGrant.user_id == user.id, RoleGrant.ended_at.is_(None))
    return list(await session.scalars(query.order_by(RoleGrant.id)))


async def set_grants(session: AsyncSession, user: User, grants: Sequence[Grant], now: datetime) -> None:
    """Make the user hold exactly these roles: ended ones keep their history."""
    present = await present_grants(session, user)
    wanted = set(grants)
    for held in present:
        grant = Grant(held.role, held.unit_id)
        if grant in wanted:
            wanted.discard(grant)
        else:
            held.ended_at = now
    session.add_all(
        RoleGrant(user_id=user.id, role=g.role, unit_id=g.unit_id, granted_at=now) for g in wanted
    )
    await session.flush()


async def change_user(
    session: AsyncSession, user: User, body: UserPatch, *, by: Actor, now: datetime
) -> None:
    """Change an account; disabling it or giving a new password ends its log-ins at once.

    Raises: InvalidRequest (422) for an unknown unit.
    """
    held = [Grant(row.role, row.unit_id) for row in await present_grants(session, user)]
    before = {
        "full_name": user.full_name,
        "email": user.email,
        "is_active": user.is_active,
        "grants": _plain(held),
    }
    for name in ("full_name", "email", "is_active"):
        if (value := getattr(body, name)) is not None:
            setattr(user, name, value)
    if body.password is not None:
        user.password_hash, user.must_change_password = await hash_password(body.password), True
        user.failed_logins, user.locked_until = 0, None
    if body.is_active is False or body.password is not None:
        await _end_log_ins(session, user.id, now, "account changed by an administrator")
    if body.grants is not None:
        await _require_units(session, None, body.grants)
        await set_grants(session, user, [Grant(g.role, g.unit_id) for g in body.grants], now)
    user.touch()
    await _require_an_administrator(session)
    after = {
        "full_name": user.full_name,
        "email": user.email,
        "is_active": user.is_active,
        "password": "replaced" if body.password else "unchanged",
        "grants": _plain(held if body.grants is None else [Grant(g.role, g.unit_id) for g in body.grants]),
    }
    await record(session, by, "user.change", user, now, before=before, after=after, reason=body.reason)


async def create_service_account(
    session: AsyncSession, body: ServiceAccountIn, *, by: Actor, now: datetime, secret: str | None = None
) -> tuple[ServiceAccount, str]:
    """Create a service account and return it with its secret, which is not kept and cannot be shown again.

    Raises: UsernameTaken (409), InvalidRequest (422) for a scope no service may have or an unknown unit.
    """
    if await session.scalar(select(ServiceAccount.id).where(ServiceAccount.client_id == body.client_id)):
        raise UsernameTaken()
    faults = [
        Fault(
            f"/scopes/{i}",
            "scope_not_allowed",
            "phạm vi không dành cho tài khoản dịch vụ",
            "not for services",
        )
        for i, scope in enumerate(body.scopes)
        if scope not in SERVICE_SCOPES
    ]
    if faults:
        raise InvalidRequest(faults=faults)
    await _require_units(session, body.unit_id, [])
    secret = secret or new_secret()
    account = ServiceAccount(
        client_id=body.client_id,
        name=body.name,
        unit_id=body.unit_id,
        scopes=sorted(set(body.scopes)),
        secret_hash=fingerprint(secret),
        is_active=True,
        created_at=now,
    )
    session.add(account)
    await session.flush()
    after = {"client_id": body.client_id, "unit_id": str(body.unit_id), "scopes": account.scopes}
    await record(session, by, "service_account.create", account, now, after=after)
    return account, secret


async def change_service_account(
    session: AsyncSession, account: ServiceAccount, body: ServiceAccountPatch, *, by: Actor, now: datetime
) -> None:
    """Switch a service account on or off; its tokens stop working at once when it is off."""
    before = {"is_active": account.is_active}
    account.is_active = body.is_active
    account.touch()
    after = {"is_active": body.is_active}
    await record(
        session, by, "service_account.change", account, now, before=before, after=after, reason=body.reason
    )
