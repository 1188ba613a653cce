"""Bench (d): finalizing one scope of 111 and of 10,600 units × 50 indicators in one transaction.

What is timed is the action of the service from locking the scope to the commit: reading every dossier with its
evidence references, the agencies' figures and the reviewers' decisions, scoring, ranking, and storing the result
with a document and a fingerprint per unit, and the audit row. The floor copies as many narrow rows (int, int,
bigint) out of one table and into another with a primary key, and commits. Both alternate on the same durable
server. Every finalization is a new version with a reason, after one decision has changed. Peak memory is what the
process grew by; the longest block is the longest time a task that only sleeps was kept from running, in finalizations
of their own.

    python -m scripts.benchmarks.finalize
"""

import asyncio
import gc
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import uvloop
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.catalogue.actions import load_catalogue
from app.catalogue.files import catalogue
from app.core.audit import SYSTEM
from app.core.db import Database, new_id
from app.core.embedded import EmbeddedPostgres, owner_of
from app.core.migrate import upgrade_async
from app.core.vietnamese import searchable, sort_key
from app.periods.actions import prepare
from app.periods.schemas import PeriodIn
from app.results.actions import finalize
from app.reviews.adopted import adopted, dossiers_of
from app.reviews.models import Adjustment, AdjustmentKind
from app.reviews.settled import settle
from app.scoring.model import Indicator, Options, Ratio
from app.submissions.models import RankingScope, Submission
from app.submissions.opening import open_period
from app.units.models import Unit, UnitKind, UnitVersion

SET = "camau-2023-xa"
SIZES = {111: 7, 10_600: 3}  # units and how often each is measured
AGENCY = "so-tttt"  # gives the figures of 5.4
SEED = 2023
NOW = datetime(2023, 12, 16, tzinfo=UTC)


def run() -> dict[str, Any]:
    """Measure both sizes; seconds and ratios are medians."""
    return {f"units_{size}": uvloop.run(_measure(size, runs)) for size, runs in SIZES.items()}


async def _measure(units: int, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        await upgrade_async(server.owner_url, server.url)
        database = Database(server.url, is_local=True)
        try:
            scope_id, caller = await fill(database, units)
            floor = Database(owner_of(server.url), is_local=True)  # the application makes no tables
            rows = await _make_floor(floor, units * 50)
            await finalize_once(database, scope_id, caller)  # the first version; warms everything up
            gc.collect()
            gc.freeze()  # what this bench holds is none of the service's garbage
            floors, ours, blocks = [], [], []
            grown = 0.0
            for _ in range(runs):
                floors.append(await _floor(floor, rows))
                await _change(database, scope_id)
                before = _start_peak()
                ours.append(await finalize_once(database, scope_id, caller))
                grown = max(grown, _peak() - before)
                await _change(database, scope_id)
                blocks.append(await _longest_block(database, scope_id, caller))
        finally:
            await database.close()
    ratios = [mine / floor for mine, floor in zip(ours, floors, strict=True)]
    return {
        "cells": units * 50,
        "floor_seconds": round(statistics.median(floors), 4),
        "finalize_seconds": round(statistics.median(ours), 4),
        "finalize_over_floor": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "peak_rss_growth_mb": round(grown),
        "longest_block_ms": round(max(blocks) * 1000, 1),
        "blocks_ms": [round(block * 1000, 1) for block in blocks],
    }


# --- what is finalized --------------------------------------------------------------------------------------


async def fill(database: Database, units: int) -> tuple[UUID, Principal]:
    """Make a country of one ranking: that many communes whose dossiers have passed."""
    async with database.session() as session, session.begin():
        await load_catalogue(session, NOW)
        top = await _units(session, units)
        body = PeriodIn(year=2023, guidance_on=date(2023, 12, 15), sets={UnitKind.COMMUNE: SET})
        period = await prepare(session, body, by=SYSTEM, now=NOW)
        await session.flush()
        await open_period(session, period, by=SYSTEM, now=NOW)
        await _answer(session)
        scope_id = (await session.scalars(select(RankingScope.id))).one()
    async with database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("VACUUM ANALYZE"))
    caller = Principal(
        id=new_id(), name="reviewer", acting_for=top, request_id="-", unit_id=top, grants=frozenset()
    )
    return scope_id, caller


async def _units(session: AsyncSession, count: int) -> UUID:
    kinds = {"quoc-gia": UnitKind.PROVINCE, AGENCY: UnitKind.AGENCY}
    made = [Unit(key=k, kind=v, is_ranked=False, exists_from=date(2021, 1, 1)) for k, v in kinds.items()]
    made += [
        Unit(key=f"xa-{i:05}", kind=UnitKind.COMMUNE, is_ranked=True, exists_from=date(2021, 1, 1))
        for i in range(count)
    ]
    session.add_all(made)
    await session.flush()
    for unit in made:
        name = f"Xã Số {unit.key[3:]}"
        session.add(
            UnitVersion(
                unit_id=unit.id,
                parent_id=None if unit is made[0] else made[0].id,
                valid_from=unit.exists_from,
                name=name,
                search_text=searchable(name),
                sort_key=sort_key(name),
            )
        )
    await session.flush()
    return made[0].id


