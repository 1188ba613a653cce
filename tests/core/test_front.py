"""What stands around every answer: security headers, other origins, proxies, request ids, time."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.core.config import Settings
from app.core.http import client_address
from app.core.proxies import address_of
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn, logged_in
from tests.core.conftest import AppWith

ME, WORKFLOW = "/api/v1/me", "/api/v1/meta/workflow"
ORIGIN = {"Origin": "https://dti.example.vn"}


# --- headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ME, WORKFLOW, "/docs", "/nowhere", "/healthz", "/api/v1/periods/%00"])
async def test_every_answer_carries_the_security_headers(client: CheckedClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert "camera=()" in headers["permissions-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers, "over plain http it means nothing"
    assert "server" not in headers
    for name in ("x-content-type-options", "cache-control", "content-security-policy"):
        assert len(headers.get_list(name)) <= 1, name


async def test_what_somebody_reads_who_is_logged_in_is_not_kept(
    as_user: LogIn, client: CheckedClient
) -> None:
    admin = await as_user("admin")
    for path in (ME, "/api/v1/periods", "/api/v1/users", "/api/v1/audit", "/nowhere"):
        assert "no-store" in (await admin.get(path)).headers["cache-control"], path
    assert (await client.get(ME)).headers["cache-control"] == "no-store"
    assert "cache-control" not in (await client.get(WORKFLOW)).headers, "the public may keep what is public"


# --- pages of other origins ---------------------------------------------------------------------------------


async def test_without_the_setting_no_other_origin_may_read(client: CheckedClient) -> None:
    answer = await client.get(WORKFLOW, headers=ORIGIN)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_named_origin_may_call_and_see_what_it_needs(app_with: AppWith, clock: Clock) -> None:
    app = app_with(cors_origins="https://dti.example.vn,http://localhost:5173", rate_limits="read=1/hour")
    asked = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    admin = await logged_in(app, clock, "admin")
    async with CheckedClient(app) as client:
        preflight = await client.options("/api/v1/submissions/x", headers=ORIGIN | asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN["Origin"]
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        for status in (200, 429):
            answer = await admin.get(ME, headers=ORIGIN)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers
            shown = answer.headers["access-control-expose-headers"].lower()
            for name in (
                "etag",
                "location",
                "retry-after",
                "x-request-id",
                "idempotency-replayed",
                "upload-offset",
            ):
                assert name in shown
        for other in (
            "https://dti.example.vn.evil.example",
            "https://evil.example",
            "null",
            "http://dti.example.vn",
        ):
            answer = await client.get(WORKFLOW, headers={"Origin": other})
            assert "access-control-allow-origin" not in answer.headers, other
            assert (await client.options(ME, headers={"Origin": other} | asked)).status_code == 400


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cors_origins", "*"),
        ("cors_origins", "https://dti.example.vn/"),
        ("cors_origins", "dti.example.vn"),
        ("cors_origins", "https://*.example.vn"),
        ("cors_origins", "null"),
        ("allowed_hosts", "https://dti.example.vn"),
        ("allowed_hosts", "dti.example.vn:443"),
        ("allowed_hosts", "*"),
        ("trusted_proxies", "*"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "proxy.example"),
    ],
)
def test_a_list_that_cannot_be_meant_stops_the_start(setting: str, value: str) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings.model_validate({setting: value})


# --- proxies ------------------------------------------------------------------------------------------------


def seen_by(app: FastAPI) -> list[Any]:
    """Add a route that notes from where and how it was asked; return the notes."""
    notes: list[Any] = []

    async def note(request: Request) -> Response:
        notes.append((client_address(request), request.url.scheme, request.state.request_id))
        return Response()

    app.router.routes.append(Route("/seen", note))
    return notes


async def asked_from(app: FastAPI, peer: str, headers: list[tuple[str, str]]) -> httpx.Response:
    """Ask the application over a connection from an address."""
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/seen", headers=headers)


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "found"),
    [
        ("", "127.0.0.1", ["1.2.3.4"], "127.0.0.1"),
        ("10.0.0.0/8", "127.0.0.1", ["1.2.3.4"], "127.0.0.1"),
        ("10.0.0.0/8", "11.0.0.1", ["1.2.3.4"], "11.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["10.0.0.7, 10.9.9.9"], "10.0.0.7"),
        ("10.0.0.0/8", "10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["[2001:db8::1]:5678"], "2001:db8::1"),
        ("10.0.0.0/8", "10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::5", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", [","], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["<script>"], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["1.2.3.4, _hidden"], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["1.2.3.999"], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["9" * 5000], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", ["[::1]:" + "9" * 5000], "::1"),
        ("10.0.0.0/8", "10.0.0.1", ["[::1"], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", [", ".join(["1.2.3.4"] * 500)], "1.2.3.4"),
    ],
)
async def test_only_what_trusted_proxies_say_of_an_address_counts(
    app_with: AppWith, proxies: str, peer: str, forwarded: list[str], found: str
) -> None:
    app = app_with(trusted_proxies=proxies)
    notes = seen_by(app)
    assert (await asked_from(app, peer, [("X-Forwarded-For", one) for one in forwarded])).status_code == 200
    assert notes[-1][0] == found


@pytest.mark.parametrize(
    ("peer", "scheme", "is_safe"),
    [
        ("10.0.0.1", "https", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "gopher", False),
        ("10.0.0.1", "", False),
        ("11.0.0.1", "https", False),
    ],
)
async def test_https_is_what_a_trusted_proxy_says_it_is(
    app_with: AppWith, peer: str, scheme: str, is_safe: bool
) -> None:
    app = app_with(trusted_proxies="10.0.0.1")
    notes = seen_by(app)
    answer = await asked_from(app, peer, [("X-Forwarded-Proto", scheme)])
    assert (notes[-1][1] == "https") is is_safe
    assert ("strict-transport-security" in answer.headers) is is_safe


@pytest.mark.parametrize(
    ("peer", "given", "is_kept"),
    [
        ("10.0.0.1", "4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("11.0.0.1", "4bf92f3577b34da6a3ce929d0e0e4736", False),
        ("10.0.0.1", "short", False),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "id with spaces", False),
        ("10.0.0.1", '{"event":"forged"}', False),
        ("10.0.0.1", "mã-yêu-cầu-1", False),
    ],
)
async def test_a_request_id_is_kept_if_a_trusted_proxy_gives_a_sane_one(
    app_with: AppWith, peer: str, given: str, is_kept: bool
) -> None:
    app = app_with(trusted_proxies="10.0.0.1")
    notes = seen_by(app)
    answer = await asked_from(app, peer, [("X-Request-Id", given.encode())])  # type: ignore[list-item]
    assert (answer.headers["x-request-id"] == given) is is_kept
    assert notes[-1][2] == answer.headers["x-request-id"]


@pytest.mark.parametrize("host", ["", "x", "1.2.3", "::1::", "1.2.3.4\n", "a" * 10_000, "%", "１.2.3.4"])
def test_rubbish_is_no_address(host: str) -> None:
    assert address_of(host) is None


# --- time ---------------------------------------------------------------------------------------------------


async def test_a_request_that_takes_too_long_is_ended(app_with: AppWith) -> None:
    app = app_with(request_seconds=0.3)
    ended = asyncio.Event()

    @app.get("/for-ever")
    async def wait_for_ever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with CheckedClient(app) as client:
        answer = await client.get("/for-ever")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["x-request-id"] == answer.json()["instance"]
    assert ended.is_set()


async def test_an_answer_that_has_begun_is_not_ended(app_with: AppWith) -> None:
    app = app_with(request_seconds=0.3)

    @app.get("/slowly")
    async def slowly() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"first, "
            await asyncio.sleep(0.6)
            yield b"last"

        return StreamingResponse(lines())

    async with CheckedClient(app) as client:
        assert (await client.get("/slowly")).text == "first, last"


async def test_a_body_that_does_not_come_in_time_is_told_so(app_with: AppWith, clock: Clock) -> None:
    app = app_with(request_seconds=0.2)
    admin = await logged_in(app, clock, "admin")

    async def slowly() -> Any:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    answer = await admin.post(
        "/api/v1/periods", content=slowly(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (408, "request_too_slow")


async def test_the_document_of_the_api_is_written_once(client: CheckedClient, app: FastAPI) -> None:
    assert (await client.get("/openapi.json")).json() == app.openapi()
    took = []
    for _ in range(10):
        began = time.perf_counter()
        answer = await client.get("/openapi.json")
        took.append(time.perf_counter() - began)
        assert answer.headers["content-type"] == "application/json"
    assert min(took) < 0.012, "whoever asks for it again and again holds everybody up"
