"""Feeds over HTTP. They show counts and published results of the whole province, never a dossier's content."""

from typing import Annotated
from uuid import UUID

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.lgsp import queries
from app.lgsp.schemas import ProgressOut
from app.periods.queries import PeriodNotFound

CanFeed = Annotated[Principal, Requires(Permission.FEED_READ)]

routes = router("/feeds", "Chia sẻ dữ liệu · Feeds")


@routes.get("/progress", response_model=ProgressOut, responses=problems(PeriodNotFound))
async def read_progress(period_id: UUID, _: CanFeed, session: DbSession, now: Now) -> ProgressOut:
    """Show how far a year is: per kind of unit and per reviewing unit, in one call."""
    return await queries.progress(session, period_id, now)
