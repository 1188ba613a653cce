"""Who sees which official figures."""

from typing import Any

import pytest

from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.figures.year import commune

URL = "/api/v1/official-figures"


@pytest.fixture
async def given(service: CheckedClient, as_user: LogIn, period_id: str) -> str:
    """Give three figures: of Sở TT&TT for a commune of huyen-964 and one elsewhere, of the police for the first."""
    here, elsewhere = commune("31999"), commune("32065")
    police = await as_user("cong-an-tinh.agency")
    theirs = commune("31999", "6.3", figures={"a": 1, "b": 2})
    for giver, rows in ((service, [here, elsewhere]), (police, [theirs])):
        answer = await giver.post(URL, json={"period_id": period_id, "figures": rows})
        assert answer.status_code == 200, answer.text
    return period_id


async def seen(caller: CheckedClient, period_id: str, **filters: Any) -> list[str]:
    answer = await caller.get(URL, params={"period_id": period_id, **filters})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["items"])
    return [row["indicator_code"] for row in answer.json()["items"]]


@pytest.mark.parametrize(
    ("caller", "codes"),
    [
        ("reviewer", ["6.3", "5.4", "5.4"]),
        ("leader", ["6.3", "5.4", "5.4"]),
        ("auditor", ["6.3", "5.4", "5.4"]),
        ("huyen-964.reviewer", ["6.3", "5.4"]),
        ("xa-31999.reporter", ["6.3", "5.4"]),
        ("xa-32065.leader", ["5.4"]),
        ("so-tttt.agency", ["5.4", "5.4"]),
        ("cong-an-tinh.agency", ["6.3"]),
        ("cuc-thue.agency", []),
        ("xa-32002.reporter", []),
        ("huyen-966.reviewer", []),
    ],
)
async def test_everybody_sees_the_figures_that_concern_him_and_no_others(
    as_user: LogIn, given: str, caller: str, codes: list[str]
) -> None:
    assert await seen(await as_user(caller), given) == codes


async def test_a_service_sees_what_its_agency_gave(service: CheckedClient, given: str) -> None:
    assert await seen(service, given) == ["5.4", "5.4"]


async def test_a_dashboard_reads_no_figures(as_user: LogIn, given: str) -> None:
    answer = await (await as_user("dashboard")).get(URL, params={"period_id": given})
    assert answer.status_code == 403


async def test_the_list_can_be_narrowed_and_paged(as_user: LogIn, given: str) -> None:
    reviewer = await as_user("reviewer")
    everything = (await reviewer.get(URL, params={"period_id": given})).json()["items"]
    unit_id = everything[0]["unit_id"]
    assert await seen(reviewer, given, unit_id=unit_id) == ["6.3", "5.4"]
    assert await seen(reviewer, given, indicator="6.3") == ["6.3"]
    page = (await reviewer.get(URL, params={"period_id": given, "page_size": 1, "page": 2})).json()
    assert (page["items"], page["total"], page["pages"]) == ([everything[1]], 3, 3)


async def test_the_history_keeps_what_was_replaced_with_the_latest_first(
    service: CheckedClient, as_user: LogIn, given: str
) -> None:
    corrected = {"a": 25, "b": 25, "infected": 5}
    rows = [commune("31999", figures=corrected)]
    await service.post(URL, json={"period_id": given, "figures": rows})
    unit = await as_user("xa-31999.reporter")
    answer = await unit.get(URL, params={"period_id": given, "indicator": "5.4"})
    assert [row["answer"]["figures"]["a"] for row in answer.json()["items"]] == [25, 20]
    assert {row["given_by_name"] for row in answer.json()["items"]} == {"lgsp-so-tttt"}


async def test_an_unknown_period_is_not_found(service: CheckedClient) -> None:
    answer = await service.get(URL, params={"period_id": "00000000-0000-7000-8000-000000000000"})
    assert (answer.status_code, answer.json()["code"]) == (404, "period_not_found")
