"""A council at work: its members check their groups, what changes afterwards waits again, and everybody has a queue."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from app.reviews.groups import open_groups
from app.submissions.models import Submission
from tests.conftest import Clock
from tests.councils.seating import COUNCILS, SECOND, THIRD, council_of_three, seat
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, full_content, photograph

Json = dict[str, Any]
SEATS = {1: REVIEWER, 2: REVIEWER, 3: REVIEWER, 4: SECOND, 5: SECOND, 6: SECOND, 7: THIRD, 8: THIRD}
ALL = [str(group) for group in SEATS]


async def check(scene: Scene, who: str, group: int | str, unit: str = UNIT, **body: Any) -> httpx.Response:
    """Say as somebody that a group was checked."""
    return await scene.act(who, f"groups/{group}/check", {"is_done": True} | body, unit=unit)


async def groups(scene: Scene, who: str = REVIEWER, unit: str = UNIT) -> dict[str, Json]:
    """Return the groups of a dossier by code, as somebody sees them."""
    found = await scene.read(unit, who, "/groups")
    return {one["code"]: one for one in found["groups"]}


async def waiting(session: AsyncSession, scene: Scene, unit: str = UNIT) -> list[str]:
    """Return the groups that keep a dossier from passing."""
    submission_id = (await scene.url(unit)).rsplit("/", 1)[1]
    dossier = await session.get_one(Submission, submission_id, populate_existing=True)
    return await open_groups(session, dossier)


async def queue(scene: Scene, who: str, **params: Any) -> list[tuple[str, str]]:
    """Return what waits for a member: units and groups."""
    page = await (await scene.as_(who)).get("/api/v1/me/review-queue", params=params)
    assert page.status_code == 200, page.text
    return [(one["unit_name"], one["group_code"]) for one in page.json()["items"]]


async def change_answer(scene: Scene, code: str, session: AsyncSession) -> None:
    """Let the unit change one answer while its dossier is under review: an indicator opened again."""
    body = {"indicators": [code], "days": 3, "reason": "Nhập nhầm số liệu"}
    await scene.done(scene.act(REVIEWER, "reopen-entry", body))
    answer = {**full_content("camau-2023-xa")["answers"][code], "note": "Đã sửa theo báo cáo mới"}
    await scene.done(scene.save({"answers": {code: answer}}))


async def test_without_a_council_no_group_keeps_a_dossier(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await scene.claimed()
    assert await waiting(session, scene) == []
    shown = await scene.read(UNIT, REVIEWER, "/groups")
    assert shown["has_council"] is False
    assert {one["members"] is None for one in shown["groups"]} == {True}
    refused = await check(scene, REVIEWER, 1)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "no_council")


async def test_a_dossier_waits_until_every_group_is_checked(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    assert await waiting(session, scene) == ALL
    for group, who in SEATS.items():
        answered = await check(scene, who, group)
        assert answered.status_code == 200, answered.text
        assert await waiting(session, scene) == ALL[group:]
    assert all(one["is_done"] for one in (await groups(scene)).values())


async def test_a_member_checks_his_own_groups_only(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    await scene.as_(SECOND)
    etag, before = await scene.etag(), await photograph(session)
    for who, group in ((REVIEWER, 4), (SECOND, 1)):
        refused = await scene.act(who, f"groups/{group}/check", {"is_done": True}, etag=etag)
        assert (refused.status_code, refused.json()["reason_code"]) == (409, "not_your_group")
    unknown = await scene.act(REVIEWER, "groups/99/check", {"is_done": True}, etag=etag)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "group_not_found")
    assert await photograph(session) == before


async def test_each_group_says_whether_the_caller_may_check_it_and_why_not(
    app: FastAPI, scene: Scene
) -> None:
    await council_of_three(app, scene)
    await scene.submitted()

    async def reasons(who: str) -> list[str | None]:
        return [one["allowed_actions"][0]["reason_code"] for one in (await groups(scene, who)).values()]

    assert await reasons(REVIEWER) == ["wrong_state"] * 8
    await scene.done(scene.act(REVIEWER, "claim"))
    assert await reasons(REVIEWER) == [None] * 3 + ["not_your_group"] * 5
    assert await reasons("reviewer") == ["not_your_role"] * 8
    assert await reasons(f"{UNIT}.leader") == ["not_your_role"] * 8


async def test_a_reviewer_without_a_seat_checks_nothing(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    everything = [await seat(scene, REVIEWER, "chair", *range(1, 9))]
    chairman = await scene.as_("huyen-964.chairman")
    body = {"seats": everything, "reason": "Thu gọn hội đồng"}
    url = f"{COUNCILS}/{council['id']}/seats"
    await scene.done(chairman.put(url, json=body, headers={"If-Match": '"1"'}))
    await scene.claimed()
    refused = await check(scene, SECOND, 4)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "not_your_group")


async def test_what_the_unit_changes_is_checked_again_and_only_that(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    for group, who in SEATS.items():
        await scene.done(check(scene, who, group))
    await change_answer(scene, "3.1", session)
    assert await waiting(session, scene) == ["3"]
    shown = (await groups(scene))["3"]
    assert (shown["is_done"], shown["is_stale"], shown["by"]) == (False, True, REVIEWER)
    assert await queue(scene, REVIEWER) == [("Phường 9", "3")]
    await scene.done(check(scene, REVIEWER, 3))
    assert await waiting(session, scene) == []


async def test_a_verdict_stands_when_a_dossier_comes_back_unchanged(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    await scene.done(check(scene, SECOND, 4))
    item = {"indicator": None, "kind": "explain", "text": "Giải trình thêm"}
    body = {"reason": "Cần giải trình", "due_on": "2024-01-10", "items": [item]}
    await scene.done(scene.act(REVIEWER, "return", body))
    assert await queue(scene, SECOND) == []
    dossier = await scene.read(UNIT, REVIEWER)
    assert dossier["state"] == "returned"
    async with app.state.database.session() as held, held.begin():
        row = await held.get_one(Submission, dossier["id"])
        row.state = type(row.state).UNDER_REVIEW
        row.touch()
    assert await waiting(session, scene) == [code for code in ALL if code != "4"]


async def test_a_member_may_take_his_word_back(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    await scene.done(check(scene, SECOND, 4, note="Đã đối chiếu"))
    await scene.done(check(scene, SECOND, 4, is_done=False, note="Còn thiếu tài liệu"))
    shown = (await groups(scene))["4"]
    assert (shown["is_done"], shown["is_stale"], shown["note"]) == (False, False, "Còn thiếu tài liệu")
    assert await waiting(session, scene) == ALL


async def test_a_check_is_bound_to_the_dossier_that_was_seen(app: FastAPI, scene: Scene) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    seen = await scene.etag()
    await scene.done(scene.act(SECOND, "groups/4/check", {"is_done": True}, etag=seen))
    # Members do not stand in each other's way: a verdict changes nothing of the dossier.
    await scene.done(scene.act(THIRD, "groups/7/check", {"is_done": True}, etag=seen))
    stale = await scene.act(THIRD, "groups/8/check", {"is_done": True}, etag='"1"')
    assert stale.status_code == 412


async def test_names_are_for_those_who_review_and_not_for_the_unit(app: FastAPI, scene: Scene) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    await scene.done(check(scene, SECOND, 4, note="Đã đối chiếu"))
    for who in (REVIEWER, "reviewer", "huyen-964.chairman", "auditor"):
        shown = (await groups(scene, who))["4"]
        assert [one["full_name"] for one in shown["members"]] == [f"Tài khoản mẫu {SECOND}"], who
        assert (shown["by"], shown["note"]) == (SECOND, "Đã đối chiếu")
    assert [len(one["members"]) for one in (await groups(scene)).values()] == [1, 1, 1, 1, 1, 1, 2, 2]
    for who in (f"{UNIT}.reporter", f"{UNIT}.leader"):
        shown = (await groups(scene, who))["4"]
        assert (shown["members"], shown["by"], shown["note"]) == (None, None, None)
        assert shown["is_done"] and shown["at"] is not None


@pytest.mark.parametrize("who", [f"{SIBLING}.reporter", "huyen-966.reviewer", "so-tttt.agency"])
async def test_whoever_does_not_see_the_whole_dossier_sees_no_groups(
    app: FastAPI, scene: Scene, who: str
) -> None:
    hidden = await (await scene.as_(who)).get(f"{await scene.url()}/groups")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "submission_not_found")


async def test_every_verdict_is_audited_and_the_last_one_told_of(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    for group, who in SEATS.items():
        await scene.done(check(scene, who, group))
    await scene.done(check(scene, REVIEWER, 1))  # once more: nothing new for anybody
    await scene.done(check(scene, REVIEWER, 1, is_done=False))
    query = (
        select(AuditEvent, OutboxEvent.id)
        .outerjoin(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
        .where(AuditEvent.action == "review.check_group")
        .order_by(AuditEvent.id)
    )
    events = (await session.execute(query)).all()
    after = [event.after or {} for event, _ in events]
    assert [one["group"] for one in after] == [*ALL, "1", "1"]
    assert [told is not None for _, told in events] == [*[False] * 7, True, False, True]
    assert [one["open"] for one in after][-3:] == [[], [], ["1"]]


# --- the queue ----------------------------------------------------------------------------------------------


async def test_a_member_finds_his_groups_the_oldest_claim_first(
    app: FastAPI, scene: Scene, clock: Clock
) -> None:
    await council_of_three(app, scene)
    assert await queue(scene, THIRD) == []
    await scene.claimed(SIBLING)
    clock.advance(minutes=1)
    await scene.claimed(UNIT)
    other = (await scene.read(SIBLING))["unit_name"]
    assert await queue(scene, THIRD) == [(other, "7"), (other, "8"), ("Phường 9", "7"), ("Phường 9", "8")]
    await scene.done(check(scene, THIRD, 7, SIBLING))
    assert await queue(scene, THIRD) == [(other, "8"), ("Phường 9", "7"), ("Phường 9", "8")]
    assert await queue(scene, THIRD, page=2, page_size=2) == [("Phường 9", "8")]
    # The secretary has the groups 7 and 8, too: one verdict is enough.
    assert (other, "7") not in await queue(scene, SECOND)
    assert len(await queue(scene, SECOND)) == 9
    assert await queue(scene, "huyen-966.reviewer") == []


async def test_the_queue_says_since_when_and_whose(app: FastAPI, scene: Scene, clock: Clock) -> None:
    await council_of_three(app, scene)
    await scene.claimed()
    page = (await (await scene.as_(THIRD)).get("/api/v1/me/review-queue")).json()
    assert page["total"] == 2
    first = page["items"][0]
    assert (await scene.url()).endswith(first["submission_id"])
    assert datetime.fromisoformat(first["claimed_at"]) == clock.now
    assert (first["unit_kind"], first["is_stale"]) == ("commune", False)
    assert first["group_name"] == (await groups(scene))["7"]["name"]


async def test_nobody_finds_his_own_unit_in_his_queue(app: FastAPI, scene: Scene) -> None:
    """Sở TT&TT reviews for the province; its own dossier waits for the colleague from elsewhere."""
    seats = [
        await seat(scene, "reviewer", "chair", *range(1, 7)),
        await seat(scene, "reviewer2", "member", *range(1, 7)),
    ]
    province = next(
        one["unit_id"] for one in (await (await scene.as_("reviewer")).get("/api/v1/me")).json()["grants"]
    )
    body = {
        "period_id": scene.period["id"],
        "reviewer_unit_id": province,
        "unit_kind": "department",
        "name": "Hội đồng thẩm định cấp sở",
        "decision": "12/QĐ-UBND",
        "seats": seats,
    }
    await scene.done((await scene.as_("leader")).post(COUNCILS, json=body))
    await scene.claimed("so-tttt", "reviewer2", "camau-2023-so")
    assert await queue(scene, "reviewer") == []
    assert len(await queue(scene, "reviewer2")) == 6
    refused = await check(scene, "reviewer", 1, "so-tttt")
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "own_unit")
    assert (await check(scene, "reviewer2", 1, "so-tttt")).status_code == 200
