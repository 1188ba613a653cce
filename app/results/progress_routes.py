"""How far a year is, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.periods.queries import PeriodNotFound
from app.results.progress import progress
from app.results.progress_schemas import YearProgressOut

CanRead = Annotated[Principal, Requires(Permission.SUBMISSION_READ)]

routes = router("/periods", "Kỳ đánh giá · Periods")


@routes.get("/{period_id}/progress", response_model=YearProgressOut, responses=problems(PeriodNotFound))
async def read_progress(
    period_id: UUID,
    caller: CanRead,
    session: DbSession,
    now: Now,
    names: Annotated[int, Query(ge=0, le=10_000, description="units in each list, at most")] = 200,
) -> YearProgressOut:
    """Show who has not begun, who is late and who waits for whom, by level and by reviewing unit, in one call."""
    return await progress(session, caller, period_id, names, now)
