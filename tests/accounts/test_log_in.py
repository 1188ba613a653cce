"""Log-in, refresh, log-out, the lock after wrong passwords, and change of password."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.first import DEMO_PASSWORD, DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.accounts.models import LoginSession, RefreshToken, User
from app.accounts.proving import LOCK, MAX_FAILURES
from app.core.repetition import IdempotencyRecord
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn

URL, ME, PASSWORD = "/api/v1/auth/token", "/api/v1/me", "/api/v1/me/password"
NEW = "mot-mat-khau-moi-2024"


async def log_in(
    client: CheckedClient, username: str = "auditor", password: str = DEMO_PASSWORD
) -> httpx.Response:
    """Send a name and a password."""
    form = {"grant_type": "password", "username": username, "password": password}
    return await client.post(URL, data=form)


async def refresh(client: CheckedClient, token: str) -> httpx.Response:
    """Exchange a refresh token."""
    return await client.post(URL, data={"grant_type": "refresh_token", "refresh_token": token})


def bearer(answer: httpx.Response | dict[str, Any]) -> dict[str, str]:
    """Return the header for the access token of an answer."""
    body = answer.json() if isinstance(answer, httpx.Response) else answer
    return {"Authorization": f"Bearer {body['access_token']}"}


async def status_of(client: CheckedClient, answer: httpx.Response) -> int:
    """Return what /me answers to an access token."""
    return (await client.get(ME, headers=bearer(answer))).status_code


async def test_a_good_password_gives_tokens_that_nobody_may_keep(client: CheckedClient) -> None:
    answer = await log_in(client)
    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    me = await client.get(ME, headers=bearer(answer))
    assert (me.json()["name"], me.json()["must_change_password"]) == ("auditor", False)


async def test_a_user_name_is_the_same_in_capitals(client: CheckedClient) -> None:
    assert (await log_in(client, "AuDiToR")).status_code == 200


async def test_a_wrong_password_an_unknown_name_and_a_disabled_account_get_the_same_answer(
    client: CheckedClient, session: AsyncSession
) -> None:
    await session.execute(update(User).where(User.username == "leader").values(is_active=False))
    answers = [
        await log_in(client, "auditor", "sai"),
        await log_in(client, "nobody", DEMO_PASSWORD),
        await log_in(client, "leader", DEMO_PASSWORD),
        await log_in(client, "auditor", "x" * 256),
        await log_in(client, "", ""),
    ]
    told = {
        (one.status_code, *sorted((k, v) for k, v in one.json().items() if k != "instance"))
        for one in answers
    }
    assert len(told) == 1
    assert answers[0].status_code == 400
    assert answers[0].json()["code"] == "invalid_grant"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": "authorization_code"},
        {"grant_type": "password", "username": "x" * 129},
        {"grant_type": "password", "username": "auditor\0", "password": "x"},
    ],
)
async def test_a_malformed_log_in_is_refused(client: CheckedClient, form: dict[str, str]) -> None:
    answer = await client.post(URL, data=form)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_ten_failures_lock_the_account_and_15_minutes_open_it(
    client: CheckedClient, clock: Clock
) -> None:
    for _ in range(MAX_FAILURES - 1):
        assert (await log_in(client, password="sai")).status_code == 400
    assert (await log_in(client)).status_code == 200  # nine are not enough, and a success forgets them
    for _ in range(MAX_FAILURES):
        await log_in(client, password="sai")
    for seconds, status in ((0, 400), (15 * 60 - 1, 400), (15 * 60, 200)):
        clock.now = START + timedelta(seconds=seconds)
        assert (await log_in(client)).status_code == status


async def test_failures_are_counted_for_good(own_app: FastAPI) -> None:
    async with CheckedClient(own_app) as client:
        await asyncio.gather(*(log_in(client, password="sai") for _ in range(MAX_FAILURES)))
        assert (await log_in(client)).status_code == 400
    async with own_app.state.database.session() as session:
        locked = await session.scalar(select(User.locked_until).where(User.username == "auditor"))
    assert locked == START + LOCK


async def test_trying_a_locked_account_does_not_lock_it_longer(client: CheckedClient, clock: Clock) -> None:
    for _ in range(MAX_FAILURES):
        await log_in(client, password="sai")
    clock.advance(minutes=15, seconds=-1)
    await log_in(client, password="sai")
    clock.advance(seconds=1)
    assert (await log_in(client)).status_code == 200


async def test_a_refresh_token_is_good_once_and_gives_a_new_pair(client: CheckedClient) -> None:
    first = await log_in(client)
    second = await refresh(client, first.json()["refresh_token"])
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first.json()["refresh_token"]
    assert await status_of(client, second) == 200


async def test_using_a_refresh_token_twice_ends_the_log_in(client: CheckedClient) -> None:
    """Somebody has stolen it; nobody can tell who is who, so both are out."""
    first = await log_in(client)
    second = await refresh(client, first.json()["refresh_token"])
    stolen = await refresh(client, first.json()["refresh_token"])
    assert (stolen.status_code, stolen.json()["code"]) == (400, "invalid_grant")
    assert [await status_of(client, one) for one in (first, second)] == [401, 401]
    assert (await refresh(client, second.json()["refresh_token"])).status_code == 400


async def test_of_two_refreshes_at_once_at_most_one_wins_and_the_log_in_ends(own_app: FastAPI) -> None:
    async with CheckedClient(own_app) as client:
        first = await log_in(client)
        token = first.json()["refresh_token"]
        both = await asyncio.gather(refresh(client, token), refresh(client, token))
        assert sorted(one.status_code for one in both) == [200, 400]
        assert await status_of(client, first) == 401


@pytest.mark.parametrize(("days", "seconds", "status"), [(7, -1, 200), (7, 0, 400)])
async def test_a_log_in_lasts_seven_days_however_often_it_is_refreshed(
    client: CheckedClient, clock: Clock, days: int, seconds: int, status: int
) -> None:
    token = (await log_in(client)).json()["refresh_token"]
    clock.advance(days=3)
    token = (await refresh(client, token)).json()["refresh_token"]
    clock.now = START + timedelta(days=days, seconds=seconds)
    assert (await refresh(client, token)).status_code == status


@pytest.mark.parametrize("token", ["", "x", "ố", "x" * 256, "\0"])
async def test_an_invented_refresh_token_is_refused(client: CheckedClient, token: str) -> None:
    assert (await refresh(client, token)).status_code == 400


async def test_refresh_tokens_are_kept_only_as_fingerprints(
    client: CheckedClient, session: AsyncSession
) -> None:
    token = (await log_in(client)).json()["refresh_token"]
    kept = (await session.scalars(select(RefreshToken.token_hash))).all()
    assert token not in kept
    assert all(len(one) == 64 for one in kept)


async def test_log_out_ends_the_log_in_at_once_and_no_other(client: CheckedClient) -> None:
    here, elsewhere = await log_in(client), await log_in(client)
    assert (await client.post("/api/v1/auth/logout", headers=bearer(here))).status_code == 204
    assert [await status_of(client, one) for one in (here, elsewhere)] == [401, 200]
    assert (await refresh(client, here.json()["refresh_token"])).status_code == 400
    assert (await client.post("/api/v1/auth/logout", headers=bearer(here))).status_code == 401


async def test_a_change_of_password_ends_every_other_log_in(client: CheckedClient) -> None:
    here, elsewhere = await log_in(client), await log_in(client)
    body = {"current_password": DEMO_PASSWORD, "new_password": NEW}
    assert (await client.post(PASSWORD, json=body, headers=bearer(here))).status_code == 204
    assert [await status_of(client, one) for one in (here, elsewhere)] == [200, 401]
    assert (await refresh(client, elsewhere.json()["refresh_token"])).status_code == 400
    assert [(await log_in(client, password=one)).status_code for one in (DEMO_PASSWORD, NEW)] == [400, 200]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"current_password": "sai", "new_password": NEW}, 400),
        ({"current_password": DEMO_PASSWORD, "new_password": DEMO_PASSWORD}, 422),
        ({"current_password": DEMO_PASSWORD, "new_password": "x" * 11}, 422),
        ({"current_password": DEMO_PASSWORD, "new_password": "x" * 129}, 422),
        ({"current_password": DEMO_PASSWORD}, 422),
    ],
)
async def test_a_password_that_cannot_be_changed_stays(
    client: CheckedClient, body: dict[str, str], status: int
) -> None:
    answer = await log_in(client)
    refused = await client.post(PASSWORD, json=body, headers=bearer(answer))
    assert refused.status_code == status
    assert "xxxxxxxx" not in refused.text  # the answer never repeats a password
    assert (await log_in(client)).status_code == 200


async def test_a_password_counts_with_the_spaces_around_it(client: CheckedClient) -> None:
    """What is typed is what is meant: nothing is cut off when it is set and kept when it is checked."""
    answer = await log_in(client)
    body = {"current_password": DEMO_PASSWORD, "new_password": f" {NEW} "}
    await client.post(PASSWORD, json=body, headers=bearer(answer))
    assert [(await log_in(client, password=one)).status_code for one in (NEW, f" {NEW} ")] == [400, 200]


async def test_guessing_the_current_password_with_a_stolen_token_is_limited_too(
    client: CheckedClient,
) -> None:
    answer = await log_in(client)
    body = {"current_password": "sai", "new_password": NEW}
    for _ in range(MAX_FAILURES):
        await client.post(PASSWORD, json=body, headers=bearer(answer))
    body["current_password"] = DEMO_PASSWORD
    assert (await client.post(PASSWORD, json=body, headers=bearer(answer))).status_code != 204


async def test_what_is_kept_of_a_keyed_request_is_no_quick_way_to_its_password(
    client: CheckedClient, session: AsyncSession
) -> None:
    """A plain SHA-256 over the body can be tried a billion times a second; the password's own hash cannot."""
    answer = await log_in(client)
    body = f'{{"current_password":"{DEMO_PASSWORD}","new_password":"{NEW}"}}'
    headers = bearer(answer) | {"Content-Type": "application/json"}
    assert (await client.post(PASSWORD, content=body, headers=headers)).status_code == 204
    kept = (await session.scalars(select(IdempotencyRecord.fingerprint))).all()
    assert set(kept).isdisjoint({_plain_fingerprint(body)})


