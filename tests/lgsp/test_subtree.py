"""A service account reads for its unit and all below it, as the tree stood: nothing of others, in any feed."""

import csv
import io
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.results.models import ResultLine, ResultState
from app.submissions.models import Submission
from tests.accounts.programs import Program, service_in, units
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.figures.year import as_service, commune, opened_year
from tests.lgsp.test_results import store

__all__ = ["units"]
PROGRESS, RESULTS, FIGURES = "/api/v1/feeds/progress", "/api/v1/feeds/results", "/api/v1/official-figures"


@pytest.fixture
async def period_id(as_user: LogIn) -> str:
    """Give the id of an open year."""
    return await opened_year(as_user)


async def reader(app: FastAPI, as_user: LogIn, units: dict[str, str], unit: str) -> CheckedClient:
    """Return a client of a new service account of a unit."""
    body = service_in(units, unit, scopes=["feed:read", "figure:read"])
    program = await Program.made(app, await as_user("admin"), body)
    return program.caller(token=await program.token())


READ = {
    "tinh-ca-mau": {"commune": 101, "department": 19, "district": 9},
    "huyen-964": {"commune": 17, "district": 1},
    "xa-31999": {"commune": 1},
    "so-tttt": {"department": 1},
    "cong-an-tinh": {},
}


@pytest.mark.parametrize("unit", READ)
async def test_progress_counts_the_dossiers_of_the_unit_and_all_below_it(
    app: FastAPI, as_user: LogIn, units: dict[str, str], period_id: str, unit: str
) -> None:
    caller = await reader(app, as_user, units, unit)
    shown = (await caller.get(PROGRESS, params={"period_id": period_id})).json()
    assert {row["unit_kind"]: row["total"] for row in shown["kinds"]} == READ[unit]
    assert shown["whole"]["total"] == sum(row["total"] for row in shown["reviewers"])
    if unit == "huyen-964":
        keys = {(row["unit_kind"], row["reviewer_key"]) for row in shown["reviewers"]}
        assert keys == {("commune", "huyen-964"), ("district", "tinh-ca-mau")}


async def test_results_are_of_the_unit_and_those_below_it(
    app: FastAPI, as_user: LogIn, units: dict[str, str], period_id: str, session: AsyncSession, clock: Clock
) -> None:
    await store(session, period_id, ResultState.PUBLISHED, 1, clock.now)
    listed = list(await session.scalars(select(ResultLine.unit_id)))
    inside = next(key for key, unit_id in units.items() if unit_id == str(listed[0]))
    outside = next(key for key in units if key.startswith("huyen-") and UUID(units[key]) not in listed)
    for unit, count in (("tinh-ca-mau", 3), (inside, 1), (outside, 0), ("xa-31999", 0)):
        caller = await reader(app, as_user, units, unit)
        rows = (await caller.get(RESULTS, params={"period_id": period_id})).json()
        assert len(rows) == count, unit
        sheet = await caller.get(RESULTS, params={"period_id": period_id, "format": "csv"})
        read = csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline=""))
        assert [row["unit_key"] for row in read] == [row["unit_key"] for row in rows]


async def test_the_tree_is_the_one_of_the_year(
    app: FastAPI, as_user: LogIn, units: dict[str, str], period_id: str, session: AsyncSession
) -> None:
    """A dossier whose unit stood elsewhere at the year's end is read there."""
    caller = await reader(app, as_user, units, "huyen-964")
    moved = update(Submission).where(Submission.unit_id == UUID(units["xa-31999"]))
    path = [UUID(units[key]) for key in ("xa-31999", "huyen-966", "tinh-ca-mau")]
    await session.execute(moved.values(path=path))
    shown = (await caller.get(PROGRESS, params={"period_id": period_id})).json()
    assert shown["whole"]["total"] == 17


async def test_people_of_the_province_read_all_of_it(
    as_user: LogIn, period_id: str, session: AsyncSession
) -> None:
    everything = await session.scalar(select(func.count()).select_from(Submission))
    for who in ("admin", "reviewer", "leader", "auditor", "dashboard"):
        shown = (await (await as_user(who)).get(PROGRESS, params={"period_id": period_id})).json()
        assert shown["whole"]["total"] == everything, who


async def test_figures_are_read_for_the_unit_those_below_it_and_as_far_as_it_verifies(
    app: FastAPI, client: CheckedClient, as_user: LogIn, units: dict[str, str], period_id: str
) -> None:
    agency = await as_service(app, client)
    given = await agency.post(
        FIGURES, json={"period_id": period_id, "figures": [commune(), commune("32002")]}
    )
    assert given.status_code == 200, given.text
    wanted = {
        "tinh-ca-mau": 2,
        "huyen-964": 2,
        "xa-31999": 1,
        "huyen-966": 0,
        "so-tttt": 2,
        "cong-an-tinh": 0,
    }
    for unit, count in wanted.items():
        caller = await reader(app, as_user, units, unit)
        shown = (await caller.get(FIGURES, params={"period_id": period_id})).json()
        assert (shown["total"], len(shown["items"])) == (count, count), unit
    outside = await reader(app, as_user, units, "huyen-967")
    asked = {"period_id": period_id, "unit_id": units["xa-31999"]}
    assert (await outside.get(FIGURES, params=asked)).json()["items"] == []


async def test_a_service_gives_figures_for_its_own_agency_alone(
    app: FastAPI, as_user: LogIn, units: dict[str, str], period_id: str
) -> None:
    """Not even the province's service gives what another agency is named for."""
    for unit in ("tinh-ca-mau", "huyen-964", "xa-31999"):
        program = await Program.made(app, await as_user("admin"), service_in(units, unit))
        caller = program.caller(token=await program.token())
        answer = await caller.post(FIGURES, json={"period_id": period_id, "figures": [commune()]})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), unit
