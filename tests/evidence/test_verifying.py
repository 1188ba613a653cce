"""`scripts/evidence verify`: tampered, missing and orphaned bytes are found, in a folder and in a bucket."""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.db import Database, new_id
from app.core.files import content_name, file_store
from app.core.incoming import StoreUnavailable
from app.core.work import one_round
from app.evidence import verify
from app.evidence.models import Document, ResumableUpload, ScanState, StoredFile, UploadPiece
from app.evidence.verify import PAGE, Finding, Kind, Verification
from app.evidence.worker import Worker
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, logged_in
from tests.evidence.conftest import REPORTER, Upload, open_period
from tests.evidence.files import PDF
from tests.s3 import Place, S3Server


@pytest.fixture
def settings(settings: Settings, place: Place) -> Settings:
    """Give the settings of a service whose evidence lies in the place of the test."""
    return settings.model_copy(update=place.settings)


Verify = Callable[[], Awaitable[list[Finding]]]


@pytest.fixture
def findings(app: FastAPI, settings: Settings, clock: Clock) -> Verify:
    """Give `await findings()`: what is wrong now."""

    async def run() -> list[Finding]:
        verification = Verification(app.state.database, file_store(settings), clock.now)
        return [found async for found in verification.findings()]

    return run


def row(content: bytes, at: datetime, *, purged_at: datetime | None = None) -> StoredFile:
    """Return the row of some bytes that no document has."""
    return StoredFile(
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        media_type="application/pdf",
        touched_at=at,
        scan_state=ScanState.UPLOADED,
        scan_attempts=0,
        purged_at=purged_at,
    )


def put(place: Place, name: str, content: bytes = b"content") -> None:
    """Put bytes into the store behind the service's back."""
    place.path(name).parent.mkdir(parents=True, exist_ok=True)
    place.path(name).write_bytes(content)


def name_of(content: bytes) -> str:
    return content_name(hashlib.sha256(content).hexdigest())


async def test_everything_is_right_after_uploads(
    upload: Upload, app: FastAPI, settings: Settings, clock: Clock
) -> None:
    seen: list[int] = []
    verification = Verification(app.state.database, file_store(settings), clock.now, seen.append)
    for content in (PDF, PDF + b"\n", PDF):
        assert (await upload(content)).status_code == 201
    assert [found async for found in verification.findings()] == []
    assert (verification.files, verification.bytes) == (2, 2 * len(PDF) + 1)
    assert sum(seen) == await verification.total_bytes() == 2 * len(PDF) + 1


async def test_bytes_that_were_changed_are_damaged(upload: Upload, findings: Verify, place: Place) -> None:
    name = name_of(PDF)
    ids = [(await upload(file_name=file_name)).json()["id"] for file_name in ("a.pdf", "b.pdf")]
    place.path(name).write_bytes(PDF.replace(b"1.7", b"1.6"))
    (found,) = await findings()
    assert (found.kind, found.name, found.documents) == (Kind.DAMAGED, name, ids)
    assert hashlib.sha256(PDF.replace(b"1.7", b"1.6")).hexdigest() in found.detail


async def test_bytes_that_were_cut_off_are_damaged(upload: Upload, findings: Verify, place: Place) -> None:
    document_id = (await upload()).json()["id"]
    place.path(name_of(PDF)).write_bytes(PDF[:-1])
    (found,) = await findings()
    assert (found.kind, found.documents) == (Kind.DAMAGED, [document_id])


async def test_bytes_that_are_gone_are_missing(upload: Upload, findings: Verify, place: Place) -> None:
    document_id = (await upload()).json()["id"]
    place.path(name_of(PDF)).unlink()
    assert await findings() == [Finding(Kind.MISSING, name_of(PDF), f"{len(PDF)} bytes", [document_id])]


async def test_one_fault_does_not_hide_another(upload: Upload, findings: Verify, place: Place) -> None:
    contents = [PDF + bytes([number]) for number in range(4)]
    for content in contents:
        await upload(content)
    for content in contents[:2]:
        place.path(name_of(content)).unlink()
    place.path(name_of(contents[2])).write_bytes(contents[3])
    assert sorted(f.kind for f in await findings()) == [Kind.DAMAGED, Kind.MISSING, Kind.MISSING]


async def test_bytes_of_no_row_and_strange_names_are_orphans(
    upload: Upload, findings: Verify, place: Place
) -> None:
    await upload()
    names = [name_of(b"nobody's"), "ab/cd/readme.txt", "pieces/readme.txt", f"pieces/{new_id()}/0"]
    for name in names:
        put(place, name)
    found = await findings()
    assert {f.kind for f in found} == {Kind.ORPHAN}
    assert sorted(f.name for f in found) == sorted(names)


