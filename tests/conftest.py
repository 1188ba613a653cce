"""One real PostgreSQL per run, built by the migrations; one transaction per test, rolled back after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import hypothesis
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker

from app.accounts.first import first_accounts
from app.accounts.models import LoginSession, User
from app.accounts.tokens import Claims
from app.catalogue.actions import load_catalogue
from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres, owner_of
from app.core.migrate import upgrade
from app.main import create_app
from app.units.actions import load_units
from tests.client import CheckedClient
from tests.s3 import Place, S3Server

# A failing test shows the traceback, not every local variable of every frame.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# How long an example takes depends on the machine: timings live in scripts/bench.
hypothesis.settings.register_profile("plain", deadline=None)
hypothesis.settings.load_profile("plain")

# A working Friday in the time in which the year 2023 was assessed.
START = datetime(2023, 12, 15, 2, 0, tzinfo=UTC)


class Clock:
    """The injected time: tests set `now`."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Move on by a timedelta's arguments."""
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Run PostgreSQL with the schema, the catalogue, the units and the demo accounts in `dti` and `dti_template`."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("pg"), fast=True) as running:
        upgrade(running.owner_url, running.url)
        asyncio.run(_fill(running.url))
        yield running


async def _fill(url: str) -> None:
    database = Database(url)
    async with database.session() as session, session.begin():
        await load_catalogue(session, START)
        await load_units(session)
        await first_accounts(session, Settings(database_url=None).on_embedded(url), START)
    await database.close()
    await _clone(url, "dti_template")


async def _clone(url: str, name: str, source: str = "dti") -> str:
    """Copy a database that nobody is connected to and return the copy's URL."""
    maintenance = Database(owner_of(url).replace("/dti?", "/postgres?"))
    async with maintenance.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'))
    await maintenance.close()
    return url.replace("/dti?", f"/{name}?")


@pytest.fixture(scope="session")
async def database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Hold the engine of the run."""
    held = Database(server.url, is_local=True)
    yield held
    await held.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """Hold one connection in a transaction that is rolled back after the test."""
    async with database.engine.connect() as held:
        outer = await held.begin()
        yield held
        if outer.is_active:
            await outer.rollback()


class OneConnection:
    """Stands where `Database` stands: every session is a savepoint of the test's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.engine = connection.engine
        self.session = async_sessionmaker(
            connection, expire_on_commit=False, autoflush=False, join_transaction_mode="create_savepoint"
        )


@pytest.fixture
def clock() -> Clock:
    """Give the time of the test."""
    return Clock()


@pytest.fixture
def settings(server: EmbeddedPostgres, tmp_path: Path) -> Settings:
    """Give the settings of the test: the embedded default with a folder of its own."""
    plain = Settings(var_dir=tmp_path, max_upload_bytes=1024 * 1024, rate_limits="off")
    return plain.on_embedded(server.url)


@pytest.fixture
def app(connection: AsyncConnection, settings: Settings, clock: Clock) -> FastAPI:
    """Give the application inside the test's transaction."""
    return create_app(settings, OneConnection(connection), clock)  # type: ignore[arg-type]


@pytest.fixture
async def session(app: FastAPI) -> AsyncIterator[AsyncSession]:
    """Give a session inside the test's transaction."""
    async with app.state.database.session() as held, held.begin():
        yield held


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[CheckedClient]:
    """Give a caller who is not logged in."""
    async with CheckedClient(app) as caller:
        yield caller


LogIn = Callable[[str], Awaitable[CheckedClient]]


async def logged_in(app: FastAPI, clock: Clock, username: str) -> CheckedClient:
    """Return a client logged in as a demo account, without the cost of the password."""
    async with app.state.database.session() as held, held.begin():
        user_id = await held.scalar(select(User.id).where(User.username == username))
        assert user_id is not None, f"no account {username}"
        login = LoginSession(
            user_id=user_id, created_at=clock.now, expires_at=clock.now + timedelta(days=400)
        )
        held.add(login)
    token = app.state.tokens.issue(
        Claims(user_id, login.id, is_service=False), clock.now + timedelta(days=300)
    )
    return CheckedClient(app, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
async def as_user(app: FastAPI, clock: Clock) -> AsyncIterator[LogIn]:
    """Give `await as_user("admin")`: a client logged in as that demo account."""
    opened: list[httpx.AsyncClient] = []

    async def log_in(username: str) -> CheckedClient:
        opened.append(await logged_in(app, clock, username))
        return opened[-1]  # type: ignore[return-value]

    yield log_in
    for one in opened:
        await one.aclose()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run an S3 server with a bucket, for every test that lets it live."""
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[S3Server]:
    """Run an S3 server of the test's own, to be ended in the middle."""
    with S3Server(tmp_path / "s3") as running:
        yield running


@pytest.fixture
def own_place(own_server: S3Server, tmp_path: Path) -> Place:
    """Give a place in the bucket of that server."""
    return Place(tmp_path / "evidence", own_server)


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a place of evidence of the test's own, of either kind."""
    server = request.getfixturevalue("s3_server") if request.param == "bucket" else None
    return Place(tmp_path / "evidence", server)


@pytest.fixture
async def own_database(server: EmbeddedPostgres, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """Give a filled database of this test alone, for races that commit for real."""
    url = await _clone(server.url, f"race_{abs(hash(request.node.nodeid))}", "dti_template")
    held = Database(url, is_local=True)
    yield held
    await held.close()


@asynccontextmanager
async def as_owner(database: Database) -> AsyncIterator[AsyncConnection]:
    """Give a connection of the owner of a database's tables: the application may not change them."""
    url = owner_of(database.engine.url.render_as_string(hide_password=False))
    owner = Database(url, is_local=True)
    try:
        async with owner.engine.begin() as connection:
            yield connection
    finally:
        await owner.close()


@pytest.fixture
async def own_app(own_database: Database, settings: Settings, clock: Clock) -> FastAPI:
    """Give the application over the test's own database."""
    return create_app(settings, own_database, clock)
