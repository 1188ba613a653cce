"""Service accounts: programs that act for an agency."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actions import UsernameTaken, require_units
from app.accounts.log_in_schemas import TokenOut
from app.accounts.models import ServiceAccount
from app.accounts.passwords import fingerprint, new_secret
from app.accounts.permissions import SERVICE_SCOPES
from app.accounts.service_schemas import ServiceAccountIn, ServiceAccountPatch
from app.accounts.tokens import Claims, Tokens
from app.core.audit import Actor, record
from app.core.problems import Fault, InvalidRequest


async def log_in_service(
    session: AsyncSession, tokens: Tokens, client_id: str, secret: str, now: datetime
) -> TokenOut | None:
    """Return an access token for a service account, or None if id or secret are wrong."""
    account = await session.scalar(select(ServiceAccount).where(ServiceAccount.client_id == client_id))
    if account is None or not account.is_active or account.secret_hash != fingerprint(secret):
        return None
    token = tokens.issue(Claims(account.id, account.id, is_service=True), now)
    return TokenOut(access_token=token, expires_in=tokens.lifetime_seconds)


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
    await require_units(session, body.unit_id, [])
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
