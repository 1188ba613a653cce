"""Opening a year: who gets a dossier, and in which ranking."""

import asyncio
from collections import Counter
from datetime import date
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.units.models import UnitVersion
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import REVIEWER, SETS, UNIT, Scene


async def test_opening_creates_129_dossiers_and_11_scopes(as_user: LogIn) -> None:
    scene = await Scene.opened(as_user)
    admin = await scene.as_("admin")
    listed = await admin.get("/api/v1/submissions", params={"page_size": 200})
    kinds = Counter(one["unit_kind"] for one in listed.json()["items"])
    assert kinds == {"department": 19, "district": 9, "commune": 101}
    assert {one["state"] for one in listed.json()["items"]} == {"draft"}
    scopes = (await admin.get(f"/api/v1/periods/{scene.period['id']}/scopes")).json()
    assert Counter(scope["unit_kind"] for scope in scopes) == {"department": 1, "district": 1, "commune": 9}
    assert sum(scope["units"] for scope in scopes) == 129


async def test_17_departments_are_ranked_and_two_are_only_assessed(as_user: LogIn) -> None:
    """000:39: Ban Dân tộc and Thanh tra tỉnh take no rank."""
    scene = await Scene.opened(as_user)
    admin = await scene.as_("admin")
    listed = await admin.get("/api/v1/submissions", params={"kind": "department", "page_size": 200})
    unranked = {one["unit_name"] for one in listed.json()["items"] if not one["is_ranked"]}
    assert unranked == {"Ban Dân tộc", "Thanh tra tỉnh"}
    assert listed.json()["total"] - len(unranked) == 17


async def hang(session: AsyncSession, unit: str, parent: str) -> None:
    """Let a commune go on from 1 July 2025 under another unit."""
    ids = await unit_ids_by_key(session)
    session.add(
        UnitVersion(
            unit_id=ids[unit],
            parent_id=ids[parent],
            valid_from=date(2025, 7, 1),
            valid_to=None,
            name="Phường An Xuyên",
            search_text="phuong an xuyen",
            sort_key=b"phuong an xuyen",
            legal_act="Nghị quyết 1655/NQ-UBTVQH15",
        )
    )
    await session.flush()


async def test_without_districts_a_commune_is_reviewed_by_the_province(
    as_user: LogIn, session: AsyncSession
) -> None:
    """Ruling 18: the reviewer is whoever stands above in the tree of the year's end, on two levels as on three."""
    await hang(session, UNIT, "tinh-ca-mau")
    scene = await Scene.opened(as_user, year=2025, guidance_on="2025-12-15")
    admin = await scene.as_("admin")
    listed = await admin.get("/api/v1/submissions", params={"kind": "commune"})
    assert [one["unit_name"] for one in listed.json()["items"]] == ["Phường An Xuyên"]
    await scene.submitted()
    assert (await scene.act("reviewer", "claim")).status_code == 200
    former = await (await scene.as_(REVIEWER)).get(await scene.url())
    assert former.status_code == 404


async def test_a_unit_under_one_that_is_gone_is_refused_and_not_a_crash(
    as_user: LogIn, session: AsyncSession
) -> None:
    """Until the administrator says who stands above the commune, nobody would review it."""
    await hang(session, UNIT, "huyen-964")
    admin = await as_user("admin")
    body = {"year": 2025, "guidance_on": "2025-12-15", "sets": SETS}
    prepared = await admin.post("/api/v1/periods", json=body)
    url = f"/api/v1/periods/{prepared.json()['id']}/open"
    response = await admin.post(url, headers={"If-Match": prepared.headers["etag"]})
    assert response.status_code == 409, response.text


async def test_every_dossier_begins_empty_with_a_first_revision(as_user: LogIn) -> None:
    scene = await Scene.opened(as_user)
    dossier = await scene.read()
    assert (dossier["general_information"], dossier["contacts"], dossier["answers"]) == ({}, {}, {})
    assert (dossier["revision_number"], dossier["approval"], dossier["submitted_at"]) == (1, None, None)
    assert dossier["entry_due_at"] == scene.period["submission_due_at"]
    revisions: Any = await scene.read(path="/revisions")
    assert [one["number"] for one in revisions] == [1]


async def test_two_openings_at_once_open_once(own_app: FastAPI, clock: Clock) -> None:
    admin = await logged_in(own_app, clock, "admin")
    body = {"year": 2023, "guidance_on": "2023-12-15", "sets": SETS}
    prepared = await admin.post("/api/v1/periods", json=body)
    url = f"/api/v1/periods/{prepared.json()['id']}/open"
    both = await asyncio.gather(
        *(admin.post(url, headers={"If-Match": prepared.headers["etag"]}) for _ in range(2))
    )
    assert sorted(one.status_code for one in both) in ([200, 409], [200, 412])
    listed = await admin.get("/api/v1/submissions")
    assert listed.json()["total"] == 129