async def _answer(session: AsyncSession) -> None:
    """Give every dossier random answers with evidence, an agency's figures, and some of them a decision."""
    source = random.Random(SEED)
    indicators = catalogue().sets[SET].scored.indicators
    dossiers = list(await session.scalars(select(Submission)))
    agency = (await session.scalars(select(Unit.id).where(Unit.key == AGENCY))).one()
    contents, figures = [], []
    for dossier in dossiers:
        answers = {row.code: _given(row, source) for row in indicators if row.declared_by == "unit"}
        content = {"general_information": {}, "contacts": {}, "answers": answers}
        contents.append((dossier.id, json.dumps(content)))
        figures += [
            (dossier, row.code, _given(row, source)) for row in indicators if row.declared_by != "unit"
        ]
    raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    await raw.executemany("UPDATE submission_revision SET content = $2 WHERE submission_id = $1", contents)
    await raw.execute("UPDATE submission SET state = 'passed'")
    await raw.executemany(
        "INSERT INTO official_figure (id, period_id, unit_id, indicator_code, agency_unit_id, answer, provenance,"
        " given_at, given_by, given_by_name) VALUES ($1, $2, $3, $4, $7, $5, '{}', $6, $7, 'agency')",
        [
            (new_id(), d.period_id, d.unit_id, code, json.dumps(answer), NOW, agency)
            for d, code, answer in figures
        ],
    )
    session.add_all(_decision(one, "1.1", "2.5") for one in dossiers[::20])
    await session.flush()
    for scope_id in {one.scope_id for one in dossiers}:
        await _settle(session, scope_id)


async def _settle(session: AsyncSession, scope_id: UUID) -> None:
    """Write down what the reviews of a scope ended with, as passing a dossier does."""
    index_set, policy = catalogue().sets[SET].scored, catalogue().policies["camau-2023"].applied
    settled = [
        (dossier.unit_id, settle(index_set, adopted(index_set, policy, dossier)).decode())
        async for dossiers in dossiers_of(session, scope_id)
        for dossier in dossiers
        if dossier.settled is None
    ]
    raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    await raw.executemany("UPDATE submission SET settled = $2 WHERE unit_id = $1", settled)


def _given(indicator: Indicator, source: random.Random) -> dict[str, Any]:
    rule = indicator.rule
    answer: dict[str, Any] = {"evidence": [str(uuid4())]} if indicator.declared_by == "unit" else {}
    if isinstance(rule, Options):
        return answer | {"choice": source.choice(rule.options).key}
    whole = source.choice((200, 400, 1000, 1600, 2000, source.randint(1, 9999)))
    figures = {variable.key: source.randint(1, whole) for variable in rule.variables}
    if isinstance(rule, Ratio):
        figures |= dict.fromkeys(rule.denominator, whole)
    return answer | {"figures": figures}


def _decision(submission: Submission, code: str, points: str) -> Adjustment:
    return Adjustment(
        submission_id=submission.id,
        indicator_code=code,
        kind=AdjustmentKind.POINTS,
        value={"points": points},
        declared=None,
        reason="theo kết quả kiểm tra",
        made_at=NOW,
        made_by=SYSTEM.id,
        made_by_name="reviewer",
    )


async def _change(database: Database, scope_id: UUID) -> None:
    """Change one decision, so that there is something to finalize again."""
    async with database.session() as session, session.begin():
        one = (
            await session.scalars(select(Submission).where(Submission.scope_id == scope_id).limit(1))
        ).one()
        session.add(_decision(one, "1.2", f"0.{random.randrange(10**6):06}"))  # any other number will do
        one.settled = None
        await session.flush()
        await _settle(session, scope_id)


# --- what is measured ---------------------------------------------------------------------------------------


async def finalize_once(database: Database, scope_id: UUID, caller: Principal) -> float:
    started = time.perf_counter()
    async with database.session() as session, session.begin():
        scope = await session.get_one(RankingScope, scope_id, with_for_update=True)
        await finalize(session, scope, [scope.finalized_by_id], "đo thời gian", by=caller, now=NOW)
    return time.perf_counter() - started


async def _longest_block(database: Database, scope_id: UUID, caller: Principal) -> float:
    """Return the seconds of the longest block of the event loop during a finalization."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - started - 0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    await finalize_once(database, scope_id, caller)
    ticking.cancel()
    return longest


async def _make_floor(database: Database, cells: int) -> list[tuple[int, int, int]]:
    rows = [(cell // 50, cell % 50, cell * 7919) for cell in range(cells)]
    async with database.engine.begin() as connection:
        for name in ("floor_from", "floor_to"):
            await connection.execute(
                text(f"CREATE TABLE {name} (u int, i int, points bigint, PRIMARY KEY (u, i))")
            )
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.copy_records_to_table("floor_from", records=rows)
    return rows


async def _floor(database: Database, rows: list[tuple[int, int, int]]) -> float:
    async with database.engine.begin() as connection:
        await connection.execute(text("TRUNCATE floor_to"))
    out = 0

    async def sink(part: bytes) -> None:
        nonlocal out
        out += len(part)

    started = time.perf_counter()
    async with database.engine.begin() as connection:
        await connection.execute(text("SELECT 1"))
        raw: Any = (await connection.get_raw_connection()).driver_connection
        await raw.copy_from_table("floor_from", output=sink, format="binary")
        await raw.copy_records_to_table("floor_to", records=rows)
    return time.perf_counter() - started


def _start_peak() -> float:
    """Begin a new peak of this process and return its present size in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps({"bench": "finalize", **run()}))
