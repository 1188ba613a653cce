"""Councils over HTTP: their seats, and the minutes of their meetings."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from fastapi.responses import HTMLResponse

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import (
    PAGE_POLICY,
    DbSession,
    IfMatch,
    Language,
    Now,
    problems,
    require_version,
    router,
    set_etag,
)
from app.councils import actions, queries
from app.councils.schemas import CouncilIn, CouncilOut, MinutesIn, MinutesOut, SeatsIn
from app.periods.queries import PeriodNotFound
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanManage = Annotated[Principal, Requires(Permission.COUNCIL_MANAGE)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]

routes = router("/councils", "Hội đồng · Councils")
_FOUND = problems(queries.CouncilNotFound)
_MINUTES = problems(queries.CouncilNotFound, queries.MinutesNotFound)
_NUMBERED = "/{council_id}/minutes/{number}"


@routes.get("", response_model=list[CouncilOut])
async def list_councils(
    caller: CanRead, session: DbSession, lang: Language, period_id: UUID | None = None
) -> list[CouncilOut]:
    """List the councils you sit in, and those of the units you oversee."""
    return await queries.councils_for(session, caller, period_id, lang)


@routes.post(
    "",
    response_model=CouncilOut,
    status_code=201,
    responses=problems(PeriodNotFound, UnitNotFound, actions.CouncilExists),
    dependencies=[Repeatable(Permission.COUNCIL_MANAGE)],
)
async def set_up_council(
    body: CouncilIn, caller: CanManage, session: DbSession, now: Now, lang: Language, response: Response
) -> CouncilOut:
    """Set up the council in which your unit reviews one kind of unit; every group of the set needs a member."""
    council = await actions.set_up(session, body, by=caller, now=now)
    set_etag(response, council)
    return await queries.whole_council(session, caller, council, lang)


@routes.get("/{council_id}", response_model=CouncilOut, responses=_FOUND)
async def read_council(
    council_id: UUID, caller: CanRead, session: DbSession, lang: Language, response: Response
) -> CouncilOut:
    """Show a council with its members and the groups each of them checks."""
    council = await queries.council_for(session, caller, council_id)
    set_etag(response, council)
    return await queries.whole_council(session, caller, council, lang)


@routes.put("/{council_id}/seats", response_model=CouncilOut, responses=_FOUND)
async def change_seats(
    council_id: UUID,
    body: SeatsIn,
    if_match: IfMatch,
    caller: CanManage,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> CouncilOut:
    """Give a council other seats, with a reason; also while dossiers are under review."""
    council = await queries.council_to_manage(session, caller, council_id)
    require_version(council, if_match)
    await actions.change_seats(session, council, body, by=caller, now=now)
    set_etag(response, council)
    return await queries.whole_council(session, caller, council, lang)


@routes.get("/{council_id}/minutes", response_model=list[MinutesOut], responses=_FOUND)
async def list_minutes(council_id: UUID, caller: CanRead, session: DbSession) -> list[MinutesOut]:
    """List the minutes of a council in the order they were recorded."""
    return await queries.minutes_of(session, await queries.council_for(session, caller, council_id))


@routes.post(
    "/{council_id}/minutes",
    response_model=MinutesOut,
    status_code=201,
    responses=problems(queries.CouncilNotFound, actions.NotPresiding),
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def record_minutes(
    council_id: UUID, body: MinutesIn, caller: CanReview, session: DbSession, now: Now
) -> MinutesOut:
    """Record the minutes of a meeting as its chair or secretary; they never change, new ones may correct them."""
    council = await queries.council_for(session, caller, council_id, lock=True)
    return await actions.record_minutes(session, council, body, by=caller, now=now)


@routes.get(_NUMBERED, response_model=MinutesOut, responses=_MINUTES)
async def read_minutes(council_id: UUID, number: int, caller: CanRead, session: DbSession) -> MinutesOut:
    """Show the minutes of a meeting."""
    council = await queries.council_for(session, caller, council_id)
    return await queries.minutes_number(session, council, number)


@routes.get(f"{_NUMBERED}/page", response_class=HTMLResponse, responses=_MINUTES)
async def print_minutes(council_id: UUID, number: int, caller: CanRead, session: DbSession) -> HTMLResponse:
    """Show the minutes as a page to print and sign."""
    council = await queries.council_for(session, caller, council_id)
    page = await queries.page_of(session, council, number)
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})
