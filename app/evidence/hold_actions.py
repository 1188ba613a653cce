"""Setting and releasing holds: nothing they cover is taken out of the store."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import record
from app.core.problems import Problem
from app.evidence.hold_queries import keep_still, may_release, oversees
from app.evidence.hold_rules import DENIAL_TEXT, Action, denial
from app.evidence.hold_schemas import HoldIn
from app.evidence.models import Hold
from app.periods.queries import period_by_id
from app.units.queries import UnitNotFound


class HoldReleased(Problem):
    """`reason_code` says why it cannot be released."""

    status, code = 409, "hold_released"
    title_vi, title_en = "Không gỡ được lệnh giữ này", "This hold cannot be released"


async def set_hold(session: AsyncSession, new: HoldIn, *, by: Principal, now: datetime) -> Hold:
    """Keep the evidence of a period, of one unit or of all; once this is committed, nothing of it goes.

    Raises: PeriodNotFound, UnitNotFound where there is none or it is not below the caller's.
    """
    await period_by_id(session, new.period_id)
    if new.unit_id is not None and not await oversees(session, by, new.unit_id, now):
        raise UnitNotFound()
    await keep_still(session)
    unreleased = dict.fromkeys(("released_by", "released_at", "release_reason"))
    hold = Hold(**new.model_dump(), set_by=by.id, set_by_name=by.name, set_at=now, **unreleased)
    session.add(hold)
    known = new.model_dump(mode="json", exclude={"reason"})
    await record(session, by, "evidence.hold", hold, now, after=known, reason=new.reason)
    return hold


async def release(session: AsyncSession, hold: Hold, reason: str, *, by: Principal, now: datetime) -> None:
    """End a hold: what it covered may go again, if nothing else keeps it.

    Raises: HoldReleased (409).
    """
    why = denial(Action.RELEASE, may_release(by), is_released=hold.released_at is not None)
    if why is not None:
        raise HoldReleased(*DENIAL_TEXT[why], reason_code=why.value)
    hold.released_by, hold.released_at, hold.release_reason = by.id, now, reason
    hold.touch()
    known = {"released_at": now.isoformat()}
    before = dict.fromkeys(known)
    await record(session, by, "evidence.release", hold, now, before=before, after=known, reason=reason)