def _plain_fingerprint(body: str) -> str:
    """Return what anybody who reads the table could compute for a guessed body."""
    parts = ["POST", PASSWORD, "", "", sha256(body.encode()).hexdigest()]
    return sha256("\n".join(parts).encode()).hexdigest()


async def test_a_service_logs_in_with_its_secret(client: CheckedClient, session: AsyncSession) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": DEMO_SERVICE,
        "client_secret": DEMO_SERVICE_SECRET,
    }
    answer = await client.post(URL, data=form)
    assert (answer.status_code, answer.json()["refresh_token"]) == (200, None)
    assert (await client.get(ME, headers=bearer(answer))).json()["name"] == DEMO_SERVICE
    assert await session.scalar(select(func.count()).select_from(LoginSession)) == 0
    for wrong in ({"client_secret": "sai"}, {"client_id": "nobody"}, {"client_secret": ""}):
        refused = await client.post(URL, data=form | wrong)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_grant")


async def test_a_service_has_no_password_to_change(client: CheckedClient) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": DEMO_SERVICE,
        "client_secret": DEMO_SERVICE_SECRET,
    }
    answer = await client.post(URL, data=form)
    body = {"current_password": DEMO_SERVICE_SECRET, "new_password": NEW}
    refused = await client.post(PASSWORD, json=body, headers=bearer(answer))
    assert refused.status_code in (403, 404), refused.text


async def test_a_log_in_is_told_in_the_language_of_the_caller(client: CheckedClient, as_user: LogIn) -> None:
    client.headers["Accept-Language"] = "en-GB,en;q=0.9,vi;q=0.8"
    assert (await log_in(client, password="sai")).json()["title"] == "Wrong user name or password"
    client.headers["Accept-Language"] = "vi"
    assert (await log_in(client, password="sai")).json()["title"] == "Tên đăng nhập hoặc mật khẩu không đúng"
