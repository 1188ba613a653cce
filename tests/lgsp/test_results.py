"""Published results as one flat feed."""

import csv
import io
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.models import IndexSetRow
from app.periods.models import Period
from app.results.models import Result, ResultLine, ResultState
from app.submissions.models import RankingScope, Submission
from app.units.models import UnitKind
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.figures.year import as_service, opened_year

URL = "/api/v1/feeds/results"
LINES: list[dict[str, Any]] = [
    {"rank": 2, "total": "1235/3", "maximum": "530", "dti": "24700/318", "unit_name": "=1+1"},
    {"rank": 1, "total": "500", "maximum": "520.5", "dti": "100000/1041", "unit_name": "Thành phố Cà Mau"},
    {
        "rank": None,
        "total": "0",
        "maximum": "0",
        "dti": None,
        "unit_name": "Huyện U Minh",
        "is_ranked": False,
    },
]


async def store(session: AsyncSession, period_id: str, state: ResultState, number: int, at: datetime) -> None:
    """Store a version of the districts' result with the lines above."""
    period = await session.get_one(Period, UUID(period_id))
    query = select(RankingScope).where(RankingScope.unit_kind == UnitKind.DISTRICT)
    scope = (await session.scalars(query)).one()
    row = await session.scalar(select(IndexSetRow).where(IndexSetRow.key == "camau-2023-huyen"))
    assert row is not None
    result = Result(
        scope_id=scope.id,
        period_id=period.id,
        number=number,
        year=2023,
        unit_kind=UnitKind.DISTRICT,
        scope_name=scope.name,
        overseen_by=[scope.finalized_by_id],
        index_set_id=row.id,
        index_set_sha256=row.sha256,
        policy_id=period.policy_id,
        policy_sha256="0" * 64,
        engine_version="1",
        peers={},
        units=len(LINES),
        sha256=f"{number:064}",
        finalized_at=at,
        finalized_by=UUID(int=1),
        finalized_by_name="reviewer",
        notes=[],
        state=state,
        decision_number="15/QĐ-UBND",
        decision_date=date(2024, 1, 20),
    )
    session.add(result)
    await session.flush()
    mine = select(Submission.unit_id).where(Submission.scope_id == scope.id).order_by(Submission.unit_id)
    units = list(await session.scalars(mine))
    for i, line in enumerate(LINES):
        given = {"is_ranked": True, "gso_code": f"96{i}", "unit_key": f"huyen-{i}", "document": "{}"}
        session.add(
            ResultLine(result_id=result.id, unit_id=units[i], band=None, sha256="0" * 64, **(given | line))
        )
    await session.flush()


@pytest.fixture
async def period_id(as_user: LogIn, session: AsyncSession, clock: Clock) -> str:
    """Give a year whose districts have a result in every state; the published one is the second."""
    opened = await opened_year(as_user)
    others = [state for state in ResultState if state is not ResultState.PUBLISHED]
    for number, state in enumerate([others[0], ResultState.PUBLISHED, *others[1:]], 1):
        await store(session, opened, state, number, clock.now)
    return opened


async def test_the_feed_holds_what_is_published_in_the_order_of_the_ranking(
    as_user: LogIn, period_id: str
) -> None:
    answer = await (await as_user("dashboard")).get(URL, params={"period_id": period_id})
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json()
    assert first == {
        "year": 2023,
        "unit_kind": "district",
        "scope": "UBND tỉnh Cà Mau",
        "unit_key": "huyen-1",
        "gso_code": "961",
        "unit_name": "Thành phố Cà Mau",
        "is_ranked": True,
        "rank": 1,
        "total": "500.00",
        "maximum": "520.50",
        "dti": "96.06",
        "band": None,
        "decision_number": "15/QĐ-UBND",
        "decision_date": "2024-01-20",
        "result_version": 2,
        "sha256": f"{2:064}",
    }
    assert (second["rank"], second["total"], second["dti"]) == (2, "411.67", "77.67")
    assert (third["rank"], third["is_ranked"], third["dti"]) == (None, False, None)


async def test_the_feed_as_csv_holds_the_same_rows_and_no_formula(as_user: LogIn, period_id: str) -> None:
    dashboard = await as_user("dashboard")
    rows = (await dashboard.get(URL, params={"period_id": period_id})).json()
    answer = await dashboard.get(URL, params={"period_id": period_id, "format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["unit_name"] for row in read] == ["Thành phố Cà Mau", "'=1+1", "Huyện U Minh"]
    for mine, theirs in zip(read, rows, strict=True):
        assert list(mine) == list(theirs)
        assert mine["total"] == theirs["total"]
        assert mine["rank"] == ("" if theirs["rank"] is None else str(theirs["rank"]))


async def test_a_year_without_published_results_has_an_empty_feed(
    as_user: LogIn, session: AsyncSession, clock: Clock
) -> None:
    opened = await opened_year(as_user)
    await store(session, opened, ResultState.PROVISIONAL, 1, clock.now)
    dashboard = await as_user("dashboard")
    assert (await dashboard.get(URL, params={"period_id": opened})).json() == []
    sheet = await dashboard.get(URL, params={"period_id": opened, "format": "csv"})
    assert sheet.content.count(b"\r\n") == 1


async def test_the_service_of_a_department_pulls_no_result_of_districts(
    app: FastAPI, client: CheckedClient, period_id: str
) -> None:
    async with await as_service(app, client) as service:
        answer = await service.get(URL, params={"period_id": period_id})
    assert (answer.status_code, answer.json()) == (200, [])


async def test_who_has_no_feed_permission_reads_no_results_feed(as_user: LogIn, period_id: str) -> None:
    answer = await (await as_user("xa-31999.reporter")).get(URL, params={"period_id": period_id})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_an_unknown_format_or_period_is_refused(as_user: LogIn, period_id: str) -> None:
    dashboard = await as_user("dashboard")
    wrong = await dashboard.get(URL, params={"period_id": period_id, "format": "xml"})
    assert wrong.json()["errors"][0]["pointer"] == "query/format"
    unknown = {"period_id": "00000000-0000-7000-8000-000000000000"}
    assert (await dashboard.get(URL, params=unknown)).json()["code"] == "period_not_found"
