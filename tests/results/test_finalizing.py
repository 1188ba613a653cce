"""Finalizing: exactly once, all or nothing, ranked as the decision says (000:39, 000:86, 000:89, 000:92)."""

import asyncio
import json
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.core.audit import AuditEvent
from app.core.db import new_id
from app.results.actions import not_reviewed
from app.results.models import Result, ResultLine
from app.results.snapshot import Seen
from app.reviews.models import AdjustmentKind
from app.submissions.models import ReviewState
from app.units.models import UnitKind
from tests.conftest import Clock, LogIn, as_owner, logged_in
from tests.results import scene

REVIEWER = "huyen-964.reviewer"


async def lines_of(session: AsyncSession, result_id: str) -> dict[str, ResultLine]:
    query = select(ResultLine).where(ResultLine.result_id == UUID(result_id))
    rows = await session.scalars(query.options(undefer(ResultLine.document)))
    return {line.unit_key: line for line in rows}


async def test_ten_concurrent_finalizations_make_one_result(own_app: FastAPI, clock: Clock) -> None:
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    callers = [await logged_in(own_app, clock, REVIEWER) for _ in range(10)]
    etag = (await scene.preview(callers[0], scope)).headers["etag"]
    answers = await asyncio.gather(
        *(
            caller.post(f"/api/v1/scopes/{scope.id}/finalize", json={}, headers={"If-Match": etag})
            for caller in callers
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 9
    async with scene.own_session(own_app) as session, session.begin():
        assert await session.scalar(select(func.count()).select_from(Result)) == 1
        units = len(await scene.dossiers(session, scope))
        assert await session.scalar(select(func.count()).select_from(ResultLine)) == units
        made = select(func.count()).where(AuditEvent.action == "result.finalize")
        assert await session.scalar(made) == 1
    again = await scene.finalize(callers[0], scope, "chốt lại lần nữa")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_changed")
    for caller in callers:
        await caller.aclose()


async def test_a_repeated_request_gets_the_first_answer_again(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    reviewer = await as_user(REVIEWER)
    etag = (await scene.preview(reviewer, scope)).headers["etag"]
    headers = {"If-Match": etag, "Idempotency-Key": "the-same-key"}
    first, second = [
        await reviewer.post(f"/api/v1/scopes/{scope.id}/finalize", json={}, headers=headers) for _ in range(2)
    ]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert await session.scalar(select(func.count()).select_from(Result)) == 1


async def test_nothing_is_stored_while_a_dossier_has_not_passed(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    last = list((await scene.dossiers(session, scope)).values())[-1]
    last.state = ReviewState.UNDER_REVIEW
    last.touch()
    await session.flush()
    reviewer = await as_user(REVIEWER)
    refused = await scene.finalize(reviewer, scope)
    assert (refused.status_code, refused.json()["code"]) == (409, "scope_not_reviewed")
    assert refused.json()["errors"] == [
        {
            "pointer": f"/units/{last.unit_id}",
            "code": "under_review",
            "message": f"{last.unit_name}: chưa thẩm định xong",
        }
    ]
    assert await session.scalar(select(func.count()).select_from(Result)) == 0
    seen = (await scene.preview(reviewer, scope)).json()
    assert (seen["is_ready"], seen["would_change"], seen["waiting"]) == (False, False, [str(last.unit_id)])
    assert {unit["total"] for unit in seen["units"]} == {None}


def test_at_most_200_waiting_units_are_listed() -> None:
    waiting = [Seen(new_id(), f"Xã {i}", True, ReviewState.DRAFT, False) for i in range(250)]
    refusal = not_reviewed(waiting)
    assert [fault.code for fault in refusal.faults] == ["draft"] * 200
    assert refusal.members == {"waiting": 250}


async def test_equal_results_share_a_rank_and_the_next_one_counts_them(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    keys = list(await scene.dossiers(session, scope))
    for key, percent in zip(keys[:4], (99, 98, 98, 97), strict=True):
        submission = (await scene.dossiers(session, scope))[key]
        index_set = await scene.index_set_of(session, submission)
        await scene.declare(session, submission, scene.answers(index_set, percent))
    made = await scene.finalize(await as_user(REVIEWER), scope)
    assert made.status_code == 201, made.text
    lines = await lines_of(session, made.json()["id"])
    assert [lines[key].rank for key in keys[:4]] == [1, 2, 2, 4]


async def test_units_outside_the_ranking_take_no_rank_and_shift_none(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    dossiers = await scene.dossiers(session, scope)
    for key in ("ban-dan-toc", "thanh-tra-tinh"):
        index_set = await scene.index_set_of(session, dossiers[key])
        await scene.declare(session, dossiers[key], scene.answers(index_set, 100))
    made = await scene.finalize(await as_user("reviewer"), scope)
    assert made.status_code == 201, made.text
    lines = await lines_of(session, made.json()["id"])
    outside = {key for key, line in lines.items() if line.rank is None}
    assert outside == {"ban-dan-toc", "thanh-tra-tinh"}
    best = max(Fraction(line.dti or 0) for line in lines.values())
    assert Fraction(lines["ban-dan-toc"].dti or 0) == best > 0
    assert sorted(line.rank for line in lines.values() if line.rank) == list(range(1, len(lines) - 1))


async def test_a_line_holds_what_was_scored(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    key, submission = next(iter((await scene.dossiers(session, scope)).items()))
    await scene.give_figure(session, submission, "5.4", {"figures": {"a": 1, "b": 4, "infected": 1}})
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "25/3"})
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "7/3"})
    await scene.decide(session, submission, "1.2", AdjustmentKind.NOT_APPLICABLE, {"accepted": True})
    made = await scene.finalize(await as_user(REVIEWER), scope)
    line = (await lines_of(session, made.json()["id"]))[key]
    document: dict[str, Any] = json.loads(line.document)
    index_set = await scene.index_set_of(session, submission)
    stored, card = document["input"], document["scorecard"]
    settled = stored["settled"]
    codes = [row.code for row in index_set.indicators]
    assert settled["points"] == {"1.1": "7/3"}
    assert settled["not_applicable"] == ["1.2"]
    assert [one[1] for one in settled["decisions"]["1.1"]] == [{"points": "25/3"}, {"points": "7/3"}]
    asked = [variable.key for variable in index_set.by_code["5.4"].rule.variables]
    given = dict(zip(asked, settled["values"][codes.index("5.4")], strict=True))
    assert given == {"a": 1, "b": 4, "infected": 1}
    assert stored["revision"] == {"number": 2, "content_hash": submission.content_hash}
    assert (stored["ranked"], stored["reviewed"]) == (True, True)
    assert card["points"][codes.index("1.1")] == 233  # 7/3 as people see it, in hundredths
    assert card["points"][codes.index("1.2")] == 0
    whole = sum((row.max_points or Fraction(0) for row in index_set.indicators), Fraction(0))
    assert Fraction(line.maximum) == whole - (index_set.by_code["1.2"].max_points or 0)
    assert abs(Fraction(line.total) - Fraction(sum(card["points"]), 100)) < len(codes) * Fraction(1, 200)
    assert Fraction(line.dti or 0) == Fraction(line.total) / Fraction(line.maximum) * 100


async def test_a_correction_is_a_new_version_and_needs_a_reason(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    reviewer = await as_user(REVIEWER)
    first = (await scene.finalize(reviewer, scope)).json()
    submission = next(iter((await scene.dossiers(session, scope)).values()))
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": "1"})
    assert (await scene.preview(reviewer, scope)).json()["would_change"] is True
    refused = await scene.finalize(reviewer, scope)
    assert (refused.status_code, refused.json()["code"]) == (409, "reason_missing")
    second = await scene.finalize(reviewer, scope, "sửa điểm 1.1 theo kết luận kiểm tra")
    assert second.status_code == 201, second.text
    assert (first["number"], second.json()["number"]) == (1, 2)
    assert first["sha256"] != second.json()["sha256"]
    before = (await reviewer.get(f"{scene.RESULTS}/{first['id']}")).json()
    assert (before["state"], before["superseded_by_id"]) == ("superseded", second.json()["id"])
    await scene.decide(session, submission, "1.1", AdjustmentKind.AS_DECLARED, {})
    third = (await scene.finalize(reviewer, scope, "kết luận đã được hủy bỏ")).json()
    totals = [
        [(line.unit_id, line.total, line.rank) for line in (await lines_of(session, one["id"])).values()]
        for one in (first, third)
    ]
    assert totals[0] == totals[1]
    assert third["sha256"] != first["sha256"]  # what was decided meanwhile is not forgotten


async def test_a_change_is_based_on_the_version_that_was_seen(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    reviewer = await as_user(REVIEWER)
    url = f"/api/v1/scopes/{scope.id}/finalize"
    assert (await reviewer.post(url, json={})).status_code == 428
    assert (await reviewer.post(url, json={}, headers={"If-Match": '"7"'})).status_code == 412
    assert await session.scalar(select(func.count()).select_from(Result)) == 0


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        ("huyen-966.reviewer", 404),
        ("reviewer", 404),
        ("huyen-964.chairman", 403),
        ("xa-31999.leader", 403),
        ("leader", 403),
        ("admin", 403),
        ("auditor", 403),
    ],
)
async def test_only_the_reviewers_of_the_finalizing_unit_finalize(
    session: AsyncSession, as_user: LogIn, caller: str, status: int
) -> None:
    scope = await scene.passed_scope(session)
    url = f"/api/v1/scopes/{scope.id}/finalize"
    answer = await (await as_user(caller)).post(url, json={}, headers={"If-Match": '"1"'})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (REVIEWER, 200),
        ("huyen-964.chairman", 200),
        ("auditor", 200),
        ("leader", 200),
        ("huyen-966.reviewer", 404),
        ("xa-31999.leader", 404),
        ("dashboard", 403),
    ],
)
async def test_only_those_above_the_units_see_the_preview(
    session: AsyncSession, as_user: LogIn, caller: str, status: int
) -> None:
    scope = await scene.passed_scope(session)
    seen = await scene.preview(await as_user(caller), scope)
    assert seen.status_code == status, seen.text
    if status == 200:
        assert seen.json()["is_ready"]
        assert sorted(unit["rank"] for unit in seen.json()["units"]) == list(range(1, 18))
    unknown = await (await as_user(caller)).get(f"/api/v1/scopes/{new_id()}/preview")
    assert unknown.status_code == (403 if status == 403 else 404)


async def test_a_fault_at_the_very_end_leaves_nothing(own_app: FastAPI, clock: Clock) -> None:
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    # The audit row is written last of all.
    async with as_owner(own_app.state.database) as owner:
        await owner.execute(
            text("ALTER TABLE audit_event ADD CONSTRAINT refused CHECK (action <> 'result.finalize')")
        )
    async with await logged_in(own_app, clock, REVIEWER) as reviewer:
        assert (await scene.finalize(reviewer, scope)).status_code == 500
        assert (await scene.preview(reviewer, scope)).headers["etag"] == '"1"'
    async with scene.own_session(own_app) as session, session.begin():
        assert await session.scalar(select(func.count()).select_from(Result)) == 0
        assert await session.scalar(select(func.count()).select_from(ResultLine)) == 0
