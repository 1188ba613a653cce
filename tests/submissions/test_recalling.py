"""Taking a dossier back: until somebody has claimed it, and while there is time to hand it in again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from tests.conftest import Clock
from tests.scene import REVIEWER, UNIT, Scene, return_body

REPORTER, LEADER = f"{UNIT}.reporter", f"{UNIT}.leader"
RETURN_DUE = datetime(2024, 1, 10, 17, 0, tzinfo=UTC)


async def test_a_dossier_is_taken_back_corrected_and_handed_in_again(
    scene: Scene, session: AsyncSession
) -> None:
    await scene.submitted()
    recalled = await scene.done(scene.act(REPORTER, "recall"))
    assert (recalled.json()["state"], recalled.json()["approval"]["is_current"]) == ("draft", True)
    event = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1))).one()
    assert (event.action, (event.before or {})["state"]) == ("submission.recall", "submitted")
    assert (event.after or {}) == {"state": "draft"}
    assert await session.scalar(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))
    # The approval survives: the leader need not approve the same content twice.
    assert (await scene.done(scene.act(LEADER, "submit"))).json()["state"] == "submitted"


async def test_whoever_changes_what_he_took_back_needs_a_new_approval(scene: Scene) -> None:
    await scene.submitted()
    await scene.done(scene.act(LEADER, "recall"))
    await scene.done(scene.save({"answers": {"1.4": {"figures": {"a": 4, "b": 4}, "note": "Sửa"}}}))
    refused = await scene.act(REPORTER, "submit")
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_missing")
    await scene.done(scene.act(LEADER, "approve"))
    assert (await scene.act(REPORTER, "submit")).is_success


async def test_once_claimed_a_dossier_is_no_longer_taken_back(scene: Scene) -> None:
    await scene.claimed()
    for who in (REPORTER, LEADER):
        refused = await scene.act(who, "recall")
        assert (refused.status_code, refused.json()["reason_code"]) == (409, "wrong_state")


@pytest.mark.parametrize(("seconds", "allowed"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("again", [False, True])
async def test_what_could_not_be_handed_in_again_is_not_taken_back(
    scene: Scene, clock: Clock, again: bool, seconds: int, allowed: bool
) -> None:
    """The first time until the deadline of all units, after a return until the day the return has set."""
    due = datetime.fromisoformat(scene.period["submission_due_at"])
    if again:
        await scene.claimed()
        await scene.done(scene.act(REVIEWER, "return", return_body()))
        await scene.resubmitted()
        due = RETURN_DUE
    else:
        await scene.submitted()
    clock.now = due + timedelta(seconds=seconds)
    recalled = await scene.act(REPORTER, "recall")
    assert recalled.status_code == (200 if allowed else 409)
    if allowed:
        assert (await scene.act(REPORTER, "submit")).is_success
    else:
        assert recalled.json()["reason_code"] == "entry_closed"


async def test_a_resubmitted_dossier_goes_back_to_returned_with_its_items_as_answered(scene: Scene) -> None:
    items = [{"indicator": code, "kind": "explain", "text": "Vì sao?"} for code in ("1.1", "1.4")]
    await scene.claimed()
    await scene.done(scene.act(REVIEWER, "return", return_body(items=items)))
    await scene.resubmitted()
    assert (await scene.read())["state"] == "resubmitted"
    recalled = await scene.done(scene.act(REPORTER, "recall"))
    assert recalled.json()["state"] == "returned"
    asked = await scene.asked()
    assert [len(item["answers"]) for item in asked["items"]] == [1, 1]
    # An item may be answered once more, none has to be.
    await scene.done(scene.answer(asked, 1, text="Giải trình thêm"))
    assert [len(item["answers"]) for item in (await scene.asked())["items"]] == [1, 2]
    assert (await scene.act(REPORTER, "submit")).json()["state"] == "resubmitted"


async def test_a_dossier_handed_in_again_is_told_from_one_handed_in_first(scene: Scene) -> None:
    await scene.claimed()
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await scene.resubmitted()
    caller = await scene.as_(REVIEWER)
    for state, count in (("resubmitted", 1), ("submitted", 0)):
        listed = await caller.get("/api/v1/submissions", params={"state": state})
        assert listed.json()["total"] == count


async def test_what_was_asked_while_it_was_handed_in_can_be_answered_after_it_was_taken_back(
    scene: Scene,
) -> None:
    await scene.submitted()
    await scene.done(scene.act(REVIEWER, "supplements", return_body()))
    await scene.done(scene.act(REPORTER, "recall"))
    document = await scene.document()
    answered = await scene.done(scene.answer(await scene.asked(), evidence=[document]))
    assert answered.json()["is_late"] is False
    dossier: dict[str, Any] = await scene.read()
    assert (dossier["state"], dossier["answers"]["1.1"]["evidence"]) == ("draft", [document])
