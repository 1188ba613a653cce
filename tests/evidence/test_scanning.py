"""What the malware scan does to documents: who gets the bytes before, after and without it, and that none is lost."""

import asyncio
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
from app.core.files import content_name
from app.evidence import actions, scanning
from app.evidence.clamd import Clamd
from app.evidence.models import StoredFile
from app.evidence.rules import SCAN_AGAIN_MINUTES
from app.evidence.schemas import NewDocumentIn
from app.evidence.worker import Worker
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, LogIn, logged_in
from tests.evidence.clamd import INFECTED, NAME, Health, StandIn
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


# --- with a scanner -----------------------------------------------------------------------------------------


async def test_only_its_unit_gets_a_file_before_it_is_found_clean(
    send: Send, scan: Scan, readers: Readers, clock: Clock
) -> None:
    document = await send()
    assert await readers.got(document, REPORTER, *OTHERS) == ["file"] + ["document_not_scanned"] * 3
    refused = await readers.download(document, "admin")
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "60")
    assert refused.json()["state"] == "uploaded"
    await scan()
    assert await readers.got(document, REPORTER, *OTHERS) == ["file"] * 4
    shown = await readers.shown(document, by="admin")
    assert shown["engine"].startswith("ClamAV ")
    assert shown == {
        "state": "clean",
        "scanned_at": clock.now.isoformat().replace("+00:00", "Z"),
        "finding": None,
        "engine": shown["engine"],
    }


async def test_nobody_gets_an_infected_file_and_its_unit_sees_what_was_found(
    send: Send,
    scan: Scan,
    readers: Readers,
    session: AsyncSession,
    stored: Callable[[], list[Path]],
    as_user: LogIn,
    period_id: str,
    units: dict[str, UUID],
) -> None:
    document = await send(INFECTED, file_name="anh.docx")
    same = await send(INFECTED, file_name="anh 2.docx", by="huyen-964.reporter", unit="huyen-964")
    await scan()
    assert await readers.got(document, REPORTER, *OTHERS) == ["document_infected"] * 4
    refused = await readers.download(document, REPORTER)
    assert (refused.status_code, refused.json()["finding"][: len(NAME)]) == (409, NAME)
    shown = await readers.shown(document)
    assert (shown["state"], shown["finding"][: len(NAME)]) == ("infected", NAME)
    params = {"period_id": period_id, "unit_id": str(units["xa-31999"])}
    listed = (await (await as_user("admin")).get("/api/v1/evidence", params=params)).json()
    assert listed["items"][0]["scan"] == shown
    assert [one.read_bytes() for one in stored() if one.suffix == ""] == [INFECTED], "it is evidence still"
    written = await events(session, "evidence.infected")
    assert {str(one.object_id) for one in written} == {document, same}
    assert all(one.after and one.after["finding"] == shown["finding"] for one in written)


async def test_bytes_known_to_be_infected_are_not_taken_again(
    send: Send, scan: Scan, upload: Upload, session: AsyncSession
) -> None:
    await send(INFECTED, file_name="anh.docx")
    await scan()
    for unit in ("xa-31999", "huyen-964"):
        again = await upload(INFECTED, file_name="b.docx", by=f"{unit}.reporter", unit=unit)
        assert (again.status_code, again.json()["code"]) == (422, "file_infected")
        assert again.json()["finding"].startswith(NAME)
    assert len(await rows(session)) == 1


async def test_what_was_sent_while_the_scanner_was_down_is_caught_up(
    send: Send, scan: Scan, readers: Readers, scanner: StandIn | RealClamd, clock: Clock
) -> None:
    await scanner.close()
    sent = [await send(PDF + bytes([number])) for number in range(3)]
    infected = await send(INFECTED, file_name="anh.docx")
    for _ in range(3):
        await scan()
        clock.advance(minutes=10)
    assert await readers.states(*sent, infected) == ["uploaded"] * 4
    assert await readers.got(sent[0], REPORTER, *OTHERS) == ["file"] + ["document_not_scanned"] * 3
    await scanner.open()
    await scan()
    assert await readers.states(*sent, infected) == ["clean"] * 3 + ["infected"]


async def test_without_a_scanner_nothing_is_called_clean_and_with_one_later_all_of_it_is_scanned(
    app: FastAPI, upload: Upload, scan: Scan, readers: Readers, settings: Settings
) -> None:
    app.state.settings = settings.model_copy(update={"clamd": ""})
    clean = (await upload()).json()["id"]
    infected = (await upload(INFECTED, file_name="anh.docx")).json()["id"]
    assert await readers.shown(clean) == {
        "state": "not_scanned",
        "scanned_at": None,
        "finding": None,
        "engine": None,
    }
    assert await readers.got(clean, REPORTER, *OTHERS) == ["file"] * 4

    app.state.settings = settings
    assert await readers.states(clean, infected) == ["uploaded"] * 2
    assert await readers.got(clean, REPORTER, *OTHERS) == ["file"] + ["document_not_scanned"] * 3
    await scan()
    assert await readers.states(clean, infected) == ["clean", "infected"]

    app.state.settings = settings.model_copy(update={"clamd": ""})
    later = (await upload(PDF + b"\n")).json()["id"]
    assert await readers.states(clean, infected, later) == ["clean", "infected", "not_scanned"]
    assert await readers.got(infected, REPORTER, *OTHERS) == ["document_infected"] * 4


