"""Holds on evidence over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Response

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery
from app.evidence import hold_actions as actions
from app.evidence import hold_queries as queries
from app.evidence.hold_schemas import HoldIn, HoldOut, ReleaseIn
from app.periods.queries import PeriodNotFound
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.HOLD_READ)]
CanKeep = Annotated[Principal, Requires(Permission.EVIDENCE_KEEP)]

routes = router("/evidence-holds", "Lệnh giữ tài liệu · Evidence holds")


@routes.get("", response_model=Page[HoldOut])
async def list_holds(
    caller: CanRead,
    session: DbSession,
    now: Now,
    paging: PagingQuery,
    lang: Language,
    period_id: UUID | None = None,
) -> Page[HoldOut]:
    """List the holds on evidence, the latest first, released ones too."""
    rows, total = await queries.holds_page(session, caller, paging, now, period_id=period_id)
    return Page[HoldOut].of([queries.hold_out(row, caller, lang) for row in rows], total, paging)


@routes.post(
    "",
    response_model=HoldOut,
    status_code=201,
    responses=problems(PeriodNotFound, UnitNotFound),
    dependencies=[Repeatable(Permission.EVIDENCE_KEEP)],
)
async def set_hold(
    body: HoldIn, caller: CanKeep, session: DbSession, now: Now, lang: Language, response: Response
) -> HoldOut:
    """Keep the evidence of a period, of one unit or of all, until the hold is released: no file of it goes."""
    hold = await actions.set_hold(session, body, by=caller, now=now)
    set_etag(response, hold)
    return queries.hold_out(hold, caller, lang)


@routes.get("/{hold_id}", response_model=HoldOut, responses=problems(queries.HoldNotFound))
async def read_hold(
    hold_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language, response: Response
) -> HoldOut:
    """Show a hold."""
    hold = await queries.hold_for(session, caller, hold_id, now)
    set_etag(response, hold)
    return queries.hold_out(hold, caller, lang)


@routes.post(
    "/{hold_id}/release",
    response_model=HoldOut,
    responses=problems(queries.HoldNotFound, actions.HoldReleased),
    dependencies=[Repeatable(Permission.EVIDENCE_KEEP)],
)
async def release_hold(
    hold_id: UUID,
    body: ReleaseIn,
    if_match: IfMatch,
    caller: CanKeep,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> HoldOut:
    """Release a hold, with a reason; what it covered may go again if nothing else keeps it."""
    hold = await queries.hold_for(session, caller, hold_id, now, lock=True)
    require_version(hold, if_match)
    await actions.release(session, hold, body.reason, by=caller, now=now)
    set_etag(response, hold)
    return queries.hold_out(hold, caller, lang)
