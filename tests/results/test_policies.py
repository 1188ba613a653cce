"""The policy of Bà Rịa - Vũng Tàu on a year of communes: 0 without evidence or review, the mean for exempt units."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import new_id
from app.results import rescore
from app.results.models import ResultLine
from app.reviews.models import AdjustmentKind
from app.submissions.models import RankingScope, ReviewState, Submission
from app.units.models import UnitKind
from tests.conftest import Clock, LogIn
from tests.results import scene

BRVT: dict[str, Any] = {
    "policy": "brvt-2022",
    "submit_until": date(2023, 12, 31),
    "sets": {UnitKind.COMMUNE: "camau-2023-xa"},
}
DUE = datetime(2024, 1, 30, 17, tzinfo=UTC)  # the end of 30/01 in Vietnam (ruling 17)
REVIEWER = "reviewer"


def proved(given: dict[str, Any]) -> dict[str, Any]:
    """Return answers that a document stands behind."""
    return {code: answer | {"evidence": [str(new_id())]} for code, answer in given.items()}


async def reviewed(session: AsyncSession) -> RankingScope:
    """Open the year and let every dossier pass: all communes of the province in one ranking."""
    await scene.open_year(session, **BRVT)
    scope = await scene.scope_of(session, UnitKind.COMMUNE)
    for place, submission in enumerate((await scene.dossiers(session, scope)).values()):
        index_set = await scene.index_set_of(session, submission)
        given = scene.answers(index_set, 51 + place % 40)
        await scene.declare(session, submission, proved(given))
    return scope


async def lines_of(session: AsyncSession, result_id: str) -> dict[str, ResultLine]:
    rows = await session.scalars(select(ResultLine).where(ResultLine.result_id == UUID(result_id)))
    return {line.unit_key: line for line in rows}


async def test_a_commune_nobody_reviewed_has_0_points_and_a_rank_once_the_time_is_over(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    """004:77, D-112, ruling 11: before the deadline it is waited for."""
    scope = await reviewed(session)
    dossiers = await scene.dossiers(session, scope)
    forgotten = next(iter(dossiers))
    dossiers[forgotten].state, dossiers[forgotten].passed_at = ReviewState.SUBMITTED, None
    dossiers[forgotten].touch()
    await session.flush()
    clock.now = DUE - timedelta(seconds=1)
    reviewer = await as_user(REVIEWER)
    early = (await scene.preview(reviewer, scope)).json()
    assert (early["is_ready"], early["defaulted"]) == (False, [])
    assert early["waiting"] == [str(dossiers[forgotten].unit_id)]
    refused = await scene.finalize(reviewer, scope)
    assert (refused.status_code, refused.json()["code"]) == (409, "scope_not_reviewed")
    clock.now = DUE
    reviewer = await as_user(REVIEWER)
    late = (await scene.preview(reviewer, scope)).json()
    assert (late["is_ready"], late["waiting"]) == (True, [])
    assert late["defaulted"] == [str(dossiers[forgotten].unit_id)]
    made = await scene.finalize(reviewer, scope)
    assert made.status_code == 201, made.text
    lines = await lines_of(session, made.json()["id"])
    last = lines[forgotten]
    assert (last.total, last.dti, last.rank, last.band) == ("0", "0", len(dossiers), "weak")
    assert {line.band for line in lines.values()} > {"weak"}
    url = f"{scene.RESULTS}/{made.json()['id']}/units/{last.unit_id}"
    card = (await reviewer.get(url)).json()["scorecard"]
    assert card["lines"][0]["warnings"] == ["not_reviewed"]
    assert await rescore.differences(session, UUID(made.json()["id"])) == []


async def test_what_nothing_proves_earns_nothing_unless_the_reviewer_gives_points(
    session: AsyncSession, as_user: LogIn
) -> None:
    """004:73: "không cung cấp được tài liệu kiểm chứng … mặc định là 0 điểm"."""
    scope = await reviewed(session)
    submission = next(iter((await scene.dossiers(session, scope)).values()))
    index_set = await scene.index_set_of(session, submission)
    given = proved(scene.answers(index_set, 90))
    for code in ("1.1", "3.1"):
        given[code].pop("evidence")
    await scene.declare(session, submission, given)
    await scene.decide(session, submission, "3.1", AdjustmentKind.POINTS, {"points": "7"})
    reviewer = await as_user(REVIEWER)
    made = (await scene.finalize(reviewer, scope)).json()
    url = f"{scene.RESULTS}/{made['id']}/units/{submission.unit_id}"
    lines = {row["code"]: row for row in (await reviewer.get(url)).json()["scorecard"]["lines"]}
    assert (lines["1.1"]["points"], lines["1.1"]["warnings"]) == ("0", ["no_evidence"])
    assert "tài liệu kiểm chứng" in lines["1.1"]["explanation"]
    assert (lines["3.1"]["points"], lines["3.1"]["warnings"]) == ("7", ["set_by_reviewer"])
    assert lines["1.2"]["points"] != "0"


async def test_what_does_not_apply_takes_the_mean_of_the_others_and_says_so(
    session: AsyncSession, as_user: LogIn
) -> None:
    """004:83, ruling 8: the mean of those that were assessed in it."""
    scope = await reviewed(session)
    dossiers = await scene.dossiers(session, scope)
    exempt = next(iter(dossiers.values()))
    await scene.decide(session, exempt, "8.1", AdjustmentKind.NOT_APPLICABLE, {"accepted": True})
    reviewer = await as_user(REVIEWER)
    made = (await scene.finalize(reviewer, scope)).json()
    points = {}
    for submission in dossiers.values():
        url = f"{scene.RESULTS}/{made['id']}/units/{submission.unit_id}"
        rows = (await reviewer.get(url)).json()["scorecard"]["lines"]
        points[submission.unit_id] = next(row for row in rows if row["code"] == "8.1")
    mine = points.pop(exempt.unit_id)
    others = [Fraction(row["points"]) for row in points.values()]
    assert Fraction(mine["points"]) == sum(others) / len(others)
    assert any("trung bình" in step["text"] for step in mine["steps"] if step["key"] == "peers")
    assert mine["max_points"] != "0"


async def test_a_pass_settles_what_finalization_then_reads(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    """What the pass wrote down is what the dossier gives when it is read again from the beginning."""
    await scene.open_year(session)
    scope = await scene.scope_of(session, UnitKind.COMMUNE, "huyen-964")
    reviewer = await as_user("huyen-964.reviewer")
    for place, submission in enumerate((await scene.dossiers(session, scope)).values()):
        index_set = await scene.index_set_of(session, submission)
        await scene.declare(session, submission, scene.answers(index_set, 51 + place))
        await scene.give_figure(session, submission, "5.4", {"figures": {"a": 1, "b": 9, "infected": 1}})
        submission.state, submission.passed_at = ReviewState.UNDER_REVIEW, None
        submission.claimed_by = (await reviewer.get("/api/v1/me")).json()["id"]
        submission.touch()
        await session.flush()
        url = f"/api/v1/submissions/{submission.id}"
        etag = (await reviewer.get(url)).headers["etag"]
        body = {"indicator": "3.1", "kind": "points", "points": "2.5", "reason": "Theo kết quả kiểm tra"}
        decided = await reviewer.post(f"{url}/adjustments", json=body, headers={"If-Match": etag})
        assert decided.status_code == 201, decided.text
        etag = (await reviewer.get(url)).headers["etag"]
        passed = await reviewer.post(f"{url}/pass", json={}, headers={"If-Match": etag})
        assert passed.status_code == 200, passed.text
    first = await scene.finalize(reviewer, scope)
    assert first.status_code == 201, first.text
    dossiers = (await scene.dossiers(session, scope)).values()
    written = (await session.scalars(select(Submission.settled).filter_by(scope_id=scope.id))).all()
    assert len(written) == len(dossiers) and all(text and text.startswith('{"format":1,') for text in written)
    await session.execute(update(Submission).values(settled=None))
    again = await scene.finalize(reviewer, scope, "đọc lại từ đầu")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_changed")


async def test_a_review_taken_up_again_is_waited_for(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    """It did take place: nobody gets 0 for want of it, however late it is."""
    scope = await reviewed(session)
    again = next(iter((await scene.dossiers(session, scope)).values()))
    again.state = ReviewState.UNDER_REVIEW
    again.touch()
    await session.flush()
    clock.now = DUE
    seen = (await scene.preview(await as_user(REVIEWER), scope)).json()
    assert (seen["waiting"], seen["defaulted"]) == ([str(again.unit_id)], [])


async def test_only_communes_have_0_points_for_want_of_review(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    """004:77 speaks of communes alone: departments and districts are waited for."""
    await scene.open_year(session, **BRVT | {"sets": {UnitKind.DISTRICT: "camau-2023-huyen"}})
    scope = await scene.scope_of(session, UnitKind.DISTRICT)
    clock.now = DUE + timedelta(days=30)
    seen = (await scene.preview(await as_user(REVIEWER), scope)).json()
    assert (seen["is_ready"], len(seen["waiting"]), seen["defaulted"]) == (False, 9, [])
