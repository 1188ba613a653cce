"""Resumable uploads: each rule of the protocol and of the service, over the API."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.core.config import Settings
from app.core.work import one_round
from app.evidence import resuming
from app.evidence.models import Document, ResumableUpload, StoredFile, UploadPiece
from app.evidence.worker import Worker
from app.periods.models import Period, PeriodState
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import PNG
from tests.evidence.pieces import PIECE, TUS, UPLOADS, Tus, metadata, pdf
from tests.scene import Scene, connection, open_database, scene

__all__ = ["connection", "open_database", "scene"]  # every test here begins in the open year 2023

Stored = Callable[[], list[Path]]
FILE = pdf(3000)


@pytest.fixture
async def period_id(scene: Scene) -> str:
    """Give the open period."""
    return str(scene.period["id"])


@pytest.fixture
async def tus(as_user: LogIn, period_id: str, units: dict[str, UUID]) -> Tus:
    """Give the uploads of the unit's reporter."""
    return Tus(await as_user(REPORTER), {"period_id": period_id, "unit_id": str(units["xa-31999"])})


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def pieces(session: AsyncSession) -> list[UploadPiece]:
    query = select(UploadPiece).order_by(UploadPiece.offset_bytes)
    return list(await session.scalars(query.execution_options(populate_existing=True)))


async def work(app: FastAPI, clock: Clock) -> None:
    """Do a round of what is done behind the requests."""
    state = app.state
    await one_round([Worker(state.database, state.files, state.settings, clock)._end_uploads])


# --- the way of a file --------------------------------------------------------------------------------------


async def test_a_client_learns_without_logging_in_what_is_spoken(
    client: CheckedClient, settings: Settings
) -> None:
    answer = await client.options(UPLOADS)
    assert answer.status_code == 204
    found = {name: answer.headers[name] for name in answer.headers if name.startswith("tus-")}
    assert found == {
        "tus-resumable": "1.0.0",
        "tus-version": "1.0.0",
        "tus-extension": "creation,expiration,termination,checksum",
        "tus-checksum-algorithm": "sha1,sha256",
        "tus-max-size": str(settings.max_upload_bytes),
    }


async def test_a_file_that_comes_in_pieces_becomes_a_document(
    tus: Tus, units: dict[str, UUID], period_id: str, clock: Clock
) -> None:
    said = {"filename": "Quyết định 12.pdf", "title": "Quyết định", "issued_on": "2023-06-19"}
    begun = await tus.begin(len(FILE), **said)
    assert begun.status_code == 201, begun.text
    assert begun.content == b""
    assert begun.headers["upload-expires"] == "Sun, 17 Dec 2023 02:00:00 GMT"
    url = begun.headers["location"]
    upload_id = url.rsplit("/", 1)[1]
    clock.advance(hours=1)
    for start in range(0, 2000, 1000):
        assert await tus.offset(url) == start
        answer = await tus.send(url, start, FILE[start : start + 1000])
        assert answer.status_code == 204, answer.text
        assert answer.headers["upload-offset"] == str(start + 1000)
        assert answer.headers["upload-expires"] == "Sun, 17 Dec 2023 03:00:00 GMT"
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert (await tus.caller.get(f"/api/v1/evidence/{upload_id}")).status_code == 404
    last = await tus.send(url, 2000, FILE[2000:])
    assert last.status_code == 204, last.text
    assert last.headers["upload-offset"] == str(len(FILE))
    assert "upload-expires" not in last.headers
    document = (await tus.caller.get(last.headers["content-location"])).json()
    expected = {
        "id": upload_id,
        "period_id": period_id,
        "unit_id": str(units["xa-31999"]),
        "file_name": "Quyết định 12.pdf",
        "title": "Quyết định",
        "issued_on": "2023-06-19",
        "size_bytes": len(FILE),
        "sha256": hashlib.sha256(FILE).hexdigest(),
        "media_type": "application/pdf",
    }
    assert document.items() >= expected.items()
    downloaded = await tus.caller.get(f"/api/v1/evidence/{upload_id}/content")
    assert downloaded.content == FILE


