"""Reading accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, ServiceAccount, User
from app.accounts.permissions import Grant, Permission, Principal, Role
from app.accounts.schemas import GrantOut, UserOut
from app.accounts.tokens import Claims
from app.core.db import driver_of
from app.core.http import Paging
from app.core.problems import NotFound


class UserNotFound(NotFound):
    code = "user_not_found"
    title_vi, title_en = "Không tìm thấy tài khoản", "User not found"


class ServiceAccountNotFound(NotFound):
    code = "service_account_not_found"
    title_vi, title_en = "Không tìm thấy tài khoản dịch vụ", "Service account not found"


# One round trip for every authenticated request: the account, its log-in and its roles as they are now.
_PRINCIPAL = """
SELECT u.username, u.unit_id, u.must_change_password,
       (SELECT array_agg(g.role || ':' || g.unit_id) FROM role_grant g WHERE g.user_id = u.id AND g.ended_at IS NULL)
         AS grants
  FROM app_user u JOIN login_session l ON l.user_id = u.id
 WHERE u.id = $1 AND u.is_active AND l.id = $2 AND l.ended_at IS NULL AND l.expires_at > $3
"""


async def principal_for(
    session: AsyncSession, claims: Claims, now: datetime, request_id: str
) -> Principal | None:
    """Return the caller behind a token as of now, or None if the account or the log-in has ended."""
    if claims.is_service:
        return await _service_principal(session, claims.subject, request_id)
    row = await (await driver_of(session)).fetchrow(_PRINCIPAL, claims.subject, claims.session_id, now)
    if row is None:
        return None
    pairs = [text.split(":") for text in row["grants"] or []]
    return Principal(
        id=claims.subject,
        name=row["username"],
        unit_id=row["unit_id"],
        acting_for=row["unit_id"],
        request_id=request_id,
        grants=frozenset(Grant(Role(name), UUID(unit)) for name, unit in pairs),
        session_id=claims.session_id,
        must_change_password=row["must_change_password"],
    )


async def _service_principal(session: AsyncSession, account_id: UUID, request_id: str) -> Principal | None:
    account = await session.get(ServiceAccount, account_id)
    if account is None or not account.is_active:
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


async def grants_of(session: AsyncSession, user_ids: list[UUID]) -> dict[UUID, list[GrantOut]]:
    """Return the present roles of some users."""
    query = select(RoleGrant).where(RoleGrant.user_id.in_(user_ids), RoleGrant.ended_at.is_(None))
    found: dict[UUID, list[GrantOut]] = {user_id: [] for user_id in user_ids}
    for grant in await session.scalars(query.order_by(RoleGrant.id)):
        found[grant.user_id].append(GrantOut(role=grant.role, unit_id=grant.unit_id))
    return found


async def users_page(session: AsyncSession, paging: Paging, search: str | None) -> tuple[list[UserOut], int]:
    """Return one page of the accounts in order of user name, and how many there are."""
    query = select(User)
    if search:
        query = query.where(User.username.contains(search.lower(), autoescape=True))
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = await session.scalars(query.order_by(User.username).offset(paging.offset).limit(paging.page_size))
    users = list(rows)
    grants = await grants_of(session, [u.id for u in users])
    return [user_out(user, grants[user.id]) for user in users], total


def user_out(user: User, grants: list[GrantOut]) -> UserOut:
    """Return the account as the API shows it."""
    shown = {name: getattr(user, name) for name in UserOut.model_fields if name != "grants"}
    return UserOut(**shown, grants=grants)


async def user_by_id(session: AsyncSession, user_id: UUID) -> User:
    """Return an account.

    Raises: UserNotFound.
    """
    user = await session.get(User, user_id)
    if user is None:
        raise UserNotFound()
    return user


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
