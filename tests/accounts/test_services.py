"""Service accounts get in: by id and secret, from their networks, until they end; secrets rotate with grace."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.first import DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.accounts.models import ServiceAccount
from app.accounts.services import client_of
from app.accounts.tokens import Claims
from app.core.problems import InvalidRequest
from tests.accounts.programs import HERE, ME, SERVICES, TOKEN, Program, program, units
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn, logged_in
from tests.scene import photograph

__all__ = ["program", "units"]


@pytest.fixture
def long_tokens(app: FastAPI) -> None:
    """Let tokens live for a day: longer than what is tried."""
    app.state.tokens.lifetime_seconds = 86_400


def told(answer: Any) -> dict[str, Any]:
    """Return everything a stranger can tell answers apart by."""
    body = {name: value for name, value in answer.json().items() if name != "instance"}
    headers = {n: v for n, v in answer.headers.items() if n != "x-request-id"}
    return {"status": answer.status_code, "body": body, "headers": headers}


# --- asking for a token -------------------------------------------------------------------------------------


async def test_a_service_shows_its_secret_in_the_form_or_by_http_basic(program: Program) -> None:
    for answer in (await program.asks(), await program.asks_basic()):
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["scope"] == "feed:read figure:give figure:read"
        assert answer.json()["refresh_token"] is None
        assert await program.gets_in(answer.json()["access_token"])


async def test_the_token_carries_every_scope_and_the_answer_says_so(program: Program) -> None:
    for scope in ("", "feed:read", "feed:read  figure:give", "figure:read feed:read figure:give"):
        answer = await program.asks(scope=scope)
        assert answer.json()["scope"] == "feed:read figure:give figure:read"


@pytest.mark.parametrize(
    "scope", ["user:manage", "feed:read user:manage", "ố", "*", "\x00", "feed:read,figure:give"]
)
async def test_a_scope_that_the_service_does_not_hold_is_refused(program: Program, scope: str) -> None:
    answer = await program.asks(scope=scope)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_scope")
    answer = await program.asks("another-secret", scope=scope)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_grant")


def basic(text: str | bytes) -> str:
    """Return credentials as a Basic header carries them."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    "credentials",
    [
        basic(f"{DEMO_SERVICE}:wrong"),
        basic(DEMO_SERVICE),
        basic(f":{DEMO_SERVICE_SECRET}"),
        basic(""),
        basic(":"),
        basic(b"\xff\xfe:\x00"),
        basic(f"{DEMO_SERVICE}\x00:{DEMO_SERVICE_SECRET}"),
        basic(f"{DEMO_SERVICE}%00:{DEMO_SERVICE_SECRET}"),
        basic(f"{DEMO_SERVICE}%ff%fe:{DEMO_SERVICE_SECRET}"),
        basic(f"{DEMO_SERVICE.upper()}:{DEMO_SERVICE_SECRET}"),
        basic(f" {DEMO_SERVICE}:{DEMO_SERVICE_SECRET}"),
        basic(f"{DEMO_SERVICE}:{DEMO_SERVICE_SECRET}\n"),
        basic(f"{DEMO_SERVICE}%:{DEMO_SERVICE_SECRET}%"),
        basic("x" * 3000 + ":" + "y" * 3000),
        "no base64 !",
        "====",
        "%",
        "",
    ],
    ids=range(18),
)
async def test_odd_basic_credentials_are_refused_alike(program: Program, credentials: str) -> None:
    answer = await program.asks_basic(credentials)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert told(answer) == told(await program.asks_basic(basic("nobody:nothing")))


@given(
    st.text(max_size=60)
    | st.binary(max_size=60).map(lambda plain: f"Basic {base64.b64encode(plain).decode()}"),
    st.sampled_from(["", "lgsp"]),
)
def test_any_authorization_header_names_somebody_or_is_a_fault(header: str, client_id: str) -> None:
    try:
        client = client_of(header, client_id, "")
    except InvalidRequest as refused:
        assert [fault.code for fault in refused.faults] == ["client_named_twice"]
        return
    assert client.is_basic or (client.id, client.secret) == (client_id, "")
    assert "secret" not in repr(client)


