"""Reports on signatures: made behind the requests, once for each PDF and trust store, read by who sees the document."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.files import content_name
from app.core.work import one_round
from app.evidence import reports
from app.evidence.models import SignatureReport, StoredFile
from app.evidence.signatures import ENGINE
from app.evidence.trust import trust_store
from app.evidence.worker import Worker
from tests.conftest import Clock, LogIn, logged_in
from tests.evidence.conftest import REPORTER, Upload
from tests.evidence.files import PNG
from tests.evidence.pki import authority, page, sign, signed_twice
from tests.evidence.test_upload import open_period_in

Json = dict[str, Any]
Round = Callable[[], Awaitable[None]]


@pytest.fixture
def trust_dir(tmp_path: Path) -> Path:
    """Give a folder that trusts the authority of the tests."""
    place = tmp_path / "trust"
    place.mkdir()
    (place / "root.pem").write_bytes(authority().root.pem)
    (place / "below.pem").write_bytes(authority().below.pem)
    return place


@pytest.fixture
def work(app: FastAPI, settings: Settings, clock: Clock, trust_dir: Path) -> Round:
    """Give `await work()`: a round of the worker under the folder of roots."""
    trusting = settings.model_copy(update={"trust_dir": trust_dir})
    worker = Worker(app.state.database, app.state.files, trusting, clock)
    return lambda: one_round(worker.steps)


@pytest.fixture
def read(as_user: LogIn) -> Callable[..., Awaitable[Json]]:
    """Give `await read(document_id, by, lang)`: the signatures of a document."""

    async def reading(document_id: str, by: str = REPORTER, lang: str = "vi") -> Json:
        caller = await as_user(by)
        url = f"/api/v1/evidence/{document_id}/signatures"
        answer = await caller.get(url, headers={"Accept-Language": lang})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    return reading


Read = Callable[..., Awaitable[Json]]


async def uploaded(upload: Upload, content: bytes, **said: str) -> str:
    answer = await upload(content, **said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_report_is_pending_until_the_worker_has_made_it(
    upload: Upload, read: Read, work: Round, clock: Clock, trust_dir: Path
) -> None:
    document_id = await uploaded(upload, signed_twice())
    before = await read(document_id)
    assert (before["state"], before["present"], before["signatures"]) == ("pending", None, [])
    received_at = clock.now
    clock.advance(seconds=5)
    await work()
    found = await read(document_id)
    assert found["state"] == "checked"
    assert found["present"] == {
        "trust_version": trust_store(trust_dir).version,
        "engine": ENGINE,
        "made_at": clock.now.isoformat().replace("+00:00", "Z"),
    }
    assert found["received_at"] == received_at.isoformat().replace("+00:00", "Z")
    assert [(one["kind"], one["is_sound"], one["problems"]) for one in found["signatures"]] == [
        ("person", True, []),
        ("organisation", True, []),
    ]
    assert found["is_covered_to_the_end"] is True
    assert len(found["limits"]) == 4


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("vi", "chứng thư không dẫn đến chứng thư gốc nào được tin cậy"),
        ("en", "the certificate leads to none of the trusted roots"),
    ],
)
async def test_problems_are_said_in_the_readers_language(
    upload: Upload, read: Read, work: Round, lang: str, said: str
) -> None:
    document_id = await uploaded(upload, sign(page(), authority(10).leader, "A"))
    await work()
    (one,) = (await read(document_id, lang=lang))["signatures"]
    assert one["problems"] == [{"code": "unknown_root", "message": said}]


async def test_new_roots_make_new_reports_beside_the_old_ones(
    upload: Upload, read: Read, work: Round, clock: Clock, trust_dir: Path
) -> None:
    document_id = await uploaded(upload, sign(page(), authority(10).leader, "A"))
    await work()
    first = await read(document_id)
    (trust_dir / "other.pem").write_bytes(authority(10).root.pem + authority(10).below.pem)
    clock.advance(days=1)
    await work()
    second = await read(document_id)
    assert [one["is_sound"] for one in first["signatures"] + second["signatures"]] == [False, True]
    assert second["earlier"] == [first["present"]]
    (trust_dir / "other.pem").unlink()  # the old roots come back: theirs is the present report again
    clock.advance(days=1)
    await work()
    third = await read(document_id)
    assert third["present"]["trust_version"] == first["present"]["trust_version"]
    assert third["earlier"] == [second["present"]]
    assert third["signatures"] == first["signatures"]


async def test_a_round_that_has_nothing_to_do_writes_nothing(
    upload: Upload, work: Round, session: AsyncSession
) -> None:
    await uploaded(upload, signed_twice())
    await work()
    made = (await session.scalars(select(SignatureReport.made_at))).all()
    await work()
    assert (await session.scalars(select(SignatureReport.made_at))).all() == made


async def test_the_same_bytes_are_reported_on_once_and_judged_by_their_first_receipt(
    upload: Upload, read: Read, work: Round, clock: Clock, session: AsyncSession
) -> None:
    first_at = clock.now
    ids = [await uploaded(upload, signed_twice())]
    clock.advance(days=3)
    ids.append(await uploaded(upload, signed_twice(), unit="xa-32005", by="xa-32005.reporter"))
    await work()
    assert len((await session.scalars(select(SignatureReport))).all()) == 1
    found = [await read(ids[0]), await read(ids[1], by="xa-32005.reporter")]
    assert found[0] == found[1]
    assert found[0]["received_at"] == first_at.isoformat().replace("+00:00", "Z")


async def test_files_that_are_no_pdf_and_those_taken_out_are_left_alone(
    upload: Upload, read: Read, work: Round, session: AsyncSession, clock: Clock
) -> None:
    picture = await uploaded(upload, PNG, file_name="anh.png")
    gone = await uploaded(upload, signed_twice())
    await session.execute(
        update(StoredFile).where(StoredFile.media_type == "application/pdf").values(purged_at=clock.now)
    )
    await work()
    assert (await read(picture))["state"] == "not_applicable"
    assert (await read(gone))["state"] == "pending"
    assert (await session.scalars(select(SignatureReport))).all() == []


async def test_the_oldest_go_first_and_a_round_is_bounded(
    upload: Upload, read: Read, work: Round, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "FILES_A_ROUND", 2)
    ids = []
    for number in range(3):
        ids.append(await uploaded(upload, page() + b"%" * number))
        clock.advance(seconds=1)
    await work()
    assert [(await read(one))["state"] for one in ids] == ["checked", "checked", "pending"]
    await work()
    assert (await read(ids[2]))["state"] == "checked"


async def test_files_that_take_long_end_a_round(
    app: FastAPI, upload: Upload, read: Read, clock: Clock, trust_dir: Path
) -> None:
    """Else twenty files made to be slow would keep everybody's scans waiting for twenty minutes."""
    ids = []
    for number in range(2):
        ids.append(await uploaded(upload, page() + b"%" * number))
        clock.advance(seconds=1)
    times = (clock.now + timedelta(seconds=reports.SECONDS_A_FILE / 2 * number) for number in count())
    await reports.make_reports(app.state.database, app.state.files, trust_dir, lambda: next(times))
    assert [(await read(one))["state"] for one in ids] == ["checked", "pending"]


