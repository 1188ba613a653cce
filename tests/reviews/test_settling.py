"""What a pass settles: the agencies' figures that were there, and no decision on an answer that has changed since."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.scene import REVIEWER, UNIT, UNPROVED, Scene, points, return_body

CODE = "5.4"  # figures of Sở TT&TT, not of the commune (ruling 20)


async def give(scene: Scene, agency: str, treated: int) -> None:
    """Push an agency's figures for the commune: infected 10, treated of 20 computers."""
    row = {"unit": {"key": UNIT}, "indicator": CODE, "figures": {"infected": 10, "a": treated, "b": 20}}
    body = {"period_id": scene.period["id"], "figures": [row]}
    answer = await (await scene.as_(f"{agency}.agency")).post("/api/v1/official-figures", json=body)
    assert answer.is_success, answer.text


async def points_of(scene: Scene, code: str = CODE) -> str:
    """Return the appraised points of one indicator."""
    lines: Any = (await scene.read(path="/review", who=REVIEWER))["lines"]
    return str(next(line["appraised_points"] for line in lines if line["code"] == code))


async def test_figures_that_come_after_the_pass_count_only_when_the_review_is_taken_up_again(
    scene: Scene,
) -> None:
    await scene.claimed()
    await give(scene, "so-tttt", 10)
    assert await points_of(scene) == "5/2"
    await scene.done(scene.act(REVIEWER, "pass", UNPROVED))
    await give(scene, "so-tttt", 20)
    assert await points_of(scene) == "5/2"
    await scene.done(scene.act(REVIEWER, "reopen-review", {"reason": "Sở TT&TT sửa số liệu"}))
    assert await points_of(scene) == "5"


async def test_an_agency_that_only_verifies_does_not_stand_in_for_the_one_that_declares(scene: Scene) -> None:
    """Ruling 20: 5.4 is given by Sở TT&TT; Trung tâm CNTT&TT verifies it."""
    await scene.claimed()
    await give(scene, "tt-cntt-tt", 20)
    refused = await scene.act(REVIEWER, "pass")
    assert (refused.status_code, refused.json()["code"]) == (409, "review_incomplete")
    await give(scene, "so-tttt", 10)
    await give(scene, "tt-cntt-tt", 20)
    assert await points_of(scene) == "5/2"
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success


async def test_a_decision_on_an_answer_that_was_corrected_since_must_be_made_again(scene: Scene) -> None:
    await scene.claimed()
    await give(scene, "so-tttt", 10)
    await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await scene.resubmitted(answers={"1.4": {"figures": {"a": 4, "b": 4}, "note": "đã sửa"}})
    await scene.done(scene.act(REVIEWER, "claim"))
    refused = await scene.act(REVIEWER, "pass")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/answers/1.4", "decision_outdated")
    ]
    taken_back = {"indicator": "1.4", "kind": "as_declared", "reason": "Số liệu đã được sửa đúng"}
    await scene.done(scene.act(REVIEWER, "adjustments", taken_back))
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).is_success
    assert await points_of(scene, "1.4") == "10"


async def test_the_trail_says_for_which_unit_the_reviewer_acted(scene: Scene, session: AsyncSession) -> None:
    """The province's reviewer is at home in Sở TT&TT, but reviews for the province (ruling 18)."""
    await scene.claimed("so-noi-vu", "reviewer", "camau-2023-so")
    dossier = await scene.read("so-noi-vu")
    events = await session.scalars(select(AuditEvent).where(AuditEvent.object_id == UUID(dossier["id"])))
    acted = {event.action: str(event.acting_for) for event in events}
    assert acted["review.claim"] == dossier["reviewer_unit_id"]
    assert acted["submission.submit"] == dossier["unit_id"]
