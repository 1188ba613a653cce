"""An infected file in a dossier: nobody gets it by that way either, and those it concerns are told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.evidence.clamd import Clamd
from app.evidence.scanning import scan
from app.notifications.templates import rendered
from tests.conftest import Clock
from tests.evidence.clamd import INFECTED, NAME, StandIn
from tests.evidence.files import PDF
from tests.evidence.scanners import running
from tests.notifications.told import Ear, notices
from tests.scene import REVIEWER, UNIT, Scene

REPORTER, LEADER, POLICE = f"{UNIT}.reporter", f"{UNIT}.leader", "cong-an-tinh.agency"


@pytest.fixture
async def scanner(tmp_path: Path) -> AsyncIterator[StandIn]:
    """Give a scanner."""
    async with running("stand-in", tmp_path) as one:
        assert isinstance(one, StandIn)
        yield one


@pytest.fixture
def settings(settings: Settings, scanner: StandIn) -> Settings:
    """Give settings that name it."""
    return settings.model_copy(update={"clamd": scanner.address})


async def cited(scene: Scene, content: bytes, file_name: str) -> str:
    """Upload a file, cite it where the police verify (6.3, 000:1530), and return the address of its bytes."""
    reporter = await scene.as_(REPORTER)
    to = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"], "file_name": file_name}
    sent = await scene.done(reporter.post("/api/v1/evidence", params=to, content=content))
    answer = (await scene.read())["answers"].get("6.3", {})
    await scene.done(scene.save({"answers": {"6.3": answer | {"evidence": [sent.json()["id"]]}}}))
    return f"{await scene.url()}/evidence/{sent.json()['id']}"


async def got(scene: Scene, url: str, *people: str) -> list[str]:
    """Return what each of these people gets."""
    answers = [await (await scene.as_(one)).get(url) for one in people]
    return ["file" if one.is_success else one.json()["code"] for one in answers]


async def test_who_verifies_an_indicator_reads_its_evidence_once_it_is_clean(
    app: FastAPI, scene: Scene, scanner: StandIn, clock: Clock
) -> None:
    await scene.filled()
    url = await cited(scene, PDF, "bao-cao.pdf")
    assert await got(scene, url, REPORTER, REVIEWER, POLICE) == ["file"] + ["document_not_scanned"] * 2
    await scan(app.state.database.session, app.state.files, Clamd(scanner.address), clock)
    assert await got(scene, url, REPORTER, REVIEWER, POLICE) == ["file"] * 3


async def test_the_unit_and_whoever_has_its_dossier_are_told_of_an_infected_file(
    app: FastAPI, scene: Scene, scanner: StandIn, clock: Clock, session: AsyncSession
) -> None:
    await scene.filled()
    url = await cited(scene, INFECTED, "ảnh chụp.docx")
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(REPORTER, "submit"))
    await scene.done(scene.act(REVIEWER, "claim"))
    ear = await Ear(app, clock, session).listens()
    await scan(app.state.database.session, app.state.files, Clamd(scanner.address), clock)
    assert await got(scene, url, REPORTER, REVIEWER, POLICE, "admin") == ["document_infected"] * 4
    assert await ear.told() == {"file_infected": {REPORTER, LEADER, REVIEWER}}
    title, text = rendered("file_infected", (await notices(session))[-1][1].about, "vi")
    assert title == "Phường 9: phát hiện mã độc trong tệp ảnh chụp.docx"
    assert f"Tên mã độc: {NAME}." in text
