"""The reviewer's turns: the queue, the claim, the return, the pass and the second look."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock
from tests.scene import (
    NOTE,
    REVIEWER,
    SIBLING,
    UNIT,
    UNPROVED,
    Scene,
    full_content,
    photograph,
    points,
    return_body,
)

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
DUE = datetime(2024, 1, 10, 17, 0, tzinfo=UTC)  # the end of 10/01/2024 in Vietnam
SO: dict[str, Any] = {"reviewer": "reviewer", "set_key": "camau-2023-so"}


async def queue(scene: Scene, who: str) -> list[str]:
    """Return the names of the dossiers that wait for a reviewer."""
    response = await (await scene.as_(who)).get("/api/v1/submissions", params={"to_review": True})
    return [one["unit_name"] for one in response.json()["items"]]


async def test_a_dossier_waits_for_exactly_the_unit_above(scene: Scene) -> None:
    assert await queue(scene, REVIEWER) == []
    await scene.submitted()
    assert await queue(scene, REVIEWER) == ["Phường 9"]
    for other in ("reviewer", "huyen-966.reviewer", "admin", "huyen-964.chairman"):
        assert await queue(scene, other) == []
    await scene.done(scene.act(REVIEWER, "claim"))
    assert await queue(scene, REVIEWER) == ["Phường 9"]
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    assert await queue(scene, REVIEWER) == []


async def test_the_dossier_of_a_reviewers_own_unit_does_not_wait_for_him(scene: Scene) -> None:
    """Sở TT&TT reviews for the province (ruling 18); its own dossier is for the reviewer from elsewhere."""
    await scene.submitted("so-tttt", "camau-2023-so")
    assert await queue(scene, "reviewer") == []
    assert await queue(scene, "reviewer2") == ["Sở Thông tin và Truyền thông"]
    refused = await scene.act("reviewer", "claim", unit="so-tttt")
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "own_unit")
    assert (await scene.act("reviewer2", "claim", unit="so-tttt")).status_code == 200


async def test_whoever_declares_for_a_unit_does_not_review_it_wherever_he_is_at_home(
    scene: Scene, session: AsyncSession
) -> None:
    """Nobody reviews his own unit: a role of declaring for it makes it his own."""
    ids = {key: str(one) for key, one in (await unit_ids_by_key(session)).items()}
    admin = await scene.as_("admin")
    found = (await admin.get("/api/v1/users", params={"search": "reviewer2"})).json()["items"][0]
    grants = [
        {"role": "province_reviewer", "unit_id": ids["tinh-ca-mau"]},
        {"role": "unit_reporter", "unit_id": ids["so-noi-vu"]},
    ]
    url = f"/api/v1/users/{found['id']}"
    changed = await admin.patch(url, json={"grants": grants}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    await scene.submitted("so-noi-vu", "camau-2023-so")
    refused = await scene.act("reviewer2", "claim", unit="so-noi-vu")
    assert (refused.status_code, refused.json().get("reason_code")) == (409, "own_unit")


async def test_a_claim_tells_who_has_it(scene: Scene) -> None:
    await scene.submitted()
    claimed = await scene.done(scene.act(REVIEWER, "claim"))
    me = (await (await scene.as_(REVIEWER)).get("/api/v1/me")).json()
    assert (claimed.json()["state"], claimed.json()["claimed_by"]) == ("under_review", me["id"])
    again = await scene.act(REVIEWER, "claim")
    assert (again.status_code, again.json()["reason_code"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("verb", "body"), [("return", return_body()), ("adjustments", points("1.1", "1")), ("pass", None)]
)
async def test_what_one_reviewer_claimed_the_other_leaves_alone(
    scene: Scene, session: AsyncSession, verb: str, body: Any
) -> None:
    await scene.claimed("so-noi-vu", **SO)
    await scene.as_("reviewer2")
    etag, before = await scene.etag("so-noi-vu"), await photograph(session)
    refused = await scene.act("reviewer2", verb, body, unit="so-noi-vu", etag=etag)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "claimed_by_another")
    assert await photograph(session) == before


@pytest.mark.parametrize("who", [REPORTER, LEADER, "admin", "auditor", "leader", "huyen-964.chairman"])
async def test_whoever_is_no_reviewer_takes_no_turn(scene: Scene, session: AsyncSession, who: str) -> None:
    await scene.submitted()
    await scene.as_(who)
    etag, before = await scene.etag(), await photograph(session)
    bodies = {"claim": None, "return": return_body(), "adjustments": points("1.1", "1"), "pass": None}
    for verb, body in bodies.items():
        refused = await scene.act(who, verb, body, etag=etag)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert await photograph(session) == before


async def test_the_province_does_not_review_in_place_of_the_district(scene: Scene) -> None:
    """000:88: communes by their district; the province reads along."""
    await scene.submitted()
    refused = await scene.act("reviewer", "claim")
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "not_your_role")


async def test_a_return_gives_the_dossier_back_with_items_and_a_due_date(scene: Scene) -> None:
    await scene.claimed()
    given = await scene.done(scene.act(REVIEWER, "return", return_body()))
    assert datetime.fromisoformat(given.json()["due_at"]) == DUE
    dossier = await scene.read()
    assert (dossier["state"], dossier["claimed_by"]) == ("returned", None)
    assert datetime.fromisoformat(dossier["entry_due_at"]) == DUE
    shown = (await scene.read(path="/review"))["clarifications"]
    assert [(one["kind"], one["reason"]) for one in shown] == [("return", "Thiếu tài liệu")]
    assert shown[0]["asked_for"] == dossier["reviewer_unit_id"]
    assert shown[0]["items"] == [{**return_body()["items"][0], "answers": []}]


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
async def test_a_returned_dossier_is_sent_again_until_its_due_date(
    scene: Scene, clock: Clock, seconds: int, status: int
) -> None:
    """The deadline of the period has passed by then; the return's own due date counts."""
    await scene.claimed()
    clock.now = datetime(2024, 1, 5, 2, 0, tzinfo=UTC)
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    clock.now = DUE + timedelta(seconds=seconds)
    body = {"answers": {"1.1": {"choice": "not_chaired_by_head"}}}
    asked = await scene.asked()
    answers = [
        await scene.answer(asked),
        await scene.save(body),
        await scene.act(LEADER, "approve"),
        await scene.act(REPORTER, "submit"),
    ]
    assert [one.is_success for one in answers] == [status == 200] * 4
    if status == 409:
        assert {one.json()["reason_code"] for one in answers} == {"entry_closed"}
    dossier = await scene.read()
    assert dossier["state"] == ("resubmitted" if status == 200 else "returned")
    if status == 200:
        assert (await scene.act(REVIEWER, "claim")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reason": "    "}, "/reason"),
        ({"reason": "x" * 5001}, "/reason"),
        ({"items": []}, "/items"),
        ({"items": [{"indicator": "9.9", "kind": "explain", "text": "?"}]}, "/items/0/indicator"),
        ({"items": [{"indicator": "1.1", "kind": "punish", "text": "?"}]}, "/items/0/kind"),
        ({"items": [{"indicator": "1.1", "kind": "explain", "text": " "}]}, "/items/0/text"),
        ({"due_on": "2023-12-14"}, "/due_on"),
        ({"due_on": "9999-12-31"}, "/due_on"),
        ({"due_on": "ngày mai"}, "/due_on"),
    ],
)
async def test_a_faulty_return_is_refused(
    scene: Scene, session: AsyncSession, changes: dict[str, Any], pointer: str
) -> None:
    await scene.claimed()
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "return", return_body(**changes), etag=etag)
    assert refused.status_code == 422, refused.text
    assert pointer in [fault["pointer"] for fault in refused.json()["errors"]]
    assert await photograph(session) == before


