"""A dossier that is overdue is called in; a review is taken over from somebody else."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import Role
from app.core.audit import AuditEvent, OutboxEvent
from tests.conftest import Clock
from tests.scene import NOTE, REVIEWER, UNIT, UNPROVED, Scene, account, points, return_body

REPORTER, LEADER, COLLEAGUE = f"{UNIT}.reporter", f"{UNIT}.leader", "huyen-964.second"
WHY = {"reason": "Đơn vị không gửi đúng hạn"}
LATE_EDIT: dict[str, Any] = {"1.4": {"figures": {"a": 4, "b": 4}, "note": NOTE}}


async def last_event(session: AsyncSession) -> AuditEvent:
    """Return the latest row of the trail; whoever it concerns is told of it."""
    event = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1))).one()
    assert await session.scalar(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))
    return event


@pytest.mark.parametrize(("seconds", "status"), [(-1, 409), (0, 200), (1, 200)])
async def test_a_dossier_is_called_in_from_the_second_it_is_late(
    scene: Scene, clock: Clock, seconds: int, status: int
) -> None:
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"]) + timedelta(seconds=seconds)
    called = await scene.act(REVIEWER, "call-in", WHY)
    assert called.status_code == status
    if status == 409:
        assert called.json()["reason_code"] == "not_late"


async def test_of_a_draft_that_was_never_handed_in_nothing_counts(
    scene: Scene, clock: Clock, session: AsyncSession
) -> None:
    await scene.filled()
    written = (await scene.read())["revision_number"]
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"])
    before = await scene.etag()
    answer = await scene.done(scene.act(REVIEWER, "call-in", WHY))
    assert answer.headers["etag"] == f'"{int(before[1:-1]) + 1}"'
    called = answer.json()
    assert (called["state"], called["answers"], called["submitted_at"]) == ("under_review", {}, None)
    event = await last_event(session)
    assert (event.action, event.reason) == ("review.call_in", WHY["reason"])
    kept = await scene.read(path=f"/revisions/{written}")
    assert kept["content"]["answers"]["1.4"]["figures"] == {"a": 3, "b": 4}  # nothing is lost
    assert (await scene.save({"answers": LATE_EDIT})).json()["reason_code"] == "handed_in"
    # What the agency owes for the unit is still decided; the rest is 0 without any approval.
    waiting = await scene.act(REVIEWER, "pass", UNPROVED)
    assert [one["pointer"] for one in waiting.json()["errors"]] == ["/answers/5.4"]
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).json()["state"] == "passed"
    review = await scene.read(path="/review")
    assert (review["appraised_total"], review["self_total"]) == ("0.00", "0.00")


async def test_an_untouched_dossier_is_called_in_as_it_is(scene: Scene, clock: Clock) -> None:
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"])
    called = (await scene.done(scene.act(REVIEWER, "call-in", WHY))).json()
    assert (called["state"], called["revision_number"]) == ("under_review", 1)


async def test_of_a_returned_dossier_that_is_late_what_was_handed_in_last_counts(
    scene: Scene, clock: Clock
) -> None:
    await scene.claimed()
    first = (await scene.read())["revision_number"]
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await scene.done(scene.save({"answers": LATE_EDIT}))
    await scene.done(scene.act(LEADER, "approve"))
    edited = (await scene.read())["revision_number"]
    clock.now = datetime.fromisoformat((await scene.read())["entry_due_at"])
    called = (await scene.done(scene.act(REVIEWER, "call-in", WHY))).json()
    assert called["answers"]["1.4"]["figures"] == {"a": 3, "b": 4}
    assert called["revision_number"] == edited + 1
    for name in (str(first), "submitted"):
        assert (await scene.read(path=f"/changes?from={name}&to=present"))["changes"] == []
    kept = await scene.read(path=f"/revisions/{edited}")
    assert kept["content"]["answers"]["1.4"]["figures"] == {"a": 4, "b": 4}
    # The unit's leader approved what was handed in then; nobody asks him again.
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success


async def test_of_a_dossier_that_was_taken_back_what_was_handed_in_counts(scene: Scene, clock: Clock) -> None:
    await scene.submitted()
    await scene.done(scene.act(REPORTER, "recall"))
    await scene.done(scene.save({"answers": LATE_EDIT}))
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"])
    called = (await scene.done(scene.act(REVIEWER, "call-in", WHY))).json()
    assert called["answers"]["1.4"]["figures"] == {"a": 3, "b": 4}


async def test_a_dossier_called_in_can_be_returned_and_then_handed_in(scene: Scene, clock: Clock) -> None:
    """Nobody is locked out for good: a return gives the unit its time, and nothing it wrote is lost."""
    await scene.filled()
    clock.now = datetime.fromisoformat(scene.period["submission_due_at"])
    await scene.done(scene.act(REVIEWER, "call-in", WHY))
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await scene.filled()
    await scene.resubmitted()
    assert (await scene.read())["state"] == "resubmitted"


@pytest.mark.parametrize("reason", [{}, {"reason": "    "}, {"reason": "x" * 5001}])
@pytest.mark.parametrize("verb", ["call-in", "take-over"])
async def test_a_reason_is_needed(scene: Scene, verb: str, reason: dict[str, str]) -> None:
    assert (await scene.act(REVIEWER, verb, reason)).status_code == 422


async def test_a_review_is_taken_over_from_another_who_is_told(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await account(app, COLLEAGUE, Role.DISTRICT_REVIEWER, "huyen-964", "huyen-964")
    await scene.claimed()
    first = (await scene.read())["claimed_by"]
    assert (await scene.act(COLLEAGUE, "return", return_body())).json()["reason_code"] == "claimed_by_another"
    taken = (await scene.done(scene.act(COLLEAGUE, "take-over", {"reason": "Người nhận nghỉ ốm"}))).json()
    me = (await (await scene.as_(COLLEAGUE)).get("/api/v1/me")).json()["id"]
    assert (taken["state"], taken["claimed_by"]) == ("under_review", me)
    event = await last_event(session)
    assert (event.action, event.reason) == ("review.take_over", "Người nhận nghỉ ốm")
    assert (event.before or {})["claimed_by"] == first
    # The turn has gone to the other: he who had it acts no more, but may take it back.
    assert (await scene.act(REVIEWER, "pass")).json()["reason_code"] == "claimed_by_another"
    assert (await scene.act(COLLEAGUE, "take-over", WHY)).json()["reason_code"] == "claimed_by_you"
    assert (await scene.act(REVIEWER, "take-over", WHY)).is_success
