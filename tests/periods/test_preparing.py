"""Preparing a year through the API: its deadlines, what is refused, and opening it once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.scene import SETS, Scene, local, photograph

URL = "/api/v1/periods"
BODY = {"year": 2023, "guidance_on": "2023-12-16", "sets": SETS}


async def prepared(admin: CheckedClient, **changes: Any) -> tuple[dict[str, Any], str]:
    """Prepare a year; return it with its ETag."""
    response = await admin.post(URL, json=BODY | changes)
    assert response.status_code == 201, response.text
    return response.json(), response.headers["etag"]


async def test_a_year_is_prepared_with_all_its_deadlines(as_user: LogIn) -> None:
    """Rulings 14-16: sent on 16/12, the 31st is a Sunday and 1/1 a holiday, so until the end of 2/1/2024."""
    period, _ = await prepared(await as_user("admin"))
    assert (period["starts_on"], period["ends_on"], period["state"]) == ("2022-12-15", "2023-12-14", "draft")
    assert local(period["submission_due_at"]) == "2024-01-03 00:00:00"
    due = {one["unit_kind"]: local(one["review_due_at"]) for one in period["sets"]}
    assert due == {
        "commune": "2024-01-24 00:00:00",
        "department": "2024-01-31 00:00:00",
        "district": "2024-01-31 00:00:00",
    }
    assert {one["index_set"] for one in period["sets"]} == set(SETS.values())


async def test_moving_the_guidance_date_moves_every_deadline(as_user: LogIn) -> None:
    admin = await as_user("admin")
    before, etag = await prepared(admin)
    response = await admin.patch(
        f"{URL}/{before['id']}", json={"guidance_on": "2024-01-24"}, headers={"If-Match": etag}
    )
    assert response.headers["etag"] != etag
    assert local(response.json()["submission_due_at"]) == "2024-02-16 00:00:00"  # over Tết
    assert all(
        new["review_due_at"] > old["review_due_at"]
        for new, old in zip(response.json()["sets"], before["sets"], strict=True)
    )
    assert response.json() == (await admin.get(f"{URL}/{before['id']}")).json()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"guidance_on": "2022-12-14"}, "/guidance_on"),
        ({"guidance_on": "9999-12-31"}, "/guidance_on"),
        ({"guidance_on": "9999-12-20"}, "/guidance_on"),
        ({"sets": {"commune": "khong-co"}}, "/sets/commune"),
        ({"sets": {"commune": "camau-2023-so"}}, "/sets/commune"),
        ({"sets": {"province": "camau-2023-so"}}, "/sets/province"),
        ({"sets": {"village": "camau-2023-xa"}}, "/sets/village/[key]"),
        ({"sets": {}}, "/sets"),
        ({"policy": "khong-co"}, "/policy"),
        ({"year": 1999}, "/year"),
        ({"year": 2101}, "/year"),
        ({"year": "hai nghìn"}, "/year"),
        ({"state": "open"}, "/state"),
    ],
)
async def test_a_year_that_cannot_be_is_refused(
    as_user: LogIn, session: AsyncSession, changes: dict[str, Any], pointer: str
) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    response = await admin.post(URL, json=BODY | changes)
    assert response.status_code == 422, response.text
    assert pointer in {fault["pointer"] for fault in response.json()["errors"]}
    assert await photograph(session) == before


async def test_a_year_has_one_period(as_user: LogIn) -> None:
    admin = await as_user("admin")
    await prepared(admin)
    again = await admin.post(URL, json=BODY)
    assert (again.status_code, again.json()["code"]) == (409, "period_exists")


async def test_a_year_is_opened_once(as_user: LogIn) -> None:
    scene = await Scene.opened(as_user)
    admin = await scene.as_("admin")
    url = f"{URL}/{scene.period['id']}"
    etag = (await admin.get(url)).headers["etag"]
    again = await admin.post(f"{url}/open", headers={"If-Match": etag})
    assert (again.status_code, again.json()["code"]) == (409, "period_already_open")
    moved = await admin.patch(url, json={"guidance_on": "2023-12-20"}, headers={"If-Match": etag})
    assert (moved.status_code, moved.json()["code"]) == (409, "period_already_open")


@pytest.mark.parametrize(("year", "sets"), [(2010, SETS), (2025, {"district": "camau-2023-huyen"})])
async def test_a_year_without_units_is_not_opened(
    as_user: LogIn, session: AsyncSession, clock: Clock, year: int, sets: dict[str, str]
) -> None:
    """No unit is known on 14/12/2010; and no district exists on 14/12/2025."""
    clock.now = datetime(year, 12, 15, 2, 0, tzinfo=UTC)
    admin = await as_user("admin")
    period, etag = await prepared(admin, year=year, guidance_on=f"{year}-12-15", sets=sets)
    before = await photograph(session)
    response = await admin.post(f"{URL}/{period['id']}/open", headers={"If-Match": etag})
    assert (response.status_code, response.json()["code"]) == (409, "no_units")
    assert await photograph(session) == before


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
async def test_a_year_that_leaves_no_time_to_submit_is_not_opened(
    as_user: LogIn, clock: Clock, seconds: int, status: int
) -> None:
    admin = await as_user("admin")
    period, etag = await prepared(admin)
    clock.now = datetime.fromisoformat(period["submission_due_at"]) + timedelta(seconds=seconds)
    response = await admin.post(f"{URL}/{period['id']}/open", headers={"If-Match": etag})
    assert (response.status_code, response.json().get("code")) in (
        (status, None),
        (status, "deadline_passed"),
    )


@pytest.mark.parametrize(
    ("etag", "status", "code"),
    [
        ("", 428, "if_match_missing"),
        ('"2"', 412, "stale_version"),
        ("*", 412, "stale_version"),
        ('"١"', 412, ""),
    ],
)
async def test_opening_needs_the_present_version(
    as_user: LogIn, session: AsyncSession, etag: str, status: int, code: str
) -> None:
    admin = await as_user("admin")
    period, _ = await prepared(admin)
    before = await photograph(session)
    headers = {"If-Match": etag.encode()} if etag else {}
    response = await admin.post(f"{URL}/{period['id']}/open", headers=headers)  # type: ignore[arg-type]
    assert response.status_code == status
    assert response.json()["code"] == (code or "stale_version")
    assert await photograph(session) == before


@pytest.mark.parametrize("who", ["reviewer", "leader", "auditor", "dashboard", "xa-31999.reporter"])
async def test_only_the_administrator_prepares_a_year(as_user: LogIn, who: str) -> None:
    response = await (await as_user(who)).post(URL, json=BODY)
    assert (response.status_code, response.json()["code"]) == (403, "not_permitted")
    assert (await (await as_user(who)).get(URL)).json() == []


async def test_preparing_moving_and_opening_leave_a_trail(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    period, etag = await prepared(admin)
    url = f"{URL}/{period['id']}"
    moved = await admin.patch(url, json={"guidance_on": "2023-12-15"}, headers={"If-Match": etag})
    opened = await admin.post(f"{url}/open", headers={"If-Match": moved.headers["etag"]})
    assert opened.status_code == 200
    query = select(AuditEvent.action, AuditEvent.request_id, AuditEvent.before, AuditEvent.after)
    rows = (
        await session.execute(query.where(AuditEvent.actor_name == "admin").order_by(AuditEvent.id))
    ).all()
    assert [row.action for row in rows] == ["period.prepare", "period.change", "period.open"]
    assert rows[1].before == {"guidance_on": "2023-12-16"}
    assert rows[1].after == {"guidance_on": "2023-12-15"}
    assert rows[2].request_id == opened.headers["x-request-id"]
