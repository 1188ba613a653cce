"""The signatures that BR-VT asks for (004:57): what the readiness checks of unit and reviewer say of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import Settings
from app.core.work import one_round
from app.evidence.worker import Worker
from tests.conftest import Clock
from tests.evidence.files import BROKEN_PDF, PNG
from tests.evidence.pki import LEADER, authority, page, sign, signed_twice
from tests.scene import REVIEWER, UNIT, Json, Scene
from tests.submissions.test_readiness import cite, upload

Round = Callable[[], Awaitable[None]]
ANSWER = "/answers/1.1"


@pytest.fixture
def work(app: FastAPI, settings: Settings, clock: Clock, tmp_path: Path) -> Round:
    """Give `await work()`: a round of the worker that trusts the authority of the tests."""
    place = tmp_path / "trust"
    place.mkdir()
    (place / "ca.pem").write_bytes(authority().root.pem + authority().below.pem)
    trusting = settings.model_copy(update={"trust_dir": place})
    worker = Worker(app.state.database, app.state.files, trusting, clock)
    return lambda: one_round(worker.steps)


async def told(scene: Scene, who: str = "", path: str = "/readiness") -> list[tuple[str, str]]:
    """Return code and message of every warning about signatures."""
    found = (await scene.read(who=who, path=path))["warnings"]
    ours = [one for one in found if one["code"].startswith("signature_")]
    assert {one["pointer"] for one in ours} <= {ANSWER}
    return [(one["code"], one["message"]) for one in ours]


async def codes(scene: Scene, **where: str) -> list[str]:
    return [code for code, _ in await told(scene, **where)]


def leaders_only() -> bytes:
    return sign(page(), authority().leader, "A")


def agencys_only() -> bytes:
    return sign(page(), authority().agency, "A")


def of_nobody_known() -> bytes:
    named = [("C", "VN"), ("CN", "Không rõ")]
    return sign(page(), authority().signer(named, serial=0x6001), "A")


def revised() -> bytes:
    return signed_twice() + b"\n% more\n"


def of_strangers() -> bytes:
    twice = sign(sign(page(), authority(10).leader, "A"), authority(10).agency, "B")
    return sign(twice, authority().signer(LEADER, serial=0x6002), "C")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (page, ["signature_person_missing", "signature_organisation_missing"]),
        (leaders_only, ["signature_organisation_missing"]),
        (agencys_only, ["signature_person_missing"]),
        (signed_twice, []),
        (of_nobody_known, ["signature_person_missing", "signature_organisation_missing"]),
        (revised, ["signature_not_sound", "signature_not_sound"]),
        (of_strangers, ["signature_not_sound"]),  # one sound signature of the leader is enough
        (lambda: BROKEN_PDF, ["signature_not_checked"]),
    ],
)
async def test_what_is_missing_of_the_two_signatures_is_told(
    brvt: Scene, work: Round, content: Callable[[], bytes], found: list[str]
) -> None:
    await cite(brvt, await upload(brvt, content=content()))
    assert await codes(brvt) == ["signature_not_checked"]  # nobody has looked yet
    await work()
    assert await codes(brvt) == found


async def test_it_says_which_file_whose_signature_and_why(brvt: Scene, work: Round) -> None:
    await cite(brvt, await upload(brvt, content=sign(page(), authority(10).leader, "A"), name="ke-hoach.pdf"))
    assert await told(brvt) == [("signature_not_checked", "tệp ke-hoach.pdf chưa được kiểm tra chữ ký số")]
    await work()
    assert await told(brvt) == [
        (
            "signature_not_sound",
            "tệp ke-hoach.pdf: chữ ký số của cá nhân lãnh đạo (Người Đứng Đầu) có vấn đề: chứng thư không dẫn đến chứng"
            " thư gốc nào được tin cậy",
        ),
        ("signature_organisation_missing", "tệp ke-hoach.pdf không có chữ ký số của tổ chức"),
    ]


async def test_a_signature_that_does_not_tell_whose_it_is_is_mentioned(brvt: Scene, work: Round) -> None:
    await cite(brvt, await upload(brvt, content=of_nobody_known()))
    await work()
    assert all("không rõ của cá nhân hay của tổ chức" in message for _, message in await told(brvt))


async def test_a_signer_without_a_name_is_called_by_what_there_is(brvt: Scene, work: Round) -> None:
    nameless = authority(10).signer([("C", "VN"), ("O", "UBND Phường 9"), ("UID", "MST:1")], serial=0x6003)
    await cite(brvt, await upload(brvt, content=sign(page(), nameless, "A")))
    await work()
    said = dict(await told(brvt))["signature_not_sound"]
    assert "(UBND Phường 9)" in said


async def test_what_is_no_pdf_cannot_be_checked(brvt: Scene, work: Round) -> None:
    await cite(brvt, await upload(brvt, content=PNG, name="anh.png"))
    await work()
    assert await told(brvt) == [
        ("signature_not_checked", "tệp anh.png không phải là PDF nên không kiểm tra được chữ ký số")
    ]


async def test_it_is_never_an_error_and_a_note_beside_the_answer_explains_it(
    brvt: Scene, work: Round
) -> None:
    """Ruling 12: the system reports, it rejects nothing."""
    await brvt.filled()
    document_id = await upload(brvt, content=page())
    await work()
    answer: Json = {"choice": "chaired_by_head", "evidence": [document_id]}
    await brvt.done(brvt.save({"answers": {"1.1": answer}}))
    found = await brvt.read(path="/readiness")
    assert found["errors"] == []
    assert not found["is_ready"]
    await brvt.done(brvt.act(f"{UNIT}.leader", "approve"))
    refused = await brvt.act(f"{UNIT}.reporter", "submit")
    assert (refused.status_code, refused.json()["code"]) == (409, "note_missing")
    answer["note"] = "Bản giấy có chữ ký và con dấu lưu tại văn thư"
    await brvt.done(brvt.save({"answers": {"1.1": answer}}))
    assert (await brvt.read(path="/readiness"))["is_ready"]
    await brvt.done(brvt.act(f"{UNIT}.leader", "approve"))
    await brvt.done(brvt.act(f"{UNIT}.reporter", "submit"))


async def test_the_reviewer_is_told_the_same(brvt: Scene, work: Round) -> None:
    await brvt.filled()
    note = {"note": "Bản giấy lưu tại văn thư", "evidence": [await upload(brvt, content=leaders_only())]}
    await brvt.done(brvt.save({"answers": {"1.1": {"choice": "chaired_by_head"} | note}}))
    await work()
    await brvt.done(brvt.act(f"{UNIT}.leader", "approve"))
    await brvt.done(brvt.act(f"{UNIT}.reporter", "submit"))
    await brvt.done(brvt.act(REVIEWER, "claim"))
    there = {"who": REVIEWER, "path": "/review/readiness"}
    assert await told(brvt, **there) == await told(brvt)
    assert await codes(brvt, **there) == ["signature_organisation_missing"]


async def test_a_policy_that_asks_for_no_signatures_is_told_nothing_and_asks_nothing(
    scene: Scene, work: Round, connection: AsyncConnection
) -> None:
    await cite(scene, await upload(scene, content=page()))
    await work()
    said: list[str] = []

    def hear(*heard: Any) -> None:
        said.append(heard[2])

    event.listen(connection.sync_connection, "before_cursor_execute", hear)
    assert await codes(scene) == []
    event.remove(connection.sync_connection, "before_cursor_execute", hear)
    assert not any("signature_report" in one for one in said)
