"""The form of a request: heads, addresses, methods, hosts, depth and numbers. Nothing of it is ever a 5xx."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import BaseRoute

from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.core.conftest import AppWith
from tests.core.test_http import BODY, PERIODS
from tests.scene import photograph

ME, WORKFLOW = "/api/v1/me", "/api/v1/meta/workflow"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({f"x-{n}": "1" for n in range(90)}, 200),
        ({f"x-{n}": "1" for n in range(101)}, 431),
        ({"x-long": "a" * 15_000}, 200),
        ({"x-long": "a" * 16_384}, 431),
        ({"Authorization": "Bearer " + "a" * 20_000}, 431),
    ],
)
async def test_a_head_has_a_limit(client: CheckedClient, headers: dict[str, str], status: int) -> None:
    answer = await client.get(WORKFLOW, headers=headers)
    assert answer.status_code == status
    if status == 431:
        assert answer.json()["code"] == "headers_too_large"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("x=" + "a" * 8000, 200),
        ("x=" + "a" * 8192, 414),
        ("&".join(f"a{n}=1" for n in range(100)), 200),
        ("&".join(f"a{n}=1" for n in range(101)), 414),
        ("&" * 200, 414),
    ],
)
async def test_an_address_has_a_limit(client: CheckedClient, query: str, status: int) -> None:
    answer = await client.get(f"{WORKFLOW}?{query}")
    assert answer.status_code == status
    if status == 414:
        assert answer.json()["code"] == "address_too_long"


async def test_a_long_path_is_refused(client: CheckedClient) -> None:
    assert (await client.get("/api/v1/" + "a" * 8192)).status_code == 414


def nested(depth: int, inner: Any = 1) -> Any:
    for level in range(depth):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


@pytest.mark.parametrize(("depth", "status"), [(31, 422), (32, 422), (33, 400), (900, 400)])
@pytest.mark.parametrize("inner", [1, [], {}], ids=["number", "array", "object"])
async def test_json_has_a_depth(as_user: LogIn, depth: int, status: int, inner: Any) -> None:
    given = nested(depth - (inner != 1), inner)
    answer = await (await as_user("admin")).post(PERIODS, content=json.dumps(given), headers=JSON)
    assert answer.status_code == status, answer.text


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("depth", [10_000, 500_000])
async def test_the_deepest_json_that_fits_is_refused_at_once(as_user: LogIn, depth: int) -> None:
    admin = await as_user("admin")
    for text in ("[" * depth, '{"a":' * depth, "[" * depth + "]" * depth):
        answer = await admin.post(PERIODS, content=text, headers=JSON)
        assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("9" * 64, 422),
        ("9" * 65, 400),
        ("9" * 5000, 400),
        ("-" + "9" * 4299, 400),
        ("1e64", 422),
        ("1e65", 400),
        ("1E+999999999", 400),
        ("1e-999999999", 400),
        ("1e" + "9" * 60, 400),
        ("0." + "1" * 100, 400),
        ("1e999999999999999999999999", 400),
    ],
)
async def test_a_number_that_could_fill_the_memory_is_refused_at_once(
    as_user: LogIn, session: AsyncSession, number: str, status: int
) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    text = json.dumps(BODY | {"year": 0}).replace('"year": 0', f'"year": {number}')
    began = time.perf_counter()
    answer = await admin.post(PERIODS, content=text, headers=JSON)
    assert time.perf_counter() - began < 5
    assert answer.status_code == status, answer.text
    assert await photograph(session) == before


# --- hosts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("dti.example.vn", 200),
        ("DTI.Example.vn:8443", 200),
        ("[2001:db8::1]:8000", 200),
        ("evil.example", 421),
        ("dti.example.vn.evil.example", 421),
        ("127.0.0.1", 421),
        ("dti.example.vn@evil.example", 421),
        ("", 421),
    ],
)
async def test_only_the_hosts_that_are_named_are_served(app_with: AppWith, host: str, status: int) -> None:
    app = app_with(allowed_hosts="dti.example.vn, [2001:db8::1]")
    async with CheckedClient(app) as client:
        answer = await client.get(WORKFLOW, headers={"Host": host} if host else {"Host": " "})
        assert answer.status_code == status
        alive = await client.get("/healthz", headers={"Host": "127.0.0.1:8000"})
        assert alive.status_code == 200, "supervisors ask by address"


async def test_no_address_of_ours_is_made_of_the_host(as_user: LogIn) -> None:
    """Nothing answered repeats the Host, nor what proxies may say of it."""
    admin = await as_user("admin")
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    made = await admin.post(PERIODS, json=BODY, headers=forged)
    assert made.status_code == 201
    for path in (PERIODS, "/openapi.json", "/docs", "/api/v1/nothing", f"{PERIODS}/", "/docs/"):
        answer = await admin.get(path, headers=forged)
        assert "evil" not in answer.text + str(answer.headers), path
    assert "evil" not in made.text + str(made.headers)


# --- methods ------------------------------------------------------------------------------------------------


def readable(routes: list[BaseRoute], app: FastAPI) -> Iterator[str]:
    """Give the addresses without parameters that can be read."""
    for path, item in app.openapi()["paths"].items():
        if "get" in item and "{" not in path:
            yield path


async def test_head_answers_like_get_without_the_body(app: FastAPI, as_user: LogIn) -> None:
    admin = await as_user("admin")
    for path in readable(app.routes, app):
        got, head = await admin.get(path), await admin.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        if got.status_code == 200 and path not in ("/readyz", "/metrics"):
            kept = ("etag", "content-length", "content-type", "cache-control")
            assert [head.headers.get(n) for n in kept] == [got.headers.get(n) for n in kept], path


async def test_head_of_what_only_takes_posts_is_not_allowed(as_user: LogIn) -> None:
    answer = await (await as_user("admin")).head("/api/v1/auth/token")
    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT", "PROPFIND", "FOO"])
@pytest.mark.parametrize("path", [ME, "/", "/api/v1/auth/token", "/docs"])
async def test_other_methods_are_refused(client: CheckedClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../../etc/passwd",
        "/static-offline-docs/../../../../etc/passwd",
        "/static-offline-docs/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static-offline-docs/..%2f..%2f..%2fetc/passwd",
        "/static-offline-docs/%5c..%5c..%5cetc%5cpasswd",
        "/static-offline-docs//etc/passwd",
        "/static-offline-docs/" + "a/" * 2000,
        "/static-offline-docs/" + "a" * 5000,
        "/api/v1/periods/%ff%fe",
        "/api/v1/periods/%00",
        "/api/v1/periods/%0d%0aX-Injected:%201",
        "/api/v1/periods/%E2%80%A8",
        "/api/v1/units?q=%00",
        "/api/v1/units?q=%ff%fe",
        "/api/v1/units?page=99999999999999999999999999",
        "/api/v1/units?page=" + "9" * 5000,
        "/%",
        "/%zz",
        "//evil.example/",
        "/api/v1/me/.",
        "/docs/oauth2-redirect?x=%0a",
    ],
)
async def test_an_address_of_any_kind_gives_no_file_and_no_crash(as_user: LogIn, path: str) -> None:
    admin = await as_user("admin")
    for method in ("GET", "HEAD", "POST", "DELETE"):
        answer = await admin.request(method, path)
        assert answer.status_code < 500, answer.text
        assert "root:" not in answer.text
        assert "x-injected" not in answer.headers
        assert "evil.example" not in answer.headers.get("location", "")
