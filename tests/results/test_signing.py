"""Signing: announced to the units, published by a decision, withdrawn with a reason; who sees what in every state."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from app.core.db import new_id
from app.results.models import Result, ResultState
from app.reviews.models import AdjustmentKind
from app.submissions.models import RankingScope, ReviewState, Submission
from app.units.models import UnitKind
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn, logged_in
from tests.results import scene

REVIEWER, CHAIRMAN, REPORTER = "huyen-964.reviewer", "huyen-964.chairman", "xa-31999.reporter"
DEFAULT = {"policy": "default", "submit_until": date(2023, 12, 31)}  # its term: 5 working days


async def finalized(session: AsyncSession, as_user: LogIn, **chosen: Any) -> tuple[RankingScope, str]:
    """Finalize the communes of a district; return the scope and the result's id."""
    scope = await scene.passed_scope(session, **chosen)
    made = await scene.finalize(await as_user(REVIEWER), scope)
    assert made.status_code == 201, made.text
    return scope, made.json()["id"]


async def corrected(session: AsyncSession, as_user: LogIn, scope: RankingScope, points: str = "1") -> str:
    """Finalize a correction and return the new version's id."""
    submission = next(iter((await scene.dossiers(session, scope)).values()))
    await scene.decide(session, submission, "1.1", AdjustmentKind.POINTS, {"points": points})
    made = await scene.finalize(await as_user(REVIEWER), scope, "sửa điểm 1.1 theo kết luận kiểm tra")
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def state_of(session: AsyncSession, result_id: str) -> ResultState:
    found = await session.scalar(select(Result.state).where(Result.id == result_id))
    assert found is not None
    return found


def action(shown: dict[str, Any], name: str) -> tuple[bool, str | None]:
    """Return what an object says of an action."""
    found = next(one for one in shown["allowed_actions"] if one["action"] == name)
    return found["allowed"], found["reason_code"]


# --- announcing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "reads"),
    [
        (REPORTER, 200),
        ("xa-32005.leader", 200),
        (REVIEWER, 200),
        ("leader", 200),
        ("auditor", 200),
        ("huyen-964.reporter", 404),
        ("huyen-966.reviewer", 404),
        ("so-tttt.agency", 404),
        ("dashboard", 403),
    ],
)
async def test_an_announced_result_is_for_the_units_of_its_scope_and_those_above(
    session: AsyncSession, as_user: LogIn, client: CheckedClient, caller: str, reads: int
) -> None:
    scope, result_id = await finalized(session, as_user)
    told = await scene.announce(await as_user(CHAIRMAN), result_id, "2023-12-20")
    assert told.status_code == 200, told.text
    assert (told.json()["state"], told.json()["announced_by_name"]) == (
        "announced",
        CHAIRMAN,
    )
    who, url = await as_user(caller), f"{scene.RESULTS}/{result_id}"
    unit_id = (await scene.dossiers(session, scope))["xa-32005"].unit_id
    shown = await who.get(url)
    assert shown.status_code == reads
    assert (await who.get(f"{url}/units/{unit_id}")).status_code == reads
    if reads == 200:
        assert len(shown.json()["lines"]) == 17
    if reads != 403:
        assert (await who.get(scene.RESULTS)).json()["total"] == (1 if reads == 200 else 0)
    for path in ("", "/chart.svg", f"/units/{unit_id}"):
        assert (await client.get(f"{scene.PUBLIC}/{result_id}{path}")).status_code == 404
    assert (await client.get(scene.PUBLIC, params={"superseded": True})).json() == []


