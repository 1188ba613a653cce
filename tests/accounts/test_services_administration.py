"""Service accounts are made, changed and shown by who administers the unit they act for; every change is recorded."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Role
from app.core.audit import AuditEvent
from app.units.models import Unit, UnitKind, UnitVersion
from tests.accounts.programs import SERVICES, Program, program, service_in, units
from tests.conftest import START, Clock, LogIn
from tests.scene import photograph

__all__ = ["program", "units"]
Json = dict[str, Any]


def after(**span: float) -> str:
    """Return an instant after the start as the API writes it."""
    return (START + timedelta(**span)).isoformat().replace("+00:00", "Z")


async def test_a_service_account_is_shown_as_it_was_made(as_user: LogIn, program: Program) -> None:
    shown = (await program.admin.get(program.url)).json()
    assert shown | {"client_secret": program.secret} == program.shown
    assert (shown["networks"], shown["state"], shown["scopes"]) == (
        [],
        "active",
        ["feed:read", "figure:give", "figure:read"],
    )
    assert shown in (await program.admin.get(SERVICES)).json()


async def test_reading_service_accounts_is_recorded_once_an_hour(
    program: Program, session: AsyncSession
) -> None:
    for _ in range(2):
        await program.admin.get(program.url)
        await program.admin.get(SERVICES)
    read = select(AuditEvent).where(AuditEvent.action == "service_account.read").order_by(AuditEvent.id)
    rows = (await session.scalars(read)).all()
    assert [(row.actor_name, row.object_type) for row in rows] == [("admin", "service_account")] * 2
    assert str(rows[0].object_id) == program.shown["id"]


BAD: list[tuple[str, Json, set[tuple[str, str]]]] = [
    ("a scope of people", {"scopes": ["user:manage"]}, {("/scopes/0", "scope_not_allowed")}),
    (
        "one of many scopes",
        {"scopes": ["feed:read", "submission:read"]},
        {("/scopes/1", "scope_not_allowed")},
    ),
    ("no scope", {"scopes": []}, {("/scopes", "too_short")}),
    ("a scope of nobody", {"scopes": ["everything"]}, {("/scopes/0", "enum")}),
    ("too many scopes", {"scopes": ["feed:read"] * 11}, {("/scopes", "too_long")}),
    ("an empty name", {"name": " "}, {("/name", "string_too_short")}),
    ("no network", {"networks": ["10.0.0.1/8"]}, {("/networks/0", "network_unreadable")}),
    ("everywhere", {"networks": ["10.0.0.0/8", "0.0.0.0/0"]}, {("/networks/1", "network_everywhere")}),
    ("too many networks", {"networks": ["10.0.0.1"] * 21}, {("/networks", "too_long")}),
    ("a network of numbers", {"networks": [167772160]}, {("/networks/0", "string_type")}),
    ("a long network", {"networks": ["1" * 50]}, {("/networks/0", "string_too_long")}),
    ("an end now", {"expires_at": after()}, {("/expires_at", "expiry_out_of_range")}),
    ("an end before", {"expires_at": after(seconds=-1)}, {("/expires_at", "expiry_out_of_range")}),
    (
        "an end too far away",
        {"expires_at": after(days=400, seconds=1)},
        {("/expires_at", "expiry_out_of_range")},
    ),
    (
        "the end of time",
        {"expires_at": "9999-12-31T23:59:59-23:59"},
        {("/expires_at", "expiry_out_of_range")},
    ),
    ("the first day", {"expires_at": "0001-01-01T00:00:00+23:59"}, {("/expires_at", "expiry_out_of_range")}),
    ("an end in no time zone", {"expires_at": "2024-06-01T00:00:00"}, {("/expires_at", "timezone_aware")}),
    ("an end in words", {"expires_at": "never"}, {("/expires_at", "datetime_from_date_parsing")}),
    (
        "all at once",
        {"scopes": ["user:read"], "networks": ["x"], "expires_at": after()},
        {
            ("/scopes/0", "scope_not_allowed"),
            ("/networks/0", "network_unreadable"),
            ("/expires_at", "expiry_out_of_range"),
        },
    ),
]


@pytest.mark.parametrize(("changes", "faults"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_what_cannot_be_is_refused_with_every_fault_when_made_and_when_changed(
    program: Program,
    session: AsyncSession,
    units: dict[str, str],
    changes: Json,
    faults: set[tuple[str, str]],
) -> None:
    before = await photograph(session)
    body = service_in(units, client_id="mot.dich-vu") | changes
    answers = [await program.admin.post(SERVICES, json=body), await program.change(**changes)]
    for answer in answers:
        assert answer.status_code == 422, answer.text
        assert {(one["pointer"], one["code"]) for one in answer.json()["errors"]} == faults
    assert await photograph(session) == before


@pytest.mark.parametrize("seconds", [-1, 0])
async def test_the_end_may_be_four_hundred_days_ahead(program: Program, seconds: int) -> None:
    answer = await program.change(expires_at=after(days=400, seconds=seconds))
    assert answer.json()["expires_at"] == after(days=400, seconds=seconds)


@pytest.mark.parametrize(
    "client_id",
    ["", "ab", "Ab.c", "a b c", "á.b.c", ".abc", "a\x00bc", "a/bc", "x" * 65, "a:bc", "a%bc"],
    ids=ascii,
)
async def test_a_client_id_is_plain(program: Program, units: dict[str, str], client_id: str) -> None:
    answer = await program.admin.post(SERVICES, json=service_in(units, client_id=client_id))
    assert answer.status_code in (400, 422)


async def test_a_client_id_is_taken_once_and_a_unit_must_be_there(
    program: Program, units: dict[str, str]
) -> None:
    again = await program.admin.post(SERVICES, json=service_in(units))
    assert (again.status_code, again.json()["code"]) == (409, "username_taken")
    lost = await program.admin.post(SERVICES, json=service_in(units, unit_id=str(uuid4())))
    assert lost.json()["errors"][0]["code"] == "unknown_unit"


async def test_every_change_is_recorded_with_what_was_before(program: Program, session: AsyncSession) -> None:
    changes = {"name": "Tên khác", "networks": ["2001:DB8::/32"], "expires_at": after(days=10)}
    changed = await program.change(**changes, scopes=["feed:read", "feed:read"], reason="Thu hẹp")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    await program.change(is_active=False)
    await program.rotate(grace_hours=0, reason="Lộ khóa")
    query = select(AuditEvent.action, AuditEvent.before, AuditEvent.after, AuditEvent.reason)
    rows = await session.execute(query.where(AuditEvent.object_id == UUID(program.shown["id"])))
    created, change, off, rotated = rows.all()
    assert created.after["networks"] == []
    assert (change.action, change.reason) == ("service_account.change", "Thu hẹp")
    assert change.before["scopes"] == ["feed:read", "figure:give", "figure:read"]
    assert change.after == {
        "name": "Tên khác",
        "scopes": ["feed:read"],
        "networks": ["2001:db8::/32"],
        "expires_at": (START + timedelta(days=10)).isoformat(),
    }
    assert (off.before, off.after) == ({"is_active": True}, {"is_active": False})
    assert (rotated.action, rotated.reason) == ("service_account.rotate", "Lộ khóa")
    assert program.secret not in str(await photograph(session))


async def test_a_change_that_changes_nothing_writes_nothing(program: Program, session: AsyncSession) -> None:
    before = await photograph(session)
    for changes in ({}, {"name": "Dịch vụ mới"}, {"is_active": True, "networks": [], "reason": "Không gì"}):
        answer = await program.change(**changes)
        assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert await photograph(session) == before


@pytest.mark.parametrize(("etag", "status"), [("", 428), ('"9"', 412)])
async def test_a_change_and_a_rotation_need_the_present_version(
    program: Program, etag: str, status: int
) -> None:
    headers = {"If-Match": etag} if etag else {}
    assert (await program.admin.patch(program.url, json={}, headers=headers)).status_code == status
    assert (await program.admin.post(f"{program.url}/rotate", json={}, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("to_end", "expected"),
    [
        (timedelta(days=30, seconds=1), "active"),
        (timedelta(days=30), "expiring"),
        (timedelta(seconds=1), "expiring"),
        (timedelta(), "expired"),
        (timedelta(seconds=-1), "expired"),
    ],
)
async def test_the_list_shows_how_each_account_stands(
    program: Program, clock: Clock, to_end: timedelta, expected: str
) -> None:
    await program.change(expires_at=after(days=100))
    clock.now = START + timedelta(days=100) - to_end

    async def state() -> str:
        listed = (await program.admin.get(SERVICES)).json()
        return next(str(one["state"]) for one in listed if one["id"] == program.shown["id"])

    assert await state() == expected
    await program.change(is_active=False)
    assert await state() == "off"


async def test_an_expired_account_lives_again_when_its_end_is_moved(program: Program, clock: Clock) -> None:
    await program.change(expires_at=after(days=10))
    clock.now = START + timedelta(days=11)
    assert (await program.asks()).status_code == 400
    assert (await program.change(expires_at=after(days=411))).json()["state"] == "active"
    assert (await program.asks()).status_code == 200


async def new_unit(session: AsyncSession, key: str, kind: UnitKind, parent: UUID | None = None) -> UUID:
    """Make a unit that stands since 2020."""
    day = date(2020, 1, 1)
    unit = Unit(key=key, kind=kind, is_ranked=True, exists_from=day, exists_to=None)
    session.add(unit)
    await session.flush()
    held = {"name": key, "search_text": key, "sort_key": key.encode(), "legal_act": None}
    session.add(UnitVersion(unit_id=unit.id, parent_id=parent, valid_from=day, valid_to=None, **held))
    await session.flush()
    return unit.id


async def test_an_administrator_of_another_province_neither_sees_nor_changes_nor_makes_any(
    app: FastAPI, program: Program, as_user: LogIn, session: AsyncSession, units: dict[str, str]
) -> None:
    elsewhere = await new_unit(session, "tinh-khac", UnitKind.PROVINCE)
    theirs = await new_unit(session, "so-tinh-khac", UnitKind.DEPARTMENT, elsewhere)
    other = await as_user("dashboard")  # moved to the other province as its administrator
    moved = select(User.id).where(User.username == "dashboard").scalar_subquery()
    grant = update(RoleGrant).where(RoleGrant.user_id == moved)
    await session.execute(grant.values(role=Role.PROVINCE_ADMIN, unit_id=elsewhere))
    assert (await other.get(SERVICES)).json() == []
    before = await photograph(session)
    etag = {"If-Match": '"1"'}
    answers = [
        await other.get(program.url),
        await other.patch(program.url, json={"is_active": False}, headers=etag),
        await other.post(f"{program.url}/rotate", json={}, headers=etag),
    ]
    unknown = await other.get(f"{SERVICES}/{uuid4()}")
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "service_account_not_found")
        assert answer.json() | {"instance": ""} == unknown.json() | {"instance": ""}
    refused = await other.post(SERVICES, json=service_in(units))
    assert refused.json()["errors"][0]["code"] == "unknown_unit"  # nor that the client id is taken
    assert await photograph(session) == before
    made = await other.post(SERVICES, json=service_in({"so-tinh-khac": str(theirs)}, "so-tinh-khac"))
    assert made.status_code == 201
    assert made.json()["id"] not in (await program.admin.get(SERVICES)).text


async def test_the_account_of_a_unit_that_has_ended_is_still_looked_after(
    program: Program, session: AsyncSession, units: dict[str, str]
) -> None:
    ended = update(UnitVersion).where(UnitVersion.unit_id == UUID(units["cong-an-tinh"]))
    await session.execute(ended.values(valid_to=date(2023, 12, 1)))
    assert (await program.change(is_active=False)).status_code == 200


@pytest.mark.parametrize("who", ["reviewer", "leader", "auditor", "huyen-964.admin", "xa-31999.leader"])
async def test_nobody_else_administers_service_accounts(program: Program, as_user: LogIn, who: str) -> None:
    caller, etag = await as_user(who), {"If-Match": '"1"'}
    answers = [
        await caller.get(program.url),
        await caller.patch(program.url, json={"is_active": False}, headers=etag),
        await caller.post(f"{program.url}/rotate", json={}, headers=etag),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
