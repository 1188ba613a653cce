"""What callers see while the database breaks, and that the service is back by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text

from app.core import db
from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import SOCKET_NAME, EmbeddedPostgres
from app.core.migrate import upgrade
from app.main import create_app
from app.results.public import RankingCache, listening
from tests.client import CheckedClient
from tests.conftest import Clock, _fill, logged_in
from tests.scene import Scene

PERIODS = "/api/v1/periods"


class Breakable:
    """A database server of the module's own, to be stopped and started under a living service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedPostgres(folder)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def owner_url(self) -> str:
        return self._server.owner_url

    @property
    def postmaster(self) -> int:
        return int((self._folder / "data/postmaster.pid").read_text().splitlines()[0])

    @property
    def children(self) -> list[int]:
        text = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text()
        return [int(pid) for pid in text.split()]

    def backend(self) -> int:
        """Return a process that serves a connection."""
        return next(pid for pid in self.children if "dti" in Path(f"/proc/{pid}/cmdline").read_text())

    def start(self) -> None:
        self._server.__enter__()

    def stop(self) -> None:
        self._server.__exit__()

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to the server and every process of it."""
        for pid in [self.postmaster, *self.children]:
            os.kill(pid, what)


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """Give a running server with an open year in it."""
    folder = tmp_path_factory.mktemp("breakable")
    server = Breakable(folder / "pg")
    server.start()
    upgrade(server.owner_url, server.url)
    asyncio.run(_fill(server.url))
    asyncio.run(_open_year(server.url, folder))
    yield server
    server.stop()


async def _open_year(url: str, folder: Path) -> None:
    held, clock = Database(url), Clock()
    app = create_app(Settings(var_dir=folder).on_embedded(url), held, clock)
    await Scene.opened(partial(logged_in, app, clock))
    await held.close()


@asynccontextmanager
async def serving(url: str, folder: Path, clock: Clock, **options: Any) -> AsyncIterator[FastAPI]:
    """Give an application with a pool of its own, as a service has it."""
    held = Database(url, **options)
    yield create_app(Settings(var_dir=folder).on_embedded(url), held, clock)
    await held.close()


@pytest.fixture
async def faulty(breakable: Breakable, tmp_path: Path, clock: Clock) -> AsyncIterator[FastAPI]:
    """Give the application over the breakable server, with a pool of five connections."""
    async with serving(breakable.url, tmp_path, clock, pool_size=5) as app:
        yield app


@pytest.fixture
async def admin(faulty: FastAPI, clock: Clock) -> AsyncIterator[CheckedClient]:
    """Give the administrator."""
    async with await logged_in(faulty, clock, "admin") as caller:
        yield caller


async def scene_of(app: FastAPI, clock: Clock) -> Scene:
    """Give the open year."""
    log_in = partial(logged_in, app, clock)
    return Scene(log_in, (await (await log_in("admin")).get(PERIODS)).json()[0])


async def at_once(caller: httpx.AsyncClient, count: int, path: str = PERIODS) -> list[int]:
    """Return the status of several requests sent at once."""
    return [one.status_code for one in await asyncio.gather(*(caller.get(path) for _ in range(count)))]


def is_temporary(answer: httpx.Response) -> bool:
    """Answer whether a refusal says that it passes, and when to come again."""
    told = (answer.status_code, answer.json()["code"], answer.headers["retry-after"])
    return told == (503, "unavailable", "5") and "sql" not in answer.text.lower()


# --- connections and restarts -------------------------------------------------------------------------------


async def test_no_caller_notices_that_idle_connections_were_ended(
    breakable: Breakable, admin: CheckedClient
) -> None:
    assert await at_once(admin, 5) == [200] * 5, "the pool is full now"
    await end_connections(breakable)
    assert await at_once(admin, 10) == [200] * 10


async def end_connections(server: Breakable) -> None:
    """End every other connection of the database."""
    own = Database(server.url)
    async with own.session() as session:
        others = (
            "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        await session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
    await own.close()


async def test_a_stopped_server_is_told_as_temporary_and_its_return_is_noticed_at_once(
    breakable: Breakable, admin: CheckedClient
) -> None:
    assert await at_once(admin, 5) == [200] * 5
    await asyncio.to_thread(breakable.stop)
    try:
        refused = [await admin.get(PERIODS) for _ in range(7)]
        assert (await admin.get("/healthz")).status_code == 200
        assert (await admin.get("/readyz")).status_code == 503
    finally:
        await asyncio.to_thread(breakable.start)
    assert all(is_temporary(one) for one in refused)
    assert await at_once(admin, 10) == [200] * 10
    assert (await admin.get("/readyz")).status_code == 200


async def test_a_server_that_is_starting_is_told_as_temporary(
    breakable: Breakable, admin: CheckedClient
) -> None:
    assert await at_once(admin, 5) == [200] * 5
    os.kill(breakable.backend(), signal.SIGKILL)  # all others are replaced, and the log is played again
    seen, until = set(), time.monotonic() + 20
    while 200 not in seen and time.monotonic() < until:
        answer = await admin.get(PERIODS)
        assert answer.status_code == 200 or is_temporary(answer), answer.text
        seen.add(answer.status_code)
    assert 200 in seen
    assert await at_once(admin, 10) == [200] * 10


async def test_a_frozen_server_is_not_waited_for_without_end(
    breakable: Breakable, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_SILENCE_SECONDS", 0.5)
    async with serving(breakable.url, tmp_path, clock, pool_size=2) as app:
        caller = await logged_in(app, clock, "admin")
        assert await at_once(caller, 2) == [200] * 2
        breakable.signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            answer = await caller.get(PERIODS)
        finally:
            breakable.signal(signal.SIGCONT)
        assert is_temporary(answer)
        assert time.monotonic() - began < 10
        assert await at_once(caller, 4) == [200] * 4
        await caller.aclose()


async def test_an_exhausted_pool_refuses_in_time_and_the_process_still_lives(
    faulty: FastAPI, admin: CheckedClient
) -> None:
    held = [faulty.state.database.session() for _ in range(5)]
    for session in held:
        await session.execute(text("SELECT 1"))
    began = time.monotonic()
    refused, alive = await asyncio.gather(admin.get(PERIODS), admin.get("/healthz"))
    assert is_temporary(refused)
    assert 4.5 < time.monotonic() - began < 7
    assert alive.status_code == 200
    for session in held:
        await session.close()
    assert await at_once(admin, 10) == [200] * 10


async def test_the_public_reads_from_memory_again_after_a_restart(breakable: Breakable) -> None:
    cache = RankingCache()

    async def is_trusted(wanted: bool) -> None:
        async with asyncio.timeout(15):
            while cache.is_trusted is not wanted:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.02)

    async with listening(make_url(breakable.url), cache):
        await is_trusted(True)
        await asyncio.to_thread(breakable.stop)
        try:
            await is_trusted(False)
        finally:
            await asyncio.to_thread(breakable.start)
        await is_trusted(True)


# --- locks and statements -----------------------------------------------------------------------------------


@pytest.fixture
async def impatient(
    breakable: Breakable, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FastAPI]:
    """Give the application whose patience is some tenths of a second."""
    patience = {
        "lock_timeout": "200",
        "statement_timeout": "600",
        "idle_in_transaction_session_timeout": "300",
    }
    monkeypatch.setattr(db, "_PATIENCE", patience)
    async with serving(breakable.url, tmp_path, clock, pool_size=5) as app:
        yield app


async def test_who_waits_too_long_for_a_lock_is_told_to_come_again(impatient: FastAPI, clock: Clock) -> None:
    scene = await scene_of(impatient, clock)
    etag = await scene.etag()
    async with impatient.state.database.session() as session:
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await session.execute(text("SELECT id FROM submission FOR UPDATE"))
        assert is_temporary(await scene.save({"answers": {}}, etag=etag))
        await session.rollback()
    assert (await scene.save({"answers": {}}, etag=etag)).status_code == 200


@pytest.mark.parametrize(
    ("statement", "pause"),
    [("SELECT pg_sleep(5)", 0.0), ("SELECT 1", 1.0)],
    ids=["a statement without end", "a transaction in which nothing is asked"],
)
async def test_what_takes_too_long_is_ended_and_the_connection_with_it_or_not(
    impatient: FastAPI, clock: Clock, statement: str, pause: float
) -> None:
    @impatient.get("/slow")
    async def slow() -> None:
        async with impatient.state.database.session() as session:
            await session.execute(text(statement))
            await asyncio.sleep(pause)
            await session.execute(text(statement))

    async with await logged_in(impatient, clock, "admin") as caller:
        assert is_temporary(await caller.get("/slow"))
        assert await at_once(caller, 10) == [200] * 10


async def test_of_two_that_wait_for_each_other_one_is_told_to_read_again(
    impatient: FastAPI, clock: Clock
) -> None:
    @impatient.get("/cross/{first}/{second}")
    async def cross(first: int, second: int) -> None:
        async with impatient.state.database.session() as session:
            for one in (first, second):
                await session.execute(text("SET LOCAL lock_timeout = '5s'"))
                await session.execute(text("SET LOCAL statement_timeout = '5s'"))
                await session.execute(text("SELECT pg_advisory_xact_lock(:one)"), {"one": one})
                await asyncio.sleep(0.1)

    async with await logged_in(impatient, clock, "admin") as caller:
        both = await asyncio.gather(caller.get("/cross/1/2"), caller.get("/cross/2/1"))
    assert sorted(one.status_code for one in both) == [200, 409]


# --- a commit of which nobody knows -------------------------------------------------------------------------


class Proxy:
    """Stands between the service and the server, and cuts one connection at its next COMMIT."""

    def __init__(self, server_socket: str) -> None:
        self._server_socket = server_socket
        self.cuts: str | None = None  # "before" the server hears it, or "after" it has done it

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass everything on in both directions until one of them ends."""
        theirs, to_server = await asyncio.open_unix_connection(self._server_socket)
        upwards = asyncio.create_task(self._upwards(reader, to_server, theirs, writer))
        try:
            while data := await theirs.read(65536):
                if upwards.done():
                    break
                writer.write(data)
        finally:
            upwards.cancel()
            for one in (writer, to_server):
                one.close()

    async def _upwards(
        self,
        reader: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65536):
            if b"COMMIT" in data and self.cuts:
                how, self.cuts = self.cuts, None
                writer.transport.abort()
                if how == "before":
                    to_server.transport.abort()
                    return
                to_server.write(data)
                await asyncio.sleep(0.5)  # whatever the server says to it, nobody hears
                to_server.close()
                return
            to_server.write(data)
        to_server.close()


