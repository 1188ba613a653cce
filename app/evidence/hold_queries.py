"""Reading holds on evidence: those on units below one's own, and those that are on every unit."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.http import AllowedAction
from app.core.paging import Paging
from app.core.problems import Lang, NotFound
from app.core.vietnamese import VIETNAM
from app.evidence.hold_rules import DENIAL_TEXT, Action, denial
from app.evidence.hold_schemas import HoldOut
from app.evidence.models import Hold
from app.units.queries import within

_KEEPING = 5170  # the name of a lock of this database


class HoldNotFound(NotFound):
    """No such hold, or one on a unit that is none of the caller's."""

    code = "hold_not_found"
    title_vi, title_en = "Không tìm thấy lệnh giữ tài liệu", "Hold not found"


async def keep_still(session: AsyncSession) -> None:
    """Let nobody take bytes out or set a hold until this transaction ends, beside the caller.

    So once a hold is set, nothing it covers goes any more.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_KEEPING)))


async def _units_of(session: AsyncSession, caller: Principal, now: datetime) -> frozenset[UUID]:
    return await within(session, caller.units_with(Permission.HOLD_READ), now.astimezone(VIETNAM).date())


async def _visible_to(session: AsyncSession, caller: Principal, now: datetime) -> ColumnElement[bool]:
    return or_(Hold.unit_id.is_(None), Hold.unit_id.in_(await _units_of(session, caller, now)))


async def oversees(session: AsyncSession, caller: Principal, unit_id: UUID, now: datetime) -> bool:
    """Answer whether a unit is one of those whose holds the caller reads."""
    return unit_id in await _units_of(session, caller, now)


async def hold_for(
    session: AsyncSession, caller: Principal, hold_id: UUID, now: datetime, *, lock: bool = False
) -> Hold:
    """Return a hold the caller may see, locked against other writers if asked.

    Raises: HoldNotFound.
    """
    query = select(Hold).where(Hold.id == hold_id, await _visible_to(session, caller, now))
    hold = await session.scalar(query.with_for_update() if lock else query)
    if hold is None:
        raise HoldNotFound()
    return hold


async def holds_page(
    session: AsyncSession, caller: Principal, paging: Paging, now: datetime, *, period_id: UUID | None
) -> tuple[list[Hold], int]:
    """Return one page of the holds the caller may see (on a period), the latest first, and how many there are.

    Released ones too.
    """
    query = select(Hold).where(await _visible_to(session, caller, now))
    if period_id is not None:
        query = query.where(Hold.period_id == period_id)
    total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(Hold.id.desc()).offset(paging.offset).limit(paging.page_size)
    return list(await session.scalars(ordered)), total


def hold_out(hold: Hold, caller: Principal, lang: Lang) -> HoldOut:
    """Return a hold as the API shows it to a caller."""
    why = denial(Action.RELEASE, may_release(caller), is_released=hold.released_at is not None)
    release = AllowedAction.of(Action.RELEASE, why, DENIAL_TEXT[why] if why else ("", ""), lang)
    shown = {name: getattr(hold, name) for name in HoldOut.model_fields if name != "allowed_actions"}
    return HoldOut(**shown, allowed_actions=[release])


def may_release(caller: Principal) -> bool:
    """Answer whether the caller's role releases holds."""
    return Permission.EVIDENCE_KEEP in caller.permissions