async def test_what_was_taken_out_is_not_missing_and_must_not_be_there(
    session: AsyncSession, findings: Verify, place: Place, clock: Clock
) -> None:
    session.add(row(b"purged", clock.now - timedelta(days=1), purged_at=clock.now))
    await session.flush()
    assert await findings() == []
    put(place, name_of(b"purged"), b"purged")
    assert [(f.kind, f.name) for f in await findings()] == [(Kind.ORPHAN, name_of(b"purged"))]


async def test_bytes_that_no_document_has_yet_may_be_on_their_way(
    session: AsyncSession, findings: Verify, place: Place, clock: Clock
) -> None:
    session.add(row(b"coming", clock.now))
    await session.flush()
    assert await findings() == []
    put(place, name_of(b"coming"), b"coming")
    assert await findings() == []
    put(place, name_of(b"coming"), b"c0ming")
    assert [f.kind for f in await findings()] == [Kind.DAMAGED]


async def test_more_files_than_a_page_are_all_looked_at(
    session: AsyncSession, findings: Verify, place: Place, clock: Clock
) -> None:
    contents = [str(number).encode() for number in range(2 * PAGE + 1)]
    session.add_all([row(content, clock.now) for content in contents])
    await session.flush()
    for content in contents:
        put(place, name_of(content), content)
    assert await findings() == []
    for content in (contents[0], contents[PAGE], contents[-1]):
        put(place, name_of(content), content[::-1] + b"x")
        put(place, name_of(b"nobody's" + content))
    assert sorted(f.kind for f in await findings()) == [Kind.DAMAGED] * 3 + [Kind.ORPHAN] * 3


# --- pieces of resumable uploads ----------------------------------------------------------------------------


@pytest.fixture
def begin(
    session: AsyncSession, period_id: str, units: dict[str, UUID], clock: Clock
) -> Callable[..., Awaitable[str]]:
    """Give `await begin(5, 7)`: an open upload with rows of pieces of these sizes; its folder in the store."""

    async def run(*sizes: int, ended_at: datetime | None = None) -> str:
        opened = ResumableUpload(
            period_id=UUID(period_id),
            unit_id=units["xa-31999"],
            file_name="a.pdf",
            media_type="application/pdf",
            length_bytes=100,
            facts={},
            begun_by=new_id(),
            begun_at=clock.now,
            expires_at=clock.now + timedelta(days=2),
            ended_at=ended_at,
        )
        session.add(opened)
        await session.flush()
        for offset, size in enumerate(sizes):
            name = f"pieces/{opened.id}/{offset}"
            piece = UploadPiece(upload_id=opened.id, offset_bytes=offset, size_bytes=size, object_name=name)
            session.add(piece)
        await session.flush()
        return f"pieces/{opened.id}"

    return run


async def test_pieces_of_an_open_upload_are_kept_whether_or_not_they_have_a_row(
    begin: Callable[..., Awaitable[str]], findings: Verify, place: Place
) -> None:
    folder = await begin(7, 7, 3)
    for number, content in enumerate((b"1234567", b"abcdefg", b"123", b"on its way")):
        put(place, f"{folder}/{number}", content)
    assert await findings() == []
    place.path(f"{folder}/1").unlink()
    assert await findings() == [Finding(Kind.MISSING, folder, "1 of 3 pieces", [])]


async def test_pieces_of_an_ended_upload_are_orphans_after_an_hour(
    begin: Callable[..., Awaitable[str]], findings: Verify, place: Place, clock: Clock
) -> None:
    folder = await begin(7, ended_at=clock.now)
    put(place, f"{folder}/0")
    for seconds, kinds in [(-1, []), (0, [Kind.ORPHAN]), (1, [Kind.ORPHAN])]:
        clock.now += timedelta(hours=1, seconds=seconds)
        assert [f.kind for f in await findings()] == kinds, seconds
        clock.now -= timedelta(hours=1, seconds=seconds)


# --- leftovers ----------------------------------------------------------------------------------------------


def leave(settings: Settings, written_at: datetime) -> Path:
    """Leave half an upload as a killed process does."""
    part = settings.evidence_path / "incoming/half.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"half")
    os.utime(part, (written_at.timestamp(), written_at.timestamp()))
    return part


async def test_an_unfinished_upload_is_a_leftover_after_an_hour(
    findings: Verify, settings: Settings, clock: Clock
) -> None:
    leave(settings, clock.now)
    for seconds, kinds in [(-1, []), (0, []), (1, [Kind.LEFTOVER])]:
        clock.now += timedelta(hours=1, seconds=seconds)
        assert [f.kind for f in await findings()] == kinds, seconds
        clock.now -= timedelta(hours=1, seconds=seconds)


