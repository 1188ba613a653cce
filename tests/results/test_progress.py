"""How far a year is: who has not begun, who is late, who waits for whom; everybody sees his own part of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.accounts.models import User
from app.core.db import new_id
from app.results.progress import Turn, counted
from app.reviews.models import Clarification, ClarificationKind
from app.submissions.models import ReviewState, Submission
from app.units.models import Unit
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn
from tests.results import scene

S = ReviewState
DUE = datetime(2024, 1, 2, 17, tzinfo=UTC)  # sent on Friday 15/12/2023: the end of 2/1/2024 (ruling 15)
REVIEW_DUE = datetime(2024, 1, 23, 17, tzinfo=UTC)  # communes: 15 working days later


@pytest.fixture
async def period_id(session: AsyncSession) -> UUID:
    """Give the id of an open year."""
    return await scene.open_year(session)


async def put(session: AsyncSession, key: str, state: ReviewState, **values: Any) -> Submission:
    """Bring a unit's dossier to a state, however it came there."""
    where = Submission.unit_id.in_(select(Unit.id).where(Unit.key == key))
    await session.execute(update(Submission).where(where).values(state=state, revision_number=2, **values))
    fresh = select(Submission).where(where).execution_options(populate_existing=True)
    return (await session.scalars(fresh)).one()


async def read(caller: CheckedClient, period_id: UUID, **params: Any) -> dict[str, Any]:
    answer = await caller.get(f"/api/v1/periods/{period_id}/progress", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_year_just_opened_has_been_begun_by_nobody(as_user: LogIn, period_id: UUID) -> None:
    shown = await read(await as_user("reviewer"), period_id, names=5)
    assert (shown["whole"]["total"], shown["whole"]["not_begun"], shown["whole"]["late"]) == (129, 129, 0)
    assert shown["whole"]["states"] == dict.fromkeys(S, 0) | {"draft": 129}
    assert {one["unit_kind"]: one["total"] for one in shown["kinds"]} == {
        "commune": 101,
        "department": 19,
        "district": 9,
    }
    assert len(shown["reviewers"]) == 9 + 2
    assert (shown["not_begun"]["total"], len(shown["not_begun"]["first"])) == (129, 5)
    assert (shown["waits"], shown["late"]) == ({"total": 0, "first": []}, {"total": 0, "first": []})
    assert len(shown["scopes"]) == 11
    assert {one["result_state"] for one in shown["scopes"]} == {None}


async def test_it_says_who_waits_for_whom_and_since_when(
    session: AsyncSession, as_user: LogIn, period_id: UUID
) -> None:
    reviewer = (await session.scalars(select(User).where(User.username == "huyen-964.reviewer"))).one()
    days = [START + timedelta(days=n) for n in range(5)]
    await put(session, "xa-31999", S.SUBMITTED, submitted_at=days[3])
    await put(session, "xa-32005", S.RESUBMITTED, submitted_at=days[1])
    await put(session, "xa-32008", S.UNDER_REVIEW, claimed_by=reviewer.id, claimed_at=days[2])
    back = await put(session, "xa-32002", S.RETURNED)
    session.add(
        Clarification(
            submission_id=back.id,
            kind=ClarificationKind.RETURN,
            asked_for=back.reviewer_unit_id,
            reason="Thiếu tài liệu",
            items=[],
            due_at=DUE,
            asked_at=days[0],
            asked_by=reviewer.id,
            asked_by_name="x",
        )
    )
    await session.flush()
    shown = await read(await as_user("reviewer"), period_id)
    waits = [
        (one["waiting"]["name"], one["waits_for"]["name"], one["state"], datetime.fromisoformat(one["since"]))
        for one in shown["waits"]["first"]
    ]
    city = "Thành phố Cà Mau"
    assert waits == [
        (city, "Phường 4", "returned", days[0]),
        ("Phường 1", city, "resubmitted", days[1]),
        ("Phường 5", city, "under_review", days[2]),
        ("Phường 9", city, "submitted", days[3]),
    ]
    row = next(one for one in shown["reviewers"] if one["reviewer"]["name"] == city)
    assert (row["to_claim"], datetime.fromisoformat(row["oldest_to_claim"])) == (2, days[1])
    assert row["claimed"] == [{"user_id": str(reviewer.id), "name": reviewer.full_name, "dossiers": 1}]
    assert (row["not_begun"], row["states"]["returned"]) == (13, 1)
    assert shown["whole"]["claimed"] == row["claimed"]


@pytest.mark.parametrize(("seconds", "late"), [(-1, 0), (0, 2), (1, 2)])
async def test_who_holds_his_dossier_at_his_own_deadline_is_late(
    session: AsyncSession, as_user: LogIn, period_id: UUID, clock: Clock, seconds: int, late: int
) -> None:
    later = DUE + timedelta(days=3)
    await session.execute(update(Submission).values(state=S.PASSED, revision_number=2))
    await put(session, "xa-31999", S.DRAFT, entry_due_at=later)
    await put(session, "xa-32005", S.RETURNED, entry_due_at=later)
    await put(session, "xa-32008", S.SUBMITTED, submitted_at=START)
    clock.now = later + timedelta(seconds=seconds)
    shown = await read(await as_user("reviewer"), period_id)
    assert (shown["whole"]["late"], shown["late"]["total"], shown["whole"]["not_begun"]) == (late, late, 0)
    assert [one["unit_name"] for one in shown["late"]["first"]] == ["Phường 1", "Phường 9"][:late]


@pytest.mark.parametrize(("seconds", "overdue"), [(-1, 0), (0, 2), (1, 2)])
async def test_a_review_is_overdue_while_it_is_the_reviewers_turn(
    session: AsyncSession, as_user: LogIn, period_id: UUID, clock: Clock, seconds: int, overdue: int
) -> None:
    await put(session, "xa-31999", S.SUBMITTED, submitted_at=START)
    await put(session, "xa-32005", S.UNDER_REVIEW, claimed_at=START)
    await put(session, "xa-32008", S.RETURNED)
    await put(session, "xa-32002", S.PASSED)
    clock.now = REVIEW_DUE + timedelta(seconds=seconds)
    shown = await read(await as_user("reviewer"), period_id)
    communes = next(one for one in shown["kinds"] if one["unit_kind"] == "commune")
    assert datetime.fromisoformat(communes["review_due_at"]) == REVIEW_DUE
    assert communes["review_overdue"] == overdue


@pytest.mark.parametrize(
    ("caller", "total", "claimants"),
    [
        ("leader", 129, 1),
        ("auditor", 129, 1),
        ("huyen-964.reviewer", 1 + 17, 1),
        ("huyen-966.chairman", 1 + 8, 0),
        ("xa-31999.reporter", 1, 0),
        ("xa-32005.leader", 1, 0),
    ],
)
async def test_everybody_sees_the_progress_of_the_dossiers_he_may_see(
    session: AsyncSession, as_user: LogIn, period_id: UUID, caller: str, total: int, claimants: int
) -> None:
    reviewer = (await session.scalars(select(User.id).where(User.username == "huyen-964.reviewer"))).one()
    await put(session, "xa-31999", S.UNDER_REVIEW, claimed_by=reviewer, claimed_at=START)
    shown = await read(await as_user(caller), period_id)
    assert (shown["whole"]["total"], len(shown["whole"]["claimed"])) == (total, claimants)
    assert sum(one["units"] for one in shown["scopes"]) == total
    listed = shown["not_begun"]["total"] + shown["waits"]["total"]
    assert listed == total


async def test_a_verifying_agency_sees_the_dossiers_it_verifies_and_a_dashboard_none(
    as_user: LogIn, period_id: UUID
) -> None:
    agency = await as_user("cong-an-tinh.agency")
    mine = await agency.get("/api/v1/submissions", params={"period_id": str(period_id)})
    shown = await read(agency, period_id)
    assert shown["whole"]["total"] == mine.json()["total"]
    url = f"/api/v1/periods/{period_id}/progress"
    assert (await (await as_user("dashboard")).get(url)).status_code == 403
    unknown = await agency.get(f"/api/v1/periods/{new_id()}/progress")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "period_not_found")
    assert (await agency.get(url, params={"names": 10_001})).status_code == 422


