"""Appeals (phúc tra): lodged in time by the unit, decided by whoever finalizes, counted in the next version."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Role
from app.core.audit import AuditEvent, OutboxEvent
from app.core.db import new_id
from app.evidence.models import Document, StoredFile
from app.results.models import Appeal, Result
from app.reviews.models import Adjustment
from app.submissions.models import RankingScope, ReviewState, Submission
from app.units.models import Unit, UnitKind
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn, logged_in
from tests.results import scene

REVIEWER, CHAIRMAN, LEADER = "huyen-964.reviewer", "huyen-964.chairman", "xa-31999.leader"
APPEALS = "/api/v1/appeals"
BODY: dict[str, Any] = {"indicator": "1.1", "grounds": "Chưa tính văn bản mới ban hành"}
REFUSED = {"accepted": False, "reason": "Tài liệu không thay đổi số liệu"}
FULL = {"indicator": "1.1", "kind": "points", "points": "5", "reason": "Theo kết quả phúc tra"}
ACCEPTED = {"accepted": True, "reason": "Văn bản hợp lệ", "adjustment": FULL}


async def announced(
    session: AsyncSession, as_user: LogIn, until: str | None = "2023-12-20", **chosen: Any
) -> tuple[RankingScope, str]:
    """Announce the communes of a district; return the scope and the result's id."""
    scope = await scene.passed_scope(session, **chosen)
    made = await scene.finalize(await as_user(REVIEWER), scope)
    told = await scene.announce(await as_user(CHAIRMAN), made.json()["id"], until)
    assert told.status_code == 200, told.text
    return scope, made.json()["id"]


async def lodge(caller: CheckedClient, result_id: str, **changes: Any) -> httpx.Response:
    """Lodge an appeal."""
    return await caller.post(f"{scene.RESULTS}/{result_id}/appeals", json=BODY | changes)


async def act(caller: CheckedClient, appeal: dict[str, Any], verb: str, body: Any = None) -> httpx.Response:
    """Decide or withdraw an appeal as it was seen."""
    given = {} if body is None else {"json": body}
    url, headers = f"{APPEALS}/{appeal['id']}/{verb}", {"If-Match": f'"{appeal["version"]}"'}
    return await caller.post(url, headers=headers, **given)


async def kept(session: AsyncSession, submission: Submission) -> Document:
    """Write a document of a unit that no dossier cites."""
    stored = StoredFile(
        sha256=submission.id.hex * 2, size_bytes=10, media_type="application/pdf", touched_at=START
    )
    document = Document(
        period_id=submission.period_id,
        unit_id=submission.unit_id,
        file_name="van-ban.pdf",
        media_type=stored.media_type,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        uploaded_by=new_id(),
        uploaded_by_name="x",
        uploaded_at=START,
    )
    session.add(stored)
    await session.flush()
    session.add(document)
    await session.flush()
    return document


async def test_an_accepted_appeal_moves_a_rank_in_the_next_version(
    session: AsyncSession, as_user: LogIn, client: CheckedClient, clock: Clock
) -> None:
    scope, first = await announced(session, as_user)
    leader, reviewer, chairman = [await as_user(name) for name in (LEADER, REVIEWER, CHAIRMAN)]
    lodged = await lodge(leader, first, indicator="3.1")
    assert lodged.status_code == 201, lodged.text
    appeal = lodged.json()
    assert (appeal["state"], appeal["indicator_code"], appeal["result_number"]) == ("lodged", "3.1", 1)
    (seen,) = (await reviewer.get(APPEALS, params={"state": "lodged"})).json()["items"]
    assert [one["reason_code"] for one in seen["allowed_actions"]] == [None, "not_your_role"]
    given = FULL | {"indicator": "3.1", "points": "10"}
    decided = await act(reviewer, appeal, "decide", ACCEPTED | {"adjustment": given})
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.json()["decided_by_name"]) == ("accepted", REVIEWER)
    adjustment = await session.get_one(Adjustment, UUID(decided.json()["adjustment_id"]))
    assert (adjustment.indicator_code, adjustment.value) == ("3.1", {"points": "10"})
    # Nothing of what was announced has changed, and the next version will.
    lines = (await leader.get(f"{scene.RESULTS}/{first}")).json()["lines"]
    assert (await scene.preview(reviewer, scope)).json()["would_change"] is True
    clock.now = datetime(2023, 12, 20, 17, tzinfo=UTC)
    outdated = await scene.publish(chairman, first)
    assert outdated.json()["reason_code"] == "changed_since"
    second = (await scene.finalize(reviewer, scope, "theo kết quả phúc tra")).json()["id"]
    assert (await scene.publish(chairman, second)).status_code == 200
    after = (await client.get(f"{scene.PUBLIC}/{second}")).json()["ranked"]
    mine = [[line["rank"] for line in some if line["unit_key"] == "xa-31999"] for some in (lines, after)]
    assert mine == [[17], [16]]