async def test_the_worker_removes_a_leftover_after_a_day(
    app: FastAPI, settings: Settings, clock: Clock
) -> None:
    part = leave(settings, clock.now)
    steps = Worker(app.state.database, file_store(settings), settings, clock).steps
    for seconds, is_there in [(-1, True), (0, True), (1, False)]:
        clock.now += timedelta(days=1, seconds=seconds)
        await one_round(steps)
        assert part.exists() is is_there, seconds
        clock.now -= timedelta(days=1, seconds=seconds)


# --- while the service goes on ------------------------------------------------------------------------------


async def uploaded(app: FastAPI, clock: Clock) -> str:
    """Upload a document to an application with a database of its own; return its id."""
    async with await logged_in(app, clock, "admin") as admin:
        period_id = (await open_period(admin)).json()["period_id"]
    async with app.state.database.session() as session:
        unit_id = (await unit_ids_by_key(session))["xa-31999"]
    async with await logged_in(app, clock, REPORTER) as reporter:
        params = {"period_id": period_id, "unit_id": str(unit_id), "file_name": "a.pdf"}
        answer = await reporter.post("/api/v1/evidence", params=params, content=PDF)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_bytes_that_are_taken_out_meanwhile_are_not_missing(
    own_app: FastAPI, own_database: Database, settings: Settings, clock: Clock
) -> None:
    await uploaded(own_app, clock)
    files = file_store(settings)
    verification = Verification(own_database, files, clock.now)
    async with own_database.session() as purge, purge.begin():
        stored = (await purge.scalars(select(StoredFile).with_for_update())).one()
        await files.remove(content_name(stored.sha256))
        verifying = asyncio.create_task(_all(verification))
        assert not (await asyncio.wait([verifying], timeout=0.5))[0], "it waits for the row"
        await purge.execute(update(StoredFile).values(purged_at=clock.now))
    assert await verifying == []


async def _all(verification: Verification) -> list[Finding]:
    return [found async for found in verification.findings()]


# --- the command --------------------------------------------------------------------------------------------


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(verify.main, list(arguments))


@pytest.fixture
def environment(own_database: Database, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find the test's database and store."""
    monkeypatch.setenv("DATABASE_URL", own_database.engine.url.render_as_string(hide_password=False))
    for name, value in place.variables().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
async def test_the_command_says_what_is_wrong_a_line_each(
    own_app: FastAPI, place: Place, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    document_id = await uploaded(own_app, clock)
    capsys.readouterr()  # what was logged so far
    assert await run() == 0
    assert capsys.readouterr().out == f"OK 1 files, {len(PDF)} bytes\n"
    place.path(name_of(PDF)).write_bytes(PDF[::-1])
    put(place, "pieces/a\u2028b")
    assert await run() == 1
    lines = sorted(capsys.readouterr().out.splitlines())
    assert len(lines) == 2
    assert lines[0].startswith(f"damaged  {name_of(PDF)}: the content has the hash ")
    assert lines[0].endswith(f"; needed by documents {document_id}")
    assert lines[1] == "orphan   'pieces/a\\u2028b': 7 bytes"
    assert await run("--json") == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(t["kind"], t["name"]) for t in told[:-1]} == {
        ("damaged", name_of(PDF)),
        ("orphan", "pieces/a\u2028b"),
    }
    assert told[0]["documents"] == [document_id]
    assert told[-1] == {"files": 0, "bytes": 0, "findings": 2}


@pytest.mark.usefixtures("environment")
async def test_the_command_says_when_it_cannot_find_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    with pytest.raises(SystemExit) as refused:
        await run("--wrong")
    assert refused.value.code == 2
    for variables, said in [
        ({"EVIDENCE_STORE": "", "EVIDENCE_DIR": str(blocked)}, "the store of the files does not answer"),
        ({"EVIDENCE_STORE": "ftp://there"}, "EVIDENCE_STORE must be"),
        ({"DATABASE_URL": "postgresql://dti:secret-word@127.0.0.1:1/dti"}, "the database cannot be read"),
    ]:
        with monkeypatch.context() as changed:
            for name, value in variables.items():
                changed.setenv(name, value)
            assert await run() == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert "secret-word" not in printed.err
        assert not printed.out.startswith("OK")


async def test_a_dead_bucket_is_no_missing_file(
    app: FastAPI, own_server: S3Server, own_place: Place, session: AsyncSession, clock: Clock
) -> None:
    session.add(row(b"content", clock.now))
    await session.flush()
    own_server.kill()
    verification = Verification(app.state.database, own_place.store(), clock.now)
    with pytest.raises(StoreUnavailable):
        await _all(verification)


def test_every_document_has_a_row_of_its_bytes() -> None:
    (reference,) = Document.__table__.c.sha256.foreign_keys
    assert reference.target_fullname == "stored_file.sha256"
    assert not Document.__table__.c.sha256.nullable
