"""Lists of accounts, as far as their reader looks after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LoginSession, RoleGrant, User
from app.accounts.permissions import Role
from app.accounts.queries import grants_of, user_out
from app.accounts.remits import Remit, is_visible
from app.accounts.schemas import UserOut
from app.core.paging import Paging
from app.core.vietnamese import searchable, sort_key
from app.units.queries import subtrees_on


class UserOrder(StrEnum):
    """What a list of accounts is sorted by."""

    USERNAME = "username"
    FULL_NAME = "full_name"
    CREATED_AT = "-created_at"


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which of the accounts, and in which order."""

    search: str | None = None
    unit_id: UUID | None = None
    below_unit_id: UUID | None = None
    role: Role | None = None
    is_active: bool | None = None
    never_logged_in: bool | None = None
    sort: UserOrder = UserOrder.USERNAME


async def users_page(
    session: AsyncSession, remit: Remit, asked: UserFilter, paging: Paging
) -> tuple[list[UserOut], int]:
    """Return one page of the accounts of a remit that fit, and how many there are."""
    query = await _fitting(session, remit, asked)
    if asked.search or asked.sort is UserOrder.FULL_NAME:
        ids = await _by_name(session, query, asked)
        total, wanted = len(ids), ids[paging.offset : paging.offset + paging.page_size]
    else:
        total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
        latest = asked.sort is UserOrder.CREATED_AT
        ordered = query.order_by(User.created_at.desc(), User.id.desc()) if latest else query
        ordered = ordered.order_by(User.username).offset(paging.offset).limit(paging.page_size)
        wanted = [row.id for row in (await session.execute(ordered)).all()]
    return await users_out(session, wanted), total


async def all_users(session: AsyncSession, remit: Remit, asked: UserFilter) -> list[UserOut]:
    """Return all accounts of a remit that fit."""
    ids = await _by_name(session, await _fitting(session, remit, asked), asked)
    return await users_out(session, ids)


async def users_out(session: AsyncSession, ids: Sequence[UUID]) -> list[UserOut]:
    """Return these accounts in this order."""
    found = {user.id: user for user in await session.scalars(select(User).where(User.id.in_(ids)))}
    grants = await grants_of(session, list(ids))
    return [user_out(found[user_id], grants[user_id]) for user_id in ids]


async def _fitting(session: AsyncSession, remit: Remit, asked: UserFilter) -> Select[UUID, str, str]:
    conditions: list[ColumnElement[bool]] = [is_visible(User, remit)]
    if asked.unit_id is not None:
        conditions.append(User.unit_id == asked.unit_id)
    if asked.below_unit_id is not None:
        below = await subtrees_on(session, {asked.below_unit_id}, remit.on)
        conditions.append(User.unit_id.in_(below.get(asked.below_unit_id, ())))
    if asked.is_active is not None:
        conditions.append(User.is_active == asked.is_active)
    if asked.role is not None:
        held = RoleGrant.user_id == User.id
        conditions.append(exists().where(held, RoleGrant.role == asked.role, RoleGrant.ended_at.is_(None)))
    if asked.never_logged_in is not None:
        logged_in = exists().where(LoginSession.user_id == User.id)
        conditions.append(not_(logged_in) if asked.never_logged_in else logged_in)
    return select(User.id, User.username, User.full_name).where(*conditions)


async def _by_name(session: AsyncSession, query: Select[UUID, str, str], asked: UserFilter) -> list[UUID]:
    """Return the ids of those whose names fit, sorted here: accounts have no columns for Vietnamese text."""
    wanted = searchable(asked.search or "")
    rows = (await session.execute(query.order_by(User.created_at.desc(), User.id.desc()))).all()
    found = [row for row in rows if wanted in searchable(f"{row.full_name} {row.username}")]
    if asked.sort is UserOrder.FULL_NAME:
        found.sort(key=lambda row: (sort_key(row.full_name), row.username))
    elif asked.sort is UserOrder.USERNAME:
        found.sort(key=lambda row: row.username)
    return [row.id for row in found]
