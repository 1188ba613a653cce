"""Who has got a document's bytes is written down, once in ten minutes, and shown to those whom it concerns."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.accounts.actions import set_grants
from app.accounts.models import User
from app.accounts.permissions import Grant, Role
from app.core.db import Database
from app.evidence.models import DocumentAccess
from tests.conftest import START, Clock, LogIn, logged_in
from tests.evidence.conftest import REPORTER, Upload, open_period
from tests.evidence.files import PDF
from tests.results.scene import own_session
from tests.scene import account

REVIEWER = "huyen-964.reviewer"


@pytest.fixture
async def url(upload: Upload) -> str:
    """Give the address of a document of the commune."""
    return f"/api/v1/evidence/{(await upload(PDF)).json()['id']}"


async def accesses(as_user: LogIn, url: str, who: str = REPORTER) -> list[tuple[str, str]]:
    """Return who got the document and how, the latest first."""
    answer = await (await as_user(who)).get(f"{url}/accesses")
    assert answer.status_code == 200, answer.text
    return [(row["person_name"], row["kind"]) for row in answer.json()["items"]]


async def test_the_unit_sees_who_got_its_document_and_how(
    as_user: LogIn, url: str, clock: Clock, units: dict[str, UUID]
) -> None:
    reviewer, auditor = await as_user(REVIEWER), await as_user("auditor")
    await reviewer.get(url)  # what is known of it is not the document
    await reviewer.head(f"{url}/content")
    assert await accesses(as_user, url) == []
    await reviewer.get(f"{url}/content")
    clock.advance(seconds=1)
    await auditor.get(f"{url}/content", params={"inline": "true"})
    clock.advance(seconds=1)
    made = await reviewer.post(f"{url}/links", json={"inline": True})
    clock.advance(seconds=1)
    await reviewer.get(made.json()["url"], headers={"Authorization": ""})
    expected = [
        (REVIEWER, "viewed"),
        (REVIEWER, "linked"),
        ("auditor", "viewed"),
        (REVIEWER, "downloaded"),
    ]
    assert await accesses(as_user, url) == expected
    page = (await (await as_user("xa-31999.leader")).get(f"{url}/accesses", params={"page_size": 2})).json()
    assert (page["total"], page["pages"], len(page["items"])) == (4, 2, 2)
    assert page["items"][0] == {
        "at": page["items"][0]["at"],
        "kind": "viewed",
        "person_name": REVIEWER,
        "unit_id": str(units["huyen-964"]),
        "unit_name": "Thành phố Cà Mau",
    }


async def test_the_many_requests_of_a_viewer_are_one_access(as_user: LogIn, url: str, clock: Clock) -> None:
    reviewer = await as_user(REVIEWER)
    start = clock.now
    for seconds, expected in [(0, 1), (1, 1), (599, 1), (600, 2), (601, 2)]:
        clock.now = start + timedelta(seconds=seconds)
        await reviewer.get(f"{url}/content", headers={"Range": f"bytes={seconds % 5}-"})
        assert len(await accesses(as_user, url)) == expected, seconds


async def test_what_is_refused_is_no_access(as_user: LogIn, url: str) -> None:
    assert (await (await as_user("xa-32002.reporter")).get(f"{url}/content")).status_code == 404
    assert await accesses(as_user, url) == []


async def test_only_the_unit_the_administrator_and_the_auditor_see_the_accesses(
    as_user: LogIn, url: str
) -> None:
    for who, status in [
        (REPORTER, 200),
        ("xa-31999.leader", 200),
        ("admin", 200),
        ("auditor", 200),
        ("xa-32002.reporter", 404),
        ("huyen-964.reporter", 404),
        (REVIEWER, 403),
        ("reviewer", 403),
        ("so-tttt.agency", 403),
    ]:
        assert (await (await as_user(who)).get(f"{url}/accesses")).status_code == status, who


async def test_who_reviews_one_unit_and_reports_for_another_watches_over_his_own_only(
    app: FastAPI, as_user: LogIn, url: str
) -> None:
    await account(app, "hai-vai", Role.DISTRICT_REVIEWER, "huyen-964", "huyen-964")
    async with own_session(app) as session, session.begin():
        user = (await session.scalars(select(User).where(User.username == "hai-vai"))).one()
        grants = [Grant(role, user.unit_id) for role in (Role.DISTRICT_REVIEWER, Role.UNIT_REPORTER)]
        await set_grants(session, user, grants, START)
    both = await as_user("hai-vai")
    assert (await both.get(url)).status_code == 200
    assert (await both.get(f"{url}/accesses")).status_code == 404


async def test_requests_at_once_are_one_access(
    own_app: FastAPI, own_database: Database, clock: Clock, units: dict[str, UUID]
) -> None:
    async with await logged_in(own_app, clock, "admin") as admin:
        period_id = (await open_period(admin)).json()["period_id"]
    params: dict[str, Any] = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "file_name": "a.pdf"}
    async with await logged_in(own_app, clock, REPORTER) as reporter:
        made = await reporter.post("/api/v1/evidence", params=params, content=PDF)
        url = f"/api/v1/evidence/{made.json()['id']}/content"
        answers = await asyncio.gather(*(reporter.get(url) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    async with own_database.session() as session:
        assert await session.scalar(select(func.count()).select_from(DocumentAccess)) == 1
