"""The archive of a dossier: every document once, under names that every system unpacks, with an index."""

import asyncio
import csv
import hashlib
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.accounts.models import User
from app.core.config import Settings
from app.core.files import FileStore, content_name
from app.evidence.models import AccessKind, Document, DocumentAccess, StoredFile
from app.evidence.zipped import Zipped
from app.submissions.archive import COLUMNS, INDEX, MAX_NAME_BYTES, safe_name
from app.submissions.models import Revision, Submission
from tests.conftest import START
from tests.evidence import files
from tests.results.scene import own_session
from tests.scene import NOTE, SIBLING, Json, Scene
from tests.serving import served

POLICE = "cong-an-tinh.agency"  # verifies 6.3 (000:1530), not 1.1


async def cite(scene: Scene, **documents: list[str]) -> None:
    """Let indicators (written 1_1) cite documents."""
    answers = (await scene.read())["answers"]
    codes = {key.replace("_", "."): ids for key, ids in documents.items()}
    change = {code: {**answers[code], "evidence": ids} for code, ids in codes.items()}
    await scene.done(scene.save({"answers": change}))


async def fetched(scene: Scene, who: str = "") -> tuple[zipfile.ZipFile, list[list[str]]]:
    """Return the archive and the rows of its index."""
    answer = await (await scene.as_(who or "xa-31999.reporter")).get(f"{await scene.url()}/evidence.zip")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-length"] == str(len(answer.content))
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    columns, *rows = csv.reader(io.StringIO(archive.read(INDEX).decode("utf-8-sig"), newline=""))
    assert columns == list(COLUMNS)
    return archive, rows


async def upload(scene: Scene, file_name: str, content: bytes, **said: str) -> Json:
    """Upload a document of the commune."""
    reporter = await scene.as_("xa-31999.reporter")
    query = {"period_id": scene.period["id"], "unit_id": (await scene.read())["unit_id"]}
    sent = await reporter.post(
        "/api/v1/evidence", params=query | {"file_name": file_name} | said, content=content
    )
    assert sent.status_code == 201, sent.text
    found: Json = sent.json()
    return found


def pdf(text: str, padding: int = 0) -> bytes:
    """Return a PDF that is like no other, with some more bytes in it."""
    return files.pdf(text.encode(), padding=padding)


async def test_every_document_lies_once_in_the_folder_of_its_first_indicator(scene: Scene) -> None:
    await scene.filled()
    first = await upload(
        scene,
        "Quyết định 12.pdf",
        pdf("1"),
        title="Về Ban Chỉ đạo",
        number="12/QĐ",
        issuing_body="UBND tỉnh",
        issued_on="2023-06-19",
    )
    second = await upload(scene, "Kế hoạch.pdf", pdf("2"))
    await upload(scene, "không ai dẫn.pdf", pdf("3"))
    await cite(scene, **{"1_4": [first["id"], second["id"]], "1_1": [first["id"]]})
    archive, rows = await fetched(scene)
    assert archive.namelist() == [INDEX, "1.1/01 Quyết định 12.pdf", "1.4/02 Kế hoạch.pdf"]
    assert archive.read("1.1/01 Quyết định 12.pdf") == pdf("1")
    facts = [
        "Về Ban Chỉ đạo",
        "12/QĐ",
        "UBND tỉnh",
        "2023-06-19",
        "1.1/01 Quyết định 12.pdf",
        first["sha256"],
        "",
    ]
    assert rows == [
        ["1.1", *facts],
        ["1.4", *facts],
        ["1.4", "", "", "", "", "1.4/02 Kế hoạch.pdf", second["sha256"], ""],
    ]


async def test_an_archive_has_a_vietnamese_name_and_is_kept_by_no_cache(scene: Scene) -> None:
    await scene.filled()
    answer = await (await scene.as_("xa-31999.reporter")).get(f"{await scene.url()}/evidence.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith(
        'attachment; filename="tai lieu kiem chung _ phuong 9.zip"'
    )
    assert answer.headers["cache-control"] == "private, no-store"
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == [INDEX]


