"""Reading holds on evidence."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.core.http import AllowedAction
from app.core.paging import Paging
from app.core.problems import Lang, NotFound
from app.evidence.hold_rules import DENIAL_TEXT, Action, denial
from app.evidence.hold_schemas import HoldOut
from app.evidence.models import Hold

_KEEPING = 5170  # the name of a lock of this database


class HoldNotFound(NotFound):
    """No such hold."""

    code = "hold_not_found"
    title_vi, title_en = "Không tìm thấy lệnh giữ tài liệu", "Hold not found"


async def keep_still(session: AsyncSession) -> None:
    """Let nobody take bytes out or set a hold until this transaction ends, beside the caller.

    So once a hold is set, nothing it covers goes any more.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_KEEPING)))


async def hold_by_id(session: AsyncSession, hold_id: UUID, *, lock: bool = False) -> Hold:
    """Return a hold, locked against other writers if asked.

    Raises: HoldNotFound.
    """
    query = select(Hold).where(Hold.id == hold_id)
    hold = await session.scalar(query.with_for_update() if lock else query)
    if hold is None:
        raise HoldNotFound()
    return hold


async def holds_page(
    session: AsyncSession, paging: Paging, *, period_id: UUID | None
) -> tuple[list[Hold], int]:
    """Return one page of the holds (on a period), released ones too, the latest first, and how many there are."""
    query = select(Hold) if period_id is None else select(Hold).where(Hold.period_id == period_id)
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
