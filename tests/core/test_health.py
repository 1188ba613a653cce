"""Alive and ready, without log-in."""

import asyncio

from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.db import Database
from app.core.files import FileStore
from app.core.health import newest_migration
from app.core.migrate import config
from app.main import create_app
from tests.client import CheckedClient


async def test_a_working_service_is_alive_and_ready(client: CheckedClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200, ready.text
    assert ready.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "evidence": "ok"},
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


async def test_an_older_schema_is_not_ready(client: CheckedClient, session: AsyncSession) -> None:
    await session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
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
