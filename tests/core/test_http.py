"""What every route shares: commit before the answer, safe repetition, problems, limits, methods, headers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.core.db import Database
from app.core.repetition import IdempotencyRecord
from app.periods.models import Period
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import SETS, photograph

PERIODS, DAY = "/api/v1/periods", "/api/v1/calendar/2024-05-04"
BODY = {"year": 2023, "guidance_on": "2023-12-15", "sets": SETS}
WORKED = {"is_working": True, "reason": "Hoán đổi", "source": "8662/VPCP-KGVX"}
SECURITY = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


async def count(session: AsyncSession, table: Any) -> int:
    """Return how many rows a table has."""
    return await session.scalar(select(func.count()).select_from(table)) or 0


# --- the answer leaves after the commit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("disk"), 500),
        (OperationalError("COMMIT", {}, Exception("gone"), connection_invalidated=True), 503),
        (ConnectionResetError("gone"), 503),
    ],
    ids=["crash", "lost connection", "reset"],
)
async def test_nobody_hears_of_a_success_that_was_not_committed(
    app: FastAPI,
    as_user: LogIn,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    admin = await as_user("admin")
    before = await photograph(session)

    async def fail(_: AsyncSession) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(AsyncSession, "commit", fail)
        response = await admin.post(PERIODS, json=BODY)
    assert response.status_code == status
    assert response.json()["code"] == ("internal_error" if status == 500 else "unavailable")
    assert "disk" not in response.text
    assert await photograph(session) == before


async def test_what_was_answered_is_there_for_the_next_reader(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    made = await admin.post(PERIODS, json=BODY)
    async with own_app.state.database.session() as session:
        assert await session.scalar(select(Period.id)) == UUID(made.json()["id"])


# --- safe repetition ----------------------------------------------------------------------------------------


async def test_a_repetition_gets_the_first_answer_and_writes_nothing(
    as_user: LogIn, session: AsyncSession
) -> None:
    admin = await as_user("admin")
    key = {"Idempotency-Key": "lan-1"}
    first = await admin.post(PERIODS, json=BODY, headers=key)
    before = await photograph(session)
    again = await admin.post(PERIODS, json=BODY, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert (again.headers["etag"], again.headers["content-type"]) == (
        first.headers["etag"],
        first.headers["content-type"],
    )
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert await photograph(session) == before


@pytest.mark.parametrize(
    "change", [{"json": BODY | {"year": 2024}}, {"url": f"{PERIODS}?x=1"}, {"headers": {"If-Match": '"1"'}}]
)
async def test_a_key_is_good_for_one_request(
    as_user: LogIn, session: AsyncSession, change: dict[str, Any]
) -> None:
    admin = await as_user("admin")
    key = {"Idempotency-Key": "lan-1"}
    await admin.post(PERIODS, json=BODY, headers=key)
    before = await photograph(session)
    headers = key | change.get("headers", {})
    response = await admin.post(change.get("url", PERIODS), json=change.get("json", BODY), headers=headers)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")
    assert await photograph(session) == before


async def test_a_key_belongs_to_its_caller(app: FastAPI, clock: Clock, as_user: LogIn) -> None:
    key = {"Idempotency-Key": "lan-1"}
    await (await as_user("admin")).post(PERIODS, json=BODY, headers=key)
    other = await (await as_user("reviewer")).post(PERIODS, json=BODY, headers=key)
    assert (other.status_code, other.json()["code"]) == (403, "not_permitted")


async def test_a_refused_request_leaves_its_key_free(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    key = {"Idempotency-Key": "lan-1"}
    for _ in range(2):
        refused = await admin.post(PERIODS, json=BODY | {"policy": "khong-co"}, headers=key)
        assert refused.status_code == 422
    assert await count(session, IdempotencyRecord) == 0
    assert (await admin.post(PERIODS, json=BODY, headers=key)).status_code == 201


async def test_a_key_is_needed_and_has_a_limit(as_user: LogIn) -> None:
    admin = await as_user("admin")
    missing = await admin.post(PERIODS, json=BODY, headers={"Idempotency-Key": ""})
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    long = await admin.post(PERIODS, json=BODY, headers={"Idempotency-Key": "x" * 129})
    assert (long.status_code, long.json()["errors"][0]["pointer"]) == (422, "header/idempotency-key")


async def test_two_equal_requests_at_once_have_one_effect(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    key = {"Idempotency-Key": "lan-1"}
    both = await asyncio.gather(*(admin.post(PERIODS, json=BODY, headers=key) for _ in range(2)))
    assert [one.status_code for one in both] == [201, 201]
    assert both[0].content == both[1].content
    assert sum("idempotency-replayed" in one.headers for one in both) == 1
    async with own_app.state.database.session() as session:
        assert await count(session, Period) == 1
        events = select(AuditEvent.id).where(AuditEvent.action == "period.prepare")
        assert len((await session.scalars(events)).all()) == 1


async def test_a_lost_role_gets_no_old_answer_either(as_user: LogIn) -> None:
    admin = await as_user("admin")
    key = {"Idempotency-Key": "lan-1"}
    await admin.post(PERIODS, json=BODY, headers=key)
    found = (await admin.get("/api/v1/users", params={"search": "admin"})).json()["items"][0]
    url = f"/api/v1/users/{found['id']}"
    second = await as_user("leader")
    grants = [{"role": "province_admin", "unit_id": found["unit_id"]}]
    leader = (await admin.get("/api/v1/users", params={"search": "leader"})).json()["items"]
    other = next(one for one in leader if one["username"] == "leader")
    raised = await admin.patch(
        f"/api/v1/users/{other['id']}", json={"grants": grants}, headers={"If-Match": '"1"'}
    )
    assert raised.status_code == 200
    assert (await second.patch(url, json={"grants": []}, headers={"If-Match": '"1"'})).status_code == 200
    assert (await admin.post(PERIODS, json=BODY, headers=key)).status_code == 403


# --- versions -----------------------------------------------------------------------------------------------


async def test_of_two_changes_at_once_one_is_stale(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    made = await admin.post(PERIODS, json=BODY)
    url, etag = f"{PERIODS}/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    days = ("2023-12-18", "2023-12-19")
    both = await asyncio.gather(*(admin.patch(url, json={"guidance_on": d}, headers=etag) for d in days))
    assert sorted(one.status_code for one in both) == [200, 412]
    stale = next(one for one in both if one.status_code == 412)
    assert stale.json()["current_etag"] == (await admin.get(url)).headers["etag"] == '"2"'


# --- problems -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "lang"),
    [(None, "vi"), ("vi-VN,vi;q=0.9,en;q=0.8", "vi"), ("en-US,en;q=0.9", "en"), ("fr", "vi"), ("*", "vi")],
)
async def test_a_problem_speaks_the_language_that_was_asked_for(
    client: CheckedClient, asked: str | None, lang: str
) -> None:
    response = await client.get("/api/v1/me", headers={"Accept-Language": asked} if asked else {})
    titles = {"vi": "Chưa đăng nhập hoặc phiên đã hết hạn", "en": "Not logged in, or the log-in has expired"}
    assert (response.json()["title"], response.headers["content-language"]) == (titles[lang], lang)


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/v1/../../etc/passwd", 404, "not_found"),
        ("DELETE", "/api/v1/periods", 405, "method_not_allowed"),
        ("TRACE", "/api/v1/periods", 405, "method_not_allowed"),
        ("GET", "/api/v1/auth/token", 405, "method_not_allowed"),
        ("GET", "/api/v1/periods/%00", 400, "body_unreadable"),
        ("GET", "/api/v1/units?search=%00", 400, "body_unreadable"),
    ],
)
async def test_every_refusal_is_a_problem_with_its_headers(
    client: CheckedClient, method: str, url: str, status: int, code: str
) -> None:
    response = await client.request(method, url)
    document = response.json()
    assert (response.status_code, document["code"], document["status"]) == (status, code, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert {name: response.headers[name] for name in SECURITY} == SECURITY
    assert response.headers["cache-control"] == "no-store"
    assert document["instance"] == response.headers["x-request-id"]
    assert document["type"] == f"urn:dti:problem:{code}"


async def test_a_success_has_the_security_headers_and_an_id_of_its_own(client: CheckedClient) -> None:
    first, second = [await client.get("/api/v1/index-sets") for _ in range(2)]
    assert {name: first.headers[name] for name in SECURITY} == SECURITY
    assert "default-src 'none'" in first.headers["content-security-policy"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_crash_shows_its_id_and_nothing_else(as_user: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await as_user("admin")

    async def crash(*_: object) -> None:
        raise RuntimeError("SELECT secret FROM app_user")

    monkeypatch.setattr("app.periods.queries.periods", crash)
    response = await admin.get(PERIODS)
    assert response.status_code == 500
    assert set(response.json()) == {"type", "title", "status", "code", "instance"}
    assert response.json()["instance"] == response.headers["x-request-id"]
    assert "secret" not in response.text


async def test_all_faults_of_a_body_are_listed_with_pointers_in_both_languages(as_user: LogIn) -> None:
    admin = await as_user("admin")
    body = {"guidance_on": "x", "sets": SETS, "a/b~c": 1}
    for lang, said in (("vi", "thiếu trường bắt buộc"), ("en", "Field required")):
        response = await admin.post(PERIODS, json=body, headers={"Accept-Language": lang})
        faults = {one["pointer"]: one["message"] for one in response.json()["errors"]}
        assert set(faults) == {"/year", "/guidance_on", "/a~1b~0c"}
        assert faults["/year"] == said


# --- methods and limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_asking_about_an_address_changes_nothing(
    as_user: LogIn, session: AsyncSession, method: str
) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    for url in (PERIODS, "/api/v1/auth/token", DAY, "/api/v1/index-sets"):
        response = await admin.request(method, url)
        assert response.status_code in (200, 204, 405)
        assert response.headers["x-content-type-options"] == "nosniff"
    assert await photograph(session) == before


async def chunks(size: int) -> AsyncIterator[bytes]:
    """Send bytes without saying how many will come."""
    for _ in range(size // 65_536 + 1):
        yield b" " * 65_536


@pytest.mark.parametrize("told", [True, False], ids=["announced", "not announced"])
async def test_a_body_over_2_mb_is_refused(as_user: LogIn, session: AsyncSession, told: bool) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    size = 2 * 1024**2 + 1
    content: Any = b" " * size if told else chunks(size)
    headers = {"Content-Type": "application/json"}
    response = await admin.post(PERIODS, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert await photograph(session) == before


async def test_a_body_of_2_mb_is_read(as_user: LogIn) -> None:
    text = json.dumps(BODY).encode()
    content = text + b" " * (2 * 1024**2 - len(text))
    response = await (await as_user("admin")).post(
        PERIODS, content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 201


async def test_a_log_in_form_over_2_mb_is_refused(client: CheckedClient) -> None:
    response = await client.post("/api/v1/auth/token", data={"username": "x" * (2 * 1024**2)})
    assert response.status_code == 413


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""]
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(
    as_user: LogIn, session: AsyncSession, content_type: str
) -> None:
    """A form of another site can send text/plain without asking first; JSON it cannot."""
    admin = await as_user("admin")
    before = await photograph(session)
    headers = {"Content-Type": content_type} if content_type else {}
    response = await admin.post(PERIODS, content=json.dumps(BODY).encode(), headers=headers)
    assert response.status_code in (400, 415, 422), response.text
    assert await photograph(session) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "/nowhere"])
async def test_a_database_that_is_gone_is_told_as_temporary(
    own_app: FastAPI, clock: Clock, host: str
) -> None:
    admin = await logged_in(own_app, clock, "admin")
    alive = own_app.state.database
    gone = Database(f"postgresql+asyncpg://dti:x@/dti?host={host}&port=1", is_local=True)
    own_app.state.database = gone
    response = await admin.get(PERIODS)
    own_app.state.database = alive
    await gone.close()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "5"