@only_stand_in
async def test_the_worker_scans_where_a_scanner_is_named(
    app: FastAPI, send: Send, readers: Readers, settings: Settings, clock: Clock, stand_in: StandIn
) -> None:
    document = await send()
    off = settings.model_copy(update={"clamd": ""})
    for chosen, state in ((off, "uploaded"), (settings, "clean")):
        worker = Worker(app.state.database, app.state.files, chosen, clock)
        await next(step for step in worker.steps if step.__name__ == "_scan")()
        assert await readers.states(document) == [state]
    assert (stand_in.scanned, stand_in.faults) == ([PDF], [])


# --- when it goes wrong -------------------------------------------------------------------------------------


@only_stand_in
async def test_a_failed_scan_is_tried_again_later_and_later_and_never_given_up(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, clock: Clock, session: AsyncSession
) -> None:
    document = await send()
    stand_in.health = Health.FAILING
    await scan()
    for attempt, minutes in enumerate((*SCAN_AGAIN_MINUTES, 60, 60), start=1):
        assert len(stand_in.scanned) == attempt
        assert await readers.shown(document) == {
            "state": "failed",
            "scanned_at": None,
            "finding": None,
            "engine": None,
        }
        assert await readers.got(document, REPORTER, *OTHERS) == ["file"] + ["document_not_scanned"] * 3
        due_at = clock.now + timedelta(minutes=minutes)
        clock.now = due_at - SECOND
        await scan()
        assert len(stand_in.scanned) == attempt
        clock.now = due_at
        await scan()
    stand_in.health = Health.WELL
    clock.advance(hours=1, seconds=1)
    await scan()
    assert await readers.states(document) == ["clean"]
    assert [(one.scan_attempts, one.scan_due_at) for one in await rows(session)] == [(0, None)]


@only_stand_in
@pytest.mark.parametrize(
    "health", [Health.GARBAGE, Health.BABBLING, Health.BREAKING_OFF, Health.FAILING, Health.LIMITED]
)
async def test_whatever_is_no_verdict_calls_nothing_clean(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, health: Health
) -> None:
    documents = [await send(PDF + bytes([number])) for number in range(3)]
    stand_in.health = health
    await scan()
    assert await readers.states(*documents) == ["failed"] * 3


@only_stand_in
async def test_a_file_that_is_too_large_for_the_scanner_does_not_hold_up_the_others(
    send: Send, scan: Scan, readers: Readers, app: FastAPI, settings: Settings, clock: Clock
) -> None:
    app.state.settings = settings.model_copy(update={"max_upload_bytes": 4 * 1024**2})
    large = await send(PDF[:-6] + bytes(3 * 1024**2) + b"%%EOF\n")
    clock.advance(seconds=1)
    small = await send()
    await scan()
    assert await readers.states(large, small) == ["failed", "clean"]


@only_stand_in
async def test_bytes_that_are_gone_from_the_store_are_not_called_clean(
    send: Send, scan: Scan, readers: Readers, app: FastAPI, session: AsyncSession
) -> None:
    document = await send()
    await app.state.files.remove(content_name((await rows(session))[0].sha256))
    await scan()
    assert await readers.states(document) == ["failed"]


@only_stand_in
async def test_what_a_killed_process_had_begun_is_scanned_when_its_lease_runs_out(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, clock: Clock
) -> None:
    document = await send()
    stand_in.health = Health.SLOW
    killed = asyncio.ensure_future(scan())
    await stand_in.began.wait()
    killed.cancel()
    await asyncio.wait([killed])
    stand_in.health = Health.WELL
    lease_ends = clock.now + scanning.LEASE
    for now, state in (
        (clock.now, "scanning"),
        (lease_ends - SECOND, "scanning"),
        (lease_ends, "clean"),
        (lease_ends + SECOND, "clean"),
    ):
        clock.now = now
        await scan()
        assert await readers.states(document) == [state]
    assert await readers.got(document, "admin") == ["file"]


