"""Reading service accounts, and what one of them may do in a request."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service_rules
from app.accounts.models import ServiceAccount
from app.accounts.permissions import Grant, Permission, Principal, Role
from app.accounts.service_schemas import ServiceAccountOut
from app.accounts.tokens import Claims
from app.core.problems import NotFound
from app.core.vietnamese import VIETNAM
from app.units.queries import within

log = structlog.get_logger("accounts")


class ServiceAccountNotFound(NotFound):
    """No such service account, or none of a unit that the caller administers."""

    code = "service_account_not_found"
    title_vi, title_en = "Không tìm thấy tài khoản dịch vụ", "Service account not found"


async def _administered(session: AsyncSession, caller: Principal, now: datetime) -> frozenset[UUID]:
    """Return the units whose service accounts the caller administers: his own and all below it, as of today."""
    roots = caller.units_with(Permission.SERVICE_MANAGE)
    return await within(session, roots, now.astimezone(VIETNAM).date())


async def service_accounts(session: AsyncSession, caller: Principal, now: datetime) -> list[ServiceAccount]:
    """Return every service account the caller administers, in order of client id."""
    units = await _administered(session, caller, now)
    query = select(ServiceAccount).where(ServiceAccount.unit_id.in_(units))
    return list(await session.scalars(query.order_by(ServiceAccount.client_id)))


async def service_account_for(
    session: AsyncSession, caller: Principal, account_id: UUID, now: datetime
) -> ServiceAccount:
    """Return a service account the caller administers.

    Raises: ServiceAccountNotFound.
    """
    account = await session.get(ServiceAccount, account_id)
    if account is None or account.unit_id not in await _administered(session, caller, now):
        raise ServiceAccountNotFound()
    return account


async def administers(session: AsyncSession, caller: Principal, unit_id: UUID, now: datetime) -> bool:
    """Answer whether the caller administers the service accounts of a unit."""
    return unit_id in await _administered(session, caller, now)


def service_account_out(account: ServiceAccount, now: datetime) -> ServiceAccountOut:
    """Return a service account as the API shows it at an instant."""
    derived = {"state": service_rules.state(account, now)}
    names = ServiceAccountOut.model_fields.keys() - derived.keys()
    return ServiceAccountOut.model_validate({name: getattr(account, name) for name in names} | derived)


async def service_principal(
    session: AsyncSession, claims: Claims, now: datetime, request_id: str, address: str | None
) -> Principal | None:
    """Return the service account behind a token as of now, or None if it gets in no more, or not from there.

    The caller learns nothing of the reason: whoever stole a token must not learn from where it works.
    """
    account = await session.get(ServiceAccount, claims.subject)
    if account is None:
        return None
    secrets = [
        service_rules.session_of(account.id, known) for known in service_rules.good_secrets(account, now)
    ]
    why = service_rules.shut_out(account, address, now)
    if why or claims.session_id not in secrets:
        log.info("service_refused", service_id=str(account.id), reason=why or "secret")
        return None
    return Principal(
        id=account.id,
        name=account.client_id,
        unit_id=account.unit_id,
        acting_for=account.unit_id,
        request_id=request_id,
        grants=frozenset({Grant(Role.SERVICE, account.unit_id)}),
        scopes=frozenset(Permission(scope) for scope in account.scopes),
    )
