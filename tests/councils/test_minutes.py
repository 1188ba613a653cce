"""Minutes: who records them, what they must say, that they never change, and the page to print and sign."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.councils.models import Minutes
from tests.conftest import Clock
from tests.councils.seating import COUNCILS, SECOND, THIRD, council_of_three, id_of, seat, unit_id
from tests.scene import REVIEWER, UNIT, Scene, photograph

Json = dict[str, Any]


async def minutes_body(scene: Scene, **changes: Any) -> Json:
    """Return the minutes of a meeting of the chair and the secretary, without the member."""
    chair, secretary, member = [await id_of(scene, who) for who in (REVIEWER, SECOND, THIRD)]
    conclusion = {
        "unit_id": await unit_id(scene, UNIT),
        "indicator": "3.1",
        "opinion": "Chưa có xác nhận của doanh nghiệp",
        "conclusion": "Trả lại, yêu cầu giải trình",
        "for": 1,
        "against": 1,
        "abstained": 0,
    }
    return {
        "held_on": "2023-12-15",
        "place": "Phòng họp số 1",
        "chair_id": chair,
        "secretary_id": secretary,
        "present": [chair, secretary],
        "absent": [{"user_id": member, "reason": "Đi công tác"}],
        "conclusions": [conclusion],
    } | changes


async def record(scene: Scene, council: Json, body: Json, who: str = REVIEWER) -> httpx.Response:
    """Record minutes as somebody."""
    return await (await scene.as_(who)).post(f"{COUNCILS}/{council['id']}/minutes", json=body)


async def faults(scene: Scene, council: Json, **changes: Any) -> set[tuple[str, str]]:
    """Return the faults of minutes that are refused."""
    refused = await record(scene, council, await minutes_body(scene, **changes))
    assert refused.status_code == 422, refused.text
    return {(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]}


async def test_minutes_keep_who_was_there_and_what_was_concluded(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    made = await record(scene, council, await minutes_body(scene))
    assert made.status_code == 201, made.text
    minutes = made.json()
    assert minutes["number"] == 1
    assert [(one["full_name"], one["role"]) for one in minutes["present"]] == [
        (f"Tài khoản mẫu {REVIEWER}", "chair"),
        (f"Tài khoản mẫu {SECOND}", "secretary"),
    ]
    assert [(one["role"], one["reason"]) for one in minutes["absent"]] == [("member", "Đi công tác")]
    (concluded,) = minutes["conclusions"]
    assert (concluded["unit_name"], concluded["indicator"], concluded["for"]) == ("Phường 9", "3.1", 1)
    above = await scene.as_("auditor")
    assert (await above.get(f"{COUNCILS}/{council['id']}/minutes")).json() == [minutes]
    assert (await above.get(f"{COUNCILS}/{council['id']}/minutes/1")).json() == minutes
    missing = await above.get(f"{COUNCILS}/{council['id']}/minutes/2")
    assert (missing.status_code, missing.json()["code"]) == (404, "minutes_not_found")


async def test_the_chair_and_the_secretary_record_minutes_and_nobody_else(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    council = await council_of_three(app, scene)
    body = await minutes_body(scene)
    await scene.as_("reviewer")
    before = await photograph(session)
    for who in (THIRD, "reviewer"):
        refused = await record(scene, council, body, who)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_presiding")
    hidden = await record(scene, council, body, "huyen-966.reviewer")
    assert hidden.status_code == 404
    for table, rows in (await photograph(session)).items():
        assert table == "login_session" or rows == before[table]
    assert (await record(scene, council, body, SECOND)).status_code == 201


async def test_minutes_are_audited_and_told_of(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    council = await council_of_three(app, scene)
    await record(scene, council, await minutes_body(scene))
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "council.minutes"))).one()
    held = (await session.scalars(select(Minutes))).one()
    assert (event.object_id, event.object_type) == (held.id, "council_minutes")
    assert str(held.council_id) == council["id"]
    assert event.after == {"number": 1, "held_on": "2023-12-15", "corrects": None}


async def test_a_meeting_is_recorded_once_it_was_held(app: FastAPI, scene: Scene, clock: Clock) -> None:
    """The day is that of Vietnam: 17:00 UTC is midnight there."""
    council = await council_of_three(app, scene)
    clock.now = datetime(2023, 12, 15, 16, 59, 59, tzinfo=UTC)
    assert await faults(scene, council, held_on="2023-12-16") == {("/held_on", "in_the_future")}
    clock.now = datetime(2023, 12, 15, 17, 0, 0, tzinfo=UTC)
    assert (await record(scene, council, await minutes_body(scene, held_on="2023-12-16"))).status_code == 201


async def test_only_members_are_named_and_everybody_once(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    chair, secretary, stranger = [await id_of(scene, who) for who in (REVIEWER, SECOND, "reviewer")]
    assert await faults(scene, council, present=[chair, secretary, stranger]) == {
        ("/present/2", "not_a_member")
    }
    twice = [{"user_id": secretary, "reason": "Nghỉ ốm"}]
    assert await faults(scene, council, absent=twice) == {("/absent/0/user_id", "named_twice")}
    assert await faults(scene, council, secretary_id=chair) == {("/secretary_id", "presides")}
    member = await id_of(scene, THIRD)
    assert await faults(scene, council, chair_id=member) == {("/chair_id", "not_present")}


async def test_conclusions_are_about_what_the_council_reviews(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    (one,) = (await minutes_body(scene))["conclusions"]
    elsewhere = await unit_id(scene, "huyen-966")
    bad = [
        one | {"unit_id": elsewhere},
        one | {"indicator": "99.9"},
        one | {"for": 2, "against": 1},
        one | {"for": 1, "against": 0, "abstained": 1},
    ]
    assert await faults(scene, council, conclusions=bad) == {
        ("/conclusions/0/unit_id", "unknown_unit"),
        ("/conclusions/1/indicator", "unknown_indicator"),
        ("/conclusions/2", "too_many_votes"),
    }


async def test_minutes_are_corrected_only_by_new_ones_that_name_them(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    first = (await record(scene, council, await minutes_body(scene))).json()
    second = await record(scene, council, await minutes_body(scene, place="Phòng họp số 2", corrects=1))
    assert (second.json()["number"], second.json()["corrects"]) == (2, 1)
    url = f"{COUNCILS}/{council['id']}/minutes/1"
    caller = await scene.as_(REVIEWER)
    assert (await caller.get(url)).json() == first | {"corrected_by": 2}
    assert await faults(scene, council, corrects=1) == {("/corrects", "corrected_already")}
    assert await faults(scene, council, corrects=7) == {("/corrects", "unknown_minutes")}
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await caller.request(method, url, json={})).status_code == 405


async def test_a_correction_may_name_whoever_sat_there_then(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    body = await minutes_body(scene)
    await scene.done(record(scene, council, body))
    chairman, url = await scene.as_("huyen-964.chairman"), f"{COUNCILS}/{council['id']}/seats"
    seats = [await seat(scene, REVIEWER, "chair", *range(1, 9)), await seat(scene, THIRD, "secretary")]
    changed = {"seats": seats, "reason": "Thư ký nghỉ ốm dài ngày"}
    await scene.done(chairman.put(url, json=changed, headers={"If-Match": '"1"'}))
    assert await faults(scene, council) == {("/present/1", "not_a_member")}
    corrected = await record(scene, council, body | {"corrects": 1})
    assert corrected.status_code == 201
    # As the council is now, or as it was then for those who have left.
    assert [one["role"] for one in corrected.json()["present"]] == ["chair", "secretary"]


async def test_the_page_has_the_form_of_a_vietnamese_record(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    await record(scene, council, await minutes_body(scene))
    page = await (await scene.as_(REVIEWER)).get(f"{COUNCILS}/{council['id']}/minutes/1/page")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert page.headers["cache-control"] == "no-store"
    said = re.sub(r"<[^>]+>", " ", page.text)
    parts = [
        "THÀNH PHỐ CÀ MAU",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "BIÊN BẢN",
        "ngày 15 tháng 12 năm 2023",
        "Phòng họp số 1",
        "215/QĐ-UBND",
        f"Tài khoản mẫu {REVIEWER} – Chủ tịch hội đồng",
        "Lý do: Đi công tác",
        "Phường 9, chỉ số 3.1",
        "tán thành 1, không tán thành 1, không có ý kiến 0",
        "THƯ KÝ",
        "CHỦ TRÌ",
    ]
    assert [part for part in parts if part not in said] == []
    assert "<img" not in page.text and "<script" not in page.text


async def test_the_page_writes_everything_as_text(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    hostile = "<script>alert(1)</script>&\"'"
    body = await minutes_body(scene, place=hostile)
    body["absent"][0]["reason"] = hostile
    body["conclusions"][0] |= {"opinion": hostile, "conclusion": hostile}
    await scene.done(record(scene, council, body))
    page = await (await scene.as_(REVIEWER)).get(f"{COUNCILS}/{council['id']}/minutes/1/page")
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;") == 4


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999999"])
async def test_a_number_nobody_gave_is_not_found(app: FastAPI, scene: Scene, number: str) -> None:
    council = await council_of_three(app, scene)
    missing = await (await scene.as_(REVIEWER)).get(f"{COUNCILS}/{council['id']}/minutes/{number}")
    assert missing.status_code == 404
