"""What is said of a document: every state is kept, with who said it, when and why; a new file comes in its place."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.conftest import Clock, LogIn
from tests.evidence.conftest import REPORTER, Upload

FACTS: dict[str, Any] = {
    "title": "Quyết định kiện toàn Ban Chỉ đạo",
    "number": "12/QĐ-UBND",
    "issuing_body": "UBND Phường 9",
    "issued_on": "2023-06-19",
    "abstract": "V/v kiện toàn Ban Chỉ đạo",
    "valid_from": "2023-06-20",
    "valid_until": None,
}
WHY = "Ghi nhầm số của văn bản"


async def corrected(as_user: LogIn, document_id: str, version: int, body: Any) -> httpx.Response:
    caller = await as_user(REPORTER)
    url = f"/api/v1/evidence/{document_id}"
    return await caller.patch(url, json=body, headers={"If-Match": f'"{version}"'})


async def history(
    as_user: LogIn, document_id: str, who: str = REPORTER, **paging: int
) -> list[dict[str, Any]]:
    answer = await (await as_user(who)).get(f"/api/v1/evidence/{document_id}/revisions", params=paging)
    assert answer.status_code == 200, answer.text
    page: list[dict[str, Any]] = answer.json()["items"]
    return page


async def test_the_history_keeps_every_state_with_who_when_and_why(
    upload: Upload, as_user: LogIn, clock: Clock, session: AsyncSession
) -> None:
    given = {name: value for name, value in FACTS.items() if value}
    document_id = (await upload(**given)).json()["id"]
    first = clock.now.isoformat().replace("+00:00", "Z")
    clock.advance(hours=1)
    second = clock.now.isoformat().replace("+00:00", "Z")
    answer = await corrected(as_user, document_id, 1, {"number": "13/QĐ-UBND", "reason": f" {WHY} "})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["number"], "reason" in answer.json()) == ("13/QĐ-UBND", False)
    for reader in (REPORTER, "xa-31999.leader", "huyen-964.reviewer", "auditor"):
        assert await history(as_user, document_id, reader) == [
            {
                "number": 2,
                "facts": FACTS | {"number": "13/QĐ-UBND"},
                "made_by_name": REPORTER,
                "made_at": second,
                "reason": WHY,
            },
            {"number": 1, "facts": FACTS, "made_by_name": REPORTER, "made_at": first, "reason": None},
        ]
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "evidence.change"))).one()
    assert (event.reason, event.before, event.after) == (
        WHY,
        {"number": "12/QĐ-UBND"},
        {"number": "13/QĐ-UBND"},
    )


async def test_no_change_is_no_state_whatever_the_reason(upload: Upload, as_user: LogIn) -> None:
    document_id = (await upload(title="Báo cáo")).json()["id"]
    for body in ({"title": "Báo cáo", "reason": WHY}, {"reason": WHY}, {}):
        answer = await corrected(as_user, document_id, 1, body)
        assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert [one["number"] for one in await history(as_user, document_id)] == [1]


async def test_a_long_history_comes_in_pages(upload: Upload, as_user: LogIn) -> None:
    document_id = (await upload()).json()["id"]
    for version in range(1, 5):
        await corrected(as_user, document_id, version, {"title": f"Lần {version}"})
    assert [one["number"] for one in await history(as_user, document_id, page=1, page_size=2)] == [5, 4]
    assert [one["number"] for one in await history(as_user, document_id, page=3, page_size=2)] == [1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "vì"}, "/reason"),
        ({"reason": "x" * 5001}, "/reason"),
        ({"title": "a", "valid_from": "2024-02-01", "valid_until": "2024-01-31"}, "/valid_until"),
        ({"valid_until": "3000-01-01"}, "/valid_until"),
        ({"replaces_id": str(uuid4())}, "/replaces_id"),
        ({"abstract": "x" * 2001}, "/abstract"),
    ],
)
async def test_facts_that_cannot_be_are_refused_and_leave_no_state(
    upload: Upload, as_user: LogIn, body: dict[str, Any], pointer: str
) -> None:
    document_id = (await upload()).json()["id"]
    refused = await corrected(as_user, document_id, 1, body)
    assert (refused.status_code, [one["pointer"] for one in refused.json()["errors"]]) == (422, [pointer])
    assert len(await history(as_user, document_id)) == 1


async def test_who_does_not_see_the_document_does_not_see_its_history(upload: Upload, as_user: LogIn) -> None:
    document_id = (await upload()).json()["id"]
    for who, wanted in [("xa-32002.reporter", document_id), (REPORTER, str(uuid4()))]:
        answer = await (await as_user(who)).get(f"/api/v1/evidence/{wanted}/revisions")
        assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")


# --- one in the place of another ----------------------------------------------------------------------------


async def links(as_user: LogIn, document_id: str) -> tuple[str | None, str | None]:
    """Return what a document replaces, and what replaces it."""
    found = (await (await as_user(REPORTER)).get(f"/api/v1/evidence/{document_id}")).json()
    return found["replaces_id"], found["replaced_by_id"]


async def test_a_document_shows_what_came_in_its_place_and_the_list_does_too(
    upload: Upload, as_user: LogIn, period_id: str
) -> None:
    answers = [await upload(title="bản 1")]
    for title in ("bản 2", "bản 3"):
        answers.append(await upload(title=title, replaces_id=answers[-1].json()["id"]))
    first, second, third = (one.json()["id"] for one in answers)
    assert [one.json()["replaced_by_id"] for one in answers] == [None] * 3
    assert await links(as_user, first) == (None, second)
    assert await links(as_user, second) == (first, third)
    assert await links(as_user, third) == (second, None)
    params = {"period_id": period_id, "unit_id": answers[0].json()["unit_id"]}
    page = (await (await as_user(REPORTER)).get("/api/v1/evidence", params=params)).json()
    assert {one["id"]: one["replaced_by_id"] for one in page["items"]} == {
        first: second,
        second: third,
        third: None,
    }


async def test_of_two_that_came_in_its_place_the_latest_is_shown(upload: Upload, as_user: LogIn) -> None:
    first = (await upload()).json()["id"]
    await upload(title="một", replaces_id=first)
    latest = (await upload(title="hai", replaces_id=first)).json()["id"]
    assert await links(as_user, first) == (None, latest)
    answer = await corrected(as_user, first, 1, {"title": "vẫn sửa được"})
    assert answer.json()["replaced_by_id"] == latest


async def test_only_the_units_own_document_can_be_replaced(upload: Upload) -> None:
    theirs = (await upload(by="huyen-964.reporter", unit="huyen-964")).json()["id"]
    for wanted in (theirs, str(uuid4())):
        refused = await upload(replaces_id=wanted)
        assert (refused.status_code, refused.json()["code"]) == (404, "document_not_found")
    assert (await upload(replaces_id="x")).status_code == 422