def _dies(*_: Any) -> Json:
    os._exit(1)


def _hangs(*_: Any) -> Json:
    import time

    time.sleep(60)
    return {}


@pytest.mark.parametrize("end", [_dies, _hangs])
async def test_a_check_that_dies_or_hangs_is_told_and_not_begun_again(
    upload: Upload, read: Read, work: Round, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Json]
) -> None:
    monkeypatch.setattr(reports, "report_on", end)
    monkeypatch.setattr(reports, "SECONDS_A_FILE", 2)
    document_id = await uploaded(upload, signed_twice())
    await work()
    found = await read(document_id)
    assert found["state"] == "failed"
    assert [one["code"] for one in found["remarks"]] == ["gave_up"]
    monkeypatch.undo()
    await work()
    assert await read(document_id) == found


async def test_bytes_that_are_not_in_the_store_hold_up_nobody(
    upload: Upload, read: Read, work: Round, settings: Settings, clock: Clock, session: AsyncSession
) -> None:
    lost = await uploaded(upload, signed_twice())
    clock.advance(seconds=1)
    other = await uploaded(upload, page())
    sha256 = await session.scalar(select(StoredFile.sha256).order_by(StoredFile.touched_at))
    assert sha256 is not None
    (settings.evidence_path / content_name(sha256)).unlink()
    await work()
    states = [await read(lost), await read(other)]
    assert [one["state"] for one in states] == ["failed", "checked"]
    assert [one["code"] for one in states[0]["remarks"]] == ["bytes_missing"]


async def test_a_broken_folder_of_roots_stops_only_this_work(
    upload: Upload, read: Read, work: Round, trust_dir: Path
) -> None:
    document_id = await uploaded(upload, signed_twice())
    (trust_dir / "broken.crt").write_bytes(b"half of it")
    await work()
    assert (await read(document_id))["state"] == "pending"
    (trust_dir / "broken.crt").unlink()
    await work()
    assert (await read(document_id))["state"] == "checked"


async def test_who_does_not_see_the_document_does_not_see_its_signatures(
    upload: Upload, as_user: LogIn
) -> None:
    document_id = await uploaded(upload, signed_twice())
    url = f"/api/v1/evidence/{document_id}/signatures"
    for who, status in ((REPORTER, 200), ("huyen-964.reviewer", 200), ("xa-32005.reporter", 404)):
        answer = await (await as_user(who)).get(url)
        assert answer.status_code == status, who


async def test_two_workers_at_once_report_once(
    own_app: FastAPI, settings: Settings, clock: Clock, units: dict[str, UUID], trust_dir: Path
) -> None:
    period_id = await open_period_in(own_app, clock)
    params = {"period_id": period_id, "unit_id": str(units["xa-31999"]), "file_name": "a.pdf"}
    async with await logged_in(own_app, clock, REPORTER) as reporter:
        assert (await reporter.post("/api/v1/evidence", params=params, content=signed_twice())).is_success
    trusting = settings.model_copy(update={"trust_dir": trust_dir})
    both = [Worker(own_app.state.database, own_app.state.files, trusting, clock) for _ in range(2)]
    await asyncio.gather(*(one_round(one.steps) for one in both))
    async with own_app.state.database.session() as session:
        (made,) = await session.scalars(select(SignatureReport))
    assert made.report["state"] == "checked"
