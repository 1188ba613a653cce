"""What a policy says of the year: its terms, and the units it speaks of."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.conftest import LogIn

URL = "/api/v1/periods"
SETS = {"commune": "camau-2023-xa"}


def body(**changes: Any) -> dict[str, Any]:
    return {"year": 2023, "guidance_on": "2023-12-15", "policy": "brvt-2022", "sets": SETS} | changes


async def test_the_guidance_letter_sets_the_term_and_january_ends_the_review(as_user: LogIn) -> None:
    """004:49, 004:51, 004:103, ruling 17: the review ends with 30/01 of the next year."""
    made = await (await as_user("admin")).post(URL, json=body(submit_until="2023-12-31"))
    assert made.status_code == 201, made.text
    said = made.json()
    assert said["policy"] == "brvt-2022"
    assert datetime.fromisoformat(said["submission_due_at"]) == datetime(2023, 12, 31, 17, tzinfo=UTC)
    due = datetime.fromisoformat(said["sets"][0]["review_due_at"])
    assert due == datetime(2024, 1, 30, 17, tzinfo=UTC)


async def test_moving_the_guidance_leaves_the_day_of_the_letter_or_takes_a_new_one(as_user: LogIn) -> None:
    admin = await as_user("admin")
    made = await admin.post(URL, json=body(submit_until="2023-12-31"))
    url, headers = f"{URL}/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    moved = await admin.patch(url, json={"guidance_on": "2023-12-18"}, headers=headers)
    assert moved.json()["submission_due_at"] == made.json()["submission_due_at"]
    headers = {"If-Match": moved.headers["etag"]}
    later = await admin.patch(
        url, json={"guidance_on": "2023-12-18", "submit_until": "2024-01-05"}, headers=headers
    )
    assert datetime.fromisoformat(later.json()["submission_due_at"]) == datetime(2024, 1, 5, 17, tzinfo=UTC)
    headers = {"If-Match": later.headers["etag"]}
    refused = await admin.patch(url, json={"guidance_on": "2024-01-05"}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "term_missing")


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({}, "/submit_until", "term_missing"),
        ({"submit_until": "2023-12-15"}, "/submit_until", "term_missing"),
        ({"submit_until": "2024-01-30"}, "/submit_until", "after_review"),
        ({"submit_until": "2200-12-31"}, "/submit_until", "after_review"),
        ({"policy": "camau-2023", "submit_until": "2023-12-31"}, "/submit_until", "term_set_by_policy"),
        ({"policy": "nobody-1999"}, "/policy", "unknown_policy"),
        (
            {"submit_until": "2023-12-31", "sets": {"district": "unnamed-2022-huyen"}},
            "/sets/district",
            "index_set_not_ranked",
        ),
        (
            {"submit_until": "2023-12-31", "sets": {"province": "kontum-2024-tinh"}},
            "/sets/province",
            "index_set_not_ranked",
        ),
        (
            {"submit_until": "2023-12-31", "sets": {"commune": "camau-2023-so"}},
            "/sets/commune",
            "unknown_index_set",
        ),
    ],
)
async def test_a_year_that_does_not_fit_its_policy_is_refused(
    as_user: LogIn, changes: dict[str, Any], pointer: str, code: str
) -> None:
    """Ruling 6: a set with rows without maximum points is tracked, not ranked."""
    answer = await (await as_user("admin")).post(URL, json=body(**changes))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_set_of_another_province_is_ranked_under_any_policy(as_user: LogIn) -> None:
    sets = {"commune": "lacdao-2024-xa"}
    made = await (await as_user("admin")).post(
        URL, json=body(policy="default", sets=sets, submit_until=date(2024, 1, 10).isoformat())
    )
    assert made.status_code == 201, made.text
    assert made.json()["sets"][0]["index_set"] == "lacdao-2024-xa"
