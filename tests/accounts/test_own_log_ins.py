"""Where one is logged in: seeing it, ending it, and an administrator ending all of somebody's."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LoginSession
from app.core.audit import AuditEvent
from tests.accounts.entering import LOG_INS, ME, TOKEN, bearer, log_in
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn


async def listed(client: CheckedClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Return the caller's log-ins."""
    items: list[dict[str, Any]] = (await client.get(LOG_INS, headers=headers)).json()["items"]
    return items


async def test_one_sees_where_one_is_logged_in_the_newest_first(client: CheckedClient, clock: Clock) -> None:
    first = await log_in(client, headers={"User-Agent": "Máy cơ quan\x07".encode()})
    clock.advance(hours=1)
    second = await log_in(client, headers={"User-Agent": "x" * 999})
    await log_in(client, "leader")
    clock.advance(hours=1)
    form = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
    first = await client.post(TOKEN, data=form)
    newer, older = await listed(client, bearer(first))
    assert newer["user_agent"] == "x" * 200
    assert "\x07" not in older["user_agent"]
    assert (newer["is_current"], older["is_current"]) == (False, True)
    assert (newer["last_used_at"], datetime.fromisoformat(older["last_used_at"])) == (None, clock.now)
    assert (newer["method"], newer["is_strong"], newer["address"]) == ("password", False, "127.0.0.1")
    assert second.status_code == 200


async def test_ended_and_expired_log_ins_are_not_listed(client: CheckedClient, clock: Clock) -> None:
    await log_in(client)
    ended = await log_in(client)
    await client.post("/api/v1/auth/logout", headers=bearer(ended))
    clock.advance(days=7)
    assert len(await listed(client, bearer(await log_in(client)))) == 1


async def test_one_ends_ones_own_log_ins_and_no_others(client: CheckedClient, session: AsyncSession) -> None:
    here, there, another = await log_in(client), await log_in(client), await log_in(client, "leader")
    mine = {one["is_current"]: one["id"] for one in await listed(client, bearer(here))}
    theirs = (await listed(client, bearer(another)))[0]["id"]
    for stranger in (theirs, str(UUID(int=1))):
        refused = await client.delete(f"{LOG_INS}/{stranger}", headers=bearer(here))
        assert (refused.status_code, refused.json()["code"]) == (404, "log_in_not_found")
    assert (await client.delete(f"{LOG_INS}/{mine[False]}", headers=bearer(here))).status_code == 204
    assert (await client.delete(f"{LOG_INS}/{mine[False]}", headers=bearer(here))).status_code == 404
    states = [(await client.get(ME, headers=bearer(one))).status_code for one in (here, there, another)]
    assert states == [200, 401, 200]
    form = {"grant_type": "refresh_token", "refresh_token": there.json()["refresh_token"]}
    assert (await client.post(TOKEN, data=form)).status_code == 400
    assert (await client.delete(f"{LOG_INS}/{mine[True]}", headers=bearer(here))).status_code == 204
    assert (await client.get(ME, headers=bearer(here))).status_code == 401
    events = (
        await session.scalars(select(AuditEvent.object_id).where(AuditEvent.action == "log_in.end"))
    ).all()
    assert sorted(map(str, events)) == sorted(mine.values())


async def test_one_ends_all_the_others_at_once(client: CheckedClient) -> None:
    here, there, another = await log_in(client), await log_in(client), await log_in(client, "leader")
    assert (await client.post(f"{LOG_INS}/end-others", headers=bearer(here))).status_code == 204
    states = [(await client.get(ME, headers=bearer(one))).status_code for one in (here, there, another)]
    assert states == [200, 401, 200]


async def test_an_administrator_ends_all_of_somebody(
    client: CheckedClient, as_user: LogIn, session: AsyncSession
) -> None:
    entered = await log_in(client)
    admin = await as_user("admin")
    url = f"/api/v1/users/{(await client.get(ME, headers=bearer(entered))).json()['id']}/end-log-ins"
    assert (await admin.post(url, json={})).status_code == 422
    assert (await admin.post(url, json={"reason": "Máy bị mất"})).status_code == 204
    assert (await client.get(ME, headers=bearer(entered))).status_code == 401
    event = await session.scalar(select(AuditEvent).where(AuditEvent.action == "user.end_log_ins"))
    assert event is not None
    assert (event.after, event.reason, event.actor_name) == ({"ended": 1}, "Máy bị mất", "admin")


@pytest.mark.parametrize("path", ["", "/end-others", f"/{UUID(int=1)}"])
async def test_a_program_has_no_log_ins(client: CheckedClient, path: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "lgsp-so-tttt",
        "client_secret": "demo-service-secret-2023",
    }
    headers = bearer(await client.post(TOKEN, data=form))
    method = {"": "GET", "/end-others": "POST"}.get(path, "DELETE")
    assert (await client.request(method, f"{LOG_INS}{path}", headers=headers)).status_code == 403


async def test_a_log_in_of_the_release_before_is_listed_too(
    client: CheckedClient, session: AsyncSession
) -> None:
    entered = await log_in(client)
    await session.execute(update(LoginSession).values(address=None, user_agent=None, last_used_at=None))
    assert [one["address"] for one in await listed(client, bearer(entered))] == [None]
