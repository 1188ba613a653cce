"""Service accounts: programs that act for an agency."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import networks, service_rules
from app.accounts.actions import UsernameTaken
from app.accounts.log_in_schemas import TokenOut
from app.accounts.logging_in import BadCredentials
from app.accounts.models import ServiceAccount
from app.accounts.passwords import fingerprint, new_secret
from app.accounts.permissions import SERVICE_SCOPES, Permission, Principal
from app.accounts.service_queries import administers
from app.accounts.service_rules import DEFAULT_DAYS, MAX_DAYS
from app.accounts.service_schemas import RotationIn, ServiceAccountIn, ServiceAccountPatch
from app.accounts.tokens import Claims, Tokens
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest, Problem

log = structlog.get_logger("accounts")

_NOBODY = fingerprint("nobody has this secret")


class BadClient(Problem):
    """The same as BadCredentials for a client that authenticated by HTTP Basic (RFC 6749 section 5.2)."""

    status, code = 401, "invalid_client"
    title_vi, title_en = "Mã hoặc khóa bí mật của dịch vụ không đúng", "Wrong client id or secret"
    headers = {"WWW-Authenticate": 'Basic realm="dti", charset="UTF-8"'}


class ScopeNotHeld(Problem):
    status, code = 400, "invalid_scope"
    title_vi, title_en = "Dịch vụ không có phạm vi này", "The client does not hold this scope"


@dataclass(frozen=True, slots=True)
class Client:
    """What a program says it is, and whether it said so by HTTP Basic."""

    id: str
    secret: str = field(repr=False)
    is_basic: bool


# --- log-in -------------------------------------------------------------------------------------------------


def client_of(authorization: str | None, client_id: str, client_secret: str) -> Client:
    """Return who asks for a token: as the Authorization header says, else as the form does (RFC 6749 section 2.3.1).

    Raises: InvalidRequest (422) if both do and differ, or both carry a secret.
    """
    scheme, _, coded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return Client(client_id, client_secret, is_basic=False)
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode()
    except ValueError:
        text = ""
    name, _, secret = text.partition(":")
    name, secret = unquote_plus(name), unquote_plus(secret)
    if client_secret or client_id not in ("", name):
        vi, en = (
            "chỉ xác thực một cách: Authorization hoặc biểu mẫu",
            "authenticate once: by header or by form",
        )
        raise InvalidRequest(faults=[Fault("/client_id", "client_named_twice", vi, en)])
    return Client(name, secret, is_basic=True)


async def log_in_service(
    session: AsyncSession, tokens: Tokens, client: Client, now: datetime, *, scope: str, address: str | None
) -> TokenOut:
    """Return an access token for a service account; it carries all its scopes, whichever of them are asked for.

    Whether the id is unknown, the secret wrong, the account off or expired, or the address not its own: the answer is
    one and the same, and the log has the reason.

    Raises: BadCredentials (400), BadClient (401), ScopeNotHeld (400) where one is asked for that it does not hold.
    """
    # No account has such an id, and not every text can be asked for.
    wanted = client.id if client.id.isascii() and client.id.isprintable() else ""
    account = await session.scalar(select(ServiceAccount).where(ServiceAccount.client_id == wanted))
    hashes = service_rules.good_secrets(account, now) if account else [_NOBODY]
    secret_hash = service_rules.matching(fingerprint(client.secret), hashes)
    if account is None or secret_hash is None:
        raise _refused(client, account, "secret" if account else "unknown")
    if why := service_rules.shut_out(account, address, now):
        raise _refused(client, account, why)
    if not set(scope.split()) <= set(account.scopes):
        raise ScopeNotHeld()
    await _note_use(session, account, now)
    claims = Claims(account.id, service_rules.session_of(account.id, secret_hash), is_service=True)
    return TokenOut(
        access_token=tokens.issue(claims, now),
        expires_in=tokens.lifetime_seconds,
        scope=" ".join(account.scopes),
    )


def _refused(client: Client, account: ServiceAccount | None, reason: str) -> Problem:
    log.info("service_log_in_failed", service_id=str(account.id) if account else None, reason=reason)
    return BadClient() if client.is_basic else BadCredentials()


async def _note_use(session: AsyncSession, account: ServiceAccount, now: datetime) -> None:
    """Write down the hour in which an account is used, once, without waiting for whoever just does the same."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    if account.last_used_at is not None and account.last_used_at >= hour:
        return
    mine = select(ServiceAccount.id).where(
        ServiceAccount.id == account.id,
        or_(ServiceAccount.last_used_at.is_(None), ServiceAccount.last_used_at < hour),
    )
    # Not through the row: its version is what administrators see.
    change = update(ServiceAccount).where(ServiceAccount.id.in_(mine.with_for_update(skip_locked=True)))
    await session.execute(change.values(last_used_at=hour).execution_options(synchronize_session=False))