@pytest.mark.parametrize(
    ("seconds", "status", "why"), [(-1, 201, None), (0, 409, "appeals_over"), (1, 409, "appeals_over")]
)
@pytest.mark.parametrize(
    ("announced_at", "last_day"),
    [("2024-02-06T03:00", "2024-02-20"), ("2024-01-18T03:00", "2024-01-25")],
    ids=["over Tết", "over a weekend"],
)
async def test_the_window_ends_with_its_last_working_day(
    session: AsyncSession,
    as_user: LogIn,
    clock: Clock,
    seconds: int,
    status: int,
    why: str | None,
    announced_at: str,
    last_day: str,
) -> None:
    clock.now = datetime.fromisoformat(f"{announced_at}+00:00")
    _, result_id = await announced(session, as_user, None, policy="default", submit_until=date(2023, 12, 31))
    end = datetime.fromisoformat(f"{last_day}T17:00+00:00")
    clock.now = end + timedelta(seconds=seconds)
    leader = await as_user(LEADER)
    seen = (await leader.get(f"{scene.RESULTS}/{result_id}")).json()["allowed_actions"][-1]
    assert (seen["action"], seen["reason_code"]) == ("lodge_appeal", why)
    answer = await lodge(leader, result_id)
    assert answer.status_code == status, answer.text
    assert why is None or answer.json()["reason_code"] == why


async def test_nothing_is_published_while_an_appeal_is_undecided(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    scope, first = await announced(session, as_user)
    leader, reviewer, chairman = [await as_user(name) for name in (LEADER, REVIEWER, CHAIRMAN)]
    one, other = [(await lodge(leader, first, indicator=code)).json() for code in ("1.1", "1.2")]
    clock.now = datetime(2023, 12, 20, 17, tzinfo=UTC)
    refused = await scene.publish(chairman, first)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "appeals_undecided")
    assert len((await scene.preview(reviewer, scope)).json()["open_appeals"]) == 2
    assert (await act(reviewer, one, "decide", REFUSED)).json()["decision_reason"] == REFUSED["reason"]
    assert (await act(leader, other, "withdraw")).json()["state"] == "withdrawn"
    assert (await scene.publish(chairman, first)).status_code == 200