async def test_whoever_sees_a_part_of_the_dossier_gets_that_part(scene: Scene) -> None:
    await scene.filled()
    seen, hidden = [await scene.document(number) for number in (1, 2)]
    await cite(scene, **{"6_3": [seen], "1_1": [hidden]})
    archive, rows = await fetched(scene, POLICE)
    assert [row[0] for row in rows] == ["6.3"]
    assert archive.namelist() == [INDEX, "6.3/01 tài liệu 1.pdf"]
    other = await scene.as_(f"{SIBLING}.reporter")
    assert (await other.get(f"{await scene.url()}/evidence.zip")).status_code == 404


async def test_what_must_not_be_handed_out_is_in_the_index_with_the_reason(
    scene: Scene, app: FastAPI
) -> None:
    await scene.filled()
    kept, gone = await upload(scene, "còn.pdf", pdf("1")), await upload(scene, "hết.pdf", pdf("2"))
    await cite(scene, **{"1_1": [gone["id"], kept["id"]], "1_4": [gone["id"]]})
    async with own_session(app) as session, session.begin():
        (await session.get_one(StoredFile, gone["sha256"])).purged_at = START
    archive, rows = await fetched(scene)
    assert archive.namelist() == [INDEX, "1.1/02 còn.pdf"]
    why = "Tệp đã hết thời hạn lưu giữ · The file is no longer kept"
    assert [(row[0], row[5], row[7]) for row in rows] == [
        ("1.1", "", why),
        ("1.1", "1.1/02 còn.pdf", ""),
        ("1.4", "", why),
    ]


async def test_no_cell_of_the_index_is_a_formula(scene: Scene) -> None:
    await scene.filled()
    sent = await upload(
        scene, "a.pdf", pdf("1"), title='=HYPERLINK("http://x")', number="@1", issuing_body="-1"
    )
    await cite(scene, **{"1_1": [sent["id"]]})
    _, rows = await fetched(scene)
    assert rows[0][1:4] == ['\'=HYPERLINK("http://x")', "'@1", "'-1"]


