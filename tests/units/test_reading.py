"""Units over HTTP: the tree of a day, search, order and paging."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.vietnamese import sort_key
from app.units.models import Unit
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn
from tests.scene import UNIT

URL = "/api/v1/units"
LAST_DAY, NEXT_DAY = "2025-06-30", "2025-07-01"  # Luật 72/2025/QH15: no district level from 1 July 2025


async def listed(caller: CheckedClient, **params: Any) -> dict[str, Any]:
    """Return one page of units."""
    response = await caller.get(URL, params={"page_size": 200, **params})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_search_ignores_accents_and_case(as_user: LogIn) -> None:
    caller = await as_user("dashboard")
    found = await listed(caller, search="dam  DOI", kind="district", on="2023-12-01")
    assert [unit["name"] for unit in found["items"]] == ["Huyện Đầm Dơi"]
    with_accents = await listed(caller, search="Đầm Dơi", kind="district", on="2023-12-01")
    assert with_accents == found


@pytest.mark.parametrize("search", ["%", "_", "\\", "' or 1=1 --"])
async def test_signs_of_the_database_search_for_themselves(as_user: LogIn, search: str) -> None:
    assert (await listed(await as_user("dashboard"), search=search))["total"] == 0


async def test_units_come_in_vietnamese_order(as_user: LogIn) -> None:
    names = [
        u["name"] for u in (await listed(await as_user("dashboard"), kind="district", on=LAST_DAY))["items"]
    ]
    assert len(names) == 9
    assert names == sorted(names, key=sort_key)
    assert names.index("Huyện Cái Nước") < names.index("Huyện Đầm Dơi") < names.index("Huyện Năm Căn")


async def test_districts_are_gone_on_the_day_after_their_last(as_user: LogIn) -> None:
    caller = await as_user("dashboard")
    assert (await listed(caller, kind="district", on=LAST_DAY))["total"] == 9
    assert (await listed(caller, kind="district", on=NEXT_DAY))["total"] == 0
    assert (await listed(caller, kind="department", on=NEXT_DAY))["total"] == 19


async def test_today_is_the_day_in_vietnam(as_user: LogIn, clock: Clock) -> None:
    clock.now = datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC)
    caller = await as_user("dashboard")
    assert (await listed(caller, kind="district"))["total"] == 9
    clock.advance(seconds=1)
    assert (await listed(caller, kind="district"))["total"] == 0


async def test_a_commune_is_read_with_its_parent_and_its_codes(as_user: LogIn, session: AsyncSession) -> None:
    caller = await as_user("dashboard")
    unit_id = await session.scalar(select(Unit.id).where(Unit.key == UNIT))
    read = (await caller.get(f"{URL}/{unit_id}", params={"on": LAST_DAY})).json()
    parent = (await caller.get(f"{URL}/{read['parent_id']}", params={"on": LAST_DAY})).json()
    assert (read["name"], read["identifiers"]) == ("Phường 9", {"gso": "31999"})
    assert parent["name"] == "Thành phố Cà Mau"
    siblings = await listed(caller, parent_id=parent["id"], on=LAST_DAY)
    assert unit_id in {UUID(one["id"]) for one in siblings["items"]}


async def test_a_unit_is_not_found_on_a_day_on_which_it_did_not_exist(
    as_user: LogIn, session: AsyncSession
) -> None:
    caller = await as_user("dashboard")
    unit_id = await session.scalar(select(Unit.id).where(Unit.key == UNIT))
    for day in ("2020-12-31", NEXT_DAY):
        response = await caller.get(f"{URL}/{unit_id}", params={"on": day})
        assert (response.status_code, response.json()["code"]) == (404, "unit_not_found")


async def test_an_unknown_unit_is_not_found(as_user: LogIn) -> None:
    response = await (await as_user("dashboard")).get(f"{URL}/{UUID(int=1)}")
    assert (response.status_code, response.json()["code"]) == (404, "unit_not_found")


async def test_pages_follow_each_other_without_gap_or_overlap(as_user: LogIn) -> None:
    caller = await as_user("dashboard")
    whole = await listed(caller, kind="commune", on=LAST_DAY)
    pages = [await listed(caller, kind="commune", on=LAST_DAY, page_size=30, page=n) for n in range(1, 6)]
    assert [len(page["items"]) for page in pages] == [30, 30, 30, whole["total"] - 90, 0]
    assert [one["id"] for page in pages for one in page["items"]] == [one["id"] for one in whole["items"]]
    assert {page["pages"] for page in pages} == {4}


@pytest.mark.parametrize(
    "params",
    [
        {"page": 0},
        {"page": -1},
        {"page": 100_001},
        {"page": "1e3"},
        {"page": 10**30},
        {"page_size": 0},
        {"page_size": 201},
        {"on": "2023-02-30"},
        {"on": "hôm nay"},
        {"kind": "village"},
        {"parent_id": "1"},
        {"search": "x" * 101},
    ],
)
async def test_a_parameter_out_of_bounds_is_named(as_user: LogIn, params: dict[str, Any]) -> None:
    response = await (await as_user("dashboard")).get(URL, params=params)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["pointer"] == f"query/{next(iter(params))}"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_ends_of_time_are_days_too(as_user: LogIn, day: str) -> None:
    assert (await listed(await as_user("dashboard"), kind="commune", on=day))["total"] == 0


async def test_units_are_not_shown_without_log_in(client: CheckedClient) -> None:
    response = await client.get(URL)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Bearer"
