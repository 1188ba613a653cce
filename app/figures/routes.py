"""Official figures over HTTP: agencies and their services give them, everybody concerned reads them."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.core.paging import Page, PagingQuery
from app.figures import actions, queries
from app.figures.schemas import FiguresIn, GivenOut, OfficialFigureOut
from app.periods.queries import PeriodNotFound, PeriodNotOpen, period_by_id

CanGive = Annotated[Principal, Requires(Permission.FIGURE_GIVE)]
CanRead = Annotated[Principal, Requires(Permission.FIGURE_READ)]

routes = router("/official-figures", "Số liệu chính thức · Official figures")


@routes.post(
    "",
    response_model=GivenOut,
    responses=problems(PeriodNotOpen),
    dependencies=[Repeatable(Permission.FIGURE_GIVE)],
)
async def give_figures(
    body: FiguresIn, request: Request, caller: CanGive, session: DbSession, now: Now
) -> GivenOut:
    """Give figures for indicators that name your agency: all rows or none; the latest of a unit and indicator holds."""
    sha256 = hashlib.sha256(await request.body()).hexdigest()
    return await actions.give(session, body, by=caller, now=now, request_sha256=sha256)


@routes.get("", response_model=Page[OfficialFigureOut], responses=problems(PeriodNotFound))
async def list_figures(
    period_id: UUID,
    caller: CanRead,
    session: DbSession,
    paging: PagingQuery,
    unit_id: UUID | None = None,
    indicator: Annotated[str | None, Query(max_length=16)] = None,
) -> Page[OfficialFigureOut]:
    """List every figure given in a year that you may see, the latest first."""
    period = await period_by_id(session, period_id)
    items, total = await queries.figures_page(
        session, caller, paging, period, unit_id=unit_id, indicator=indicator
    )
    return Page[OfficialFigureOut].of(items, total, paging)
