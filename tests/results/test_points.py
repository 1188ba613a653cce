"""Self, appraised and final points side by side; the unit sees final ones only once they are published."""

from fractions import Fraction
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.reviews.models import AdjustmentKind
from app.units.models import UnitKind
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.results import scene


async def points_of(caller: CheckedClient, submission_id: object) -> dict[str, Any]:
    answer = await caller.get(f"/api/v1/submissions/{submission_id}/points")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def row(points: dict[str, Any], code: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in points["lines"] if line["code"] == code)
    return found


async def test_final_points_appear_to_the_unit_when_they_are_published(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    index_set = await scene.index_set_of(session, submission)
    await scene.declare(session, submission, scene.answers(index_set, 100))
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "7/3"})
    unit, reviewer = await as_user("xa-31999.reporter"), await as_user("huyen-964.reviewer")
    before = await points_of(unit, submission.id)
    assert (before["result_id"], row(before, "1.1")["final_points"]) == (None, None)

    made = (await scene.finalize(reviewer, scope)).json()
    assert (await points_of(unit, submission.id))["result_id"] is None
    seen = await points_of(reviewer, submission.id)
    assert (seen["result_id"], seen["result_state"]) == (made["id"], "provisional")

    await scene.publish(await as_user("huyen-964.chairman"), made["id"])
    after = await points_of(unit, submission.id)
    assert (after["result_state"], after["rank"]) == ("published", 1)
    line = row(after, "1.1")
    full = index_set.by_code["1.1"].max_points or Fraction(0)
    assert line["self_points"]["exact"] == str(full)
    assert line["appraised_points"] == line["final_points"] == {"exact": "7/3", "shown": "2.33"}
    assert line["difference"]["exact"] == str(7 * full / (3 * full) - full)
    assert [reason["reason"] for reason in line["adjustments"]] == ["theo kết quả kiểm tra"]
    assert row(after, "1.2")["difference"] == {"exact": "0", "shown": "0.00"}


async def test_points_that_depend_on_peers_are_known_with_the_result(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    key, submission = next(
        (key, one)
        for key, one in (await scene.dossiers(session, scope)).items()
        if one.is_ranked and key != "so-tttt"
    )
    reviewer = await as_user("reviewer")
    open_line = row(await points_of(reviewer, submission.id), "3.1")
    assert (open_line["self_points"], open_line["difference"]) == (None, None)
    made = await scene.finalize(reviewer, scope)
    assert made.status_code == 201, made.text
    known = row(await points_of(reviewer, submission.id), "3.1")
    assert known["self_points"] is None
    assert known["final_points"] is not None
    explained = await reviewer.get(f"{scene.RESULTS}/{made.json()['id']}/units/{submission.unit_id}")
    line = next(line for line in explained.json()["scorecard"]["lines"] if line["code"] == "3.1")
    assert line["points"] == known["final_points"]["exact"]
    assert "cao nhất" in line["explanation"], key


async def test_nobody_else_sees_a_units_points(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    for stranger in ("xa-32005.reporter", "huyen-966.reviewer", "so-tttt.agency"):
        answer = await (await as_user(stranger)).get(f"/api/v1/submissions/{submission.id}/points")
        assert answer.status_code == 404, stranger
