"""A document's own date: given at upload or later, never in the future, never before 1945."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.conftest import Clock, LogIn
from tests.evidence.conftest import REPORTER, Upload

TODAY = "2023-12-15"


async def test_a_date_given_at_upload_is_shown_and_in_the_trail(
    upload: Upload, as_user: LogIn, session: AsyncSession
) -> None:
    document = (await upload(issued_on="2023-06-19")).json()
    assert document["issued_on"] == "2023-06-19"
    reader = await as_user(REPORTER)
    assert (await reader.get(f"/api/v1/evidence/{document['id']}")).json()["issued_on"] == "2023-06-19"
    event = await session.scalar(select(AuditEvent).where(AuditEvent.object_id == UUID(document["id"])))
    assert event is not None
    assert event.after is not None
    assert event.after["issued_on"] == "2023-06-19"


@pytest.mark.parametrize(
    ("issued_on", "code"),
    [
        (TODAY, None),
        ("2023-12-16", "in_the_future"),
        ("1945-01-01", None),
        ("1944-12-31", "greater_than_equal"),
        ("19/06/2023", "date_from_datetime_parsing"),
        ("2023-02-29", "date_from_datetime_parsing"),
    ],
)
async def test_a_date_that_cannot_be_is_refused_at_upload_and_at_correction(
    upload: Upload, as_user: LogIn, issued_on: str, code: str | None
) -> None:
    first = await upload(issued_on=issued_on)
    url = f"/api/v1/evidence/{(await upload()).json()['id']}"
    second = await (await as_user(REPORTER)).patch(
        url, json={"issued_on": issued_on}, headers={"If-Match": '"1"'}
    )
    if code is None:
        assert (first.status_code, second.status_code) == (201, 200)
        return
    for answer, pointer in ((first, "query/issued_on"), (second, "/issued_on")):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]


async def test_today_is_the_day_in_vietnam(upload: Upload, clock: Clock) -> None:
    clock.now = datetime(2023, 12, 15, 16, 59, 59, tzinfo=UTC)
    assert (await upload(issued_on="2023-12-16")).status_code == 422
    clock.advance(seconds=1)
    assert (await upload(issued_on="2023-12-16")).status_code == 201


async def test_the_unit_corrects_the_date_and_the_trail_says_what_was_there(
    upload: Upload, as_user: LogIn, session: AsyncSession
) -> None:
    document_id = (await upload(issued_on="2023-06-19")).json()["id"]
    reporter, url = await as_user(REPORTER), f"/api/v1/evidence/{document_id}"
    kept = await reporter.patch(url, json={"issued_on": "2023-06-19"}, headers={"If-Match": '"1"'})
    assert kept.headers["etag"] == '"1"'
    gone = await reporter.patch(url, json={"issued_on": None}, headers={"If-Match": '"1"'})
    assert gone.json()["issued_on"] is None
    query = select(AuditEvent).where(
        AuditEvent.object_id == UUID(document_id), AuditEvent.action == "evidence.change"
    )
    event = (await session.scalars(query)).one()
    assert (event.before, event.after) == ({"issued_on": "2023-06-19"}, {"issued_on": None})
