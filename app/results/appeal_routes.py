"""Appeals over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from app.accounts.auth import Caller, Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, IfMatch, Language, Now, problems, require_version, router, set_etag
from app.core.paging import Page, PagingQuery
from app.evidence.limits import MaxIndicatorBytes
from app.results import appealing, appeals, queries
from app.results.appeal_schemas import AppealIn, AppealOut, DecisionIn
from app.results.models import Appeal, AppealState
from app.submissions.actions import ActionNotAllowed
from app.submissions.models import RankingScope

CanRead = Annotated[Principal, Requires(Permission.RESULT_READ)]
CanAppeal = Annotated[Principal, Requires(Permission.APPEAL_LODGE)]
CanDecide = Annotated[Principal, Requires(Permission.RESULT_FINALIZE)]

_TAG = "Phúc tra · Appeals"
result_routes = router("/results", _TAG)
routes = router("/appeals", _TAG)
_FOUND = problems(appeals.AppealNotFound)
_MOVES = problems(appeals.AppealNotFound, ActionNotAllowed)


@result_routes.get(
    "/{result_id}/appeals", response_model=list[AppealOut], responses=problems(queries.ResultNotFound)
)
async def list_appeals_of_result(
    result_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language
) -> list[AppealOut]:
    """List the appeals against a result: your unit's own, or all of them if you stand above the units."""
    result = await queries.result_for(session, caller, result_id)
    return await appeals.appeals_of(session, caller, result, now, lang)


@result_routes.post(
    "/{result_id}/appeals",
    response_model=AppealOut,
    status_code=201,
    responses=problems(queries.ResultNotFound, ActionNotAllowed),
    dependencies=[Repeatable(Permission.APPEAL_LODGE)],
)
async def lodge_appeal(
    result_id: UUID,
    body: AppealIn,
    caller: CanAppeal,
    session: DbSession,
    max_bytes: MaxIndicatorBytes,
    now: Now,
    lang: Language,
    response: Response,
) -> AppealOut:
    """Contest the points of your unit in one indicator of a result."""
    result = await appeals.result_to_appeal(session, caller, result_id)
    appeal = await appealing.lodge(session, result, body, max_bytes=max_bytes, by=caller, now=now)
    set_etag(response, appeal)
    return await appeals.appeal_out(session, caller, appeal, now, lang)


@routes.get("", response_model=Page[AppealOut])
async def list_appeals(
    caller: CanRead,
    session: DbSession,
    paging: PagingQuery,
    now: Now,
    lang: Language,
    state: AppealState | None = None,
    period_id: UUID | None = None,
) -> Page[AppealOut]:
    """List the appeals that you decide, and those of your unit, the oldest first."""
    items, total = await appeals.appeals_page(session, caller, paging, state, period_id, now, lang)
    return Page[AppealOut].of(items, total, paging)


@routes.get("/{appeal_id}", response_model=AppealOut, responses=_FOUND)
async def read_appeal(
    appeal_id: UUID, caller: CanRead, session: DbSession, now: Now, lang: Language, response: Response
) -> AppealOut:
    """Show an appeal and what you may do with it now."""
    appeal = await appeals.appeal_for(session, caller, appeal_id)
    set_etag(response, appeal)
    return await appeals.appeal_out(session, caller, appeal, now, lang)


# --- turns --------------------------------------------------------------------------------------------------


async def _locked(
    appeal_id: UUID, if_match: IfMatch, caller: Caller, session: DbSession
) -> tuple[Appeal, RankingScope]:
    """Return the appeal as the caller saw it, locked for this turn, with its scope."""
    appeal = await appeals.appeal_for(session, caller, appeal_id, lock=True)
    require_version(appeal, if_match)
    return appeal, await session.get_one(RankingScope, appeal.scope_id)


# The permission is that of the route; this only needs to know who calls.
Turn = Annotated[tuple[Appeal, RankingScope], Depends(_locked, scope="function")]


@routes.post(
    "/{appeal_id}/decide",
    response_model=AppealOut,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.RESULT_FINALIZE)],
)
async def decide_appeal(
    body: DecisionIn,
    turn: Turn,
    caller: CanDecide,
    session: DbSession,
    now: Now,
    lang: Language,
    response: Response,
) -> AppealOut:
    """Accept an appeal with a decision on the indicator, or refuse it; it takes effect in the next version."""
    appeal, scope = turn
    await appealing.decide(session, appeal, scope, body, by=caller, now=now)
    set_etag(response, appeal)
    return await appeals.appeal_out(session, caller, appeal, now, lang)


@routes.post(
    "/{appeal_id}/withdraw",
    response_model=AppealOut,
    responses=_MOVES,
    dependencies=[Repeatable(Permission.APPEAL_LODGE)],
)
async def withdraw_appeal(
    turn: Turn, caller: CanAppeal, session: DbSession, now: Now, lang: Language, response: Response
) -> AppealOut:
    """Take your unit's appeal back."""
    appeal, scope = turn
    await appealing.withdraw(session, appeal, scope, by=caller, now=now)
    set_etag(response, appeal)
    return await appeals.appeal_out(session, caller, appeal, now, lang)