async def test_how_far_an_upload_has_come_is_told_with_all_that_is_known_of_it(
    tus: Tus, units: dict[str, UUID], period_id: str
) -> None:
    url = await tus.begun(len(FILE), title="Quyết định")
    assert (await tus.send(url, 0, FILE[:10])).status_code == 204
    answer = await tus.caller.head(url, headers=TUS)
    assert answer.headers["upload-offset"] == "10"
    assert answer.headers["upload-length"] == str(len(FILE))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-expires"]
    told = dict(pair.split(" ") for pair in answer.headers["upload-metadata"].split(","))
    assert {k: base64.b64decode(v).decode() for k, v in told.items()} == {
        "period_id": period_id,
        "unit_id": str(units["xa-31999"]),
        "file_name": "a.pdf",
        "title": "Quyết định",
    }


async def test_a_file_sent_whole_is_never_written_twice(
    tus: Tus, stored: Stored, session: AsyncSession
) -> None:
    url = await tus.begun(len(FILE))
    assert (await tus.send(url, 0, FILE)).status_code == 204
    assert [path.read_bytes() for path in stored()] == [FILE]
    assert await pieces(session) == []


async def test_a_finished_upload_says_so_for_good_and_takes_nothing_more(tus: Tus) -> None:
    url = await tus.begun(len(FILE))
    await tus.send(url, 0, FILE)
    answer = await tus.caller.head(url, headers=TUS)
    assert answer.headers["upload-offset"] == str(len(FILE))
    assert answer.headers["content-location"] == f"/api/v1/evidence/{url.rsplit('/', 1)[1]}"
    assert said(await tus.send(url, len(FILE), b"")) == (409, "upload_finished")
    assert said(await tus.send(url, 0, FILE)) == (409, "upload_finished")
    assert said(await tus.caller.delete(url, headers=TUS)) == (409, "upload_finished")


async def test_an_empty_piece_changes_nothing(tus: Tus, session: AsyncSession) -> None:
    url = await tus.begun(len(FILE))
    answer = await tus.send(url, 0, b"")
    assert answer.status_code == 204
    assert answer.headers["upload-offset"] == "0"
    assert await pieces(session) == []


async def test_an_upload_is_written_to_the_audit_trail(tus: Tus, session: AsyncSession) -> None:
    url = await tus.begun(len(FILE))
    await tus.send(url, 0, FILE)
    given_up = await tus.begun(len(FILE))
    await tus.caller.delete(given_up, headers=TUS)
    ids = [UUID(one.rsplit("/", 1)[1]) for one in (url, given_up)]
    query = select(AuditEvent.action).where(AuditEvent.object_id.in_(ids)).order_by(AuditEvent.id)
    assert list(await session.scalars(query)) == [
        "evidence.begin_upload",
        "evidence.upload",
        "evidence.begin_upload",
        "evidence.end_upload",
    ]


# --- beginning ----------------------------------------------------------------------------------------------


async def test_a_repeated_beginning_gives_the_same_upload(tus: Tus, session: AsyncSession) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first, second = await tus.begin(100, key), await tus.begin(100, key)
    assert first.status_code == second.status_code == 201
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["tus-resumable"] == "1.0.0"
    assert len(list(await session.scalars(select(ResumableUpload.id)))) == 1
    assert said(await tus.begin(101, key)) == (409, "idempotency_key_reused")
    assert said(await tus.begin(100, key, filename="b.pdf")) == (409, "idempotency_key_reused")
    assert said(await tus.begin(100, {"Idempotency-Key": ""})) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("length", ["", "-1", "abc", "1.5", "1e3", "0x10", "9" * 30])
async def test_a_length_that_is_no_number_of_bytes_is_refused(tus: Tus, length: str) -> None:
    answer = await tus.begin(100, {"Upload-Length": length})
    assert said(answer) == (422, "invalid_request")


