"""Clients without manners on a real socket: slow heads, endless heads, what is no HTTP. Never a 5xx, never for ever."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI

from app.core import connection
from app.core.connection import Connection, server_config
from tests.core.conftest import AppWith

HOST = b"Host: test\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
FORM = b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = FORM + b"Transfer-Encoding: chunked\r\n"


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """Serve an application as the service does and give its port."""
    server = uvicorn.Server(server_config(app, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await running


async def answer_to(port: int, *parts: bytes | float) -> bytes:
    """Send bytes, pausing where a number of seconds is given, and return all that comes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.fixture
async def port(app_with: AppWith, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Serve with little patience."""
    monkeypatch.setattr(Connection, "head_seconds", 0.5)
    async with served(app_with(request_seconds=3, trusted_proxies="10.0.0.0/8")) as port:
        yield port


async def seconds_until_closed(port: int, *parts: bytes | float) -> float:
    """Return how long the server kept a connection."""
    began = asyncio.get_running_loop().time()
    await answer_to(port, *parts)
    return asyncio.get_running_loop().time() - began


async def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(port: int) -> None:
    assert await seconds_until_closed(port) < 3, "nothing at all"
    assert await seconds_until_closed(port, b"GET /heal") < 3
    assert await seconds_until_closed(port, GET + b"X-Slow: ") < 3
    drops = [part for _ in range(8) for part in (b"a", 0.2)]
    assert await seconds_until_closed(port, GET + b"X-Slow: ", *drops) < 3, "a byte now and then"


async def test_the_second_request_of_a_connection_is_waited_for_no_longer(port: int) -> None:
    whole = GET + b"\r\n"
    answer = await answer_to(port, whole, 0.1, GET + b"X-Slow: a")
    assert answer.count(b"HTTP/1.1 200") == 1
    answer = await answer_to(port, whole, 0.8, whole + GET + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 3, "between requests a connection may rest"


ENDLESS = {
    "a header": (GET + b"X-Long: ", b"a" * 8192),
    "headers": (GET, b"X-Many: 1\r\n" * 700),
    "an address": (b"GET /", b"a" * 8192),
    "a trailer": (CHUNKED + b"\r\n1\r\na\r\n0\r\nX-Long: ", b"a" * 8192),
    "trailers": (CHUNKED + b"\r\n1\r\na\r\n0\r\n", b"X-Many: 1\r\n" * 700),
    "an extension of a chunk": (CHUNKED + b"\r\n1;", b"a" * 8192),
}


@pytest.mark.parametrize("what", list(ENDLESS))
async def test_what_has_no_end_and_is_no_body_is_refused(port: int, what: str) -> None:
    begun, filler = ENDLESS[what]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    sent = 0
    # As slowly as it is taken: a client that still sends when it is refused loses the answer.
    while sent < 2 * connection.HEAD_BYTES and not reader._buffer:  # type: ignore[attr-defined]
        writer.write(filler)
        sent += len(filler)
        await asyncio.sleep(0.01)
    answer = await asyncio.wait_for(reader.read(), 2)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400"), answer[:100]
    assert b'"body_unreadable"' in answer
    assert sent <= connection.HEAD_BYTES + 3 * len(filler)


async def test_what_stands_behind_a_body_says_nothing_of_the_request(port: int) -> None:
    """Proxies look at the head alone: a name or an address that comes behind it would be anybody's word."""
    head = CHUNKED.replace(b"POST /api/v1/auth/token", b"GET /healthz")
    answer = await answer_to(
        port,
        head
        + b"Connection: close\r\n\r\n1\r\na\r\n0\r\nHost: another\r\n"
        + b"X-More: 1\r\n" * 200
        + b"\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


async def test_a_large_body_before_the_next_head_is_no_large_head(port: int) -> None:
    body = b"a" * (4 * connection.HEAD_BYTES)
    first = FORM + b"Content-Length: %d\r\n\r\n" % len(body) + body
    answer = await answer_to(port, first + GET, 0.2, b"Connection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"422", b"200"]


async def test_a_body_that_comes_slowly_is_cut_off(port: int) -> None:
    drops = [part for _ in range(20) for part in (b"a", 0.2)]
    answer = await answer_to(port, FORM + b"Content-Length: 1000\r\n\r\n", *drops)
    assert answer.startswith(b"HTTP/1.1 408"), answer[:200]
    assert b'"request_too_slow"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"rubbish\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GeT /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"FOO /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://evil.example HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET //evil.example/%2f.. HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
        "GET /đơn-vị HTTP/1.1\r\n".encode() + HOST + b"\r\n",
        b"GET /healthz?x=\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /api/v1/units?q=\xff\xfe%ff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-\xff: 1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: \x00\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: a\r\n folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"Accept-Language: \xff\xfe\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\n" + HOST + b"Authorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + HOST + b"Authorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: rot13\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Expect: nonsense\r\nContent-Length: 0\r\n\r\n",
        b"POST /api/v1/auth/token HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: multipart/form-data; boundary=\xff\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /api/v1/auth/token HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: application/x-www-form-urlencoded; charset=rot13\r\nContent-Length: 3\r\n\r\n%ff",
    ],
    ids=range(42),
)
async def test_no_bytes_of_any_kind_are_our_fault(port: int, request_bytes: bytes) -> None:
    answer = await answer_to(port, request_bytes, 0.1, GET + b"Connection: close\r\n\r\n")
    statuses = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert all(status < b"500" for status in statuses), answer
    head, _, body = answer.partition(b"\r\n\r\n")
    if statuses and statuses[0] >= b"400" and b" 100 " not in head[:20]:
        assert b"application/problem+json" in head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert json.loads(body[:length])["status"] == int(statuses[0])


async def test_two_hosts_in_one_request_are_refused(port: int) -> None:
    answer = await answer_to(
        port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_forged_address_from_an_untrusted_peer_changes_nothing(port: int) -> None:
    head = (
        GET + b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: forged-by-a-client\r\n"
    )
    answer = await answer_to(port, head + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"strict-transport-security" not in answer
    assert b"forged-by-a-client" not in answer


async def test_a_hundred_slow_clients_hold_nobody_up(port: int) -> None:
    slow = [asyncio.create_task(answer_to(port, GET + b"X-Slow: ", 0.4)) for _ in range(100)]
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    answer = await answer_to(port, GET + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert asyncio.get_running_loop().time() - began < 5
    await asyncio.gather(*slow)
