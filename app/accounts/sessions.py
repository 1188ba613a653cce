"""A person's log-ins: which there are, and ending them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.log_in_schemas import LogInOut
from app.accounts.models import LoginSession, User
from app.accounts.permissions import Principal
from app.core.audit import Actor, record
from app.core.paging import Paging
from app.core.problems import NotFound


class LogInNotFound(NotFound):
    code = "log_in_not_found"
    title_vi, title_en = "Không tìm thấy phiên đăng nhập", "Log-in not found"


def _is_open(user_id: UUID, now: datetime) -> ColumnElement[bool]:
    return and_(
        LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now
    )


async def log_ins_page(
    session: AsyncSession, caller: Principal, paging: Paging, now: datetime
) -> tuple[list[LogInOut], int]:
    """Return one page of the caller's open log-ins, the newest first, and how many there are."""
    mine = select(LoginSession).where(_is_open(caller.id, now))
    total = await session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    newest = mine.order_by(LoginSession.created_at.desc(), LoginSession.id.desc())
    rows = await session.scalars(newest.offset(paging.offset).limit(paging.page_size))
    return [_log_in_out(row, caller) for row in rows], total


def _log_in_out(row: LoginSession, caller: Principal) -> LogInOut:
    shown = {name: getattr(row, name) for name in LogInOut.model_fields if name != "is_current"}
    return LogInOut(**shown, is_current=row.id == caller.session_id)


async def end_own(session: AsyncSession, caller: Principal, log_in_id: UUID, now: datetime) -> None:
    """End one of the caller's log-ins, this one as well if he says so.

    Raises: LogInNotFound (404), for another's and for an ended one as well.
    """
    query = select(LoginSession).where(LoginSession.id == log_in_id, _is_open(caller.id, now))
    login = await session.scalar(query.with_for_update())
    if login is None:
        raise LogInNotFound()
    login.ended_at, login.end_reason = now, "ended by its owner"
    await record(session, caller, "log_in.end", login, now)


async def end_others(session: AsyncSession, caller: Principal, now: datetime) -> None:
    """End every log-in of the caller but this one."""
    user = await session.get_one(User, caller.id)
    ended = await end_log_ins(session, user.id, now, "ended by its owner", keep=caller.session_id)
    await record(session, caller, "user.end_log_ins", user, now, after={"ended": ended})


async def end_all_of(session: AsyncSession, user: User, reason: str, *, by: Actor, now: datetime) -> None:
    """End every log-in of somebody, for an administrator."""
    ended = await end_log_ins(session, user.id, now, "ended by an administrator")
    await record(session, by, "user.end_log_ins", user, now, after={"ended": ended}, reason=reason)


async def end_log_ins(
    session: AsyncSession, user_id: UUID, now: datetime, why: str, keep: UUID | None = None
) -> int:
    """End a person's log-ins, all but the one to keep, and return how many were open."""
    # What changes of his account comes first: whoever is logging in just now has his row, and is waited for.
    await session.flush()
    query = update(LoginSession).where(_is_open(user_id, now))
    if keep is not None:
        query = query.where(LoginSession.id != keep)
    done: Any = await session.execute(query.values(ended_at=now, end_reason=why))
    return int(done.rowcount)
