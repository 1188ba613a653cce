"""Links to the documents behind a dossier: an agency's viewer opens what the agency verifies, and nothing else."""

import asyncio
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.models import RoleGrant
from app.core.config import Settings
from app.core.db import Database
from tests.client import CheckedClient
from tests.conftest import Clock, logged_in
from tests.evidence.files import pdf_of
from tests.results.scene import own_session
from tests.scene import Scene
from tests.serving import served

POLICE = "cong-an-tinh.agency"  # verifies 6.3 (000:1530), not 1.1


async def cited(scene: Scene, code: str = "6.3", number: int = 1) -> str:
    """Return the address of a document behind an indicator, seen through the dossier."""
    document = await scene.document(number)
    answers = (await scene.read())["answers"]
    await scene.done(scene.save({"answers": {code: {**answers[code], "evidence": [document]}}}))
    return f"{await scene.url()}/evidence/{document}"


async def test_an_agency_opens_a_link_to_what_it_verifies(scene: Scene, client: CheckedClient) -> None:
    await scene.filled()
    mine, other = await cited(scene), await cited(scene, "1.1", 2)
    police = await scene.as_(POLICE)
    made = await police.post(f"{mine}/links", json={"inline": True})
    assert made.status_code == 201, made.text
    url = made.json()["url"]
    assert url.startswith(f"{mine}/linked?token=")
    answer = await client.get(url)
    assert (answer.status_code, answer.content[:8]) == (200, b"%PDF-1.7")
    assert (await client.head(url)).headers["content-length"] == str(len(answer.content))
    assert (await police.post(f"{other}/links", json={})).status_code == 404
    # The same document has another address in its unit's list: the link is for one address only.
    elsewhere = url.replace(mine, f"/api/v1/evidence/{mine.rsplit('/', 1)[1]}")
    assert (await client.get(elsewhere)).json()["code"] == "link_not_valid"
    assert (await client.get(url.replace(mine, other))).json()["code"] == "link_not_valid"


async def test_a_link_ends_when_the_dossier_cites_the_document_no_more(
    scene: Scene, client: CheckedClient
) -> None:
    await scene.filled()
    mine = await cited(scene)
    url = (await (await scene.as_(POLICE)).post(f"{mine}/links", json={})).json()["url"]
    await cited(scene, number=2)
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")


async def test_a_link_ends_with_the_role_that_saw_the_dossier(
    scene: Scene, client: CheckedClient, app: FastAPI, clock: Clock
) -> None:
    await scene.filled()
    mine = await cited(scene)
    police = await scene.as_(POLICE)
    url = (await police.post(f"{mine}/links", json={})).json()["url"]
    person = UUID((await police.get("/api/v1/me")).json()["id"])
    async with own_session(app) as session, session.begin():
        for grant in await session.scalars(select(RoleGrant).where(RoleGrant.user_id == person)):
            grant.ended_at = clock.now
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "submission_not_found")


async def test_the_unit_sees_that_an_agency_read_its_document(scene: Scene) -> None:
    await scene.filled()
    mine = await cited(scene)
    await (await scene.as_(POLICE)).get(mine, params={"inline": "true"})
    reporter = await scene.as_("xa-31999.reporter")
    page = (await reporter.get(f"/api/v1/evidence/{mine.rsplit('/', 1)[1]}/accesses")).json()
    assert [(row["person_name"], row["kind"], row["unit_name"]) for row in page["items"]] == [
        (POLICE, "viewed", "Công an tỉnh")
    ]


async def test_a_slow_reader_holds_no_connection_to_the_database(
    own_app: FastAPI, own_database: Database, clock: Clock, settings: Settings
) -> None:
    async def log_in(username: str) -> CheckedClient:
        return await logged_in(own_app, clock, username)

    own_app.state.settings = settings.model_copy(update={"max_upload_bytes": 20 * 1024**2})
    scene = await Scene.opened(log_in)
    await scene.filled()
    reporter = await scene.as_("xa-31999.reporter")
    query = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    content = pdf_of(12 * 1024**2)  # more than the sockets hold
    sent = await reporter.post("/api/v1/evidence", params=query | {"file_name": "a.pdf"}, content=content)
    document = sent.json()["id"]
    answers = (await scene.read())["answers"]
    change = {"1.1": {**answers["1.1"], "evidence": [document]}}
    await scene.done(scene.save({"answers": change}))
    places = [f"/api/v1/evidence/{document}/content", f"{await scene.url()}/evidence.zip"]
    async with (
        served(own_app) as address,
        httpx.AsyncClient(base_url=address, headers=reporter.headers) as real,
    ):
        for place in places:
            async with real.stream("GET", place) as answer:
                parts = answer.aiter_bytes()
                await anext(parts)
                await asyncio.sleep(0.2)
                assert own_database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
                async for _ in parts:
                    pass