async def test_a_length_must_be_known_and_within_the_limit(tus: Tus, settings: Settings) -> None:
    assert said(await tus.begin(0)) == (422, "file_empty")
    assert (await tus.begin(settings.max_upload_bytes)).status_code == 201
    for length in (settings.max_upload_bytes + 1, 10 * 1024**3, 2**61):
        assert said(await tus.begin(length)) == (413, "file_too_large")
    deferred = {"Upload-Length": "", "Upload-Defer-Length": "1"}
    assert said(await tus.begin(1, deferred)) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("told", "pointer"),
    [
        ({"title": "a\u202eb"}, "header/Upload-Metadata/title"),
        ({"title": "x\x00"}, "header/Upload-Metadata/title"),
        ({"unit_id": "1"}, "header/Upload-Metadata/unit_id"),
        ({"issued_on": "hôm qua"}, "header/Upload-Metadata/issued_on"),
        ({"issued_on": "2023-12-16"}, "header/Upload-Metadata/issued_on"),
        ({"colour": "red"}, "header/Upload-Metadata/colour"),
        ({"filename": "../a.pdf"}, "header/Upload-Metadata/file_name"),
        ({"filename": "a\x00.pdf"}, "header/Upload-Metadata/file_name"),
        ({"filename": "a\u200f.pdf"}, "header/Upload-Metadata/file_name"),
        ({"filename": "a" * 4000 + ".pdf"}, "header/Upload-Metadata/file_name"),
        ({"filename": "a" * 9500 + ".pdf"}, "header/upload-metadata"),
    ],
)
async def test_what_is_said_of_a_file_is_checked_before_it_comes(
    tus: Tus, told: dict[str, str], pointer: str
) -> None:
    answer = await tus.begin(100, **told)
    assert said(answer) == (422, "invalid_request")
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    "header", ["title !!!", "title", "title YQ", ",,,", " ", "title " + base64.b64encode(b"\xff").decode()]
)
async def test_metadata_that_cannot_be_read_is_refused(tus: Tus, header: str) -> None:
    full = metadata(filename="a.pdf", **tus.of)
    answer = await tus.begin(100, {"Upload-Metadata": f"{full},{header}" if "title " in header else header})
    assert said(answer) == (422, "invalid_request")


async def test_what_clients_say_of_themselves_is_left_aside(tus: Tus) -> None:
    told = {"filetype": "application/pdf", "name": "a.pdf", "type": "application/pdf", "relativePath": "null"}
    assert (await tus.begin(100, **told)).status_code == 201


async def test_nothing_begins_where_nothing_may_be_uploaded(
    tus: Tus, as_user: LogIn, units: dict[str, UUID]
) -> None:
    assert said(await tus.begin(100, unit_id=str(units["huyen-964"]))) == (404, "unit_not_found")
    assert said(await tus.begin(100, period_id=str(uuid4()))) == (404, "period_not_found")
    assert said(await tus.begin(100, replaces_id=str(uuid4()))) == (404, "document_not_found")
    assert said(await tus.begin(100, filename="a.exe")) == (415, "file_type_not_allowed")
    for name in ("reviewer", "xa-31999.leader", "auditor"):
        assert said(await Tus(await as_user(name), tus.of).begin(100)) == (403, "not_permitted")


async def test_open_uploads_take_up_the_units_space(
    tus: Tus, settings: Settings, upload: Upload, clock: Clock, app: FastAPI
) -> None:
    settings.max_unit_bytes = len(FILE) + 500
    url = await tus.begun(len(FILE))
    assert said(await tus.begin(501)) == (409, "quota_exceeded")
    assert said(await upload(pdf(600))) == (409, "quota_exceeded")
    assert (await tus.begin(500)).status_code == 201
    assert (await tus.send(url, 0, FILE)).status_code == 204, "its own room was kept for it"
    assert said(await tus.begin(1)) == (409, "quota_exceeded")
    clock.advance(hours=settings.resumable_hours)
    await work(app, clock)
    assert (await tus.begin(500)).status_code == 201


# --- going on -----------------------------------------------------------------------------------------------


async def test_a_client_of_another_version_is_told_which_is_spoken(tus: Tus) -> None:
    url = await tus.begun(100)
    for version in ("", "0.2.2", "1.0.1"):
        for answer in (
            await tus.begin(100, {"Tus-Resumable": version}),
            await tus.send(url, 0, b"a", Tus_Resumable=version),
            await tus.caller.delete(url, headers={"Tus-Resumable": version} if version else {}),
        ):
            assert said(answer) == (412, "tus_version_unsupported")
            assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert (await tus.caller.head(url)).status_code == 412


async def test_a_piece_must_follow_what_has_come(tus: Tus, session: AsyncSession) -> None:
    url = await tus.begun(len(FILE))
    await tus.send(url, 0, FILE[:1000])
    for offset in (0, 999, 1001, len(FILE), 2**61):
        answer = await tus.send(url, offset, FILE[:10])
        assert said(answer) == (409, "upload_offset_conflict")
        assert answer.json()["offset_bytes"] == 1000
    for nonsense in ("", "-1", "a", "9" * 30):
        assert said(await tus.send(url, nonsense, FILE[:10])) == (422, "invalid_request")
    assert len(await pieces(session)) == 1


