"""Rankings from memory: as the application would answer, never older than the last publication."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.conditional import matches
from app.core.config import Settings
from app.core.db import Database
from app.main import create_app
from app.results.public import (
    Entry,
    PublishedRankings,
    RankingCache,
    accepts_gzip,
    listening,
)
from app.reviews.models import AdjustmentKind
from app.submissions.models import RankingScope
from tests.client import CheckedClient
from tests.conftest import Clock, as_owner, logged_in
from tests.results import scene

REVIEWER, CHAIRMAN = "huyen-964.reviewer", "huyen-964.chairman"


def memory_of(app: FastAPI) -> RankingCache:
    """Return what the outermost layer of an application remembers."""
    layer: Any = app.user_middleware[0]
    assert layer.cls is PublishedRankings
    cache = layer.kwargs["cache"]
    assert isinstance(cache, RankingCache)
    return cache


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, for ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what is waited for knows nothing of us
            await asyncio.sleep(0.01)


@asynccontextmanager
async def layered(app: FastAPI) -> AsyncIterator[tuple[CheckedClient, RankingCache]]:
    """Give a caller of an application whose memory listens, as in its lifespan."""
    cache, database = memory_of(app), app.state.database
    async with listening(database.engine.url, cache), CheckedClient(app) as client:
        await until(lambda: cache.is_trusted)
        yield client, cache


@pytest.fixture
async def published(own_app: FastAPI, clock: Clock) -> tuple[RankingScope, str]:
    """Give a scope and its published result, committed."""
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    async with await logged_in(own_app, clock, REVIEWER) as reviewer:
        made = (await scene.finalize(reviewer, scope)).json()
    async with await logged_in(own_app, clock, CHAIRMAN) as chairman:
        assert (await scene.publish(chairman, made["id"])).status_code == 200
    return scope, made["id"]


async def correct(app: FastAPI, clock: Clock, scope: RankingScope) -> str:
    """Finalize and publish a correction through another instance of the service."""
    async with scene.own_session(app) as session, session.begin():
        submission = next(iter((await scene.dossiers(session, scope)).values()))
        await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "1"})
    async with await logged_in(app, clock, REVIEWER) as reviewer:
        made = (await scene.finalize(reviewer, scope, "theo kết luận kiểm tra")).json()
    async with await logged_in(app, clock, CHAIRMAN) as chairman:
        assert (await scene.publish(chairman, made["id"])).status_code == 200
    result_id: str = made["id"]
    return result_id


async def test_memory_answers_as_the_application_does(
    own_app: FastAPI, published: tuple[RankingScope, str]
) -> None:
    url = f"{scene.PUBLIC}/{published[1]}"
    async with layered(own_app) as (client, cache):
        for coding in ("identity", "gzip"):
            told = {"Accept-Encoding": coding}
            direct = await client.get(url, headers=told, params={"past": "memory"})
            first, second = [await client.get(url, headers=told) for _ in range(2)]
            assert direct.content == first.content == second.content
            plain = {k: v for k, v in direct.headers.items() if k != "x-request-id"}
            assert dict(second.headers) == plain
            told["If-None-Match"] = first.headers["etag"]
            unchanged = await client.get(url, headers=told)
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert unchanged.headers["etag"] == first.headers["etag"]
            assert unchanged.headers["x-content-type-options"] == "nosniff"
        assert {key for key in cache.entries} == {(url, False, False), (url, True, False)}
        # Only memory can still answer when the application's table is gone.
        async with as_owner(own_app.state.database) as owner:
            await owner.execute(text("ALTER TABLE result RENAME TO result_gone"))
        assert (await client.get(url)).status_code == 200


async def test_a_first_reader_who_knows_the_version_fills_the_memory(
    own_app: FastAPI, published: tuple[RankingScope, str]
) -> None:
    url = f"{scene.PUBLIC}/{published[1]}"
    async with layered(own_app) as (client, cache):
        etag = (await client.get(url, params={"past": "memory"})).headers["etag"]
        assert not cache.entries
        assert (await client.get(url, headers={"If-None-Match": etag})).status_code == 304
        assert len(cache.entries) == 1


async def test_a_publication_elsewhere_reaches_the_memory(
    own_app: FastAPI,
    own_database: Database,
    settings: Settings,
    clock: Clock,
    published: tuple[RankingScope, str],
) -> None:
    url = f"{scene.PUBLIC}/{published[1]}"
    async with layered(own_app) as (client, cache):
        assert (await client.get(url)).json()["state"] == "published"
        await correct(create_app(settings, own_database, clock), clock, published[0])
        await until(lambda: not cache.entries)
        assert (await client.get(url)).json()["state"] == "superseded"


async def test_the_publisher_never_reads_what_he_has_replaced(
    own_app: FastAPI, clock: Clock, published: tuple[RankingScope, str]
) -> None:
    scope, first = published
    memory_of(own_app).trust(True)  # and deaf: only what passes through this instance can reach it
    async with CheckedClient(own_app) as client:
        assert (await client.get(f"{scene.PUBLIC}/{first}")).json()["state"] == "published"
        second = await correct(own_app, clock, scope)
        assert (await client.get(f"{scene.PUBLIC}/{first}")).json()["state"] == "superseded"
        assert (await client.get(f"{scene.PUBLIC}/{second}")).json()["state"] == "published"


async def test_nothing_is_believed_while_nobody_listens(
    own_app: FastAPI, clock: Clock, published: tuple[RankingScope, str]
) -> None:
    url = f"{scene.PUBLIC}/{published[1]}"
    async with layered(own_app) as (client, cache):
        await client.get(url)
        assert cache.entries
        async with own_app.state.database.session() as session, session.begin():
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND query LIKE '%pg_notify($1, $2)%'"
                )
            )
        await until(lambda: not cache.is_trusted)
        assert not cache.entries
        assert (await client.get(url)).status_code == 200
        assert not cache.entries or cache.is_trusted
        await until(lambda: cache.is_trusted)


def test_what_was_read_before_a_publication_is_not_kept() -> None:
    cache = RankingCache()
    cache.trust(True)
    begun = cache.generation
    cache.forget()
    start = {"status": 200, "headers": [(b"etag", b'"a"')]}
    entry = Entry.of(start, b"{}")
    assert entry is not None
    cache.keep(("/x", False, False), entry, begun)
    assert cache.entries == {}
    cache.keep(("/x", False, False), entry, cache.generation)
    assert cache.entries == {("/x", False, False): entry}


async def test_errors_are_passed_on_and_not_kept(own_app: FastAPI) -> None:
    async with layered(own_app) as (client, cache):
        missing = await client.get(f"{scene.PUBLIC}/00000000-0000-7000-8000-000000000000")
        assert (missing.status_code, missing.json()["code"]) == (404, "result_not_found")
        wrong = await client.get(f"{scene.PUBLIC}/{'x' * 36}")
        assert wrong.status_code == 422
        assert cache.entries == {}


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        (b"gzip", True),
        (b"br, gzip;q=0.5", True),
        (b"*", True),
        (b"GZIP ; q=1", True),
        (b"", False),
        (b"identity", False),
        (b"gzip;q=0, br", False),
        (b"gzip; q=0.0", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(header: bytes, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts


def test_weak_and_strong_versions_match() -> None:
    assert matches(b'W/"a"', b'W/"a"')
    assert matches(b'"b", "a"', b'W/"a"')
    assert matches(b"*", b'W/"a"')
    assert not matches(b'"b"', b'W/"a"')


async def test_a_withdrawal_reaches_every_memory_at_once(
    own_app: FastAPI,
    own_database: Database,
    settings: Settings,
    clock: Clock,
    published: tuple[RankingScope, str],
) -> None:
    url = f"{scene.PUBLIC}/{published[1]}"
    other = create_app(settings, own_database, clock)
    memory_of(other).trust(True)  # and deaf: only what passes through that instance can reach it
    async with layered(own_app) as (client, cache), CheckedClient(other) as there:
        assert (
            len((await client.get(url)).json()["ranked"])
            == len((await there.get(url)).json()["ranked"])
            == 17
        )
        async with await logged_in(other, clock, CHAIRMAN) as chairman:
            assert (await scene.withdraw(chairman, published[1])).status_code == 200
        assert (await there.get(url)).json()["ranked"] == []
        await until(lambda: not cache.entries)
        left = (await client.get(url)).json()
        assert (left["state"], left["ranked"], left["unranked"]) == ("withdrawn", [], [])
