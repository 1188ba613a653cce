"""How far a year is: the whole call over HTTP, against reading the same narrow rows through the driver."""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvloop
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actions import create_user
from app.accounts.permissions import Role
from app.accounts.schemas import GrantIn, UserIn
from app.core import log
from app.core.audit import SYSTEM
from app.core.config import Settings
from app.core.db import Database, driver_of
from app.core.embedded import EmbeddedPostgres
from app.core.migrate import upgrade_async
from app.main import create_app
from app.periods.models import Period
from app.submissions.models import RankingScope
from scripts.benchmarks.finalize import NOW, fill

UNITS, RUNS = 10_600, 9
PASSWORD = "a password of measuring"
_FLOOR = (
    "SELECT unit_id, unit_name, unit_kind, reviewer_unit_id, scope_id, state, revision_number, entry_due_at,"
    " submitted_at, claimed_by, claimed_at FROM submission"
)
# Everybody is somewhere else on the way.
_SPREAD = """
UPDATE submission SET state = CASE abs(hashtext(id::text)) % 6 WHEN 0 THEN 'draft' WHEN 1 THEN 'submitted'
    WHEN 2 THEN 'under_review' WHEN 3 THEN 'returned' WHEN 4 THEN 'resubmitted' ELSE 'passed' END,
    submitted_at = '2023-12-20', claimed_by = id, claimed_at = '2023-12-22',
    entry_due_at = entry_due_at - abs(hashtext(id::text)) % 60 * interval '1 day'
"""


async def measure() -> dict[str, Any]:
    """Measure the call with 200 names and with all of them; times are medians, ratios of one run."""
    log.configure("warning")
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        await upgrade_async(server.owner_url, server.url)
        database = Database(server.url, is_local=True)
        try:
            scope_id, caller = await fill(database, UNITS)
            async with database.session() as session, session.begin():
                await session.execute(text(_SPREAD))
                await _account(session, caller.unit_id)
                scope = await session.get_one(RankingScope, scope_id)
                period = await session.get_one(Period, scope.period_id)
            return await _times(database, server.url, period.id)
        finally:
            await database.close()


async def _account(session: AsyncSession, unit_id: UUID) -> None:
    grant = GrantIn(role=Role.PROVINCE_REVIEWER, unit_id=unit_id)
    given = UserIn(username="bench", full_name="bench", unit_id=unit_id, password=PASSWORD, grants=[grant])
    await create_user(session, given, by=SYSTEM, now=NOW, initial=False)


async def _times(database: Database, url: str, period_id: UUID) -> dict[str, Any]:
    app = create_app(Settings(database_url=None, worker_seconds=0).on_embedded(url), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as http:
        form = {"grant_type": "password", "username": "bench", "password": PASSWORD}
        token = (await http.post("/api/v1/auth/token", data=form)).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        floors: list[float] = []
        calls: dict[int, list[float]] = {200: [], 10_000: []}
        for _ in range(RUNS):
            floors.append(await _floor(database))
            for names, times in calls.items():
                times.append(await _call(http, period_id, names))
    floor = statistics.median(floors)
    return {
        "units": UNITS,
        "floor_ms": round(1000 * floor, 1),
        **{f"call_ms_{names}": round(1000 * statistics.median(times), 1) for names, times in calls.items()},
        **{
            f"over_floor_{names}": round(statistics.median(times) / floor, 1)
            for names, times in calls.items()
        },
    }


async def _floor(database: Database) -> float:
    started = time.perf_counter()
    async with database.session() as session:
        await session.scalar(select(1))
        await (await driver_of(session)).fetch(_FLOOR)
    return time.perf_counter() - started


async def _call(http: httpx.AsyncClient, period_id: UUID, names: int) -> float:
    started = time.perf_counter()
    answer = await http.get(f"/api/v1/periods/{period_id}/progress", params={"names": names})
    taken = time.perf_counter() - started
    assert answer.json()["whole"]["total"] == UNITS, answer.text
    return taken


if __name__ == "__main__":
    print(json.dumps({"bench": "e progress of a year", **uvloop.run(measure())}))
