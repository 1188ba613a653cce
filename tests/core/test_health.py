"""Alive and ready, without log-in."""

import asyncio
from datetime import timedelta

from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import SYSTEM, record
from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.health import newest_migration
from app.core.migrate import config
from app.core.work import is_due
from app.main import create_app
from app.periods.models import CalendarDay
from tests.client import CheckedClient
from tests.conftest import START, Clock, as_owner


async def test_a_working_service_is_alive_and_ready(client: CheckedClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200, ready.text
    assert ready.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "evidence": "ok"},
        "work": {"outbox": {"waiting": 0, "oldest_seconds": None}, "rankings_in_memory": False, "rounds": {}},
    }
    assert ready.headers["cache-control"] == "no-store"


async def test_a_service_whose_database_is_gone_is_alive_but_not_ready(settings: Settings) -> None:
    database = Database("postgresql+asyncpg://nobody:hidden@127.0.0.1:1/none", is_local=True)
    async with CheckedClient(create_app(settings, database)) as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
    await database.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.json()["checks"] == {"database": "failed", "migrations": "failed", "evidence": "ok"}
    assert "hidden" not in answer.text
    assert "127.0.0.1" not in answer.text
    assert answer.headers["retry-after"] == "5"


async def test_a_database_that_does_not_answer_in_time_is_not_waited_for(settings: Settings) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    database = Database(f"postgresql+asyncpg://nobody:x@127.0.0.1:{port}/none", is_local=True)
    async with silent, CheckedClient(create_app(settings, database)) as client:
        answer = await client.get("/readyz")
        await database.close()
    assert answer.json()["checks"]["database"] == "failed"


async def test_an_older_schema_is_not_ready(own_app: FastAPI, own_database: Database) -> None:
    async with as_owner(own_database) as owner:
        await owner.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    async with CheckedClient(own_app) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "migrations": "failed", "evidence": "ok"}


async def test_an_evidence_folder_that_cannot_be_written_is_not_ready(
    app: FastAPI, client: CheckedClient, settings: Settings
) -> None:
    (settings.var_dir / "taken").write_text("a file where a folder should be")
    app.state.files = FileStore(settings.var_dir / "taken" / "evidence")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "evidence": "failed"}
    assert "taken" not in answer.text


async def test_readiness_leaves_nothing_in_the_evidence_folder(
    client: CheckedClient, settings: Settings
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    assert [path for path in settings.evidence_path.rglob("*") if path.is_file()] == []


def test_the_newest_migration_is_the_one_the_scripts_end_with() -> None:
    scripts = ScriptDirectory.from_config(config(""))
    assert scripts.get_heads() == [newest_migration()]


async def test_readiness_tells_of_the_work_behind_the_requests(
    client: CheckedClient, session: AsyncSession, clock: Clock, app: FastAPI
) -> None:
    await record(session, SYSTEM, "test.told", CalendarDay(), clock.now, tell=True)
    await session.commit()
    clock.advance(minutes=2)
    app.state.rounds.ended("notices")
    work = (await client.get("/readyz")).json()["work"]
    assert work["outbox"] == {"waiting": 1, "oldest_seconds": 120}
    assert list(work["rounds"]) == ["notices"]
    assert 0 <= work["rounds"]["notices"] < 5


def test_work_is_due_again_after_its_time_and_after_a_clock_was_set_back() -> None:
    hour = timedelta(hours=1)
    assert is_due(None, START, hour)
    assert not is_due(START, START, hour)
    assert not is_due(START, START + hour - timedelta(seconds=1), hour)
    assert is_due(START, START + hour, hour)
    assert is_due(START, START + timedelta(days=366), hour)
    assert is_due(START, START - timedelta(days=1), hour), "not only when the clock has caught up"