async def test_only_what_the_units_were_told_of_and_still_holds_is_contested(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    reviewer, chairman, leader = [await as_user(name) for name in (REVIEWER, CHAIRMAN, LEADER)]
    first = (await scene.finalize(reviewer, scope)).json()["id"]
    assert (await lodge(leader, first)).status_code == 404
    await scene.publish(chairman, first)
    assert (await lodge(leader, first)).json()["reason_code"] == "no_appeals"
    await scene.withdraw(chairman, first)
    assert (await lodge(leader, first)).json()["reason_code"] == "wrong_state"
    second = (await scene.finalize(reviewer, scope, "công bố lại cho đúng")).json()["id"]
    told = await scene.publish(chairman, second, appeals_until="2023-12-20")
    assert told.json()["appeals_due_at"] == "2023-12-20T17:00:00Z"
    assert (await lodge(leader, second)).status_code == 201


async def test_an_appeal_is_checked(session: AsyncSession, as_user: LogIn) -> None:
    scope, result_id = await announced(session, as_user)
    leader = await as_user(LEADER)
    dossiers = await scene.dossiers(session, scope)
    mine, theirs = [await kept(session, dossiers[key]) for key in ("xa-31999", "xa-32005")]
    wrong = await lodge(leader, result_id, indicator="99.9", evidence=[str(mine.id), str(theirs.id)])
    assert [(one["pointer"], one["code"]) for one in wrong.json()["errors"]] == [
        ("/indicator", "unknown_indicator"),
        ("/evidence/1", "unknown_document"),
    ]
    foreign = await lodge(leader, result_id, unit_id=str(dossiers["xa-32005"].unit_id))
    assert (foreign.status_code, foreign.json()["errors"][0]["code"]) == (422, "unknown_unit")
    first = await lodge(leader, result_id, evidence=[str(mine.id)])
    assert (first.status_code, first.json()["evidence"]) == (201, [str(mine.id)])
    again = await lodge(leader, result_id)
    assert (again.status_code, again.json()["reason_code"]) == (409, "appealed_already")
    await act(leader, first.json(), "withdraw")
    assert (await lodge(leader, result_id)).status_code == 201


@pytest.mark.parametrize("ends", ["lodged", "decided", "withdrawn"])
async def test_what_an_appeal_names_is_fixed_unless_it_is_taken_back(
    session: AsyncSession, as_user: LogIn, ends: str
) -> None:
    scope, result_id = await announced(session, as_user)
    mine = await kept(session, (await scene.dossiers(session, scope))["xa-31999"])
    leader, reporter = await as_user(LEADER), await as_user("xa-31999.reporter")
    appeal = (await lodge(leader, result_id, evidence=[str(mine.id)])).json()
    if ends == "decided":
        assert (await act(await as_user(REVIEWER), appeal, "decide", REFUSED)).status_code == 200
    if ends == "withdrawn":
        assert (await act(leader, appeal, "withdraw")).status_code == 200
    answer = await reporter.patch(
        f"/api/v1/evidence/{mine.id}", json={"title": "Văn bản mới"}, headers={"If-Match": '"1"'}
    )
    if ends == "withdrawn":
        assert answer.status_code == 200, answer.text
        return
    assert (answer.status_code, answer.json()["code"]) == (409, "document_in_use")
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/appeals/1.1", "appealed")
    ]


async def test_the_documents_of_an_appeal_have_a_limit_together(
    session: AsyncSession, as_user: LogIn, app: FastAPI
) -> None:
    scope, result_id = await announced(session, as_user)
    mine = await kept(session, (await scene.dossiers(session, scope))["xa-31999"])
    settings = app.state.settings
    for limit, status in ((mine.size_bytes - 1, 422), (mine.size_bytes, 201)):
        app.state.settings = settings.model_copy(update={"max_indicator_bytes": limit})
        answer = await lodge(await as_user(LEADER), result_id, evidence=[str(mine.id)])
        assert answer.status_code == status
        if status == 422:
            assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
                ("/evidence", "documents_too_large")
            ]


