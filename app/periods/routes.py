"""Periods and the calendar over HTTP. Opening a period creates dossiers: see app/submissions."""

from typing import Annotated
from uuid import UUID

from fastapi import Header, Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import (
    DbSession,
    IfMatch,
    Language,
    Now,
    problems,
    require_version,
    router,
    set_etag,
    version_in,
)
from app.core.problems import PreconditionMissing, StaleVersion
from app.periods import actions, queries
from app.periods.schemas import CalendarDayIn, CalendarDayOut, Day, PeriodIn, PeriodOut, PeriodPatch

CanRead = Annotated[Principal, Requires(Permission.PERIOD_READ)]
CanManage = Annotated[Principal, Requires(Permission.PERIOD_MANAGE)]

routes = router("/periods", "Kỳ đánh giá · Periods")
calendar_routes = router("/calendar", "Kỳ đánh giá · Periods")


@routes.get("", response_model=list[PeriodOut])
async def list_periods(caller: CanRead, session: DbSession, lang: Language) -> list[PeriodOut]:
    """List the assessment years, the latest first."""
    return await queries.periods(session, caller, lang)


@routes.post(
    "",
    response_model=PeriodOut,
    status_code=201,
    responses=problems(actions.PeriodExists),
    dependencies=[Repeatable(Permission.PERIOD_MANAGE)],
)
async def prepare_period(
    body: PeriodIn,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> PeriodOut:
    """Prepare an assessment year: its sets, its policy and its deadlines, all shown before it is opened."""
    period = await actions.prepare(session, body, by=caller, now=now)
    await session.flush()
    set_etag(response, period)
    return await queries.period_out(session, period, caller, lang)


@routes.get("/{period_id}", response_model=PeriodOut, responses=problems(queries.PeriodNotFound))
async def read_period(
    period_id: UUID, caller: CanRead, session: DbSession, lang: Language, response: Response
) -> PeriodOut:
    """Show an assessment year."""
    period = await queries.period_by_id(session, period_id)
    set_etag(response, period)
    return await queries.period_out(session, period, caller, lang)


@routes.patch(
    "/{period_id}",
    response_model=PeriodOut,
    responses=problems(queries.PeriodNotFound, queries.PeriodAlreadyOpen),
)
async def change_period(
    period_id: UUID,
    body: PeriodPatch,
    if_match: IfMatch,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> PeriodOut:
    """Move the guidance date of a year that is not open yet; the deadlines follow."""
    period = await queries.period_by_id(session, period_id, lock=True)
    require_version(period, if_match)
    await actions.change(session, period, body, by=caller, now=now)
    await session.flush()
    set_etag(response, period)
    return await queries.period_out(session, period, caller, lang)


@calendar_routes.get("/{day}", response_model=CalendarDayOut)
async def read_day(day: Day, _: CanRead, session: DbSession, response: Response) -> CalendarDayOut:
    """Show whether a day is worked, and who says so."""
    row = await queries.calendar_day(session, day)
    if row is None:
        worked = (await queries.calendar(session)).is_working(day)
        return CalendarDayOut(day=day, is_working=worked, reason=None, source=None)
    set_etag(response, row)
    return CalendarDayOut.model_validate(row)


@calendar_routes.put(
    "/{day}", response_model=CalendarDayOut, responses=problems(PreconditionMissing, StaleVersion)
)
async def correct_day(
    day: Day,
    body: CalendarDayIn,
    caller: CanManage,
    session: DbSession,
    now: Now,
    response: Response,
    if_match: Annotated[str | None, Header(description="needed when the day was corrected before")] = None,
) -> CalendarDayOut:
    """Correct the calendar: an official swap of working days, or a holiday that is missing."""
    row = await queries.calendar_day(session, day)
    if row is not None:
        require_version(row, version_in(if_match))
    elif if_match is not None:
        raise StaleVersion("Ngày này chưa từng được sửa.", "This day was never corrected.")
    row = await actions.correct_day(session, row, day, body, by=caller, now=now)
    set_etag(response, row)
    return CalendarDayOut.model_validate(row)