async def test_a_return_may_be_due_today_in_vietnam(scene: Scene) -> None:
    await scene.claimed()
    assert (await scene.act(REVIEWER, "return", return_body(due_on="2023-12-15"))).status_code == 200


@pytest.mark.parametrize(("etag", "status"), [("", 428), ('"1"', 412)])
async def test_a_turn_needs_the_version_the_reviewer_has_seen(
    scene: Scene, session: AsyncSession, etag: str, status: int
) -> None:
    await scene.submitted()
    caller, url = await scene.as_(REVIEWER), await scene.url()
    before = await photograph(session)
    headers = {"If-Match": etag} if etag else {}
    assert (await caller.post(f"{url}/claim", headers=headers)).status_code == status
    assert await photograph(session) == before


async def test_a_review_passes_when_nothing_is_undecided(scene: Scene) -> None:
    await scene.claimed()
    waiting = await scene.act(REVIEWER, "pass")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "review_incomplete")
    told = [(one["pointer"], one["code"]) for one in waiting.json()["errors"]]
    assert told == [("/answers/5.4", "official_figures_missing")]
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    passed = await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    assert (passed.json()["state"], passed.json()["passed_at"]) == ("passed", "2023-12-15T02:00:00Z")


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_claim_of_not_applicable_is_decided_before_the_pass(scene: Scene, accepted: bool) -> None:
    """Ruling 8: accepted, the indicator leaves the unit's maximum; refused, it counts 0."""
    await scene.filled()
    claim = {"not_applicable": True, "reason": "Năm nay không phát sinh"}
    await scene.done(scene.save({"answers": {"1.2": claim}}))
    await scene.done(scene.act(LEADER, "approve"))
    await scene.done(scene.act(REPORTER, "submit"))
    await scene.done(scene.act(REVIEWER, "claim"))
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    waiting = await scene.act(REVIEWER, "pass")
    assert [one["code"] for one in waiting.json()["errors"]] == ["claim_undecided"]
    decision = {"indicator": "1.2", "kind": "not_applicable", "accepted": accepted, "reason": "Đã đối chiếu"}
    await scene.done(scene.act(REVIEWER, "adjustments", decision))
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).status_code == 200


async def test_a_passed_dossier_is_taken_up_again_with_a_reason(scene: Scene, session: AsyncSession) -> None:
    await scene.passed()
    refused = await scene.act(REVIEWER, "reopen-review", {"reason": ""})
    assert refused.status_code == 422
    reopened = await scene.done(scene.act(REVIEWER, "reopen-review", {"reason": "Nhầm số liệu 1.4"}))
    assert reopened.json()["state"] == "under_review"
    assert reopened.json()["passed_at"] == "2023-12-15T02:00:00Z"  # the review did take place
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "review.reopen"))).one()
    assert (event.reason, event.actor_name) == ("Nhầm số liệu 1.4", REVIEWER)
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).status_code == 200


async def test_two_dossiers_do_not_touch_each_other(scene: Scene) -> None:
    await scene.submitted(SIBLING)
    await scene.claimed()
    assert (await scene.read(SIBLING))["state"] == "submitted"
    assert (await scene.read())["answers"]["1.1"] == full_content("camau-2023-xa")["answers"]["1.1"]
    assert (await scene.read())["answers"]["1.1"]["note"] == NOTE
