"""Declaring through the API: saving, revisions, completeness, approval, submitting, the preview of points."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from app.submissions.rules import Action
from tests.conftest import Clock
from tests.scene import UNIT, Scene, full_content, photograph

CHOICE = {"choice": "chaired_by_head"}
RATIO = {"figures": {"a": 3, "b": 4}}
REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"


async def test_a_change_is_merged_into_what_is_there(scene: Scene) -> None:
    await scene.done(scene.save({"answers": {"1.1": CHOICE, "1.4": RATIO}}))
    await scene.done(
        scene.save({"answers": {"1.2": {"choice": "full"}}, "general_information": {"1.4": 9000}})
    )
    dossier = await scene.read()
    assert dossier["answers"] == {"1.1": CHOICE, "1.4": RATIO, "1.2": {"choice": "full"}}
    assert dossier["general_information"] == {"1.4": 9000}


async def test_null_removes_an_entry_and_an_absent_one_stays(scene: Scene) -> None:
    await scene.done(scene.save({"answers": {"1.1": CHOICE, "1.4": RATIO}}))
    await scene.done(scene.save({"answers": {"1.1": None}}))
    assert (await scene.read())["answers"] == {"1.4": RATIO}


async def test_a_given_answer_replaces_the_whole_present_one(scene: Scene) -> None:
    await scene.done(scene.save({"answers": {"1.4": RATIO | {"note": "Cũ"}}}))
    await scene.done(scene.save({"answers": {"1.4": {"figures": {"a": "1.0", "b": 2}}}}))
    assert (await scene.read())["answers"] == {"1.4": {"figures": {"a": 1, "b": 2}}}


@pytest.mark.parametrize("nothing", [{}, {"not_applicable": False}, {"choice": None}, {"note": ""}])
async def test_an_answer_that_says_nothing_leaves_nothing_behind(
    scene: Scene, nothing: dict[str, Any]
) -> None:
    """A given entry replaces the present one; a claim that is unticked must not go on counting."""
    await scene.done(scene.save({"answers": {"1.1": {"not_applicable": True, "reason": "Chưa phát sinh"}}}))
    response = await scene.save({"answers": {"1.1": nothing}})
    assert response.status_code == 422 or (await scene.read())["answers"] == {}


async def test_every_state_of_the_content_is_kept(scene: Scene) -> None:
    for number in range(1, 4):
        await scene.done(scene.save({"answers": {"1.4": {"figures": {"a": number, "b": 4}}}}))
    revisions: Any = await scene.read(path="/revisions")
    assert [one["number"] for one in revisions] == [4, 3, 2, 1]
    assert len({one["content_hash"] for one in revisions}) == 4
    kept = await scene.read(path="/revisions/2")
    assert kept["content"]["answers"] == {"1.4": {"figures": {"a": 1, "b": 4}}}
    caller = await scene.as_(REPORTER)
    url = await scene.url()
    assert (await caller.get(f"{url}/revisions/5")).status_code == 404
    assert (await caller.get(f"{url}/revisions/0")).status_code == 404
    assert (await caller.get(f"{url}/revisions/{10**12}")).status_code in (404, 422)


async def test_the_trail_holds_what_was_there_before_and_after(scene: Scene, session: AsyncSession) -> None:
    await scene.done(scene.save({"answers": {"1.1": CHOICE, "1.4": RATIO}}))
    last = await scene.done(scene.save({"answers": {"1.1": {"choice": "not_chaired_by_head"}, "1.4": RATIO}}))
    query = select(AuditEvent).where(AuditEvent.action == "submission.save").order_by(AuditEvent.id.desc())
    event = (await session.scalars(query.limit(1))).one()
    assert event.before == {"answers": {"1.1": CHOICE}}
    assert event.after == {"answers": {"1.1": {"choice": "not_chaired_by_head"}}}
    assert (event.actor_name, event.request_id) == (REPORTER, last.headers["x-request-id"])
    assert event.acting_for == UUID(last.json()["unit_id"])


async def test_nothing_is_written_when_nothing_changes(scene: Scene, session: AsyncSession) -> None:
    await scene.done(
        scene.save({"answers": {"1.4": RATIO}, "contacts": {"leader": {"full_name": "Người A"}}})
    )
    etag, before = await scene.etag(), await photograph(session)
    bodies: list[dict[str, Any]] = [
        {},
        {"answers": {}},
        {"answers": None},
        {"answers": {"1.4": {"figures": {"a": "3.0", "b": 4.0}, "note": None}}},
        {"answers": {"1.1": None}},
        {"contacts": {"leader": {"full_name": " Người A "}}},
    ]
    for body in bodies:
        response = await scene.done(scene.save(body))
        assert response.headers["etag"] == etag
    assert await photograph(session) == before


async def test_a_dossier_tells_what_it_lacks_until_it_is_complete(scene: Scene) -> None:
    empty = await scene.read(path="/readiness")
    assert (empty["is_ready"], empty["answered"], empty["indicators"]) == (False, 0, 49)
    assert len([one for one in empty["errors"] if one["pointer"].startswith("/answers/")]) == 49
    assert {one["code"] for one in empty["errors"]} == {"no_answer", "contact_incomplete"}
    await scene.filled()
    full = await scene.read(path="/readiness")
    assert (full["is_ready"], full["answered"], full["indicators"], full["errors"]) == (True, 49, 49, [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"answers": {"1.1": CHOICE}}, "evidence_missing"),
        ({"answers": {"1.1": {"note": "Chỉ có lời"}}}, None),
        ({"answers": {"1.1": {"choice": "not_chaired_by_head"}}}, None),
        ({"answers": {"1.1": {"not_applicable": True, "reason": "Chưa phát sinh"}}}, None),
        ({"answers": {"1.1": None}}, "no_answer"),
        ({"general_information": {"1.4": None}}, "no_answer"),
        ({"contacts": {"leader": {"full_name": "Người B"}}}, "contact_incomplete"),
        ({"contacts": {"leader": None}}, "contact_incomplete"),
    ],
)
async def test_points_need_evidence_or_an_explanation(
    scene: Scene, change: dict[str, Any], code: str | None
) -> None:
    """Ruling 11: missing evidence blocks unless it is explained; what claims no points needs none."""
    await scene.filled()
    await scene.done(scene.save(change))
    missing = (await scene.read(path="/readiness"))["errors"]
    expected = [code] if code else []
    if change == {"answers": {"1.1": {"note": "Chỉ có lời"}}}:
        expected = ["no_answer"]  # words alone choose nothing and claim nothing
    assert [one["code"] for one in missing] == expected


async def test_a_complete_and_approved_dossier_is_submitted_and_closed(scene: Scene) -> None:
    await scene.submitted()
    dossier = await scene.read()
    assert (dossier["state"], dossier["submitted_at"]) == ("submitted", "2023-12-15T02:00:00Z")
    refused = await scene.save({"answers": {"1.1": CHOICE}})
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "handed_in")
    again = await scene.act(REPORTER, "submit")
    assert (again.status_code, again.json()["reason_code"]) == (409, "wrong_state")


async def test_an_incomplete_dossier_is_not_submitted_and_names_what_it_lacks(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.filled()
    await scene.done(scene.save({"answers": {"1.1": None}}))
    await scene.done(scene.act(LEADER, "approve"))
    before = await photograph(session)
    refused = await scene.act(REPORTER, "submit")
    assert (refused.status_code, refused.json()["code"]) == (409, "submission_incomplete")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/answers/1.1"]
    assert await photograph(session) == before


async def test_an_approval_is_bound_to_the_content(scene: Scene) -> None:
    await scene.filled()
    without = await scene.act(REPORTER, "submit")
    assert (without.status_code, without.json()["code"]) == (409, "approval_missing")
    approved = await scene.done(scene.act(LEADER, "approve"))
    assert approved.json()["approval"]["is_current"] is True
    edited = await scene.done(scene.save({"answers": {"1.4": {"figures": {"a": 4, "b": 4}, "note": "Sửa"}}}))
    assert edited.json()["approval"]["is_current"] is False
    stale = await scene.act(REPORTER, "submit")
    assert (stale.status_code, stale.json()["code"]) == (409, "approval_missing")
    back = full_content("camau-2023-xa")["answers"]["1.4"]
    restored = await scene.done(scene.save({"answers": {"1.4": back}}))
    assert restored.json()["approval"]["is_current"] is True  # the very content the leader has seen
    assert (await scene.act(REPORTER, "submit")).status_code == 200


async def test_the_reporter_does_not_approve_and_the_leader_does_not_edit(scene: Scene) -> None:
    assert (await scene.act(REPORTER, "approve")).status_code == 403
    assert (await scene.save({"answers": {"1.1": CHOICE}}, who=LEADER)).status_code == 403


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)])
async def test_entry_closes_at_the_exact_second_of_the_deadline(
    scene: Scene, clock: Clock, seconds: int, status: int
) -> None:
    await scene.filled()
    due = datetime.fromisoformat(scene.period["submission_due_at"])
    clock.now = due + timedelta(seconds=seconds)
    answers = [
        await scene.save({"answers": {"1.1": CHOICE | {"note": "Sửa phút cuối"}}}),
        await scene.act(LEADER, "approve"),
        await scene.act(REPORTER, "submit"),
    ]
    assert [one.status_code for one in answers] == [status] * 3
    if status == 409:
        assert {one.json()["reason_code"] for one in answers} == {"entry_closed"}


async def test_what_may_be_done_now_is_told_with_the_reason(scene: Scene, clock: Clock) -> None:
    def told(dossier: dict[str, Any]) -> dict[str, str | None]:
        return {one["action"]: one["reason_code"] for one in dossier["allowed_actions"]}

    nobody = dict.fromkeys(Action, "not_your_role")
    elsewhere = dict.fromkeys((Action.RECALL, Action.REPLY), "wrong_state")
    mine = dict.fromkeys((Action.EDIT, Action.SUBMIT, Action.ANSWER))
    assert told(await scene.read()) == nobody | elsewhere | mine
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"])
    late = await scene.read(who=LEADER)
    closed = dict.fromkeys((Action.APPROVE, Action.SUBMIT), "entry_closed")
    assert told(late) == nobody | {Action.RECALL: "wrong_state"} | closed
    assert all(bool(one["reason"]) is not one["allowed"] for one in late["allowed_actions"])


async def test_the_points_are_previewed_with_an_explanation_at_any_time(scene: Scene) -> None:
    await scene.done(scene.save({"answers": {"1.1": CHOICE, "1.4": RATIO}}))
    card = await scene.read(path="/scorecard")
    lines = {line["code"]: line for line in card["lines"]}
    assert (len(lines), card["total"], card["maximum"]) == (50, "35/2", "530")
    assert (lines["1.4"]["points"], lines["1.4"]["shown"]) == ("15/2", "7.50")
    assert "3" in lines["1.4"]["explanation"]
    assert lines["1.2"]["warnings"] == ["no_answer"]


async def test_the_preview_tells_nothing_of_the_peers(scene: Scene) -> None:
    """Ruling 4: sở 3.1 is measured against the best department; until the end nobody learns who that is."""
    so = {"unit": "so-noi-vu", "set_key": "camau-2023-so"}
    before = None
    for other in (None, 1, 10**9):
        if other is not None:
            await scene.done(scene.save({"answers": {"3.1": {"figures": {"x": other}}}}, "so-tu-phap"))
        else:
            await scene.filled(**so)
        card = await scene.read("so-noi-vu", path="/scorecard")
        line = next(line for line in card["lines"] if line["code"] == "3.1")
        assert line["points"] is None
        assert "depends_on_peers" in line["warnings"]
        assert before in (None, card)
        before = card
