"""The official calendar: corrections by the administrator, one version after another."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import SETS, local, photograph

URL = "/api/v1/calendar"
WORKED = {"is_working": True, "reason": "Hoán đổi ngày làm việc", "source": "8662/VPCP-KGVX"}


@pytest.mark.parametrize(
    ("day", "worked"),
    [("2024-01-01", False), ("2024-01-02", True), ("2024-05-04", False), ("2024-02-12", False)],
)
async def test_a_day_nobody_corrected_is_as_the_holidays_give_it(
    as_user: LogIn, day: str, worked: bool
) -> None:
    response = await (await as_user("dashboard")).get(f"{URL}/{day}")
    assert response.json() == {"day": day, "is_working": worked, "reason": None, "source": None}
    assert "etag" not in response.headers


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_a_day_nobody_will_count_with_is_refused(as_user: LogIn, day: str) -> None:
    response = await (await as_user("dashboard")).get(f"{URL}/{day}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_a_swap_is_written_read_and_corrected_again(as_user: LogIn, session: AsyncSession) -> None:
    admin = await as_user("admin")
    first = await admin.put(f"{URL}/2024-05-04", json=WORKED)
    assert (first.status_code, first.headers["etag"]) == (200, '"1"')
    read = await admin.get(f"{URL}/2024-05-04")
    assert (read.json(), read.headers["etag"]) == (first.json(), '"1"')
    taken_back = WORKED | {"is_working": False, "reason": "Công văn thay thế"}
    second = await admin.put(f"{URL}/2024-05-04", json=taken_back, headers={"If-Match": '"1"'})
    assert (second.json()["is_working"], second.headers["etag"]) == (False, '"2"')
    query = select(AuditEvent.before, AuditEvent.reason).where(AuditEvent.action == "calendar.correct")
    rows = (await session.execute(query.order_by(AuditEvent.id))).all()
    assert rows[0].before is None
    assert rows[1].before == {"is_working": True, "source": WORKED["source"]}
    assert rows[1].reason == "Công văn thay thế"


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"If-Match": '"2"'}, 412), ({"If-Match": "nonsense"}, 412)]
)
async def test_a_corrected_day_needs_its_version(
    as_user: LogIn, session: AsyncSession, headers: dict[str, str], status: int
) -> None:
    admin = await as_user("admin")
    await admin.put(f"{URL}/2024-05-04", json=WORKED)
    before = await photograph(session)
    response = await admin.put(f"{URL}/2024-05-04", json=WORKED | {"is_working": False}, headers=headers)
    assert response.status_code == status
    assert await photograph(session) == before


async def test_a_version_of_a_day_that_was_never_corrected_is_stale(as_user: LogIn) -> None:
    """Whoever names a version has seen a correction; there is none (RFC 9110, 13.1.1)."""
    admin = await as_user("admin")
    response = await admin.put(f"{URL}/2024-05-04", json=WORKED, headers={"If-Match": '"7"'})
    assert response.status_code == 412, response.text


async def test_two_first_corrections_at_once_leave_one(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    both = await asyncio.gather(*(admin.put(f"{URL}/2024-05-04", json=WORKED) for _ in range(2)))
    assert sorted(one.status_code for one in both) in ([200, 409], [200, 428])
    assert (await admin.get(f"{URL}/2024-05-04")).headers["etag"] == '"1"'


@pytest.mark.parametrize(
    "body",
    [
        {"is_working": True},
        WORKED | {"reason": ""},
        WORKED | {"reason": "   "},
        WORKED | {"source": "x" * 301},
        WORKED | {"is_working": "có lẽ"},
        WORKED | {"day": "2024-05-05"},
        [],
    ],
)
async def test_a_faulty_correction_changes_nothing(as_user: LogIn, session: AsyncSession, body: Any) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    assert (await admin.put(f"{URL}/2024-05-04", json=body)).status_code == 422
    assert await photograph(session) == before


async def test_only_the_administrator_corrects_the_calendar(as_user: LogIn) -> None:
    response = await (await as_user("reviewer")).put(f"{URL}/2024-05-04", json=WORKED)
    assert response.status_code == 403


async def test_a_correction_moves_the_deadlines_of_a_year_that_is_not_open(as_user: LogIn) -> None:
    """Ruling 16: the swaps count. A year that is announced stays as announced, a draft is not announced yet."""
    admin = await as_user("admin")
    body = {"year": 2023, "guidance_on": "2023-12-15", "sets": SETS}
    prepared = await admin.post("/api/v1/periods", json=body)
    assert local(prepared.json()["submission_due_at"]) == "2024-01-03 00:00:00"
    await admin.put(f"{URL}/2024-01-02", json=WORKED | {"is_working": False})
    url = f"/api/v1/periods/{prepared.json()['id']}"
    etag = (await admin.get(url)).headers["etag"]
    await admin.post(f"{url}/open", headers={"If-Match": etag})
    assert local((await admin.get(url)).json()["submission_due_at"]) == "2024-01-04 00:00:00"