async def test_who_leads_two_units_says_for_which_he_appeals(session: AsyncSession, as_user: LogIn) -> None:
    scope, result_id = await announced(session, as_user)
    both = [(await scene.dossiers(session, scope))[key].unit_id for key in ("xa-31999", "xa-32005")]
    user_id = (await session.scalars(select(User.id).where(User.username == LEADER))).one()
    session.add(RoleGrant(user_id=user_id, role=Role.UNIT_LEADER, unit_id=both[1], granted_at=START))
    await session.flush()
    leader = await as_user(LEADER)
    assert (await lodge(leader, result_id)).json()["errors"][0]["pointer"] == "/unit_id"
    for unit_id in both:
        lodged = await lodge(leader, result_id, unit_id=str(unit_id))
        assert lodged.json()["unit_id"] == str(unit_id)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (ACCEPTED | {"adjustment": None}, "/adjustment"),
        (REFUSED | {"adjustment": FULL}, "/adjustment"),
        (ACCEPTED | {"adjustment": FULL | {"indicator": "1.2"}}, "/adjustment/indicator"),
        (ACCEPTED | {"adjustment": FULL | {"points": "999"}}, "/adjustment/points"),
        (REFUSED | {"reason": ""}, "/reason"),
    ],
)
async def test_a_decision_is_checked(
    session: AsyncSession, as_user: LogIn, body: dict[str, Any], pointer: str
) -> None:
    _, result_id = await announced(session, as_user)
    appeal = (await lodge(await as_user(LEADER), result_id)).json()
    refused = await act(await as_user(REVIEWER), appeal, "decide", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await session.scalar(select(Appeal.state)) == "lodged"


async def test_nobody_decides_an_appeal_of_his_own_unit(session: AsyncSession, as_user: LogIn) -> None:
    _, result_id = await announced(session, as_user)
    appeal = (await lodge(await as_user(LEADER), result_id)).json()
    home = (await session.scalars(select(Unit.id).where(Unit.key == "xa-31999"))).one()
    await session.execute(update(User).where(User.username == REVIEWER).values(unit_id=home))
    reviewer = await as_user(REVIEWER)
    refused = await act(reviewer, appeal, "decide", REFUSED)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "own_unit")
    shown = (await reviewer.get(f"{APPEALS}/{appeal['id']}")).json()
    assert shown["allowed_actions"][0]["reason_code"] == "own_unit"


@pytest.mark.parametrize(
    ("caller", "reads", "decides", "withdraws"),
    [
        (LEADER, 200, 403, 200),
        ("xa-31999.reporter", 200, 403, 403),
        (REVIEWER, 200, 200, 403),
        ("reviewer", 200, 409, 403),
        ("auditor", 200, 403, 403),
        (CHAIRMAN, 200, 403, 403),
        ("xa-32005.leader", 404, 403, 404),
        ("huyen-966.reviewer", 404, 404, 403),
        ("so-tttt.agency", 404, 403, 403),
    ],
)
async def test_a_unit_sees_its_own_appeals_and_those_above_see_all(
    session: AsyncSession, as_user: LogIn, caller: str, reads: int, decides: int, withdraws: int
) -> None:
    _, result_id = await announced(session, as_user)
    appeal = (await lodge(await as_user(LEADER), result_id)).json()
    who = await as_user(caller)
    assert (await who.get(f"{APPEALS}/{appeal['id']}")).status_code == reads
    listed = await who.get(f"{scene.RESULTS}/{result_id}/appeals")
    if listed.status_code == 200:  # the result was announced to the other communes too
        assert len(listed.json()) == (1 if reads == 200 else 0)
    queue = (await who.get(APPEALS)).json()["total"]
    assert queue == (1 if caller in (LEADER, "xa-31999.reporter", REVIEWER) else 0)
    assert (await act(who, appeal, "decide", REFUSED)).status_code == decides
    if decides != 200:
        assert (await act(who, appeal, "withdraw")).status_code == withdraws