async def test_a_piece_must_say_that_it_is_one(tus: Tus) -> None:
    url = await tus.begun(100)
    for kind in ("", "application/json", "application/octet-stream", "application/offset+octet-stream;a=b"):
        assert said(await tus.send(url, 0, b"a", Content_Type=kind)) == (415, "piece_type_wrong")


async def test_a_piece_brings_no_more_than_is_missing(
    tus: Tus, session: AsyncSession, stored: Stored
) -> None:
    url = await tus.begun(100)

    async def unannounced() -> Any:
        yield bytes(50)
        yield bytes(51)

    for content in (bytes(101), unannounced()):
        assert said(await tus.send(url, 0, content)) == (413, "piece_too_long")
    huge = str(10 * 1024**3)
    assert said(await tus.send(url, 0, b"a", Content_Length=huge)) == (413, "piece_too_long")
    assert await pieces(session) == []
    assert stored() == []
    assert await tus.offset(url) == 0


async def test_only_who_began_an_upload_goes_on_with_it(
    tus: Tus, as_user: LogIn, session: AsyncSession
) -> None:
    url = await tus.begun(len(FILE))
    other = await as_user("huyen-964.reporter")
    nowhere = f"{UPLOADS}/{uuid4()}"
    for caller, address in ((other, url), (tus.caller, nowhere)):
        assert (await caller.head(address, headers=TUS)).status_code == 404
        assert said(await caller.delete(address, headers=TUS)) == (404, "upload_not_found")
        sent = await caller.patch(address, content=b"a", headers=PIECE | {"Upload-Offset": "0"})
        assert said(sent) == (404, "upload_not_found")
    begun_by = (await other.get("/api/v1/me")).json()["id"]
    await session.execute(update(ResumableUpload).values(begun_by=UUID(begun_by)))
    answer = await other.head(url, headers=TUS)
    assert answer.status_code == 404, "it is not his unit any more"


async def test_nothing_goes_on_in_a_period_that_is_not_open(tus: Tus, session: AsyncSession) -> None:
    url = await tus.begun(len(FILE))
    closed = next(state for state in PeriodState if state is not PeriodState.OPEN)
    await session.execute(update(Period).values(state=closed))
    assert said(await tus.send(url, 0, FILE)) == (409, "period_not_open")


# --- checksums ----------------------------------------------------------------------------------------------


def checksum(name: str, content: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, content).digest()).decode()}"


async def test_a_piece_is_compared_with_its_checksum(tus: Tus, stored: Stored) -> None:
    url = await tus.begun(len(FILE))
    for name, start in (("sha1", 0), ("sha256", 1000)):
        part = FILE[start : start + 1000]
        wrong = await tus.send(url, start, part, Upload_Checksum=checksum(name, part[1:]))
        assert said(wrong) == (460, "checksum_mismatch")
        assert await tus.offset(url) == start
        sent = await tus.send(url, start, part, Upload_Checksum=checksum(name, part))
        assert sent.status_code == 204, sent.text
    assert len(stored()) == 2


@pytest.mark.parametrize("header", ["md5 AAAA", "sha256", "sha256 !!", "sha1", " "])
async def test_a_checksum_that_cannot_be_read_is_refused(tus: Tus, header: str) -> None:
    url = await tus.begun(100)
    answer = await tus.send(url, 0, b"a", Upload_Checksum=header)
    assert said(answer)[1] in ("checksum_unreadable", "checksum_mismatch")
    assert await tus.offset(url) == 0


# --- the end ------------------------------------------------------------------------------------------------


async def test_a_file_that_is_refused_ends_its_upload_and_nothing_of_it_is_kept(
    tus: Tus, app: FastAPI, clock: Clock, stored: Stored, session: AsyncSession
) -> None:
    for content in (PNG.ljust(100, b"\0"), b"text".ljust(100, b"\0")):
        url = await tus.begun(100)
        assert (await tus.send(url, 0, content[:60])).status_code == 204
        answer = await tus.send(url, 60, content[60:])
        assert answer.status_code == 415, answer.text
        assert (await tus.caller.head(url, headers=TUS)).status_code == 410
        assert said(await tus.send(url, 60, content[60:])) == (410, "upload_ended")
    await work(app, clock)
    assert stored() == []
    assert await pieces(session) == []
    assert list(await session.scalars(select(StoredFile))) == []


