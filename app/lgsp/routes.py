"""Feeds over HTTP: counts and published results of the caller's unit and all below it, never a dossier's content."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from app.accounts.auth import Requires
from app.accounts.permissions import Permission, Principal
from app.core.http import DbSession, Now, problems, router
from app.core.sheets import csv_stream
from app.lgsp import queries
from app.lgsp.schemas import Format, ProgressOut, ResultRow
from app.periods.queries import PeriodNotFound

CanFeed = Annotated[Principal, Requires(Permission.FEED_READ)]

routes = router("/feeds", "Chia sẻ dữ liệu · Feeds")


@routes.get("/progress", response_model=ProgressOut, responses=problems(PeriodNotFound))
async def read_progress(period_id: UUID, caller: CanFeed, session: DbSession, now: Now) -> ProgressOut:
    """Show how far a year is for your unit and all below it: per kind of unit and per reviewing unit, in one call."""
    return await queries.progress(session, caller, period_id, now)


@routes.get(
    "/results",
    response_model=list[ResultRow],
    responses=problems(PeriodNotFound) | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def read_results(
    period_id: UUID,
    caller: CanFeed,
    session: DbSession,
    shape: Annotated[Format, Query(alias="format", description="csv opens in a spreadsheet")] = Format.JSON,
) -> list[ResultRow] | Response:
    """List the published results of a year, one flat row for your unit and each below it."""
    rows = await queries.published_rows(session, caller, period_id)
    if shape is Format.JSON:
        return rows
    # The rows are all read by now: a slow client holds no connection to the database.
    columns = list(ResultRow.model_fields)
    cells = ([getattr(row, name) for name in columns] for row in rows)
    named = {"Content-Disposition": 'attachment; filename="dti-results.csv"'}
    return StreamingResponse(csv_stream(columns, cells), headers=named, media_type="text/csv; charset=utf-8")
