"""The auditor reads who did what, and nobody else does."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import audit_queries
from app.core.audit import Actor, AuditEvent, AuditLink, record_about
from app.core.audit_heads import Heads
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn, logged_in

URL = "/api/v1/audit"


async def switch(admin: CheckedClient, username: str, version: int, **change: Any) -> str:
    """Change an account and return its id."""
    user_id: str = (await admin.get("/api/v1/users", params={"search": username})).json()["items"][0]["id"]
    answer = await admin.patch(f"/api/v1/users/{user_id}", json=change, headers={"If-Match": f'"{version}"'})
    assert answer.status_code == 200, answer.text
    return user_id


@pytest.fixture
async def changes(as_user: LogIn, clock: Clock) -> tuple[CheckedClient, str, str]:
    """Give the auditor, and the ids of two accounts that the administrator changed, the first an hour before."""
    admin = await as_user("admin")
    first = await switch(admin, "xa-31999.leader", 1, is_active=False, reason="Nghỉ hưu")
    clock.advance(hours=1)
    second = await switch(admin, "xa-32002.leader", 1, full_name="Tên mới")
    return await as_user("auditor"), first, second


async def found(auditor: CheckedClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await auditor.get(URL, params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_auditor_reads_what_changed_and_why_the_newest_first(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, second = changes
    newer, older = (await found(auditor))[:2]
    assert (newer["object_id"], older["object_id"]) == (second, first)
    assert (older["actor_name"], older["object_type"], older["reason"]) == ("admin", "app_user", "Nghỉ hưu")
    assert (older["before"]["is_active"], older["after"]["is_active"]) == (True, False)
    assert older["request_id"] != newer["request_id"]


async def test_events_can_be_found_by_object_actor_action_and_time(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, second = changes
    (event,) = await found(auditor, object_id=first)
    hour = event["at"]
    assert [e["object_id"] for e in await found(auditor, actor="admin")] == [second, first]
    assert [e["object_id"] for e in await found(auditor, actor=event["actor_id"])] == [second, first]
    by_kind = await found(auditor, action=event["action"], object_type="app_user", actor="admin")
    assert [e["object_id"] for e in by_kind] == [second, first]
    since = await found(auditor, **{"actor": "admin", "from": hour})
    assert [e["object_id"] for e in since] == [second, first]
    assert [e["object_id"] for e in await found(auditor, actor="admin", to=hour)] == []
    until = await found(auditor, actor="admin", to="2023-12-15T10:00:00+07:00")
    assert [e["object_id"] for e in until] == [first]
    assert await found(auditor, actor="nobody") == []
    assert await found(auditor, action="submission.submit") == []
    assert await found(auditor, object_type="period") == []
    assert await found(auditor, object_id=str(uuid4())) == []


async def test_events_come_page_by_page(changes: tuple[CheckedClient, str, str]) -> None:
    auditor, first, _ = changes
    page = (await auditor.get(URL, params={"actor": "admin", "page": 2, "page_size": 1})).json()
    assert [event["object_id"] for event in page["items"]] == [first]
    assert (page["total"], page["pages"]) == (2, 2)


async def test_a_time_without_a_zone_is_refused(as_user: LogIn) -> None:
    answer = await (await as_user("auditor")).get(URL, params={"from": "2023-12-15T10:00:00"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query/from"


async def test_events_can_be_found_by_unit_request_and_kind_of_action(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, second = changes
    (event,) = await found(auditor, object_id=first)
    assert [e["object_id"] for e in await found(auditor, request_id=event["request_id"])] == [first]
    of_unit = await found(auditor, acting_for=event["acting_for"], object_type="app_user")
    assert [e["object_id"] for e in of_unit] == [second, first]
    assert await found(auditor, acting_for=str(uuid4())) == []
    begins = event["action"].split(".")[0]
    assert {e["object_id"] for e in await found(auditor, action=f"{begins}.", actor="admin")} == {
        first,
        second,
    }
    for nothing in (begins, "%.", "_.", "."):
        assert await found(auditor, action=nothing, actor="admin") == []


@pytest.mark.parametrize("path", [URL, f"{URL}/export"])
@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"from": "0001-01-01T00:00:00+14:00"}, 200),
        ({"to": "9999-12-31T23:59:59-12:00"}, 200),
        ({"from": "9999-12-31T23:59:59-12:00"}, 200),
        ({"to": "0001-01-01T00:00:00Z"}, 200),
        ({"actor": "\x00"}, 400),
        ({"action": "a\x00."}, 400),
        ({"request_id": "\x00"}, 400),
        ({"object_type": "\x00"}, 400),
        ({"actor": "x" * 65}, 422),
        ({"acting_for": "x"}, 422),
        ({"format": "xlsx", "page": 0}, 422),
    ],
)
async def test_strange_filters_are_answered(
    as_user: LogIn, path: str, filters: dict[str, Any], status: int
) -> None:
    assert (await (await as_user("auditor")).get(path, params=filters)).status_code == status


# --- one event and its link ---------------------------------------------------------------------------------


async def test_an_event_is_shown_with_its_place_in_the_chain(own_app: FastAPI, clock: Clock) -> None:
    async with await logged_in(own_app, clock, "admin") as admin:
        changed = await switch(admin, "xa-31999.leader", 1, full_name="Tên mới")
    async with await logged_in(own_app, clock, "auditor") as auditor:
        (event,) = await found(auditor, object_id=changed)
        one = (await auditor.get(f"{URL}/{event['id']}")).json()
        link = one.pop("link")
        assert one == event
    async with own_app.state.database.session() as session:
        row = (await session.scalars(select(AuditLink).where(AuditLink.event_id == UUID(event["id"])))).one()
        (before,) = await session.scalars(select(AuditLink.hash).where(AuditLink.seq == row.seq - 1))
    assert (link["seq"], link["hash"], link["previous"]) == (row.seq, row.hash.hex(), before.hex())


async def test_before_its_transaction_ends_an_event_has_no_link(
    changes: tuple[CheckedClient, str, str],
) -> None:
    auditor, first, _ = changes
    (event,) = await found(auditor, object_id=first)
    assert (await auditor.get(f"{URL}/{event['id']}")).json()["link"] is None


async def test_an_event_that_is_not_there_is_not_found(as_user: LogIn) -> None:
    answer = await (await as_user("auditor")).get(f"{URL}/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "audit_event_not_found")


# --- whose events --------------------------------------------------------------------------------------------


async def unit(session: AsyncSession, parent: UUID | None, since: date, until: date | None = None) -> UUID:
    """Add a unit that is below another from a day on, until a day."""
    made = Unit(
        key=uuid4().hex, kind=UnitKind.DEPARTMENT, is_ranked=False, exists_from=since, exists_to=until
    )
    session.add(made)
    await session.flush()
    await move(session, made.id, parent, since, until)
    return made.id


async def move(
    session: AsyncSession, unit_id: UUID, parent: UUID | None, since: date, until: date | None
) -> None:
    """Say whose a unit is from a day on."""
    version = {"name": "X", "search_text": "x", "sort_key": b"x", "legal_act": None}
    dates = {"valid_from": since, "valid_to": until}
    session.add(UnitVersion(unit_id=unit_id, parent_id=parent, **dates, **version))
    await session.flush()


async def test_people_of_another_province_are_not_seen_anywhere(
    as_user: LogIn, session: AsyncSession
) -> None:
    ids = await unit_ids_by_key(session)
    ours, early, late = ids["tinh-ca-mau"], date(2020, 1, 1), date(2023, 7, 1)
    other = await unit(session, None, early)
    below_other = await unit(session, other, early)
    moved = await unit(session, below_other, early, date(2023, 6, 30))
    await move(session, moved, ours, late, None)
    ended = await unit(session, ours, early, date(2023, 6, 30))
    written: dict[UUID, str] = {}
    day_before, day_after = (
        datetime(2023, 6, 30, 16, 59, 59, tzinfo=UTC),
        datetime(2023, 6, 30, 17, tzinfo=UTC),
    )
    for acting_for, at, name in [
        (None, day_after, "system"),
        (ours, day_after, "ours"),
        (ids["xa-31999"], day_after, "below"),
        (ids["xa-31999"], datetime(1990, 1, 1, tzinfo=UTC), "below, before there were units"),
        (other, day_after, "other"),
        (below_other, day_after, "below other"),
        (moved, day_before, "moved, before"),
        (moved, day_after, "moved, after"),
        (ended, day_after, "ended"),
    ]:
        actor = Actor(id=uuid4(), name=name, acting_for=acting_for, request_id="r-of-units")
        await record_about(session, actor, "thing.make", ("thing", uuid4()), at)
    for row in await session.scalars(select(AuditEvent).where(AuditEvent.request_id == "r-of-units")):
        written[row.id] = row.actor_name
    auditor = await as_user("auditor")
    seen = {e["actor_name"] for e in await found(auditor, request_id="r-of-units")}
    hidden = {"other", "below other", "moved, before"}
    assert seen == set(written.values()) - hidden
    file = (await auditor.get(f"{URL}/export", params={"request_id": "r-of-units", "format": "jsonl"})).text
    assert {json.loads(line)["actor_name"] for line in file.splitlines()} == seen
    for event_id, name in written.items():
        status = (await auditor.get(f"{URL}/{event_id}")).status_code
        assert status == (404 if name in hidden else 200), name
    assert await found(auditor, acting_for=str(other)) == []


# --- export --------------------------------------------------------------------------------------------------


async def test_an_export_has_all_batches_and_runs_nothing(
    as_user: LogIn, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queries, "BATCH", 2)
    for number in range(5):
        actor = Actor(id=uuid4(), name=f"=cmd|{number}", acting_for=None, request_id="r-export")
        said = {"số": number, "": ["=1+1"]}
        await record_about(
            session,
            actor,
            "thing.make",
            ("thing", uuid4()),
            START - timedelta(seconds=1),
            after=said,
            reason="+1\r\n@x",
        )
    auditor = await as_user("auditor")
    answer = await auditor.get(f"{URL}/export", params={"request_id": "r-export"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="dti-audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["actor_name"] for row in rows] == [f"'=cmd|{number}" for number in range(5)]
    assert {row["reason"] for row in rows} == {"'+1\r\n@x"}
    assert [json.loads(row["after"])["số"] for row in rows] == list(range(5))
    lines = (
        await auditor.get(f"{URL}/export", params={"request_id": "r-export", "format": "jsonl"})
    ).text.splitlines()
    assert [json.loads(line)["after"]["số"] for line in lines] == list(range(5))
    nothing = await auditor.get(f"{URL}/export", params={"request_id": "r-nothing"})
    assert nothing.content.decode("utf-8-sig").splitlines()[1:] == []


async def test_reading_is_recorded_once_an_hour_and_every_export(as_user: LogIn, clock: Clock) -> None:
    clock.now = START.replace(minute=0)
    auditor = await as_user("auditor")

    async def readings(action: str) -> list[Any]:
        return [e["after"] for e in await found(auditor, action=action, page_size=200)]

    for page in (1, 2, 1):
        await found(auditor, object_type="period", page=page)
    assert await readings("audit.read") == [{"filters": {"object_type": "period"}}]
    clock.advance(seconds=3599)
    await found(auditor, object_type="period")
    assert len(await readings("audit.read")) == 2  # the search for readings is one itself
    clock.advance(seconds=1)
    await found(auditor, object_type="period")
    assert len(await readings("audit.read")) == 3
    for _ in range(2):
        await auditor.get(f"{URL}/export", params={"object_type": "period"})
    exported = await readings("audit.export")
    assert [e["filters"]["format"] for e in exported] == ["csv", "csv"]


async def test_a_reading_names_the_event_that_was_read(changes: tuple[CheckedClient, str, str]) -> None:
    auditor, first, _ = changes
    (event,) = await found(auditor, object_id=first)
    await auditor.get(f"{URL}/{event['id']}")
    (reading,) = await found(auditor, object_type="audit_event", object_id=event["id"])
    assert (reading["action"], reading["actor_name"]) == ("audit.read", "auditor")


# --- heads ----------------------------------------------------------------------------------------------------


async def test_everybody_reads_the_heads_of_the_chain(own_app: FastAPI, clock: Clock) -> None:
    publish = Heads(own_app.state.database, clock).steps[0]
    await publish()
    clock.advance(days=1)
    await publish()
    async with CheckedClient(own_app) as anybody:
        page = (await anybody.get("/api/v1/public/audit-heads", params={"page_size": 1})).json()
        everything = (await anybody.get("/api/v1/public/audit-heads")).json()["items"]
    assert (page["total"], page["items"]) == (2, everything[:1])
    assert [head["day"] for head in everything] == ["2023-12-16", "2023-12-15"]
    assert set(everything[0]) == {"day", "seq", "hash"}
    assert len(bytes.fromhex(everything[0]["hash"])) == 32


@pytest.mark.parametrize(
    "name",
    ["admin", "reviewer", "leader", "dashboard", "huyen-964.reviewer", "xa-31999.leader", "cuc-thue.agency"],
)
async def test_nobody_but_the_auditor_reads_the_audit_trail(as_user: LogIn, name: str) -> None:
    answer = await (await as_user(name)).get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_the_audit_trail_needs_a_log_in(client: CheckedClient) -> None:
    assert (await client.get(URL)).status_code == 401