# --- administration -----------------------------------------------------------------------------------------


async def create_service_account(
    session: AsyncSession, body: ServiceAccountIn, *, by: Principal, now: datetime
) -> tuple[ServiceAccount, str]:
    """Create a service account and return it with its secret, which is not kept and cannot be shown again.

    Raises: UsernameTaken (409), InvalidRequest (422) for a scope no service may have, a unit the caller does not
        administer, networks or an end that cannot be.
    """
    faults = _faults(body, now)
    if not await administers(session, by, body.unit_id, now):
        faults.append(Fault("/unit_id", "unknown_unit", "không có đơn vị này", "there is no such unit"))
    if faults:
        raise InvalidRequest(faults=faults)
    if await session.scalar(select(ServiceAccount.id).where(ServiceAccount.client_id == body.client_id)):
        raise UsernameTaken()
    secret = new_secret()
    return await add_service_account(session, body, secret, by=by, now=now), secret


async def add_service_account(
    session: AsyncSession, body: ServiceAccountIn, secret: str, *, by: Actor, now: datetime
) -> ServiceAccount:
    """Write down a service account that nothing speaks against."""
    account = ServiceAccount(
        client_id=body.client_id,
        unit_id=body.unit_id,
        secret_hash=fingerprint(secret),
        is_active=True,
        created_at=now,
        **_kept(body),
    )
    account.expires_at = account.expires_at or now + timedelta(days=DEFAULT_DAYS)
    session.add(account)
    await session.flush()
    after = {"client_id": body.client_id, "unit_id": str(body.unit_id)} | _plain(account, _CHANGEABLE)
    await record(session, by, "service_account.create", account, now, after=after)
    return account


_CHANGEABLE = ("name", "scopes", "networks", "expires_at", "is_active")


def _kept(body: ServiceAccountIn | ServiceAccountPatch) -> dict[str, Any]:
    """Return what a body says of an account, as its row keeps it; what it does not name is absent."""
    named = {name: getattr(body, name, None) for name in _CHANGEABLE}
    kept = {name: value for name, value in named.items() if value is not None}
    if "scopes" in kept:
        kept["scopes"] = sorted(set(kept["scopes"]))
    if "networks" in kept:
        kept["networks"] = networks.canonical(kept["networks"])
    return kept


def _plain(account: ServiceAccount, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(account, name) for name in names}
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}


def _faults(body: ServiceAccountIn | ServiceAccountPatch, now: datetime) -> list[Fault]:
    scopes: list[Permission] = body.scopes or []
    not_allowed = ("scope_not_allowed", "phạm vi không dành cho tài khoản dịch vụ", "not for services")
    faults = [
        Fault(f"/scopes/{i}", *not_allowed) for i, scope in enumerate(scopes) if scope not in SERVICE_SCOPES
    ]
    faults += networks.faults_of(body.networks or [])
    if body.expires_at is not None and not now < body.expires_at <= now + timedelta(days=MAX_DAYS):
        vi = f"phải sau bây giờ và trong vòng {MAX_DAYS} ngày"
        en = f"must be after now and within {MAX_DAYS} days"
        faults.append(Fault("/expires_at", "expiry_out_of_range", vi, en))
    return faults


async def change_service_account(
    session: AsyncSession, account: ServiceAccount, body: ServiceAccountPatch, *, by: Actor, now: datetime
) -> None:
    """Change a service account: what it may do, from where and until when holds for its tokens at once.

    Nothing is written where nothing changes.

    Raises: InvalidRequest (422) for a scope no service may have, networks or an end that cannot be.
    """
    if faults := _faults(body, now):
        raise InvalidRequest(faults=faults)
    changed = {name: value for name, value in _kept(body).items() if getattr(account, name) != value}
    if not changed:
        return
    before = _plain(account, list(changed))
    for name, value in changed.items():
        setattr(account, name, value)
    account.touch()
    after = _plain(account, list(changed))
    await record(
        session, by, "service_account.change", account, now, before=before, after=after, reason=body.reason
    )


async def rotate_secret(
    session: AsyncSession, account: ServiceAccount, body: RotationIn, *, by: Actor, now: datetime
) -> str:
    """Give a service account a new secret and return it: it is not kept and cannot be shown again.

    The present secret and its tokens stay good for the hours of grace, the one before it ends now.
    """
    secret, is_kept = new_secret(), body.grace_hours > 0
    account.previous_secret_hash = account.secret_hash if is_kept else None
    account.previous_secret_until = now + timedelta(hours=body.grace_hours) if is_kept else None
    account.secret_hash = fingerprint(secret)
    account.touch()
    after = _plain(account, ["previous_secret_until"])
    await record(session, by, "service_account.rotate", account, now, after=after, reason=body.reason)
    return secret