async def test_a_scope_shows_the_newest_result_the_caller_may_know_of(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    reviewer, chairman, unit = [
        await as_user(name) for name in ("huyen-964.reviewer", "huyen-964.chairman", "xa-31999.reporter")
    ]

    async def shown_to(caller: CheckedClient) -> tuple[Any, Any]:
        scopes = (await read(caller, scope.period_id))["scopes"]
        (mine,) = [one for one in scopes if one["scope_id"] == str(scope.id)]
        return mine["result_state"], mine["passed"]

    made = (await scene.finalize(reviewer, scope)).json()
    assert (await shown_to(reviewer), await shown_to(unit)) == (("provisional", 17), (None, 1))
    await scene.announce(chairman, made["id"])
    assert await shown_to(unit) == ("announced", 1)
    await scene.withdraw(chairman, made["id"])
    assert await shown_to(unit) == ("withdrawn", 1)


async def test_more_units_need_no_more_queries(
    session: AsyncSession, as_user: LogIn, connection: AsyncConnection, period_id: UUID
) -> None:
    statements: list[str] = []
    event.listen(
        connection.sync_connection, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    counts = []
    for name in ("xa-31999.reporter", "reviewer"):
        caller = await as_user(name)
        statements.clear()
        await read(caller, period_id)
        counts.append(len(statements))
    assert counts[0] == counts[1]


# --- counting -----------------------------------------------------------------------------------------------

_instants = st.integers(-3, 3).map(lambda hours: START + timedelta(hours=hours))
_units = [new_id() for _ in range(3)]
turns = st.builds(
    Turn,
    unit_id=st.uuids(),
    unit_name=st.just("Xã"),
    kind=st.sampled_from(["commune", "district"]),
    reviewer_id=st.sampled_from(_units),
    scope_id=st.sampled_from(_units),
    state=st.sampled_from([state.value for state in S]),
    revision=st.integers(1, 2),
    due_at=_instants,
    submitted_at=_instants,
    claimed_by=st.sampled_from(_units),
    claimed_at=_instants,
    returned_at=_instants,
)


@given(st.lists(turns, max_size=20))
def test_every_dossier_is_counted_once_and_where_it_belongs(rows: list[Turn]) -> None:
    found = counted(rows, {"commune": START, "district": START + timedelta(hours=1)}, START)
    for (kind, reviewer), tally in found.groups.items():
        mine = [one for one in rows if (one.kind, one.reviewer_id) == (kind, reviewer)]
        assert tally.states == Counter(one.state for one in mine)
        waiting = [one.submitted_at for one in mine if one.state in ("submitted", "resubmitted")]
        assert tally.oldest == min(filter(None, waiting), default=None)
        assert tally.claimed == Counter(one.claimed_by for one in mine if one.state == "under_review")
    assert sum(tally.states.total() for tally in found.groups.values()) == len(rows)
    assert sum(scope.total() for scope in found.scopes.values()) == len(rows)
    assert found.not_begun == [one for one in rows if (one.state, one.revision) == ("draft", 1)]
    assert found.late == [one for one in rows if one.state in ("draft", "returned") and one.due_at <= START]
    assert [row for _, row in found.waits] == [one for one in rows if one.state not in ("draft", "passed")]