@only_stand_in
async def test_a_verdict_after_the_lease_changes_nothing(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    await own_year.upload()
    scanner = Clamd(stand_in.address, seconds=60)
    state = own_app.state
    stand_in.health = Health.SLOW
    late = asyncio.create_task(scanning.scan(state.database.session, state.files, scanner, clock))
    await stand_in.began.wait()
    clock.now += scanning.LEASE
    stand_in.health, stand_in.version = Health.WELL, "ClamAV of the second"
    await scanning.scan(state.database.session, state.files, scanner, clock)
    clock.advance(minutes=1)
    stand_in.go_on.set()
    await late
    async with state.database.session() as session:
        (row,) = await rows(session)
        assert (row.scan_state, row.scan_engine) == ("clean", "ClamAV of the second")
        assert row.scanned_at == clock.now - timedelta(minutes=1)
    assert len(stand_in.scanned) == 2


@only_stand_in
async def test_several_workers_at_once_scan_each_file_once(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    contents = [PDF + bytes([number]) for number in range(12)]
    for content in contents:
        await own_year.upload(content)
    scanner, state = Clamd(stand_in.address), own_app.state
    await asyncio.gather(
        *(scanning.scan(state.database.session, state.files, scanner, clock) for _ in range(4))
    )
    assert sorted(stand_in.scanned) == sorted(contents)
    async with state.database.session() as session:
        assert {row.scan_state for row in await rows(session)} == {"clean"}


@only_stand_in
async def test_a_document_that_comes_while_its_bytes_are_scanned_is_told_of_as_well(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    before = await own_year.upload(INFECTED, "a.docx")
    stand_in.health, state = Health.SLOW, own_app.state
    scanned = asyncio.create_task(
        scanning.scan(state.database.session, state.files, Clamd(stand_in.address), clock)
    )
    await stand_in.began.wait()
    meanwhile = await own_year.upload(INFECTED, "b.docx")
    stand_in.go_on.set()
    await scanned
    async with state.database.session() as session:
        told = {str(one.object_id) for one in await events(session, "evidence.infected")}
    assert told == {before, meanwhile}


@only_stand_in
async def test_an_upload_and_a_verdict_that_cross_know_of_each_other(
    own_app: FastAPI, own_year: OwnYear, stand_in: StandIn, clock: Clock
) -> None:
    first = await own_year.upload(INFECTED, "a.docx")
    stand_in.health, state = Health.SLOW, own_app.state
    scanned = asyncio.create_task(
        scanning.scan(state.database.session, state.files, Clamd(stand_in.address), clock)
    )
    await stand_in.began.wait()
    async with state.database.session() as session, session.begin():
        second = await own_year.keep(session, INFECTED)
        stand_in.go_on.set()
        await asyncio.sleep(0.2)
        assert not scanned.done(), "the verdict waits for whoever is about to make a document of the bytes"
    await scanned
    async with state.database.session() as session:
        assert {one.object_id for one in await events(session, "evidence.infected")} == {UUID(first), second}
        with pytest.raises(actions.FileInfected):
            await own_year.keep(session, INFECTED)


# --- again --------------------------------------------------------------------------------------------------


async def ask_again(as_user: LogIn, document: str, by: str = "admin") -> httpx.Response:
    return await (await as_user(by)).post(f"/api/v1/evidence/{document}/rescan")


@only_stand_in
async def test_a_false_alarm_is_taken_back_by_another_scan(
    send: Send,
    scan: Scan,
    readers: Readers,
    stand_in: StandIn,
    as_user: LogIn,
    session: AsyncSession,
    upload: Upload,
) -> None:
    document = await send(INFECTED, file_name="anh.docx")
    await scan()
    stand_in.knows_eicar = False
    asked = await ask_again(as_user, document)
    assert (asked.status_code, asked.json()["scan"]["state"]) == (200, "infected")
    assert await readers.got(document, REPORTER) == ["document_infected"]
    await scan()
    assert await readers.states(document) == ["clean"]
    assert await readers.got(document, REPORTER, *OTHERS) == ["file"] * 4
    assert (
        len(await events(session, "evidence.rescan")) == len(await events(session, "evidence.cleared")) == 1
    )
    assert (await upload(INFECTED, file_name="anh.docx")).status_code == 201


@only_stand_in
async def test_newer_signatures_find_what_was_called_clean(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, as_user: LogIn
) -> None:
    stand_in.knows_eicar = False
    document = await send(INFECTED, file_name="anh.docx")
    await scan()
    assert await readers.got(document, *OTHERS) == ["file"] * 3
    stand_in.knows_eicar = True
    await ask_again(as_user, document)
    assert await readers.got(document, *OTHERS) == ["file"] * 3
    await scan()
    assert await readers.got(document, REPORTER, *OTHERS) == ["document_infected"] * 4


@only_stand_in
async def test_an_infected_file_stays_one_while_another_scan_fails(
    send: Send, scan: Scan, readers: Readers, stand_in: StandIn, as_user: LogIn, session: AsyncSession
) -> None:
    document = await send(INFECTED, file_name="anh.docx")
    await scan()
    await ask_again(as_user, document)
    stand_in.health = Health.FAILING
    await scan()
    assert await readers.states(document) == ["infected"]
    assert await readers.got(document, REPORTER, *OTHERS) == ["document_infected"] * 4
    assert len(await events(session, "evidence.infected")) == 1


@only_stand_in
async def test_another_scan_is_not_promised_where_nothing_is_scanned(
    app: FastAPI, send: Send, settings: Settings, as_user: LogIn
) -> None:
    document = await send()
    app.state.settings = settings.model_copy(update={"clamd": ""})
    refused = await ask_again(as_user, document)
    assert (refused.status_code, refused.json()["code"]) == (409, "scanning_off")
    assert (await ask_again(as_user, document, by=REPORTER)).status_code == 403
