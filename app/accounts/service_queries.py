"""Reading service accounts."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount
from app.core.problems import NotFound


class ServiceAccountNotFound(NotFound):
    code = "service_account_not_found"
    title_vi, title_en = "Không tìm thấy tài khoản dịch vụ", "Service account not found"


async def service_accounts(session: AsyncSession) -> list[ServiceAccount]:
    """Return every service account in order of client id."""
    return list(await session.scalars(select(ServiceAccount).order_by(ServiceAccount.client_id)))


async def service_account_by_id(session: AsyncSession, account_id: UUID) -> ServiceAccount:
    """Return a service account.

    Raises: ServiceAccountNotFound.
    """
    account = await session.get(ServiceAccount, account_id)
    if account is None:
        raise ServiceAccountNotFound()
    return account