async def test_an_archive_is_an_access_to_each_document_in_it(scene: Scene, app: FastAPI) -> None:
    await scene.filled()
    inside = await scene.document(1)
    await scene.document(2)
    await cite(scene, **{"1_1": [inside], "1_4": [inside]})
    for _ in range(2):
        await fetched(scene, "huyen-964.reviewer")
    async with own_session(app) as session:
        rows = (await session.scalars(select(DocumentAccess))).all()
    assert [(str(row.document_id), row.kind, row.person_name) for row in rows] == [
        (inside, AccessKind.ARCHIVED, "huyen-964.reviewer")
    ]


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("Báo cáo: số <1>|2?.pdf", "Báo cáo_ số _1__2_.pdf"),
        ('a"b*c.pdf', "a_b_c.pdf"),
        ("../x.pdf", ".._x.pdf"),
        ("x. .pdf", "x.pdf"),
        ("x.pdf. .", "x.pdf"),
        ("CON.pdf", "CON.pdf"),  # a device no more behind "01 "
    ],
)
def test_a_name_is_made_fit_for_every_system(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_every_name_is_short_and_plain_enough(name: str) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set('<>:"/\\|?*\0\r\n\t')
    assert safe == safe.rstrip(" .")


async def test_a_name_of_two_hundred_letters_is_cut_before_its_extension(scene: Scene) -> None:
    await scene.filled()
    sent = await upload(scene, "ữ" * 196 + ".pdf", pdf("1"))
    await cite(scene, **{"1_1": [sent["id"]]})
    archive, _ = await fetched(scene)
    name = archive.namelist()[1].removeprefix("1.1/01 ")
    assert name.endswith("ữ.pdf")
    assert MAX_NAME_BYTES - 3 < len(name.encode()) <= MAX_NAME_BYTES


# --- size ---------------------------------------------------------------------------------------------------


async def write_documents(app: FastAPI, settings: Settings, submission_id: str, number: int) -> None:
    """Write many documents of a dossier straight into the tables and the store."""
    async with own_session(app) as session, session.begin():
        submission = await session.get_one(Submission, UUID(submission_id))
        revision = await session.get_one(Revision, submission.revision_id)
        by = await session.scalar(select(User.id).limit(1))
        ids, documents = [], []
        for n in range(number):
            content = pdf(str(n))
            sha256 = hashlib.sha256(content).hexdigest()
            place = settings.evidence_path / content_name(sha256)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            stored = {"size_bytes": len(content), "media_type": "application/pdf", "sha256": sha256}
            session.add(StoredFile(**stored, touched_at=START))
            unit = {"period_id": submission.period_id, "unit_id": submission.unit_id}
            who = {"uploaded_by": by, "uploaded_by_name": "x", "uploaded_at": START}
            document = Document(file_name=f"tài liệu {n}.pdf", **stored, **unit, **who)
            documents.append(document)
            ids.append(str(document.id))
        await session.flush()
        session.add_all(documents)
        answers = {**revision.content["answers"], "1.1": {"note": NOTE, "evidence": ids}}
        revision.content = {**revision.content, "answers": answers}


async def test_three_thousand_documents_come_in_one_archive(
    scene: Scene, app: FastAPI, settings: Settings
) -> None:
    await scene.filled()
    await write_documents(app, settings, (await scene.read())["id"], 3000)
    archive, rows = await fetched(scene)
    assert (len(archive.namelist()), len(rows)) == (3001, 3000)
    assert archive.read("1.1/3000 tài liệu 2999.pdf") == pdf("2999")
    async with own_session(app) as session:
        assert await session.scalar(select(func.count()).select_from(DocumentAccess)) == 3000


async def stored(root: Path, content: bytes) -> tuple[str, int]:
    """Put bytes into a store and return their hash and size."""
    async with FileStore(root).receiving() as part:
        await part.write(content)
        await part.finish()
        await part.keep()
        return part.sha256, part.size_bytes


async def test_an_archive_holds_a_block_of_a_file_at_a_time(tmp_path: Path) -> None:
    sha256, size = await stored(tmp_path, bytes(range(256)) * 4096 * 32)  # 32 MiB
    zipped = Zipped(FileStore(tmp_path))
    for number in range(4):
        zipped.add(f"{number}.pdf", sha256, size)
    sent, peak = 0, 0
    tracemalloc.start()
    async for block in zipped.blocks():
        sent += len(block)
        peak = max(peak, tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert sent == zipped.size_bytes > 4 * size
    assert peak < 4 * 1024**2


async def test_many_archives_at_once_do_not_mix(tmp_path: Path) -> None:
    contents = [bytes([n]) * (600_000 + n) for n in range(6)]
    known = [await stored(tmp_path, content) for content in contents]

    async def one(turn: int) -> bool:
        zipped, held = Zipped(FileStore(tmp_path)), io.BytesIO()
        order = [(turn + n) % 6 for n in range(6)]
        for n in order:
            zipped.add(f"{n}.pdf", *known[n])
        async for block in zipped.blocks():
            held.write(block)
        archive = zipfile.ZipFile(held)
        return all(archive.read(f"{n}.pdf") == contents[n] for n in order)

    assert await asyncio.gather(*(one(turn) for turn in range(6))) == [True] * 6


# --- what can go wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "cut short"])
async def test_a_file_that_is_not_whole_breaks_the_archive_off(
    scene: Scene, app: FastAPI, settings: Settings, is_gone: bool
) -> None:
    await scene.filled()
    good, bad = [await upload(scene, f"{n}.pdf", pdf(str(n), 700_000)) for n in (1, 2)]
    await cite(scene, **{"1_1": [good["id"], bad["id"]]})
    place = settings.evidence_path / content_name(bad["sha256"])
    if is_gone:
        place.unlink()
    else:
        place.write_bytes(place.read_bytes()[:600_000])
    got: Any = 0
    headers = (await scene.as_("xa-31999.reporter")).headers
    async with served(app) as address, httpx.AsyncClient(base_url=address, headers=headers) as real:
        with pytest.raises(httpx.RemoteProtocolError):
            async with real.stream("GET", f"{await scene.url()}/evidence.zip") as answer:
                assert answer.status_code == 200
                async for chunk in answer.aiter_bytes():
                    got += len(chunk)
    assert got < int(answer.headers["content-length"])
