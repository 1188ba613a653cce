"""Contacts named in dossiers are found and taken out; what was declared, approved and published stays what it was."""

import base64
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.core.repetition import IdempotencyRecord
from app.privacy.contacts import is_contact
from app.privacy.schemas import KnownPerson
from app.submissions.models import Revision
from tests.scene import SIBLING, UNIT, Scene, photograph

URL = "/api/v1/personal-data/contacts"
WHO = {"full_name": "Nguyễn Thị Mẫu", "phone": "0290.123.4567", "email": "Mau@Example.VN"}
WHY = {"reason": "Đề nghị xóa dữ liệu cá nhân", "document": "Đơn số 12 ngày 01/12/2023"}
PERSON = {
    "full_name": "NGUYỄN  THỊ MẪU",
    "workplace": "Ủy ban nhân dân",
    "position": "Công chức",
    "phone": "0290 123 4567",
    "email": "mau@example.vn",
}
BLANK = dict.fromkeys(PERSON, "")


async def named(scene: Scene, unit: str = UNIT, key: str = "reporter", **changes: Any) -> None:
    """Let a unit name the person as a contact of its dossier."""
    await scene.done(scene.save({"contacts": {key: PERSON | changes}}, unit))


@pytest.mark.parametrize(
    ("known", "fits"),
    [
        ({"full_name": "nguyen thi mau"}, True),
        ({"phone": "02901234567"}, True),
        ({"phone": "+84 290 123 4567"}, True),
        ({"phone": "0084 (0)290 123.4567"}, True),
        ({"phone": "84 290 123 456"}, False),
        ({"email": "MAU@example.vn "}, True),
        (WHO, True),
        (WHO | {"phone": "0290 123 4568"}, False),
        ({"full_name": "Nguyễn Thị"}, False),
    ],
)
def test_a_contact_is_the_person_if_everything_known_fits(known: dict[str, str], fits: bool) -> None:
    assert is_contact(KnownPerson(**known), PERSON) is fits


@pytest.mark.parametrize("known", [{"phone": "không có"}, {"phone": "-"}, {"full_name": "\u0301"}])
async def test_words_that_say_nothing_find_nobody(scene: Scene, known: dict[str, str]) -> None:
    await named(scene)
    answer = await (await scene.as_("admin")).post(f"{URL}/search", json=known)
    assert answer.status_code == 422, answer.text


async def test_a_contact_is_found_in_every_dossier_and_nobody_else_is(
    scene: Scene, session: AsyncSession
) -> None:
    await named(scene)
    await named(scene, SIBLING, phone="+84 290-1234567")
    await named(scene, "xa-32014", full_name="Người Khác", phone="1", email="khac@example.vn")
    admin = await scene.as_("admin")
    found = (await admin.post(f"{URL}/search", json=WHO)).json()
    assert {(one["unit_name"], tuple(one["contacts"]), len(one["revisions"])) for one in found} == {
        ("Phường 9", ("reporter",), 1),
        ((await scene.read(SIBLING))["unit_name"], ("reporter",), 1),
    }
    searches = select(AuditEvent).where(AuditEvent.action == "personal.search")
    search = (await session.scalars(searches)).one()
    assert search.after == {"filters": {"by": "full_name, phone, email", "found": "2"}}


async def test_an_erasure_of_a_contact_leaves_the_rest_of_every_revision(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.filled()
    await named(scene)
    await scene.done(scene.act(f"{UNIT}.leader", "approve"))
    before = await scene.read()
    admin = await scene.as_("admin")
    tried = await admin.post(f"{URL}/erase", params={"dry_run": True}, json={"who": WHO} | WHY)
    assert tried.json()["is_done"] is False
    searches = select(func.count()).where(AuditEvent.action == "personal.search")
    assert await session.scalar(searches) == 1
    assert (await scene.read()) == before
    done = await admin.post(f"{URL}/erase", json={"who": WHO} | WHY)
    assert (done.json()["is_done"], len(done.json()["places"])) == (True, 1)
    after = await scene.read()
    assert after["contacts"]["reporter"] == BLANK
    assert after["answers"] == before["answers"]
    assert after["content_hash"] == before["content_hash"]
    assert after["approval"]["is_current"] is True
    again = await admin.post(f"{URL}/erase", json={"who": WHO} | WHY)
    assert again.json()["places"] == []
    rows = await photograph(session)
    left = {name for name, found in rows.items() if any("1234567" in row.replace(" ", "") for row in found)}
    assert left == set()  # the audit trail neither
    answers = (await session.scalars(select(IdempotencyRecord.body))).all()
    assert not any(b"123 4567" in base64.b64decode(body or "") for body in answers)


async def test_who_stands_beside_him_stays_and_the_unit_may_name_another(scene: Scene) -> None:
    await named(scene)
    other = PERSON | {"full_name": "Người Khác", "phone": "1", "email": "khac@example.vn"}
    await scene.done(scene.save({"contacts": {"leader": other}}))
    await scene.done((await scene.as_("admin")).post(f"{URL}/erase", json={"who": WHO} | WHY))
    assert (await scene.read())["contacts"] == {"reporter": BLANK, "leader": other}
    await scene.done(scene.save({"contacts": {"reporter": other}}))
    assert (await scene.read())["contacts"]["reporter"] == other


async def test_a_review_ends_over_an_erased_contact_as_if_it_were_there(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.claimed()
    before = await scene.read()
    who = {"phone": "02900000000", "email": "lien-he@example.vn"}  # of tests/scene
    await scene.done((await scene.as_("admin")).post(f"{URL}/erase", json={"who": who} | WHY))
    await scene.reviewed()
    after = await scene.read()
    assert (after["state"], after["contacts"]["reporter"]) == ("passed", BLANK)
    unchanged = ("revision_number", "content_hash", "answers")
    assert [after[name] for name in unchanged] == [before[name] for name in unchanged]
    erased = select(Revision.erased_at).where(
        Revision.submission_id == UUID(after["id"]), Revision.number > 1
    )
    assert all((await session.scalars(erased)).all())


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"who": {}} | WHY,
        {"who": {"full_name": "Nguyễn Thị Mẫu"}} | WHY,  # a name alone is not one person
        {"who": {"full_name": "Nguyễn Thị Mẫu", "phone": "không có"}}
        | WHY,  # nor is a telephone without a digit
        {"who": {"phone": "-"}} | WHY,
        {"who": WHO},
        {"who": WHO | {"address": "x"}} | WHY,
        {"who": WHO, "reason": "x", "document": "12"},
    ],
)
async def test_an_erasure_without_a_person_or_a_reason_changes_nothing(scene: Scene, body: Any) -> None:
    await named(scene)
    answer = await (await scene.as_("admin")).post(f"{URL}/erase", json=body)
    assert answer.status_code == 422, answer.text
    assert (await scene.read())["contacts"]["reporter"]["phone"] == PERSON["phone"]
