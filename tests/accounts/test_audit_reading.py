"""The auditor reads who did what, and nobody else does."""

from typing import Any
from uuid import uuid4

import pytest

from tests.client import CheckedClient
from tests.conftest import Clock, LogIn

URL = "/api/v1/audit"


async def switch(admin: CheckedClient, username: str, version: int, **change: Any) -> str:
    """Change an account and return its id."""
    user_id: str = (await admin.get("/api/v1/users", params={"search": username})).json()["items"][0]["id"]
    answer = await admin.patch(f"/api/v1/users/{user_id}", json=change, headers={"If-Match": f'"{version}"'})
    assert answer.status_code == 200, answer.text
    return user_id


@pytest.fixture
async def changes(as_user: LogIn, clock: Clock) -> tuple[CheckedClient, str, str]:
    """Give the auditor, and the ids of two accounts that the administrator changed, the first an hour before."""
    admin = await as_user("admin")
    first = await switch(admin, "xa-31999.leader", 1, is_active=False, reason="Nghỉ hưu")
    clock.advance(hours=1)
    second = await switch(admin, "xa-32002.leader", 1, full_name="Tên mới")
    return await as_user("auditor"), first, second


async def found(auditor: CheckedClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await auditor.get(URL, params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_auditor_reads_what_changed_and_why_the_newest_first(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, second = changes
    newer, older = (await found(auditor))[:2]
    assert (newer["object_id"], older["object_id"]) == (second, first)
    assert (older["actor_name"], older["object_type"], older["reason"]) == ("admin", "app_user", "Nghỉ hưu")
    assert (older["before"]["is_active"], older["after"]["is_active"]) == (True, False)
    assert older["request_id"] != newer["request_id"]


async def test_events_can_be_found_by_object_actor_action_and_time(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, second = changes
    (event,) = await found(auditor, object_id=first)
    hour = event["at"]
    assert [e["object_id"] for e in await found(auditor, actor="admin")] == [second, first]
    assert [e["object_id"] for e in await found(auditor, actor=event["actor_id"])] == [second, first]
    by_kind = await found(auditor, action=event["action"], object_type="app_user", actor="admin")
    assert [e["object_id"] for e in by_kind] == [second, first]
    since = await found(auditor, **{"actor": "admin", "from": hour})
    assert [e["object_id"] for e in since] == [second, first]
    assert [e["object_id"] for e in await found(auditor, actor="admin", to=hour)] == []
    until = await found(auditor, actor="admin", to="2023-12-15T10:00:00+07:00")
    assert [e["object_id"] for e in until] == [first]
    assert await found(auditor, actor="nobody") == []
    assert await found(auditor, action="submission.submit") == []
    assert await found(auditor, object_type="period") == []
    assert await found(auditor, object_id=str(uuid4())) == []


async def test_events_come_page_by_page(changes: tuple[CheckedClient, str, str]) -> None:
    auditor, first, _ = changes
    page = (await auditor.get(URL, params={"actor": "admin", "page": 2, "page_size": 1})).json()
    assert [event["object_id"] for event in page["items"]] == [first]
    assert (page["total"], page["pages"]) == (2, 2)


async def test_a_time_without_a_zone_is_refused(as_user: LogIn) -> None:
    answer = await (await as_user("auditor")).get(URL, params={"from": "2023-12-15T10:00:00"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query/from"


@pytest.mark.parametrize(
    "name",
    ["admin", "reviewer", "leader", "dashboard", "huyen-964.reviewer", "xa-31999.leader", "cuc-thue.agency"],
)
async def test_nobody_but_the_auditor_reads_the_audit_trail(as_user: LogIn, name: str) -> None:
    answer = await (await as_user(name)).get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_the_audit_trail_needs_a_log_in(client: CheckedClient) -> None:
    assert (await client.get(URL)).status_code == 401