async def test_who_authenticates_in_two_ways_is_told_to_choose_one(program: Program) -> None:
    for form in ({"client_secret": program.secret}, {"client_id": "another"}):
        answer = await program.asks_basic(**form)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "client_named_twice")
    assert (await program.asks_basic(client_id=program.shown["client_id"])).status_code == 200


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "\x00",
        "lgsp\x00so-tttt",
        "ố" * 40,
        "' OR 1=1 --",
        "x" * 128,
        "LGSP-SO-TTTT",
        "lgsp-so-tttt ",
        "\r\nx: y",
    ],
    ids=ascii,
)
async def test_odd_client_ids_are_unknown(client: CheckedClient, client_id: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": DEMO_SERVICE_SECRET}
    answer = await client.post(TOKEN, data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_grant")


async def test_strangers_cannot_tell_why_a_service_does_not_get_in(
    program: Program, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unknown, wrong, from elsewhere, expired, off: one answer; the log alone knows, without the secret."""
    answers = [await program.asks("wrong"), await program.asks(client_id="nobody.at-all")]
    assert (await program.change(networks=["10.20.30.0/24"])).status_code == 200
    answers += [await program.asks(address="10.20.31.1"), await program.asks(address=None)]
    clock.advance(days=365)
    answers.append(await program.asks())
    clock.advance(days=-365)
    await program.change(is_active=False)
    answers.append(await program.asks())
    assert [told(one) for one in answers] == [told(answers[0])] * 6
    assert (answers[0].status_code, answers[0].json()["code"]) == (400, "invalid_grant")
    logged = "".join(capfd.readouterr())
    for reason in ("unknown", "secret", "network", "expired", "off"):
        assert reason in logged
    assert program.secret not in logged
    assert "nobody.at-all" not in logged


# --- its end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "good"), [(-1, True), (0, False), (1, False)])
async def test_an_expired_service_gets_no_token_and_its_tokens_stop(
    program: Program, clock: Clock, long_tokens: None, seconds: int, good: bool
) -> None:
    ends = START + timedelta(hours=3)
    assert (await program.change(expires_at=ends.isoformat())).status_code == 200
    token = await program.token()
    clock.now = ends + timedelta(seconds=seconds)
    assert await program.gets_in(token) is good
    assert (await program.asks()).status_code == (200 if good else 400)


async def test_a_service_ends_after_a_year_if_nothing_else_is_said(program: Program, clock: Clock) -> None:
    assert program.shown["expires_at"] == (START + timedelta(days=365)).isoformat().replace("+00:00", "Z")
    clock.now = START + timedelta(days=365)
    assert (await program.asks()).status_code == 400
    clock.advance(seconds=-1)
    assert (await program.asks()).status_code == 200


async def test_a_service_of_the_release_before_has_no_end_until_one_is_set(
    program: Program, session: AsyncSession, clock: Clock
) -> None:
    account = await session.get_one(ServiceAccount, UUID(program.shown["id"]))
    account.expires_at = None
    await session.flush()
    clock.advance(days=1000)
    assert (await program.asks()).status_code == 200


# --- rotation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "good"), [(-1, True), (0, False), (1, False)])
async def test_the_secret_before_and_its_tokens_are_good_until_the_grace_ends(
    program: Program, clock: Clock, long_tokens: None, seconds: int, good: bool
) -> None:
    former, token = program.secret, await program.token()
    answer = await program.rotate(grace_hours=2, reason="Thay định kỳ")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    until = START + timedelta(hours=2)
    assert answer.json()["previous_secret_until"] == until.isoformat().replace("+00:00", "Z")
    clock.now = until + timedelta(seconds=seconds)
    assert await program.gets_in(token) is good
    assert (await program.asks(former)).status_code == (200 if good else 400)
    assert await program.gets_in(await program.token())


async def test_a_leaked_secret_ends_at_once_with_its_tokens(program: Program) -> None:
    former, token = program.secret, await program.token()
    answer = await program.rotate(grace_hours=0)
    assert answer.json()["previous_secret_until"] is None
    assert not await program.gets_in(token)
    assert (await program.asks(former)).status_code == 400
    assert await program.gets_in(await program.token())


async def test_a_second_rotation_ends_the_oldest_secret_and_keeps_the_one_before(program: Program) -> None:
    first, of_first = program.secret, await program.token()
    await program.rotate()
    second, of_second = program.secret, await program.token()
    await program.rotate()
    assert [await program.gets_in(one) for one in (of_first, of_second)] == [False, True]
    statuses = [(await program.asks(one)).status_code for one in (first, second, program.secret)]
    assert statuses == [400, 200, 200]


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "a", None])
async def test_grace_has_its_limits(program: Program, hours: Any) -> None:
    answer = await program.rotate(grace_hours=hours)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/grace_hours")


async def test_a_week_is_the_longest_grace(program: Program) -> None:
    answer = await program.rotate(grace_hours=168)
    until = (START + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert answer.json()["previous_secret_until"] == until


async def test_the_answer_to_a_rotation_is_kept_nowhere(
    program: Program, session: AsyncSession, capfd: pytest.CaptureFixture[str]
) -> None:
    headers = {"If-Match": program.etag, "Idempotency-Key": "mot-lan"}
    first = await program.admin.post(f"{program.url}/rotate", json={}, headers=headers)
    again = await program.admin.post(f"{program.url}/rotate", json={}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_key_reused")
    secret = first.json()["client_secret"]
    assert secret not in str(await photograph(session)) + (await program.admin.get(program.url)).text
    assert secret not in "".join(capfd.readouterr())


async def test_of_two_rotations_at_once_one_happens(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    (demo,) = (await admin.get(SERVICES)).json()
    url, headers = f"{SERVICES}/{demo['id']}/rotate", {"If-Match": '"1"'}
    answers = await asyncio.gather(
        *(admin.post(url, json={"grace_hours": 0}, headers=headers) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


# --- networks -----------------------------------------------------------------------------------------------


async def test_a_service_gets_in_from_its_networks_alone(program: Program) -> None:
    token = await program.token(address="203.0.113.9")
    assert (await program.change(networks=["10.20.30.0/24", "2001:db8:7::/48"])).status_code == 200
    places = {HERE: True, "::ffff:10.20.30.1": True, "2001:db8:7::5": True, "203.0.113.9": False, None: False}
    for address, good in places.items():
        assert await program.gets_in(token, address=address) is good, address
        answer = await program.asks(address=address)
        assert answer.status_code == (200 if good else 400), address
    assert (await program.change(networks=[])).status_code == 200
    assert await program.gets_in(token, address=None)


async def test_a_stolen_token_learns_nothing_elsewhere_whatever_it_asks(program: Program) -> None:
    await program.change(networks=["10.20.30.0/24"])
    thief = program.caller("198.51.100.1", await program.token())
    for url in (ME, "/api/v1/units", "/api/v1/periods", "/api/v1/users", SERVICES):
        answer = await thief.get(url)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


# --- many, and forged ---------------------------------------------------------------------------------------


async def test_fifty_ask_at_once_and_the_hour_is_written_once(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    form = {
        "grant_type": "client_credentials",
        "client_id": DEMO_SERVICE,
        "client_secret": DEMO_SERVICE_SECRET,
    }
    async with CheckedClient(own_app) as caller:
        answers = await asyncio.gather(*(caller.post(TOKEN, data=form) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    (demo,) = (await admin.get(SERVICES)).json()
    assert (demo["last_used_at"], demo["version"]) == ("2023-12-15T02:00:00Z", 1)


async def test_the_hour_of_the_last_use_is_shown_and_leaves_the_version(
    program: Program, clock: Clock
) -> None:
    assert program.shown["last_used_at"] is None
    for minutes, hour in ((0, "02"), (59, "02"), (60, "03"), (61, "03")):
        clock.now = START + timedelta(minutes=minutes)
        await program.token()
        shown = (await program.admin.get(program.url)).json()
        assert (shown["last_used_at"], shown["version"]) == (f"2023-12-15T{hour}:00:00Z", 1)


async def test_a_failed_log_in_is_no_use(program: Program) -> None:
    await program.asks("wrong")
    assert (await program.admin.get(program.url)).json()["last_used_at"] is None


SIGNED: dict[str, Callable[[UUID], Claims]] = {
    "its own id as its session": lambda one: Claims(one, one, is_service=True),
    "a session of nobody": lambda one: Claims(one, UUID(int=7), is_service=True),
    "as a person": lambda one: Claims(one, one, is_service=False),
    "another service": lambda one: Claims(UUID(int=9), one, is_service=True),
}


@pytest.mark.parametrize("claims", SIGNED.values(), ids=SIGNED)
async def test_a_token_that_was_given_for_no_secret_is_worth_nothing(
    app: FastAPI, program: Program, claims: Callable[[UUID], Claims], clock: Clock
) -> None:
    token = app.state.tokens.issue(claims(UUID(program.shown["id"])), clock.now)
    assert not await program.gets_in(token)


async def test_a_token_says_nothing_of_the_secret(program: Program, session: AsyncSession) -> None:
    payload = (await program.token()).split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    query = select(ServiceAccount.secret_hash).where(ServiceAccount.id == UUID(program.shown["id"]))
    assert said["sid"].replace("-", "") not in (await session.scalars(query)).one()


async def test_a_service_has_nothing_that_people_have(program: Program) -> None:
    caller = program.caller(token=await program.token())
    for method, url in (("POST", "/api/v1/auth/logout"), ("GET", "/api/v1/me/notices")):
        assert (await caller.request(method, url)).status_code == 403


async def test_what_a_service_may_do_changes_at_once(
    program: Program, as_user: LogIn, units: dict[str, str]
) -> None:
    token = await program.token()
    caller = program.caller(token=token)
    assert "figure:give" in (await caller.get(ME)).json()["permissions"]
    await program.change(scopes=["feed:read"])
    assert (await caller.get(ME)).json()["service"]["scopes"] == ["feed:read"]
    assert (await caller.post("/api/v1/official-figures", json={})).status_code == 403
