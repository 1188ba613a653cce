"""Bench (c): saving 50 answers with their audit row, the action alone and over HTTP, against one INSERT + COMMIT.

All three run one after the other for each of `ROUNDS` rounds on the same durable database, one client; the figure is
the median of the rounds' ratios.
"""

import asyncio
import json
import statistics
import time
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from sqlalchemy import select

from app.accounts.models import LoginSession, User
from app.accounts.queries import principal_for
from app.accounts.tokens import Claims, Tokens
from app.catalogue.models import IndexSetRow
from app.catalogue.queries import scoring_set
from app.core.db import Database
from app.core.embedded import owner_of
from app.main import utc_now
from app.scoring.model import IndexSet, Options
from app.submissions.actions import save
from app.submissions.models import Submission
from app.submissions.queries import dossier_for
from app.submissions.schemas import SubmissionPatch
from scripts.benchmarks.place import SECRET, Wire, filled_database, service

ROUNDS, SAVES = 5, 200
MAX_INDICATOR_BYTES = 500 * 1024**2
REPORTER = "xa-31999.reporter"


def answers(index_set: IndexSet, number: int) -> dict[str, Any]:
    """Return an answer to every indicator the unit declares; another one for each number."""
    given: dict[str, Any] = {}
    for indicator in index_set.indicators:
        if indicator.declared_by != "unit":
            continue
        if isinstance(indicator.rule, Options):
            given[indicator.code] = {
                "choice": indicator.rule.options[number % len(indicator.rule.options)].key
            }
        else:
            given[indicator.code] = {
                "figures": {v.key: number + i for i, v in enumerate(indicator.rule.variables, 1)}
            }
    return given


async def _floor(connection: Any, count: int) -> float:
    started = time.perf_counter()
    for number in range(count):
        await connection.execute("INSERT INTO bench_floor VALUES ($1, 'x')", number)
    return count / (time.perf_counter() - started)


async def _action(database: Database, claims: Claims, submission_id: UUID, bodies: list[Any]) -> float:
    async with database.session() as session:
        principal = await principal_for(session, claims, utc_now(), "bench")
    assert principal is not None
    started = time.perf_counter()
    for body in bodies:
        async with database.session() as session, session.begin():
            submission, content = await dossier_for(session, principal, submission_id, lock=True)
            await save(
                session, submission, content, body, by=principal, now=utc_now(), max_bytes=MAX_INDICATOR_BYTES
            )
    return len(bodies) / (time.perf_counter() - started)


async def _http(wire: Wire, token: str, submission_id: UUID, bodies: list[bytes], version: int) -> float:
    path = f"/api/v1/submissions/{submission_id}"
    started = time.perf_counter()
    for body in bodies:
        headers = (
            f'Authorization: Bearer {token}\r\nContent-Type: application/json\r\nIf-Match: "{version}"\r\n'
        )
        status, _, content = await wire.send("PATCH", path, headers, body)
        assert status == 200, content
        version += 1
    return len(bodies) / (time.perf_counter() - started)


async def measure() -> dict[str, Any]:
    """Return rates per second and their ratios to the floor."""
    async with filled_database() as (database, server):
        async with database.session() as session, session.begin():
            user = (await session.scalars(select(User).where(User.username == REPORTER))).one()
            submission = (
                await session.scalars(select(Submission).where(Submission.unit_id == user.unit_id))
            ).one()
            index_set = scoring_set(await session.get_one(IndexSetRow, submission.index_set_id))
            login = LoginSession(
                user_id=user.id, created_at=utc_now(), expires_at=utc_now().replace(year=2099)
            )
            session.add(login)
        claims = Claims(user.id, login.id, is_service=False)
        token = Tokens(SECRET, lifetime_seconds=86_400).issue(claims, utc_now())
        raw = await asyncpg.connect(owner_of(server.dsn))
        await raw.execute("CREATE TABLE bench_floor (id int, text text)")
        rounds: list[dict[str, float]] = []
        number = 0
        with service(server.url) as (port, _):
            for turn in range(ROUNDS + 1):
                floor = await _floor(raw, SAVES * 2)
                bodies = [{"answers": answers(index_set, number + i)} for i in range(2 * SAVES)]
                number += 2 * SAVES
                patches = [SubmissionPatch.model_validate(body) for body in bodies[:SAVES]]
                action = await _action(database, claims, submission.id, patches)
                texts = [json.dumps(body).encode() for body in bodies[SAVES:]]
                async with database.session() as session:
                    version = await session.scalar(
                        select(Submission.version).where(Submission.id == submission.id)
                    )
                wire = await Wire.connect(port)
                http = await _http(wire, token, submission.id, texts, version or 0)
                await wire.close()
                if turn:  # the first round warms up
                    rounds.append({"floor": floor, "action": action, "http": http})
        await raw.close()
    rates = {
        name: round(statistics.median(r[name] for r in rounds), 1) for name in ("floor", "action", "http")
    }
    return {
        "bench": "c saving 50 answers",
        "answers": len(answers(index_set, 0)),
        "rates_per_second": rates,
        "action_of_floor": round(statistics.median(r["action"] / r["floor"] for r in rounds), 3),
        "action_aim": 0.25,
        "http_of_floor": round(statistics.median(r["http"] / r["floor"] for r in rounds), 3),
        "http_aim": 0.1,
    }


def run() -> dict[str, Any]:
    """Measure in an event loop of the kind the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the loop of the service
        return runner.run(measure())


if __name__ == "__main__":
    print(json.dumps(run()))
