"""Holds: nothing of a period's evidence goes while one lasts. Who sets and releases them, and what is written down."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.evidence.models import Hold
from tests.client import CheckedClient
from tests.conftest import LogIn

URL = "/api/v1/evidence-holds"
WHY = "Thanh tra theo Quyết định 45/QĐ-TTr"
OVER = {"reason": "Đã có kết luận thanh tra"}


@pytest.fixture
async def admin(as_user: LogIn) -> CheckedClient:
    """Give the administrator of the province."""
    return await as_user("admin")


async def held(admin: CheckedClient, period_id: str, **said: Any) -> httpx.Response:
    """Set a hold on a period."""
    made = await admin.post(URL, json={"period_id": period_id, "reason": WHY} | said)
    assert made.status_code == 201, made.text
    return made


async def release(admin: CheckedClient, hold_id: str, body: Any = OVER, etag: str = '"1"') -> httpx.Response:
    """Release a hold."""
    return await admin.post(f"{URL}/{hold_id}/release", json=body, headers={"If-Match": etag})


async def test_a_hold_is_set_and_released_with_reasons(
    admin: CheckedClient, period_id: str, units: dict[str, UUID]
) -> None:
    made = await held(admin, period_id, unit_id=str(units["xa-31999"]))
    hold = made.json()
    assert (hold["period_id"], hold["unit_id"], hold["reason"]) == (period_id, str(units["xa-31999"]), WHY)
    assert (hold["set_by_name"], hold["released_at"], made.headers["etag"]) == ("admin", None, '"1"')
    assert hold["allowed_actions"] == [
        {"action": "release", "allowed": True, "reason_code": None, "reason": None}
    ]
    read = await admin.get(f"{URL}/{hold['id']}")
    assert (read.json(), read.headers["etag"]) == (hold, '"1"')
    done = await release(admin, hold["id"])
    assert done.status_code == 200, done.text
    assert (done.json()["release_reason"], done.headers["etag"]) == (OVER["reason"], '"2"')
    assert done.json()["released_at"] is not None
    assert done.json()["allowed_actions"][0]["reason_code"] == "hold_released"


async def test_the_trail_tells_who_held_and_released_what_and_why(
    admin: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    hold_id = (await held(admin, period_id)).json()["id"]
    await release(admin, hold_id)
    query = select(AuditEvent).where(AuditEvent.object_id == UUID(hold_id)).order_by(AuditEvent.id)
    first, last = (await session.scalars(query)).all()
    assert (first.action, first.actor_name, first.reason) == ("evidence.hold", "admin", WHY)
    assert first.after == {"period_id": period_id, "unit_id": None}
    assert (last.action, last.before, last.reason) == (
        "evidence.release",
        {"released_at": None},
        OVER["reason"],
    )


async def test_a_hold_is_released_once(admin: CheckedClient, period_id: str) -> None:
    hold_id = (await held(admin, period_id)).json()["id"]
    assert (await release(admin, hold_id)).status_code == 200
    again = await release(admin, hold_id, etag='"2"')
    assert (again.status_code, again.json()["code"]) == (409, "hold_released")
    assert again.json()["reason_code"] == "hold_released"


async def test_a_release_is_based_on_what_was_seen(admin: CheckedClient, period_id: str) -> None:
    hold_id = (await held(admin, period_id)).json()["id"]
    stale = await release(admin, hold_id, etag='"7"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    missing = await release(admin, hold_id, etag="")
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")


async def test_a_repeated_request_sets_one_hold(
    admin: CheckedClient, period_id: str, session: AsyncSession
) -> None:
    body, headers = {"period_id": period_id, "reason": WHY}, {"Idempotency-Key": "hold-1"}
    both = [await admin.post(URL, json=body, headers=headers) for _ in range(2)]
    assert both[0].json() == both[1].json()
    assert await session.scalar(select(func.count()).select_from(Hold)) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"period_id": str(uuid4())}, 404, "period_not_found"),
        ({"unit_id": str(uuid4())}, 404, "unit_not_found"),
        ({"reason": "  "}, 422, "invalid_request"),
        ({"reason": "a" * 1001}, 422, "invalid_request"),
        ({"reason": None}, 422, "invalid_request"),
        ({"unit_id": "xa-31999"}, 422, "invalid_request"),
        ({"until": "2024-01-01"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_held_is_refused(
    admin: CheckedClient,
    period_id: str,
    session: AsyncSession,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = await admin.post(URL, json={"period_id": period_id, "reason": WHY} | changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await session.scalar(select(func.count()).select_from(Hold)) == 0


async def test_a_release_needs_a_reason_and_a_hold(admin: CheckedClient, period_id: str) -> None:
    hold_id = (await held(admin, period_id)).json()["id"]
    assert (await release(admin, hold_id, {"reason": ""})).status_code == 422
    assert (await release(admin, hold_id, {})).status_code == 422
    unknown = await release(admin, str(uuid4()))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "hold_not_found")
    assert (await admin.get(f"{URL}/{uuid4()}")).json()["code"] == "hold_not_found"


async def test_holds_are_listed_the_latest_first_by_period_and_in_pages(
    admin: CheckedClient, period_id: str, as_user: LogIn
) -> None:
    made = [(await held(admin, period_id, reason=f"lý do {i}")).json()["id"] for i in range(3)]
    await release(admin, made[1])
    auditor = await as_user("auditor")
    page = (await auditor.get(URL, params={"period_id": period_id})).json()
    assert ([one["id"] for one in page["items"]], page["total"]) == (made[::-1], 3)
    assert {one["allowed_actions"][0]["reason_code"] for one in page["items"]} == {"not_your_role"}
    second = (await admin.get(URL, params={"page": 2, "page_size": 2})).json()
    assert ([one["id"] for one in second["items"]], second["pages"]) == (made[:1], 2)
    assert (await admin.get(URL, params={"period_id": str(uuid4())})).json()["total"] == 0


@pytest.mark.parametrize("who", ["xa-31999.reporter", "reviewer", "leader", "dashboard"])
async def test_nobody_else_sets_or_reads_holds(as_user: LogIn, period_id: str, who: str) -> None:
    caller = await as_user(who)
    assert (await caller.get(URL)).status_code == 403
    refused = await caller.post(URL, json={"period_id": period_id, "reason": WHY})
    assert refused.status_code == 403


async def test_the_auditor_reads_but_does_not_set(
    as_user: LogIn, admin: CheckedClient, period_id: str
) -> None:
    hold_id = (await held(admin, period_id)).json()["id"]
    auditor = await as_user("auditor")
    assert (await auditor.get(f"{URL}/{hold_id}")).status_code == 200
    assert (await auditor.post(URL, json={"period_id": period_id, "reason": WHY})).status_code == 403
    assert (await release(auditor, hold_id)).status_code == 403