async def test_every_turn_is_recorded_and_told(session: AsyncSession, as_user: LogIn) -> None:
    _, result_id = await announced(session, as_user)
    leader, reviewer = await as_user(LEADER), await as_user(REVIEWER)
    one, other = [(await lodge(leader, result_id, indicator=code)).json() for code in ("1.1", "1.2")]
    await act(reviewer, one, "decide", ACCEPTED)
    await act(leader, other, "withdraw")
    query = (
        select(AuditEvent.action, AuditEvent.object_id)
        .join(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
        .where(AuditEvent.object_type == "appeal")
        .order_by(AuditEvent.id)
    )
    told = [(action, str(of)) for action, of in (await session.execute(query)).all()]
    assert told == [
        ("appeal.lodge", one["id"]),
        ("appeal.lodge", other["id"]),
        ("appeal.decide", one["id"]),
        ("appeal.withdraw", other["id"]),
    ]
    late = await act(reviewer, one | {"version": 2}, "decide", REFUSED)
    assert (late.status_code, late.json()["reason_code"]) == (409, "wrong_state")
    assert (await act(reviewer, one, "decide", REFUSED)).status_code == 412


async def test_a_dossier_taken_up_again_is_decided_in_its_review(
    session: AsyncSession, as_user: LogIn
) -> None:
    _, result_id = await announced(session, as_user)
    appeal = (await lodge(await as_user(LEADER), result_id)).json()
    again = update(Submission).where(Submission.id == UUID(appeal["submission_id"]))
    await session.execute(again.values(state=ReviewState.UNDER_REVIEW))
    refused = await act(await as_user(REVIEWER), appeal, "decide", ACCEPTED)
    assert (refused.status_code, refused.json()["code"]) == (409, "action_not_allowed")


async def test_deciding_and_withdrawing_at_once_does_one_of_both(own_app: FastAPI, clock: Clock) -> None:
    leader, reviewer, appeal = await racing(own_app, clock)
    answers = await asyncio.gather(act(reviewer, appeal, "decide", ACCEPTED), act(leader, appeal, "withdraw"))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    async with scene.own_session(own_app) as session, session.begin():
        state = (await session.scalars(select(Appeal.state))).one()
        decisions = await session.scalar(select(func.count()).select_from(Adjustment))
        turns = select(func.count()).where(AuditEvent.action.in_(("appeal.decide", "appeal.withdraw")))
        assert await session.scalar(turns) == 1
    assert (state, decisions) == (("accepted", 1) if answers[0].is_success else ("withdrawn", 0))
    for caller in (leader, reviewer):
        await caller.aclose()


async def test_the_same_appeal_sent_five_times_at_once_is_lodged_once(own_app: FastAPI, clock: Clock) -> None:
    leader, reviewer, first = await racing(own_app, clock)
    answers = await asyncio.gather(*(lodge(leader, first["result_id"], indicator="1.2") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    async with scene.own_session(own_app) as session, session.begin():
        assert await session.scalar(select(func.count()).select_from(Appeal)) == 2
    for caller in (leader, reviewer):
        await caller.aclose()


async def test_no_appeal_slips_past_a_publication(own_app: FastAPI, clock: Clock) -> None:
    leader, reviewer, appeal = await racing(own_app, clock)
    assert (await act(reviewer, appeal, "decide", REFUSED)).status_code == 200
    async with scene.own_session(own_app) as session, session.begin():
        await session.execute(update(Result).values(appeals_due_at=clock.now))
    chairman = await logged_in(own_app, clock, CHAIRMAN)
    published, lodged = await asyncio.gather(
        scene.publish(chairman, appeal["result_id"]), lodge(leader, appeal["result_id"])
    )
    assert (published.status_code, lodged.status_code) == (200, 409)
    for caller in (leader, reviewer, chairman):
        await caller.aclose()


async def racing(app: FastAPI, clock: Clock) -> tuple[CheckedClient, CheckedClient, dict[str, Any]]:
    """Give the leader of a unit, who has appealed against an announced result, and its reviewer; committed."""
    async with scene.own_session(app) as session, session.begin():
        scope = await scene.passed_scope(session)
    leader, reviewer = [await logged_in(app, clock, name) for name in (LEADER, REVIEWER)]
    result_id = (await scene.finalize(reviewer, scope)).json()["id"]
    async with await logged_in(app, clock, CHAIRMAN) as chairman:
        assert (await scene.announce(chairman, result_id, "2023-12-20")).status_code == 200
    return leader, reviewer, (await lodge(leader, result_id)).json()


async def test_a_department_appeals_to_the_province(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    reviewer = await as_user("reviewer")
    made = (await scene.finalize(reviewer, scope)).json()
    await scene.announce(await as_user("leader"), made["id"], "2023-12-20")
    lodged = await lodge(await as_user("so-noi-vu.leader"), made["id"])
    assert lodged.status_code == 201, lodged.text
    assert (await act(reviewer, lodged.json(), "decide", REFUSED)).status_code == 200
