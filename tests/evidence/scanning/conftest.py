"""A scanner, the settings that name it, and those who ask for documents."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Principal
from app.core.audit import SYSTEM, AuditEvent
from app.core.config import Settings
from app.evidence import actions, scanning
from app.evidence.clamd import Clamd
from app.evidence.models import StoredFile
from app.evidence.schemas import NewDocumentIn
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, LogIn, logged_in
from tests.evidence.clamd import StandIn
from tests.evidence.conftest import REPORTER, Upload, open_period
from tests.evidence.files import PDF
from tests.evidence.real_clamd import RealClamd
from tests.evidence.scanners import BOTH, running

SECOND = timedelta(seconds=1)
OTHERS = ["xa-31999.leader", "huyen-964.reviewer", "admin"]

Json = dict[str, Any]


@pytest.fixture(params=BOTH)
async def scanner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StandIn | RealClamd]:
    """Give a scanner that is well."""
    folder = tmp_path / "clamd"
    folder.mkdir()
    async with running(request.param, folder) as one:
        yield one


@pytest.fixture
def stand_in(scanner: StandIn | RealClamd) -> StandIn:
    """Give the scanner that can be made ill."""
    assert isinstance(scanner, StandIn)
    return scanner


only_stand_in = pytest.mark.parametrize("scanner", ["stand-in"], indirect=True)


@pytest.fixture
def settings(settings: Settings, scanner: StandIn | RealClamd) -> Settings:
    """Give settings that name the scanner."""
    return settings.model_copy(update={"clamd": scanner.address})


Scan = Callable[[], Awaitable[None]]


@pytest.fixture
def scan(app: FastAPI, clock: Clock) -> Scan:
    """Give `await scan()`: scan what is due, as the worker does."""
    state = app.state
    return lambda: scanning.scan(
        state.database.session, state.files, Clamd(state.settings.clamd, seconds=5), clock
    )


class Readers:
    """Asks for documents as several people."""

    def __init__(self, log_in: LogIn) -> None:
        self._log_in = log_in

    async def shown(self, document_id: str, by: str = REPORTER) -> Json:
        """Return what is said of the scan."""
        answer = await (await self._log_in(by)).get(f"/api/v1/evidence/{document_id}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["scan"]
        return found

    async def states(self, *document_ids: str) -> list[str]:
        """Return the states of several documents."""
        return [(await self.shown(one))["state"] for one in document_ids]

    async def download(self, document_id: str, by: str) -> httpx.Response:
        """Return the answer to a download."""
        return await (await self._log_in(by)).get(f"/api/v1/evidence/{document_id}/content")

    async def got(self, document_id: str, *people: str) -> list[str]:
        """Return what each of these people gets: "file", or why not."""
        answers = [await self.download(document_id, one) for one in people]
        return ["file" if one.is_success else one.json()["code"] for one in answers]


@pytest.fixture
def readers(as_user: LogIn) -> Readers:
    """Give those who read."""
    return Readers(as_user)


@pytest.fixture
def send(upload: Upload) -> Callable[..., Awaitable[str]]:
    """Give `await send(content, …)`: an upload that is taken, and the id of its document."""

    async def sent(content: bytes = PDF, **said: str) -> str:
        answer = await upload(content, **({"file_name": "bao-cao.pdf"} | said))
        assert answer.status_code == 201, answer.text
        assert answer.json()["scan"]["state"] == "uploaded"
        return str(answer.json()["id"])

    return sent


Send = Callable[..., Awaitable[str]]


class OwnYear:
    """Uploads to an open year of a database of the test's own."""

    def __init__(self, app: FastAPI, clock: Clock, period_id: str, unit_id: UUID) -> None:
        self._app, self._clock = app, clock
        self._to = {"period_id": period_id, "unit_id": str(unit_id)}

    async def upload(self, content: bytes = PDF, file_name: str = "bao-cao.pdf") -> str:
        """Upload a document of the unit and return its id."""
        async with await logged_in(self._app, self._clock, REPORTER) as caller:
            to = self._to | {"file_name": file_name}
            sent = await caller.post("/api/v1/evidence", params=to, content=content)
            assert sent.status_code == 201, sent.text
            return str(sent.json()["id"])

    async def keep(self, session: AsyncSession, content: bytes) -> UUID:
        """Make stored bytes a document in a transaction of the caller's, and return its id."""
        new = NewDocumentIn(**self._to, file_name="b.docx")
        by = Principal(
            id=SYSTEM.id, name="-", acting_for=None, request_id="-", unit_id=new.unit_id, grants=frozenset()
        )
        limits = actions.Limits(
            file_bytes=1024**2, unit_bytes=1024**2, resumable_for=timedelta(days=2), media_types=frozenset()
        )
        sha256 = hashlib.sha256(content).hexdigest()
        document = await actions.keep(session, new, sha256=sha256, by=by, limits=limits, now=self._clock.now)
        return document.id


@pytest.fixture
async def own_year(own_app: FastAPI, clock: Clock) -> OwnYear:
    """Give the open year of the test's own database."""
    async with await logged_in(own_app, clock, "admin") as admin:
        period_id = str((await open_period(admin)).json()["period_id"])
    async with own_app.state.database.session() as session:
        unit_id = (await unit_ids_by_key(session))["xa-31999"]
    return OwnYear(own_app, clock, period_id, unit_id)


async def rows(session: AsyncSession) -> list[StoredFile]:
    found = select(StoredFile).order_by(StoredFile.touched_at)
    return list((await session.scalars(found, execution_options={"populate_existing": True})).all())


async def events(session: AsyncSession, action: str) -> list[AuditEvent]:
    return list((await session.scalars(select(AuditEvent).where(AuditEvent.action == action))).all())
