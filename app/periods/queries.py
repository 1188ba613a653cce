"""Reading periods and the calendar."""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Permission, Principal
from app.catalogue import queries as catalogue
from app.catalogue.models import IndexSetRow
from app.core.http import AllowedAction
from app.core.problems import Lang, NotFound, Problem, title_of
from app.periods.models import CalendarDay, Period, PeriodSet, PeriodState
from app.periods.rules import Calendar
from app.periods.schemas import PeriodOut, PeriodSetOut


class PeriodNotFound(NotFound):
    code = "period_not_found"
    title_vi, title_en = "Không tìm thấy kỳ đánh giá", "Period not found"


class PeriodNotOpen(Problem):
    status, code = 409, "period_not_open"
    title_vi, title_en = "Kỳ đánh giá chưa mở", "The period is not open"


class PeriodAlreadyOpen(Problem):
    status, code = 409, "period_already_open"
    title_vi, title_en = "Kỳ đánh giá đã mở", "The period is already open"


def require_open(period: Period) -> None:
    """Refuse work in a period that is not open.

    Raises: PeriodNotOpen (409).
    """
    if period.state is not PeriodState.OPEN:
        raise PeriodNotOpen()


async def period_by_id(session: AsyncSession, period_id: UUID, *, lock: bool = False) -> Period:
    """Return a period; locked against other writers if asked.

    Raises: PeriodNotFound.
    """
    query = select(Period).where(Period.id == period_id)
    period = await session.scalar(query.with_for_update() if lock else query)
    if period is None:
        raise PeriodNotFound()
    return period


async def sets_of(session: AsyncSession, period_id: UUID) -> list[tuple[PeriodSet, IndexSetRow]]:
    """Return the index sets of a period with the rows that hold them, by kind of unit."""
    query = (
        select(PeriodSet, IndexSetRow)
        .join(IndexSetRow, IndexSetRow.id == PeriodSet.index_set_id)
        .where(PeriodSet.period_id == period_id)
        .order_by(PeriodSet.unit_kind)
    )
    return [(used, held) for used, held in (await session.execute(query)).all()]


async def period_out(session: AsyncSession, period: Period, caller: Principal, lang: Lang) -> PeriodOut:
    """Return the period as the API shows it."""
    policy = await catalogue.policy_by_id(session, period.policy_id)
    sets = [
        PeriodSetOut(
            unit_kind=used.unit_kind,
            index_set=held.key,
            index_set_version=held.set_version,
            index_set_sha256=held.sha256,
            review_due_at=used.review_due_at,
        )
        for used, held in await sets_of(session, period.id)
    ]
    made = {"sets", "policy", "allowed_actions"}
    shown = {name: getattr(period, name) for name in PeriodOut.model_fields if name not in made}
    may = _allowed_actions(period, caller, lang)
    return PeriodOut(**shown, policy=policy.key, sets=sets, allowed_actions=may)


def _allowed_actions(period: Period, caller: Principal, lang: Lang) -> list[AllowedAction]:
    """Return what the caller may do with a period: it is changed and opened while it is prepared."""
    why, words = None, ("", "")
    if Permission.PERIOD_MANAGE not in caller.permissions:
        why, words = (
            "not_your_role",
            ("Vai trò của bạn không quản lý kỳ đánh giá", "Your role manages no periods"),
        )
    elif period.state is not PeriodState.DRAFT:
        why, words = PeriodAlreadyOpen.code, title_of(PeriodAlreadyOpen)
    return [AllowedAction.of(action, why, words, lang) for action in ("change", "open")]


async def periods(session: AsyncSession, caller: Principal, lang: Lang) -> list[PeriodOut]:
    """Return every period, the latest year first."""
    rows = (await session.scalars(select(Period).order_by(Period.year.desc()))).all()
    return [await period_out(session, row, caller, lang) for row in rows]


async def calendar(session: AsyncSession) -> Calendar:
    """Return the official calendar: public holidays with the administrator's corrections."""
    rows = await session.scalars(select(CalendarDay))
    return Calendar({row.day: row.is_working for row in rows})


async def calendar_day(session: AsyncSession, day: date) -> CalendarDay | None:
    """Return the administrator's correction of a day, if there is one."""
    return await session.scalar(select(CalendarDay).where(CalendarDay.day == day))
