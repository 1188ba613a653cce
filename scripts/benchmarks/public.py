"""Bench (b): a published ranking of 101 units read over HTTP.

Three uvicorn processes (httptools, uvloop, no access log) stand side by side: the service as it is started, a bare
ASGI function that sends the same bytes with the same headers, and a route that makes the same ranking from ORM rows
and a response model at every request. This process is the client: keep-alive connections that send the next request
when an answer is complete and look at nothing but its length. All are measured one after the other in every round.

    python -m scripts.benchmarks.public
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
import uvloop
from fastapi import FastAPI
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.config import Settings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres, owner_of
from app.core.migrate import upgrade_async
from app.main import create_app
from app.results import queries
from app.results.actions import publish
from app.results.models import Result
from app.results.public import PREFIX
from app.results.publication import ranking_of
from app.results.schemas import PublicRankingOut, PublishIn
from scripts.benchmarks.finalize import NOW, fill, finalize_once
from scripts.benchmarks.place import free_port, wait_for_port

UNITS, ROUNDS, SECONDS, CONNECTIONS = 101, 5, 1.5, 8
SECRET = "a-secret-for-measuring-only-0123456789"


def run() -> dict[str, Any]:
    """Measure every path in turn; rates are medians of the rounds, ratios medians of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg") as server:
        result_id, body = uvloop.run(_published(server.url))
        (Path(folder) / "body").write_bytes(body)
        given = {"DATABASE_URL": server.url, "RESULT_ID": str(result_id), "BODY": f"{folder}/body"}
        with ExitStack() as stack:
            ports = {name: stack.enter_context(_serving(name, given)) for name in SERVERS}
            rounds = uvloop.run(_measure(ports, f"{PREFIX}{result_id}"))
    rates = {name: round(statistics.median(one[name] for one in rounds)) for name in rounds[0]}
    return {
        "bytes": len(body),
        "per_second": rates,
        "of_bare": _ratio(rounds, "service", "bare"),
        "gzip_of_bare": _ratio(rounds, "gzip", "bare"),
        "not_modified_of_bare": _ratio(rounds, "not_modified", "bare"),
        "times_orm": _ratio(rounds, "service", "orm"),
    }


def _ratio(rounds: list[dict[str, float]], one: str, other: str) -> float:
    return round(statistics.median(rates[one] / rates[other] for rates in rounds), 2)


async def _published(url: str) -> tuple[UUID, bytes]:
    """Publish the result of one scope; return its id and the bytes of its ranking."""
    await upgrade_async(owner_of(url), url)
    database = Database(url, is_local=True)
    try:
        scope_id, caller = await fill(database, UNITS)
        await finalize_once(database, scope_id, caller)
        async with database.session() as session, session.begin():
            result = (await session.scalars(select(Result))).one()
            said = PublishIn(decision_number="1/QĐ", decision_date=NOW.date(), signer="Người ký mẫu")
            await publish(session, result, said, by=caller, now=NOW)
            assert result.ranking is not None, "publication writes the ranking"
            return result.id, result.ranking
    finally:
        await database.close()


# --- the servers --------------------------------------------------------------------------------------------


def service() -> ASGIApp:
    """Make the service as it is started."""
    return create_app(Settings())


def bare() -> ASGIApp:
    """Make a function that sends the same bytes under the headers of a published ranking."""
    body = Path(os.environ["BODY"]).read_bytes()
    headers = [
        (b"etag", b'W/"0123456789abcdef0123456789abcdef"'),
        (b"cache-control", b"public, no-cache"),
        (b"vary", b"Accept-Encoding"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    rest = {"type": "http.response.body", "body": body}

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(rest)

    return answer


def orm() -> ASGIApp:
    """Make a route that reads rows and makes the same ranking from them every time."""
    database, app = Database(Settings().sqlalchemy_url, is_local=True), FastAPI()
    result_id = UUID(os.environ["RESULT_ID"])

    async def read_ranking() -> PublicRankingOut:
        async with database.session() as session:
            result = await queries.published(session, result_id)
            lines = await queries.lines_of(session, result_id)
            measures = await queries.measures_shown(session, result)
            return ranking_of(result, lines, measures, 2, None)

    app.get(f"{PREFIX}{result_id}", response_model=PublicRankingOut)(read_ranking)
    return app


SERVERS: dict[str, Callable[[], ASGIApp]] = {"service": service, "bare": bare, "orm": orm}


def serve(name: str, port: int) -> None:
    """Run one of the servers until it is stopped."""
    lifespan: Any = "on" if name == "service" else "off"
    uvicorn.run(
        SERVERS[name](),
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
    )


@contextmanager
def _serving(name: str, given: dict[str, str]) -> Iterator[int]:
    port = free_port()
    environment = {**os.environ, **given, "SECRET_KEY": SECRET}
    command = [sys.executable, "-m", "scripts.benchmarks.public", name, str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


# --- the client ---------------------------------------------------------------------------------------------


class Asking(asyncio.Protocol):
    """A connection that asks again as soon as an answer of a known length is complete."""

    def __init__(self, request: bytes, length: int) -> None:
        self.request, self.length = request, length
        self.received = self.answers = 0

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count what comes."""
        self.received += len(data)
        if self.received >= self.length:
            self.received -= self.length
            self.answers += 1
            self.transport.write(self.request)


async def _measure(ports: dict[str, int], path: str) -> list[dict[str, float]]:
    plain = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
    etag = await _etag(ports["service"], plain)
    asked = {
        "bare": ("bare", plain, b"200"),
        "service": ("service", plain, b"200"),
        "gzip": ("service", plain + "Accept-Encoding: gzip\r\n", b"200"),
        "not_modified": ("service", plain + f"If-None-Match: {etag}\r\n", b"304"),
        "orm": ("orm", plain, b"200"),
    }
    return [
        {
            name: await _rate(ports[server], f"{head}\r\n".encode(), status)
            for name, (server, head, status) in asked.items()
        }
        for _ in range(ROUNDS)
    ]


async def _rate(port: int, request: bytes, status: bytes) -> float:
    """Return the answers per second on some connections at once."""
    head, body = await _first(port, request)
    assert head[9:12] == status, head
    loop = asyncio.get_running_loop()
    asking = [Asking(request, len(head) + len(body)) for _ in range(CONNECTIONS)]
    for one in asking:
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(0.2)
    before, started = sum(one.answers for one in asking), time.perf_counter()
    await asyncio.sleep(SECONDS)
    rate = (sum(one.answers for one in asking) - before) / (time.perf_counter() - started)
    for one in asking:
        one.transport.abort()
    return rate


async def _first(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Return head and body of one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
    writer.close()
    return head, body


async def _etag(port: int, plain: str) -> str:
    """Wait until the service answers from memory (such answers have no id of their own) and return the ETag."""
    for _ in range(300):
        try:
            head, _ = await _first(port, f"{plain}\r\n".encode())
        except OSError:
            head = b""
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        if b"etag" in fields and b"x-request-id" not in fields:
            return fields[b"etag"].decode()
        await asyncio.sleep(0.1)
    raise RuntimeError("the service does not answer from memory")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps({"bench": "public", **run()}))