async def test_an_upload_that_is_given_up_is_gone(
    tus: Tus, app: FastAPI, clock: Clock, stored: Stored, session: AsyncSession
) -> None:
    url, other = await tus.begun(len(FILE)), await tus.begun(len(FILE))
    for one in (url, other):
        await tus.send(one, 0, FILE[:1000])
    assert (await tus.caller.delete(url, headers=TUS)).status_code == 204
    assert said(await tus.caller.delete(url, headers=TUS)) == (410, "upload_ended")
    assert (await tus.caller.head(url, headers=TUS)).status_code == 410
    await work(app, clock)
    assert len(stored()) == 1
    assert [str(piece.upload_id) for piece in await pieces(session)] == [other.rsplit("/", 1)[1]]
    assert (await tus.send(other, 1000, FILE[1000:])).status_code == 204


@pytest.mark.parametrize(("late", "status"), [(-1, 200), (0, 410), (1, 410)])
async def test_an_upload_that_is_not_continued_in_time_ends(
    tus: Tus, app: FastAPI, clock: Clock, settings: Settings, stored: Stored, late: int, status: int
) -> None:
    url = await tus.begun(len(FILE))
    clock.advance(hours=5)
    assert (await tus.send(url, 0, FILE[:1000])).status_code == 204  # time begins anew with each piece
    clock.advance(hours=settings.resumable_hours, seconds=late)
    assert (await tus.caller.head(url, headers=TUS)).status_code == status
    await work(app, clock)
    assert (await tus.caller.head(url, headers=TUS)).status_code == status
    assert len(stored()) == (1 if status == 200 else 0)


async def test_what_a_killed_server_left_in_the_store_goes_with_the_upload(
    tus: Tus, app: FastAPI, clock: Clock, settings: Settings, stored: Stored
) -> None:
    url = await tus.begun(len(FILE))
    await tus.send(url, 0, FILE[:1000])
    upload_id = url.rsplit("/", 1)[1]
    lost = settings.evidence_path / resuming.PIECES / upload_id / "without-a-row"
    lost.write_bytes(b"never acknowledged")
    nobodys = settings.evidence_path / resuming.PIECES / str(uuid4()) / "x"
    nobodys.parent.mkdir()
    nobodys.write_bytes(b"of no upload")
    await work(app, clock)
    assert not nobodys.exists() and lost.exists()
    assert (await tus.send(url, 1000, FILE[1000:])).status_code == 204
    clock.advance(minutes=10)
    await work(app, clock)
    assert [path.read_bytes() for path in stored()] == [FILE]


async def test_after_too_many_pieces_only_all_the_rest_is_taken(
    tus: Tus, monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    monkeypatch.setattr(resuming, "MAX_PIECES", 2)
    url = await tus.begun(len(FILE))
    for start in (0, 10):
        assert (await tus.send(url, start, FILE[start : start + 10])).status_code == 204
    assert said(await tus.send(url, 20, FILE[20:30])) == (409, "too_many_pieces")
    assert len(stored()) == 2
    assert (await tus.send(url, 20, FILE[20:])).status_code == 204


async def test_a_piece_that_is_lost_from_the_store_makes_no_document(
    tus: Tus, settings: Settings, stored: Stored
) -> None:
    url = await tus.begun(len(FILE))
    await tus.send(url, 0, FILE[:1000])
    [piece] = stored()
    piece.write_bytes(FILE[:999])
    assert said(await tus.send(url, 1000, FILE[1000:])) == (503, "store_unavailable")
    piece.unlink()
    assert said(await tus.send(url, 1000, FILE[1000:])) == (503, "store_unavailable")
    assert stored() == []
    piece.write_bytes(FILE[:1000])
    assert await tus.offset(url) == 1000
    assert (await tus.send(url, 1000, FILE[1000:])).status_code == 204


async def test_a_document_counts_as_received_when_all_of_its_last_piece_was(
    tus: Tus, session: AsyncSession, clock: Clock
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield FILE[:10]
        clock.advance(hours=30)
        yield FILE[10:]

    sent = await tus.caller.patch(
        await tus.begun(len(FILE)), content=slowly(), headers=PIECE | {"Upload-Offset": "0"}
    )
    assert sent.status_code == 204, sent.text
    assert (await session.scalars(select(Document.uploaded_at))).one() == clock.now
