"""Published rankings from memory: a layer in front of the application, told of publications by the database.

An answer of the application's own route is kept, headers and all, and sent again until something is published.
Entries are trusted only while a connection that listens for publications has proved in the last seconds that it
hears them; otherwise every request goes to the application.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg
import structlog
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.conditional import matches
from app.core.db import new_id
from app.results.actions import CHANNEL

log = structlog.get_logger("public")

PREFIX = "/api/v1/public/results/"
_CHANGES = re.compile(r"/api/v1/results/[^/]+/(publish|withdraw)")  # what the public reads
_PATH_LENGTH = len(PREFIX) + 36  # exactly one id after the prefix
ENTRIES = 512
PULSE_SECONDS = 5.0
RETRY_SECONDS = 1.0
# Headers of an answer that belong to it alone, or to a body.
_OF_ONE_REQUEST = (b"x-request-id",)
_OF_A_BODY = (b"content-length", b"content-type", b"content-encoding")
# The path, whether it is compressed, whether it is asked for by https.
Key = tuple[str, bool, bool]
_NO_BODY: Message = {"type": "http.response.body", "body": b""}


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer ready to be sent, whole or as 304."""

    etag: bytes
    start: Message
    body: Message
    not_modified: Message

    @classmethod
    def of(cls, start: Message, body: bytes) -> "Entry | None":
        """Return the entry of an answer, or None if it is not one to keep."""
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in _OF_ONE_REQUEST]
        etag = dict(headers).get(b"etag")
        if start["status"] != 200 or etag is None:
            return None
        bare = [(name, value) for name, value in headers if name.lower() not in _OF_A_BODY]
        return cls(
            etag,
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": body},
            {"type": "http.response.start", "status": 304, "headers": bare},
        )


class RankingCache:
    """What the layer remembers, and whether it may be believed."""

    def __init__(self) -> None:
        self.is_trusted = False
        self.generation = 0
        self.entries: dict[Key, Entry] = {}

    def forget(self) -> None:
        """Drop everything: something was published. What is being read just now is not kept either."""
        self.generation += 1
        self.entries.clear()

    def trust(self, is_trusted: bool) -> None:
        """Begin or end believing the entries; either way they start anew."""
        self.is_trusted = is_trusted
        self.forget()

    def keep(self, key: Key, entry: Entry, generation: int) -> None:
        """Remember an answer, unless something was published since its reading began."""
        if self.is_trusted and self.generation == generation:
            if len(self.entries) >= ENTRIES:
                self.entries.clear()
            self.entries[key] = entry


class PublishedRankings:
    """Serve `GET /api/v1/public/results/{id}` from memory, everything else from the application."""

    def __init__(self, app: ASGIApp, cache: RankingCache) -> None:
        self.app, self.cache = app, cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "GET":
            path = scope["path"]
            is_ranking = len(path) == _PATH_LENGTH and path.startswith(PREFIX)
            if is_ranking and self.cache.is_trusted and not scope["query_string"]:
                await self._serve(path, scope, receive, send)
            else:
                await self.app(scope, receive, send)
        elif scope["method"] == "POST" and _CHANGES.fullmatch(scope["path"]):
            await self._publish(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = known = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value
            elif name == b"if-none-match":
                known = value
        # Over https an answer has one header more.
        key = (path, accepts_gzip(accepted), scope.get("scheme") == "https")
        entry = self.cache.entries.get(key)
        if entry is None:
            entry = await self._read(key, scope, receive, send)
            if entry is None:
                return
        if known and (known == entry.etag or matches(known, entry.etag)):
            await send({**entry.not_modified})  # a copy: layers in front add headers of this request to it
            await send(_NO_BODY)
        else:
            await send({**entry.start})
            await send(entry.body)

    async def _read(self, key: Key, scope: Scope, receive: Receive, send: Send) -> Entry | None:
        """Ask the application and keep its answer; what cannot be kept is passed on as it is."""
        generation = self.cache.generation
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        headers = [pair for pair in scope["headers"] if pair[0] != b"if-none-match"]
        await self.app({**scope, "headers": headers}, receive, collect)
        entry = Entry.of(messages[0], b"".join(message.get("body", b"") for message in messages[1:]))
        if entry is None:
            for message in messages:
                await send(message)
            return None
        self.cache.keep(key, entry, generation)
        return entry

    async def _publish(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forget before the signer has his answer: he must never read what he has just replaced or withdrawn."""

        async def send_and_forget(message: Message) -> None:
            self.cache.forget()
            await send(message)

        await self.app(scope, receive, send_and_forget)


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Answer whether a client takes gzip, by its Accept-Encoding."""
    for part in accept_encoding.lower().split(b","):
        coding, _, weight = part.partition(b";")
        if coding.strip() in (b"gzip", b"*"):
            return not (weight and weight.partition(b"=")[2].strip() in (b"0", b"0.0", b"0.00", b"0.000"))
    return False


# --- hearing of publications --------------------------------------------------------------------------------


@asynccontextmanager
async def listening(url: URL, cache: RankingCache) -> AsyncIterator[None]:
    """Keep a cache in step with the publications in a database as long as the block lasts."""
    task = asyncio.create_task(_keep_listening(url, cache))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_listening(url: URL, cache: RankingCache) -> None:
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": PULSE_SECONDS})
    while True:
        try:
            async with engine.connect() as connection:
                await _listen((await connection.get_raw_connection()).driver_connection, cache)
        except (
            OSError,
            SQLAlchemyError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            TimeoutError,
        ) as error:
            log.warning("rankings_not_listening", error=type(error).__name__)
        finally:
            cache.trust(False)
        await asyncio.sleep(RETRY_SECONDS)


async def _listen(connection: Any, cache: RankingCache) -> None:
    """Listen until the connection is lost, or does not hear its own pulse in time.

    The pulse goes through the database and back: a pooler between us may accept LISTEN and never deliver.

    Raises: TimeoutError, or the driver's errors.
    """
    mine = f"pulse {new_id()}"
    heard = asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        if payload == mine:
            heard.set()
        elif not payload.startswith("pulse "):
            cache.forget()

    connection.add_termination_listener(lambda _: cache.trust(False))
    await connection.add_listener(CHANNEL, hear)
    while True:
        heard.clear()
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, mine, timeout=PULSE_SECONDS)
        await asyncio.wait_for(heard.wait(), PULSE_SECONDS)
        if not cache.is_trusted:
            cache.trust(True)
        await asyncio.sleep(PULSE_SECONDS)