async def test_an_announcement_shows_the_unit_its_final_points_and_tells_of_it(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope, result_id = await finalized(session, as_user)
    submission = (await scene.dossiers(session, scope))["xa-31999"]
    unit, url = await as_user(REPORTER), f"/api/v1/submissions/{submission.id}/points"
    assert (await unit.get(url)).json()["result_id"] is None
    await scene.announce(await as_user(CHAIRMAN), result_id)
    seen = (await unit.get(url)).json()
    assert (seen["result_id"], seen["result_state"]) == (result_id, "announced")
    told = select(AuditEvent.action).join(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
    assert "result.announce" in (await session.scalars(told)).all()


@pytest.mark.parametrize(
    ("local", "last_day"),
    [
        ("2024-01-18 10:00", "2024-01-25"),  # Thursday: over a weekend
        ("2024-02-06 10:00", "2024-02-20"),  # Tuesday before Tết (8 to 14/2)
        ("2024-01-18 23:59", "2024-01-25"),
    ],
)
@pytest.mark.parametrize("verb", ["announce", "publish"])
async def test_the_policy_gives_working_days_to_appeal_from_when_the_units_first_see_the_result(
    session: AsyncSession, as_user: LogIn, clock: Clock, local: str, last_day: str, verb: str
) -> None:
    _, result_id = await finalized(session, as_user, **DEFAULT)
    clock.now = datetime.fromisoformat(f"{local}+07:00").astimezone(UTC)
    chairman = await as_user(CHAIRMAN)
    body = {} if verb == "announce" else scene.DECISION
    given = await scene.sign(chairman, result_id, verb, body | {"appeals_until": "2024-03-01"})
    assert (given.status_code, given.json()["errors"][0]["code"]) == (422, "term_set_by_policy")
    told = await scene.sign(chairman, result_id, verb, body)
    assert told.status_code == 200, told.text
    end = datetime.fromisoformat(f"{last_day} 00:00+07:00") + timedelta(days=1)
    assert datetime.fromisoformat(told.json()["appeals_due_at"]) == end


async def test_without_a_term_in_the_policy_the_signer_gives_a_day_or_none(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    scope, first = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    past = await scene.announce(chairman, first, "2023-12-14")
    assert (past.status_code, past.json()["errors"][0]["code"]) == (422, "in_the_past")
    told = (await scene.announce(chairman, first, "2023-12-15")).json()
    assert told["appeals_due_at"] == "2023-12-15T17:00:00Z"
    second = await corrected(session, as_user, scope)
    # A new version never takes away the time that an earlier one gave.
    assert (await scene.announce(chairman, second)).json()["appeals_due_at"] == "2023-12-15T17:00:00Z"
    clock.now = datetime(2023, 12, 15, 17, tzinfo=UTC)
    again = await scene.publish(chairman, second, appeals_until="2023-12-20")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "term_set_at_announcement")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 409), (0, 200), (1, 200)])
async def test_nothing_is_published_while_the_units_may_still_appeal(
    session: AsyncSession, as_user: LogIn, clock: Clock, seconds: int, status: int
) -> None:
    _, result_id = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    await scene.announce(chairman, result_id, "2023-12-20")
    clock.now = datetime(2023, 12, 20, 17, tzinfo=UTC) + timedelta(seconds=seconds)
    seen = (await chairman.get(f"{scene.RESULTS}/{result_id}")).json()
    assert action(seen, "publish") == ((True, None) if status == 200 else (False, "appeals_running"))
    answer = await scene.publish(chairman, result_id)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert (answer.json()["code"], answer.json()["reason_code"]) == ("not_publishable", "appeals_running")


