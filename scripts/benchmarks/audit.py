"""Bench (g): what the chain of the audit trail costs a save, with and without it side by side in one run.

The same durable database; the trigger that links is switched off and on again between halves of a round. One client
saves 50 answers per request through the action; then eight at once, because the chain lets one commit at a time. At
last: a transaction of 1000 events alone.
"""

import asyncio
import json
import statistics
import time
from typing import Any

import uvloop
from sqlalchemy import select, text

from app.accounts.models import LoginSession, User
from app.accounts.queries import principal_for
from app.accounts.tokens import Claims
from app.catalogue.models import IndexSetRow
from app.catalogue.queries import scoring_set
from app.core.audit import SYSTEM, record_about
from app.core.db import Database, new_id
from app.core.embedded import owner_of
from app.main import utc_now
from app.submissions.actions import save
from app.submissions.models import Submission
from app.submissions.queries import dossier_for
from app.submissions.schemas import SubmissionPatch
from scripts.benchmarks.place import filled_database
from scripts.benchmarks.saving import MAX_INDICATOR_BYTES, answers

ROUNDS, SAVES, CLIENTS, EVENTS = 7, 160, 8, 1000


class Saver:
    """One unit's reporter, who saves another content each time."""

    def __init__(self, database: Database, submission: Submission, index_set: Any) -> None:
        self.database, self.id, self.index_set, self.number = database, submission.id, index_set, 0
        self.unit_id = submission.unit_id
        self.caller: Any = None

    async def log_in(self) -> None:
        """Take the role of a reporter of the unit."""
        async with self.database.session() as session, session.begin():
            query = select(User).where(User.unit_id == self.unit_id, User.username.endswith(".reporter"))
            user = (await session.scalars(query)).one()
            login = LoginSession(
                user_id=user.id, created_at=utc_now(), expires_at=utc_now().replace(year=2099)
            )
            session.add(login)
        async with self.database.session() as session:
            claims = Claims(user.id, login.id, is_service=False)
            self.caller = await principal_for(session, claims, utc_now(), "bench")

    async def save(self, times: int) -> None:
        """Save as often."""
        for _ in range(times):
            self.number += 1
            patch = SubmissionPatch.model_validate({"answers": answers(self.index_set, self.number)})
            async with self.database.session() as session, session.begin():
                found = await dossier_for(session, self.caller, self.id, lock=True)
                await save(
                    session,
                    *found,
                    patch,
                    by=self.caller,
                    now=utc_now(),
                    max_bytes=MAX_INDICATOR_BYTES,
                )


async def _seconds(savers: list[Saver]) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(saver.save(SAVES // len(savers)) for saver in savers))
    return time.perf_counter() - started


async def _events(database: Database) -> float:
    """Return how long the commit of many events takes: it is the commit that links them."""
    async with database.session() as session:
        for _ in range(EVENTS):
            await record_about(session, SYSTEM, "bench.make", ("bench", new_id()), utc_now())
        started = time.perf_counter()
        await session.commit()
        return time.perf_counter() - started


async def measure() -> dict[str, Any]:
    """Return how much of the rate without the chain is left with it: medians of the rounds' ratios."""
    async with filled_database() as (database, server):
        owner = Database(owner_of(server.url), is_local=True)
        async with database.session() as session:
            found = list(await session.scalars(select(Submission).order_by(Submission.id)))
            sets = {row.id: scoring_set(row) for row in await session.scalars(select(IndexSetRow))}
        communes = [one for one in found if one.index_set_id == found[-1].index_set_id][:CLIENTS]
        savers = [Saver(database, one, sets[one.index_set_id]) for one in communes]
        for saver in savers:
            await saver.log_in()
        rounds: list[dict[str, tuple[float, float]]] = []
        for turn in range(ROUNDS + 1):
            took: dict[str, list[float]] = {"one": [], "eight": [], "events": []}
            for switch in ("DISABLE", "ENABLE") if turn % 2 else ("ENABLE", "DISABLE"):
                async with owner.engine.begin() as connection:
                    await connection.execute(
                        text(f"ALTER TABLE audit_event {switch} TRIGGER audit_event_linked")
                    )
                took["one"].append(await _seconds(savers[:1]))
                took["eight"].append(await _seconds(savers))
                took["events"].append(await _events(database))
            if turn:  # the first round warms up
                rounds.append({k: (v[0], v[1]) if turn % 2 else (v[1], v[0]) for k, v in took.items()})
        await owner.close()

    def left(name: str) -> float:
        return round(statistics.median(r[name][0] / r[name][1] for r in rounds), 3)

    linking = statistics.median(r["events"][1] - r["events"][0] for r in rounds) / EVENTS
    return {
        "bench": "g audit chain",
        "saves_per_second": round(SAVES / statistics.median(r["one"][1] for r in rounds), 1),
        "save_of_unchained": left("one"),
        "eight_clients_of_unchained": left("eight"),
        "aim": 0.9,
        "microseconds_per_link": round(linking * 1e6, 1),
    }


def run() -> dict[str, Any]:
    """Measure in an event loop of the kind the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop of the service
        return runner.run(measure())


if __name__ == "__main__":
    print(json.dumps(run()))
