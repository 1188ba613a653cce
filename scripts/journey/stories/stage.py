"""Where a story is played: the service in this process, on a database of its own, with a clock that can be set."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from sqlalchemy import text

from app.accounts.first import DEMO_PASSWORD, DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.core.config import Settings
from app.core.connection import server_config
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres, owner_of
from app.core.migrate import upgrade
from app.main import create_app
from app.serve import prepare
from scripts.journey.client import Api, People
from scripts.journey.world import VIETNAM

DAY_SECONDS = 86_400
METRICS_TOKEN = "token-of-whoever-measures"  # of stages only
ROOT = Path(__file__).parents[3]


class Clock:
    """The time of a story, as the clock on the wall in Vietnam shows it."""

    def __init__(self, at: str) -> None:
        self.now = instant(at)

    def __call__(self) -> datetime:
        return self.now


def instant(wall: str) -> datetime:
    """Return the instant of "2024-01-02 23:59:59" in Vietnam."""
    return datetime.fromisoformat(wall).replace(tzinfo=VIETNAM).astimezone(UTC)


@dataclass
class Stage:
    """A running service and those who call it over HTTP; `theatre` has room for others."""

    clock: Clock
    api: Api
    people: People
    settings: Settings
    theatre: "Theatre"

    async def command(self, name: str, *arguments: str) -> tuple[int, list[str]]:
        """Run one of `scripts/` over the data of this service; return its status and its lines.

        Raises: RuntimeError where it could not do it.
        """
        return await command(self.settings, name, *arguments)


async def command(settings: Settings, name: str, *arguments: str) -> tuple[int, list[str]]:
    """Run one of `scripts/` over the data of these settings; return its status and its lines.

    Raises: RuntimeError where it could not do it.
    """
    here = {
        "DATABASE_URL": settings.sqlalchemy_url,
        "DATABASE_OWNER_URL": settings.sqlalchemy_owner_url,
        "EVIDENCE_DIR": str(settings.evidence_path),
        "EVIDENCE_STORE": "",
    }
    running = await asyncio.create_subprocess_exec(
        ROOT / "scripts" / name, *arguments, env=os.environ | here, stdout=PIPE, stderr=PIPE
    )
    printed, said = await running.communicate()
    if running.returncode not in (0, 1):
        raise RuntimeError(said.decode())
    return running.returncode, printed.decode().splitlines()


@dataclass
class Theatre:
    """A database server with a template: migrated, with the catalogue, the units and the demo accounts."""

    url: str
    template: str
    folder: Path

    @asynccontextmanager
    async def stage(self, at: str, **changed: Any) -> AsyncIterator[Stage]:
        """Serve a fresh copy of the template, and end it afterwards; `at` is the time it begins.

        `changed` are settings that differ.
        """
        settings = await self.place(self.template, **changed)
        async with self.serve(settings, Clock(at)) as stage:
            yield stage

    async def place(self, template: str = "template1", **changed: Any) -> Settings:
        """Return the settings of a new place: a copy of a database (or an empty one), and an empty store."""
        name = f"story_{uuid4().hex}"
        maintenance = Database(owner_of(self.url).replace("/dti?", "/postgres?"))
        async with maintenance.engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        await maintenance.close()
        return self._settings(name, changed).on_embedded(self.url.replace("/dti?", f"/{name}?"))

    @asynccontextmanager
    async def serve(self, settings: Settings, clock: Clock) -> AsyncIterator[Stage]:
        """Serve a place on a free port, and end it afterwards."""
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = server_config(create_app(settings, clock=clock))
        async with _serving(uvicorn.Server(config), listener), httpx.AsyncClient(base_url=address) as http:
            api = Api(http)
            people = People(api, password=DEMO_PASSWORD, service=(DEMO_SERVICE, DEMO_SERVICE_SECRET))
            yield Stage(clock, api, people, settings, self)

    def _settings(self, name: str, changed: dict[str, Any]) -> Settings:
        """Whatever the environment says, a story touches nothing outside its folder, and trusts nobody at first."""
        folder = self.folder / name
        trusted = folder / "trust"
        trusted.mkdir(parents=True)
        here: dict[str, Any] = {
            "var_dir": folder,
            "evidence_dir": folder / "evidence",
            "evidence_store": "",
            "trust_dir": trusted,
            "clamd": "",
            "worker_seconds": 1,
            "access_token_seconds": DAY_SECONDS,
            "db_pool_size": 5,
            "metrics_token": METRICS_TOKEN,
        }
        return Settings(**here | changed)


@asynccontextmanager
async def _serving(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    """Serve as a task: signals stay with this process, which ends the server in order."""
    config = server.config
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listener])


@contextmanager
def theatre() -> Iterator[Theatre]:
    """Start a database server in a folder that is gone afterwards, and prepare the template."""
    with (
        TemporaryDirectory(prefix="stories-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", fast=True) as server,
    ):
        upgrade(server.owner_url, server.url)
        settings = Settings(var_dir=Path(folder)).on_embedded(server.url)
        asyncio.run(prepare(settings, instant("2023-12-01 08:00")))
        yield Theatre(server.url, "dti", Path(folder))
