"""One call tells dashboards how far a year is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.submissions.models import ReviewState, Submission
from app.units.models import Unit, UnitKind
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.figures.year import as_service, opened_year, prepared_year
from tests.scene import SETS

URL = "/api/v1/feeds/progress"
NO_STATES = dict.fromkeys(ReviewState, 0)


@pytest.fixture
async def period_id(as_user: LogIn) -> str:
    """Give the id of an open year."""
    return await opened_year(as_user)


async def put(session: AsyncSession, state: ReviewState, *keys: str) -> None:
    """Bring dossiers to a state, however they came there."""
    ids = select(Unit.id).where(Unit.key.in_(keys))
    await session.execute(update(Submission).where(Submission.unit_id.in_(ids)).values(state=state))


async def test_a_year_just_opened_has_every_dossier_in_draft(as_user: LogIn, period_id: str) -> None:
    answer = await (await as_user("dashboard")).get(URL, params={"period_id": period_id})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["year"] == 2023
    assert shown["whole"] == {
        "total": 129,
        "states": NO_STATES | {"draft": 129},
        "late": 0,
        "handed_in_percent": "0.00",
        "passed_percent": "0.00",
    }
    assert {row["unit_kind"]: row["total"] for row in shown["kinds"]} == {
        "commune": 101,
        "department": 19,
        "district": 9,
    }
    reviewers = {(row["unit_kind"], row["reviewer_key"]): row["total"] for row in shown["reviewers"]}
    assert reviewers["department", "tinh-ca-mau"] == 19
    assert sum(count for (kind, _), count in reviewers.items() if kind == "commune") == 101
    assert len(reviewers) == 2 + 9


async def test_dossiers_are_counted_by_state_for_their_kind_and_their_reviewer(
    as_user: LogIn, period_id: str, session: AsyncSession
) -> None:
    await put(session, ReviewState.SUBMITTED, "xa-31999", "xa-32002", "huyen-966")
    await put(session, ReviewState.PASSED, "huyen-964")
    shown = (await (await as_user("reviewer")).get(URL, params={"period_id": period_id})).json()
    kinds = {row["unit_kind"]: row for row in shown["kinds"]}
    assert kinds["district"]["states"] == NO_STATES | {"draft": 7, "submitted": 1, "passed": 1}
    assert (kinds["district"]["handed_in_percent"], kinds["district"]["passed_percent"]) == ("22.22", "11.11")
    assert kinds["commune"]["states"] == NO_STATES | {"draft": 99, "submitted": 2}
    city = next(row for row in shown["reviewers"] if row["reviewer_key"] == "huyen-964")
    assert (city["reviewer_name"], city["states"]["submitted"]) == ("Thành phố Cà Mau", 2)
    assert shown["whole"]["states"] == NO_STATES | {"draft": 125, "submitted": 3, "passed": 1}


@pytest.mark.parametrize(("seconds", "late"), [(-1, 0), (0, 127), (1, 127)])
async def test_who_still_holds_his_dossier_at_the_deadline_is_late(
    as_user: LogIn, period_id: str, session: AsyncSession, clock: Clock, seconds: int, late: int
) -> None:
    await put(session, ReviewState.SUBMITTED, "xa-31999", "xa-32002")
    await put(session, ReviewState.RETURNED, "huyen-964")
    # Sent on Friday 15/12/2023, so 15 days end on Saturday 30/12, then New Year: the end of Tuesday 2/1 (ruling 15).
    clock.now = datetime(2024, 1, 2, 17, 0, tzinfo=UTC) + timedelta(seconds=seconds)
    shown = (await (await as_user("dashboard")).get(URL, params={"period_id": period_id})).json()
    assert shown["whole"]["late"] == late
    assert sum(row["late"] for row in shown["reviewers"]) == late


async def test_a_returned_dossier_is_late_by_its_own_due_date(
    as_user: LogIn, period_id: str, session: AsyncSession, clock: Clock
) -> None:
    await put(session, ReviewState.RETURNED, "huyen-964")
    ids = select(Unit.id).where(Unit.key == "huyen-964")
    due = clock.now + timedelta(days=40)
    await session.execute(update(Submission).where(Submission.unit_id.in_(ids)).values(entry_due_at=due))
    clock.now = due - timedelta(seconds=1)
    shown = (await (await as_user("dashboard")).get(URL, params={"period_id": period_id})).json()
    late = {row["unit_kind"]: row["late"] for row in shown["kinds"]}
    assert late[UnitKind.DISTRICT] == 8


async def test_a_year_that_is_not_open_has_nothing_to_count(as_user: LogIn, clock: Clock) -> None:
    admin = await as_user("admin")
    draft = await prepared_year(admin)
    shown = (await admin.get(URL, params={"period_id": draft})).json()
    assert (shown["whole"]["total"], shown["whole"]["passed_percent"]) == (0, "0.00")
    assert (shown["kinds"], shown["reviewers"]) == ([], [])


async def test_more_units_and_reviewers_need_no_more_queries(
    as_user: LogIn, connection: AsyncConnection
) -> None:
    admin, counts = await as_user("admin"), []
    statements: list[str] = []

    def note(*executed: Any) -> None:
        statements.append(executed[2])

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    for year, sets in ((2023, {"district": "camau-2023-huyen"}), (2024, SETS)):
        period_id = await opened_year(as_user, year=year, guidance_on=f"{year}-12-15", sets=sets)
        statements.clear()
        assert (await admin.get(URL, params={"period_id": period_id})).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_service_with_the_scope_reads_the_feed(
    app: FastAPI, client: CheckedClient, period_id: str
) -> None:
    async with await as_service(app, client) as service:
        assert (await service.get(URL, params={"period_id": period_id})).status_code == 200


@pytest.mark.parametrize("name", ["xa-31999.reporter", "huyen-964.reviewer", "so-tttt.agency"])
async def test_who_has_no_feed_permission_reads_no_feed(as_user: LogIn, period_id: str, name: str) -> None:
    answer = await (await as_user(name)).get(URL, params={"period_id": period_id})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_an_unknown_period_is_not_found(as_user: LogIn) -> None:
    unknown = {"period_id": "00000000-0000-7000-8000-000000000000"}
    answer = await (await as_user("dashboard")).get(URL, params=unknown)
    assert (answer.status_code, answer.json()["code"]) == (404, "period_not_found")