@pytest.fixture
async def proxy(breakable: Breakable, tmp_path: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """Give a proxy in front of the server, and the address of a database behind it."""
    folder = str(make_url(breakable.url).query["host"])
    standing = Proxy(f"{folder}/{SOCKET_NAME}")
    listening_at = tmp_path / "p"
    listening_at.mkdir()
    server = await asyncio.start_unix_server(standing.serve, listening_at / SOCKET_NAME)
    yield standing, f"postgresql+asyncpg://dti@/dti?host={quote(str(listening_at))}&port=5432"
    server.close()


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_commit_of_unknown_outcome_is_repeated_and_takes_effect_once(
    proxy: tuple[Proxy, str], tmp_path: Path, clock: Clock, how: str
) -> None:
    standing, url = proxy
    async with serving(url, tmp_path, clock, pool_size=2) as app:
        scene = await scene_of(app, clock)
        unit = "xa-32005" if how == "before" else "xa-31999"
        await scene.filled(unit)
        await scene.as_(f"{unit}.leader")
        etag, headers = await scene.etag(unit), {"Idempotency-Key": f"approve {how}"}
        approve = partial(scene.act, f"{unit}.leader", "approve", unit=unit, etag=etag, headers=headers)
        standing.cuts = how
        assert is_temporary(await approve())
        answer = await approve()
        assert answer.status_code == 200, answer.text
        assert ("idempotency-replayed" in answer.headers) == (how == "after")
        assert (await approve()).content == answer.content
        query = text(
            "SELECT count(*) FROM audit_event WHERE action = 'submission.approve' AND object_id = :of"
        )
        async with app.state.database.session() as session:
            of = (await scene.url(unit)).rsplit("/", 1)[1]
            assert await session.scalar(query, {"of": of}) == 1


# --- the clock ----------------------------------------------------------------------------------------------


async def test_a_clock_that_jumps_breaks_nothing_and_repeats_nothing(faulty: FastAPI, clock: Clock) -> None:
    scene = await scene_of(faulty, clock)
    unit = "xa-32002"
    await scene.filled(unit)
    etag, headers = await scene.etag(unit), {"Idempotency-Key": "approve while the clock jumps"}
    approve: Callable[[], Awaitable[httpx.Response]] = partial(
        scene.act, f"{unit}.leader", "approve", unit=unit, etag=etag, headers=headers
    )
    first = await approve()
    assert first.status_code == 200, first.text
    start = clock.now
    for jump in ({"days": -1}, {"days": 366}):
        clock.now = start
        clock.advance(**jump)
        answers = [await approve(), await (await scene.as_("admin")).get(PERIODS)]
        assert all(one.status_code in (200, 401) for one in answers), [one.text for one in answers]
        if answers[0].status_code == 200:
            assert answers[0].content == first.content
    clock.now = start
    assert (await approve()).content == first.content