async def test_a_correction_does_not_cut_the_time_to_appeal_short(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope, first = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    await scene.announce(chairman, first, "2023-12-20")
    second = await corrected(session, as_user, scope)
    assert await state_of(session, first) is ResultState.ANNOUNCED
    refused = await scene.publish(chairman, second)
    assert refused.json()["reason_code"] == "appeals_running"
    # The units are told of the correction, and keep the time they had.
    told = await scene.announce(chairman, second, "2023-12-16")
    assert told.json()["appeals_due_at"] == "2023-12-20T17:00:00Z"
    assert (await scene.publish(chairman, second)).json()["reason_code"] == "appeals_running"
    assert await state_of(session, first) is ResultState.SUPERSEDED
    read = (await (await as_user(REPORTER)).get(f"{scene.RESULTS}/{first}")).json()
    assert (read["superseded_by_id"], len(read["lines"])) == (second, 17)


async def test_a_newer_version_supersedes_each_state_when_it_takes_its_place(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope, first = await finalized(session, as_user)
    chairman = await as_user(CHAIRMAN)
    await scene.publish(chairman, first)
    second = await corrected(session, as_user, scope, "1")
    await scene.announce(chairman, second)
    third = await corrected(session, as_user, scope, "2")
    fourth = await corrected(session, as_user, scope, "3")
    states = [await state_of(session, one) for one in (first, second, third, fourth)]
    assert states == ["published", "announced", "superseded", "provisional"]
    overtaken = await scene.publish(chairman, second)
    assert overtaken.json()["reason_code"] == "not_newest"
    assert (await scene.publish(chairman, fourth)).status_code == 200
    states = [await state_of(session, one) for one in (first, second, third, fourth)]
    assert states == ["superseded", "superseded", "superseded", "published"]
    acts = select(func.count()).where(AuditEvent.action == "result.supersede")
    assert await session.scalar(acts) == 3


# --- publishing ---------------------------------------------------------------------------------------------


async def test_a_dossier_taken_up_again_stands_in_the_way(session: AsyncSession, as_user: LogIn) -> None:
    scope, result_id = await finalized(session, as_user)
    one = (await scene.dossiers(session, scope))["xa-31999"]
    await session.execute(
        update(Submission).where(Submission.id == one.id).values(state=ReviewState.UNDER_REVIEW)
    )
    chairman = await as_user(CHAIRMAN)
    refused = await scene.publish(chairman, result_id)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "scope_not_reviewed")
    assert refused.json()["state"] == "provisional"
    await session.execute(update(Submission).where(Submission.id == one.id).values(state=ReviewState.PASSED))
    assert (await scene.publish(chairman, result_id)).status_code == 200


async def test_a_dossier_that_passed_again_with_another_content_is_finalized_again_first(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope, first = await finalized(session, as_user)
    one = (await scene.dossiers(session, scope))["xa-31999"]
    await scene.settle(session, one)
    chairman, url = await as_user(CHAIRMAN), f"{scene.RESULTS}/{first}"
    assert action((await chairman.get(url)).json(), "publish") == (True, None)
    await scene.decide(session, one, "1.1", AdjustmentKind.POINTS, {"points": "1"})
    await scene.settle(session, one)
    assert action((await chairman.get(url)).json(), "publish") == (False, "changed_since")
    assert (await scene.publish(chairman, first)).json()["reason_code"] == "changed_since"
    again = await scene.finalize(await as_user(REVIEWER), scope, "theo kết luận kiểm tra")
    assert (await scene.publish(chairman, again.json()["id"])).status_code == 200


async def test_a_commune_that_counts_with_0_points_stands_in_nobodys_way(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    """004:77, D-112: nobody reviewed it in time; a review that was taken up again is waited for all the same."""
    brvt: dict[str, Any] = {
        "policy": "brvt-2022",
        "submit_until": date(2023, 12, 31),
        "sets": {UnitKind.COMMUNE: "camau-2023-xa"},
    }
    scope = await scene.passed_scope(session, parent=None, **brvt)
    one, other = list((await scene.dossiers(session, scope)).values())[:2]
    where = update(Submission).where(Submission.id == one.id)
    await session.execute(where.values(state=ReviewState.SUBMITTED, passed_at=None))
    clock.now = datetime(2024, 1, 30, 17, tzinfo=UTC)
    made = await scene.finalize(await as_user("reviewer"), scope)
    assert made.status_code == 201, made.text
    leader, result_id = await as_user("leader"), made.json()["id"]
    await session.execute(
        update(Submission).where(Submission.id == other.id).values(state=ReviewState.UNDER_REVIEW)
    )
    assert (await scene.publish(leader, result_id)).json()["reason_code"] == "scope_not_reviewed"
    await session.execute(
        update(Submission).where(Submission.id == other.id).values(state=ReviewState.PASSED)
    )
    assert (await scene.publish(leader, result_id)).status_code == 200


async def test_a_chairman_reports_to_the_province(session: AsyncSession, as_user: LogIn) -> None:
    """000:89, R-028."""
    _, result_id = await finalized(session, as_user)
    answer = await scene.publish(await as_user(CHAIRMAN), result_id)
    (above,) = answer.json()["reported_to"]
    assert (above["key"], above["name"]) == ("tinh-ca-mau", "UBND tỉnh Cà Mau")
    said = select(AuditEvent.after).where(AuditEvent.action == "result.publish")
    recorded = (await session.scalars(said)).one()
    assert recorded is not None and recorded["reported_to"] == [above["id"]]


async def test_the_province_reports_to_nobody(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session, UnitKind.DISTRICT, None)
    made = (await scene.finalize(await as_user("reviewer"), scope)).json()
    answer = await scene.publish(await as_user("leader"), made["id"])
    assert (answer.status_code, answer.json()["reported_to"]) == (200, [])


async def test_publishing_twice_at_once_publishes_once(own_app: FastAPI, clock: Clock) -> None:
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    async with await logged_in(own_app, clock, REVIEWER) as reviewer:
        result_id = (await scene.finalize(reviewer, scope)).json()["id"]
    callers = [await logged_in(own_app, clock, CHAIRMAN) for _ in range(2)]
    answers = await asyncio.gather(*(scene.publish(caller, result_id) for caller in callers))
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 412])
    async with scene.own_session(own_app) as session, session.begin():
        made = select(func.count()).where(AuditEvent.action == "result.publish")
        assert await session.scalar(made) == 1
    for caller in callers:
        await caller.aclose()


async def test_publishing_and_withdrawing_at_once_leaves_one_of_both(own_app: FastAPI, clock: Clock) -> None:
    async with scene.own_session(own_app) as session, session.begin():
        scope = await scene.passed_scope(session)
    async with await logged_in(own_app, clock, REVIEWER) as reviewer:
        result_id = (await scene.finalize(reviewer, scope)).json()["id"]
    one, other = [await logged_in(own_app, clock, CHAIRMAN) for _ in range(2)]
    assert (await scene.announce(one, result_id)).status_code == 200
    answers = await asyncio.gather(scene.publish(one, result_id), scene.withdraw(other, result_id))
    # In turn, both may happen: a published result can be withdrawn, never the other way round.
    async with scene.own_session(own_app) as session, session.begin():
        state = await state_of(session, result_id)
    done = [answer.is_success for answer in answers]
    assert state is (ResultState.WITHDRAWN if done[1] else ResultState.PUBLISHED), done
    assert any(done)
    for caller in (one, other):
        await caller.aclose()


# --- who, and when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["announce", "publish", "withdraw"])
@pytest.mark.parametrize(
    ("caller", "status"),
    [("leader", 404), (REVIEWER, 403), ("huyen-966.chairman", 404), ("xa-31999.leader", 403)],
)
async def test_only_the_signer_of_the_scope_signs(
    session: AsyncSession, as_user: LogIn, verb: str, caller: str, status: int
) -> None:
    _, result_id = await finalized(session, as_user)
    bodies = {"announce": {}, "publish": scene.DECISION, "withdraw": {"reason": scene.WITHDRAWN}}
    url = f"{scene.RESULTS}/{result_id}/{verb}"
    answer = await (await as_user(caller)).post(url, json=bodies[verb], headers={"If-Match": '"1"'})
    assert answer.status_code == status, answer.text
    assert (await (await as_user(CHAIRMAN)).post(url, json=bodies[verb])).status_code == 428


async def test_an_impossible_step_is_refused_and_the_object_says_why(
    session: AsyncSession, as_user: LogIn
) -> None:
    _, result_id = await finalized(session, as_user)
    chairman, url = await as_user(CHAIRMAN), f"{scene.RESULTS}/{result_id}"
    early = await scene.withdraw(chairman, result_id)
    assert (early.json()["code"], early.json()["reason_code"]) == ("action_not_allowed", "wrong_state")
    seen = (await chairman.get(url, headers={"Accept-Language": "en"})).json()
    assert [(one["action"], one["reason_code"]) for one in seen["allowed_actions"]] == [
        ("announce", None),
        ("publish", None),
        ("withdraw", "wrong_state"),
        ("lodge_appeal", "not_your_role"),
    ]
    assert seen["allowed_actions"][2]["reason"] == "It is at another step"
    theirs = (await (await as_user(REVIEWER)).get(url)).json()
    assert {one["reason_code"] for one in theirs["allowed_actions"]} == {"not_your_role"}
    assert (await chairman.get(f"{scene.RESULTS}/{new_id()}")).status_code == 404
