"""Uploading documents: what is kept, and everything that is refused without a trace."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message

from app.core.audit import AuditEvent
from app.core.config import SettingMissing, Settings
from app.core.db import Database
from app.evidence import actions
from app.evidence.models import Document
from app.main import create_app
from tests.conftest import Clock, LogIn, logged_in
from tests.evidence import files
from tests.evidence.conftest import REPORTER, Upload, open_period, prepare_period
from tests.evidence.files import DOCX, JPEG, PDF, PNG, TIFF, WEBP, XLSX, XML, office, pdf, pdf_of, zipped

Stored = Callable[[], list[Path]]


async def documents(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Document)) or 0


@pytest.fixture
async def refused(upload: Upload, stored: Stored, session: AsyncSession) -> Callable[..., Any]:
    """Give `await refused(status, code, …)`: the upload is refused so, and nothing of it is kept anywhere."""

    async def check(status: int, code: str, **sent: Any) -> dict[str, Any]:
        answer = await upload(**sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert stored() == []
        assert await documents(session) == 0
        problem: dict[str, Any] = answer.json()
        return problem

    return check


async def test_every_allowed_type_is_recognised_by_its_content(upload: Upload) -> None:
    for file_name, content, media_type in [
        ("a.pdf", PDF, "application/pdf"),
        ("a.PNG", PNG, "image/png"),
        ("a.jpg", JPEG, "image/jpeg"),
        ("a.jpeg", JPEG, "image/jpeg"),
        ("a.docx", DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.webp", WEBP, "image/webp"),
        ("a.tif", TIFF, "image/tiff"),
        ("a.tiff", TIFF, "image/tiff"),
        ("a.xml", XML, "application/xml"),
        ("a.b.xlsx", XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ]:
        answer = await upload(content, file_name=file_name)
        assert answer.status_code == 201, answer.text
        assert answer.json()["media_type"] == media_type


async def test_an_upload_answers_with_what_was_stored_and_its_hash(
    upload: Upload, stored: Stored, clock: Clock, units: dict[str, UUID], period_id: str
) -> None:
    answer = await upload(
        PDF, file_name="Quyết định 12.pdf", title="Quyết định thành lập", number="12/QĐ-UBND"
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    body = answer.json()
    UUID(body.pop("id"))
    assert body == {
        "period_id": period_id,
        "unit_id": str(units["xa-31999"]),
        "file_name": "Quyết định 12.pdf",
        "media_type": "application/pdf",
        "size_bytes": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
        "title": "Quyết định thành lập",
        "number": "12/QĐ-UBND",
        "issuing_body": None,
        "issued_on": None,
        "abstract": None,
        "valid_from": None,
        "valid_until": None,
        "replaces_id": None,
        "replaced_by_id": None,
        "uploaded_by_name": REPORTER,
        "uploaded_at": clock.now.isoformat().replace("+00:00", "Z"),
        "scan": {"state": "not_scanned", "scanned_at": None, "finding": None, "engine": None},
    }
    assert [path.read_bytes() for path in stored()] == [PDF]


async def test_an_upload_is_written_to_the_audit_trail(upload: Upload, session: AsyncSession) -> None:
    document_id = (await upload()).json()["id"]
    event = await session.scalar(select(AuditEvent).where(AuditEvent.object_id == UUID(document_id)))
    assert event is not None
    assert event.action == "evidence.upload"
    assert event.after is not None
    assert event.after["sha256"] == hashlib.sha256(PDF).hexdigest()


async def test_identical_bytes_are_stored_once_under_two_documents(
    upload: Upload, stored: Stored, session: AsyncSession
) -> None:
    first = await upload(file_name="a.pdf")
    second = await upload(file_name="b.pdf", by="huyen-964.reporter", unit="huyen-964")
    assert first.json()["id"] != second.json()["id"]
    assert first.json()["sha256"] == second.json()["sha256"]
    assert len(stored()) == 1
    assert await documents(session) == 2


async def test_a_name_sent_decomposed_is_stored_composed(upload: Upload) -> None:
    answer = await upload(file_name=" Báo cáo.pdf".replace("á", "a\u0301"))
    assert answer.json()["file_name"] == "Báo cáo.pdf"


# --- repetition ---------------------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_document_and_one_row(
    upload: Upload, stored: Stored, session: AsyncSession
) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    first = await upload(headers=headers)
    second = await upload(headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["idempotency-replayed"] == "true"
    assert len(stored()) == 1
    assert await documents(session) == 1


async def test_the_same_key_with_another_content_of_the_same_length_is_refused(
    upload: Upload, stored: Stored, session: AsyncSession
) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    assert (await upload(PDF, headers=headers)).status_code == 201
    other = await upload(PDF.replace(b"1.7", b"1.4"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len(stored()) == 1
    assert await documents(session) == 1


async def test_a_refused_upload_leaves_its_key_free(upload: Upload) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    assert (await upload(b"", headers=headers)).status_code == 422
    assert (await upload(PDF, headers=headers)).status_code == 201


async def test_an_upload_needs_a_key(refused: Callable[..., Any]) -> None:
    await refused(400, "idempotency_key_missing", headers={"Idempotency-Key": ""})


# --- the file -----------------------------------------------------------------------------------------------


async def test_an_empty_file_is_refused(refused: Callable[..., Any]) -> None:
    await refused(422, "file_empty", content=b"")


async def test_a_file_of_exactly_the_limit_is_kept(upload: Upload, settings: Settings) -> None:
    answer = await upload(pdf_of(settings.max_upload_bytes))
    assert answer.status_code == 201
    assert answer.json()["size_bytes"] == settings.max_upload_bytes


async def test_a_file_over_the_limit_is_refused(refused: Callable[..., Any], settings: Settings) -> None:
    problem = await refused(413, "file_too_large", content=PDF.ljust(settings.max_upload_bytes + 1, b"\n"))
    assert problem["max_bytes"] == settings.max_upload_bytes


async def test_a_file_that_announces_ten_gigabytes_is_refused_before_it_comes(
    refused: Callable[..., Any], settings: Settings
) -> None:
    await refused(413, "file_too_large", content=PDF, headers={"Content-Length": str(10 * 1024**3)})


async def test_a_file_that_announces_less_than_it_brings_is_refused_on_the_way(
    refused: Callable[..., Any], settings: Settings
) -> None:
    content = PDF.ljust(settings.max_upload_bytes + 1, b"\n")
    await refused(413, "file_too_large", content=content, headers={"Content-Length": "10"})


async def test_content_of_a_type_that_is_not_allowed_is_refused(refused: Callable[..., Any]) -> None:
    for content in [files.GIF, files.SVG, files.EXE, b"text", b"PK", zipped({"a.txt": b"a"})]:
        problem = await refused(415, "file_type_not_allowed", content=content)
        assert "application/pdf" in problem["allowed"]


async def test_an_extension_that_is_not_allowed_is_refused(refused: Callable[..., Any]) -> None:
    for file_name in ["a.gif", "a.exe", "a.pdf.zip", "pdf", ".pdf", "a.docm", "a.xls", "a.svg"]:
        await refused(415, "file_type_not_allowed", file_name=file_name)


async def test_an_extension_that_does_not_fit_the_content_is_refused(refused: Callable[..., Any]) -> None:
    for file_name, content in [("a.pdf", PNG), ("a.png", PDF), ("a.docx", XLSX), ("a.jpg", DOCX)]:
        await refused(415, "file_name_mismatch", file_name=file_name, content=content)


async def test_what_a_file_must_not_hold_is_refused(refused: Callable[..., Any]) -> None:
    script = pdf(catalog=b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>")
    for status, code, file_name, content in [
        (415, "file_has_macros", "a.docx", office(files.WORD, **{"word/vbaProject.bin": b"macro"})),
        (415, "file_has_macros", "a.pdf", script),
        (415, "file_ambiguous", "a.pdf", PDF + zipped({"a.exe": files.EXE})),
        (415, "file_ambiguous", "a.jpg", JPEG + PDF),
        (415, "file_type_not_allowed", "a.xml", files.SVG),
        (415, "file_type_not_allowed", "a.xml", b"<a/>"),
        (422, "file_encrypted", "a.pdf", files.locked_pdf()),
        (422, "file_unreadable", "a.pdf", PDF[: len(PDF) // 2]),
        (422, "file_unreadable", "a.docx", DOCX[: len(DOCX) // 2]),
        (422, "file_unreadable", "a.png", PNG[:-4]),
    ]:
        problem = await refused(status, code, file_name=file_name, content=content)
        assert problem["detail"]


@pytest.mark.parametrize("layers", [1, 2, 6])
async def test_a_bomb_is_refused_within_the_bounds_of_a_process_apart(
    refused: Callable[..., Any], layers: int
) -> None:
    filters = b"/Filter [" + b"/FlateDecode " * layers + b"]"
    bomb = pdf(more=[files.stream(files.deflated(700 * files.MIB, layers), filters)])
    await refused(422, "file_unreadable", content=bomb)
    bomb = office(files.SHEET, **{"xl/sheet1.xml": bytes(80 * files.MIB)})
    await refused(422, "file_unreadable", file_name="a.xlsx", content=bomb)


async def test_a_zip_is_taken_only_if_the_settings_name_it(
    upload: Upload, refused: Callable[..., Any], settings: Settings
) -> None:
    archive = zipped({"a.pdf": PDF})
    problem = await refused(415, "file_type_not_allowed", file_name="a.zip", content=archive)
    assert "application/zip" not in problem["allowed"]
    settings.evidence_types = "zip"
    answer = await upload(archive, file_name="a.zip")
    assert (answer.status_code, answer.json()["media_type"]) == (201, "application/zip")
    assert (await upload(PDF)).json()["code"] == "file_type_not_allowed"


async def test_a_setting_that_names_an_unknown_type_stops_the_start(app: FastAPI, settings: Settings) -> None:
    with pytest.raises(SettingMissing, match="EVIDENCE_TYPES"):
        create_app(settings.model_copy(update={"evidence_types": "pdf,exe"}), app.state.database)


async def test_a_look_that_ends_its_process_refuses_the_file_and_the_next_one_is_taken(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "LOOK_SECONDS", 0.001)
    held = await upload(office(files.SHEET, **{"xl/sheet1.xml": bytes(60 * files.MIB)}), file_name="a.xlsx")
    assert (held.status_code, held.json()["code"]) == (422, "file_unreadable")
    monkeypatch.undo()
    assert (await upload()).status_code == 201


# --- the name -----------------------------------------------------------------------------------------------


async def test_a_file_name_that_could_mislead_is_refused(refused: Callable[..., Any]) -> None:
    for file_name, code in [
        ("../a.pdf", "file_name_has_path"),
        ("/etc/a.pdf", "file_name_has_path"),
        ("C:\\a.pdf", "file_name_has_path"),
        ("a\nb.pdf", "file_name_has_hidden_characters"),
        ("a\x7f.pdf", "file_name_has_hidden_characters"),
        ("a\u202efdp.pdf", "file_name_has_hidden_characters"),
        ("a\u2066b.pdf", "file_name_has_hidden_characters"),
        ("a\u200fb.pdf", "file_name_has_hidden_characters"),
        ("a\u200bb.pdf", "file_name_has_hidden_characters"),
        ("a" * 197 + ".pdf", "file_name_too_long"),
        ("a" * 4000 + ".pdf", "file_name_too_long"),
        ("", "file_name_empty"),
        ("..", "file_name_empty"),
    ]:
        problem = await refused(422, "invalid_request", file_name=file_name)
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("query/file_name", code)]


async def test_a_file_name_with_nul_is_refused(refused: Callable[..., Any]) -> None:
    await refused(400, "body_unreadable", file_name="a\x00.pdf")


async def test_a_file_name_of_two_hundred_characters_is_kept(upload: Upload) -> None:
    answer = await upload(file_name="ế" * 196 + ".pdf")
    assert answer.status_code == 201
    assert len(answer.json()["file_name"]) == 200


async def test_a_title_or_number_that_cannot_be_shown_is_refused(refused: Callable[..., Any]) -> None:
    for said in [{"title": ""}, {"title": "a" * 501}, {"title": "a\u202eb"}, {"number": "1\n2"}]:
        await refused(422, "invalid_request", **said)


# --- who and when -------------------------------------------------------------------------------------------


async def test_an_upload_for_another_unit_finds_no_such_unit(refused: Callable[..., Any]) -> None:
    await refused(404, "unit_not_found", unit="xa-32002")
    await refused(404, "unit_not_found", unit="huyen-964")


async def test_only_reporters_upload(refused: Callable[..., Any]) -> None:
    for username in ["reviewer", "xa-31999.leader", "so-tttt.agency", "auditor", "admin"]:
        await refused(403, "not_permitted", by=username)


async def test_nothing_is_uploaded_to_a_period_that_is_not_open(
    as_user: LogIn, units: dict[str, UUID], stored: Stored
) -> None:
    period_id = (await prepare_period(await as_user("admin"))).json()["id"]
    params = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "file_name": "a.pdf"}
    reporter = await as_user(REPORTER)
    answer = await reporter.post("/api/v1/evidence", params=params, content=PDF)
    assert (answer.status_code, answer.json()["code"]) == (409, "period_not_open")
    params["period_id"] = str(uuid4())
    answer = await reporter.post("/api/v1/evidence", params=params, content=PDF)
    assert (answer.status_code, answer.json()["code"]) == (404, "period_not_found")
    assert stored() == []


# --- broken connections -------------------------------------------------------------------------------------


async def send_raw(app: FastAPI, token: str, query: str, messages: list[Message]) -> list[Message]:
    """Call the application as a server does, with these messages from the client; return what it answered."""
    headers = [(b"authorization", token.encode()), (b"idempotency-key", uuid4().hex.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/v1/evidence",
        "raw_path": b"/api/v1/evidence",
        "query_string": query.encode(),
        "headers": headers,
    }
    answered: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    return answered


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(
    app: FastAPI,
    as_user: LogIn,
    period_id: str,
    units: dict[str, UUID],
    stored: Stored,
    session: AsyncSession,
) -> None:
    token = (await as_user(REPORTER)).headers["authorization"]
    query = str(httpx.QueryParams(period_id=period_id, unit_id=str(units["xa-31999"]), file_name="a.pdf"))
    messages: list[Message] = [
        {"type": "http.request", "body": PDF, "more_body": True},
        {"type": "http.request", "body": bytes(600_000), "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered = await send_raw(app, token, query, messages)
    assert messages == []
    assert answered[0]["status"] == 400
    assert stored() == []
    assert await documents(session) == 0


async def open_period_in(app: FastAPI, clock: Clock) -> str:
    async with await logged_in(app, clock, "admin") as admin:
        return str((await open_period(admin)).json()["period_id"])


async def test_a_slow_client_holds_no_connection_to_the_database(
    own_app: FastAPI, own_database: Database, clock: Clock, units: dict[str, UUID], stored: Stored
) -> None:
    period_id = await open_period_in(own_app, clock)
    in_the_middle, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> Any:
        yield PDF[:20]
        in_the_middle.set()
        await go_on.wait()
        yield PDF[20:]

    params = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "file_name": "a.pdf"}
    async with await logged_in(own_app, clock, REPORTER) as reporter:
        sending = asyncio.create_task(reporter.post("/api/v1/evidence", params=params, content=slowly()))
        await asyncio.wait_for(in_the_middle.wait(), timeout=30)
        held = own_database.engine.pool.checkedout()  # type: ignore[attr-defined]
        go_on.set()
        answer = await sending
    assert held == 0
    assert answer.status_code == 201, answer.text
    assert len(stored()) == 1


async def test_two_uploads_at_once_with_one_key_make_one_document(
    own_app: FastAPI, own_database: Database, clock: Clock, units: dict[str, UUID], stored: Stored
) -> None:
    period_id = await open_period_in(own_app, clock)
    params = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "file_name": "a.pdf"}
    headers = {"Idempotency-Key": uuid4().hex}
    async with await logged_in(own_app, clock, REPORTER) as reporter:
        answers = await asyncio.gather(
            *(
                reporter.post("/api/v1/evidence", params=params, content=PDF, headers=headers)
                for _ in range(4)
            )
        )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(stored()) == 1
    async with own_database.session() as session:
        assert await documents(session) == 1


async def test_a_document_counts_as_received_when_all_of_it_was(upload: Upload, clock: Clock) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield PDF[:10]
        clock.advance(hours=30)
        yield PDF[10:]

    sent = await upload(slowly())
    assert sent.status_code == 201, sent.text
    assert datetime.fromisoformat(sent.json()["uploaded_at"]) == clock.now
