"""Who gets the bytes of a document before, after and without its scan."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.evidence.worker import Worker
from tests.conftest import Clock, LogIn
from tests.evidence.clamd import INFECTED, NAME, Health, StandIn
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import PDF
from tests.evidence.real_clamd import RealClamd
from tests.evidence.scanning.conftest import OTHERS, Readers, Scan, Send, events, only_stand_in, rows


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
