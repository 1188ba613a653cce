"""Handing the list of reviewed units to the unit above, over HTTP (R-101)."""

from typing import Annotated
from uuid import UUID

from app.accounts.auth import Repeatable, Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, Page, PagingQuery, problems, router
from app.core.problems import NothingChanged
from app.periods.queries import PeriodNotFound
from app.reviews import handing_over
from app.reviews.hand_over_schemas import HandOverIn, HandOverOut, HandOverSummary
from app.units.queries import UnitNotFound

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]
CanReview = Annotated[Principal, Requires(Permission.REVIEW_ACT)]

routes = router("/periods/{period_id}/hand-overs", "Thẩm định · Reviews")


@routes.post(
    "",
    response_model=HandOverOut,
    status_code=201,
    responses=problems(
        PeriodNotFound,
        UnitNotFound,
        handing_over.NobodyAbove,
        handing_over.HandOverIncomplete,
        NothingChanged,
    ),
    dependencies=[Repeatable(Permission.REVIEW_ACT)],
)
async def hand_over(
    period_id: UUID, body: HandOverIn, caller: CanReview, session: DbSession, now: Now
) -> HandOverOut:
    """Hand the list of all units of a kind that yours reviews to the unit above it."""
    handed = await handing_over.hand_over(session, period_id, body, by=caller, now=now)
    return HandOverOut.whole(handed, is_current=True)


@routes.get("", response_model=Page[HandOverSummary], responses=problems(PeriodNotFound))
async def list_hand_overs(
    period_id: UUID, caller: CanRead, session: DbSession, paging: PagingQuery
) -> Page[HandOverSummary]:
    """List what the units you oversee have handed over, the latest first."""
    items, total = await handing_over.hand_overs_page(session, caller, paging, period_id)
    return Page[HandOverSummary].of(items, total, paging)


@routes.get("/{hand_over_id}", response_model=HandOverOut, responses=problems(handing_over.HandOverNotFound))
async def read_hand_over(
    period_id: UUID, hand_over_id: UUID, caller: CanRead, session: DbSession
) -> HandOverOut:
    """Show a list with its units, and whether it still says how things stand."""
    handed = await handing_over.hand_over_for(session, caller, period_id, hand_over_id)
    return await handing_over.hand_over_out(session, handed)
