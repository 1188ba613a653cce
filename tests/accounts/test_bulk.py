"""Many accounts at once: all rows or none, every fault with its row, passwords shown once."""

import asyncio
import csv
import io
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import bulk_schemas
from app.accounts.bulk import new_password
from app.accounts.models import User
from app.accounts.permissions import Role
from app.core.audit import AuditEvent
from app.core.db import Database
from tests.accounts.people import USERS, hire, ids_of, province, units_of
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import photograph

__all__ = ["province"]

BULK, DISTRICT = f"{USERS}/bulk", "huyen-964.admin"
Json = dict[str, Any]


def new(username: str = "can-bo.moi", **changes: Any) -> Json:
    """Return a row that makes a reporter of Phường 9."""
    row = {"action": "create", "username": username, "full_name": "Cán bộ mới", "unit": "31999"}
    return row | {"roles": [{"role": "unit_reporter"}]} | changes


def change(username: str = "xa-31999.reporter", **changes: Any) -> Json:
    """Return a row that changes an account."""
    return {"action": "change", "username": username} | (changes or {"full_name": "Tên khác"})


def off(username: str = "xa-31999.leader") -> Json:
    """Return a row that switches an account off."""
    return {"action": "switch_off", "username": username, "reason": "Chuyển công tác"}


async def without_log_ins(session: AsyncSession) -> dict[str, list[str]]:
    """Return every row of every table but the log-ins that tests make."""
    return {name: rows for name, rows in (await photograph(session)).items() if name != "login_session"}


async def test_a_batch_makes_changes_and_switches_off(
    app: FastAPI, as_user: LogIn, client: CheckedClient, session: AsyncSession
) -> None:
    caller, units = await as_user(DISTRICT), await units_of(app)
    rows = [new(), change(unit="xa-32005", roles=[{"role": "unit_leader"}]), off()]
    done = await caller.post(BULK, json={"rows": rows})
    assert (done.status_code, done.headers["cache-control"]) == (200, "no-store"), done.text
    told = done.json()
    assert [told[name] for name in ("dry_run", "created", "changed", "switched_off")] == [False, 1, 1, 1]
    password = told["rows"][0]["initial_password"]
    assert [one["initial_password"] for one in told["rows"][1:]] == [None, None]
    admin = await as_user("admin")
    found = {
        one["username"]: one for one in (await admin.get(USERS, params={"page_size": 200})).json()["items"]
    }
    ids = await ids_of(app)
    moved = (await admin.get(f"{USERS}/{ids['xa-31999.reporter']}")).json()
    assert moved["unit_id"] == units["xa-32005"]
    assert moved["grants"] == [{"role": "unit_leader", "unit_id": units["xa-32005"]}]
    assert (await admin.get(f"{USERS}/{ids['xa-31999.leader']}")).json()["is_active"] is False
    assert found["can-bo.moi"]["must_change_password"] is True
    form = {"grant_type": "password", "username": "can-bo.moi", "password": password}
    assert (await client.post("/api/v1/auth/token", data=form)).status_code == 200
    assert password not in str(await photograph(session))


async def test_a_batch_leaves_a_row_for_each_account_and_one_for_itself(
    as_user: LogIn, session: AsyncSession
) -> None:
    done = await (await as_user(DISTRICT)).post(BULK, json={"rows": [new(), change(), off()]})
    assert done.status_code == 200, done.text
    query = select(AuditEvent.action, AuditEvent.after).order_by(AuditEvent.id.desc()).limit(4)
    rows = (await session.execute(query)).all()
    assert [row.action for row in rows] == ["user.bulk", "user.change", "user.change", "user.create"]
    assert rows[0].after == {"created": 1, "changed": 1, "switched_off": 1}


async def test_a_dry_run_tells_the_same_and_changes_nothing(as_user: LogIn, session: AsyncSession) -> None:
    caller, key = await as_user(DISTRICT), {"Idempotency-Key": "thu-truoc"}
    before = await without_log_ins(session)
    body = {"rows": [new(), change(), off()]}
    tried = await caller.post(BULK, json=body, params={"dry_run": True}, headers=key)
    assert await without_log_ins(session) == before
    assert (tried.json()["dry_run"], tried.json()["created"]) == (True, 1)
    assert tried.json()["rows"][0]["user_id"] is None
    assert "initial_password" not in tried.text.replace('"initial_password":null', "")
    assert (await caller.post(BULK, json=body, headers=key)).status_code == 200


# What is wrong with a second row of a district's administrator, where it says so and how.
FAULTS: list[tuple[Json, str, str]] = [
    (new("xa-31999.reporter"), "/rows/1/username", "username_taken"),
    (new("tot.roi"), "/rows/1/username", "duplicate"),
    (new(full_name=None), "/rows/1/full_name", "missing"),
    (new(unit=None), "/rows/1/unit", "missing"),
    (new(unit="99999"), "/rows/1/unit", "unknown_unit"),
    (new(unit="huyen-964"), "/rows/1/unit", "unknown_unit"),
    (new(unit="966"), "/rows/1/unit", "unknown_unit"),
    (new(unit="xa-khac"), "/rows/1/unit", "unknown_unit"),
    (new(roles=[{"role": "unit_reporter", "unit": "so-tttt"}]), "/rows/1/roles/0/unit", "unknown_unit"),
    (new(roles=[{"role": "district_admin"}]), "/rows/1/roles/0/role", "role_not_grantable"),
    (new(roles=[{"role": "service"}]), "/rows/1/roles/0/role", "value_error"),
    (new(roles=[{"role": "god"}]), "/rows/1/roles/0/role", "enum"),
    (new("Có Dấu"), "/rows/1/username", "string_pattern_mismatch"),
    (new("a\u0000bc"), "", ""),
    (new(email="khong"), "/rows/1/email", "string_pattern_mismatch"),
    (new(password="tu-chon-mat-khau"), "/rows/1/password", "extra_forbidden"),
    (new(full_name="x" * 201), "/rows/1/full_name", "string_too_long"),
    ({"action": "change", "username": "xa-31999.leader"}, "/rows/1/action", "nothing_to_change"),
    ({"action": "erase", "username": "xa-31999.leader"}, "/rows/1/action", "enum"),
    (change("khong.co"), "/rows/1/username", "unknown_user"),
    (change("xa-khac.reporter"), "/rows/1/username", "unknown_user"),
    (change("admin"), "/rows/1/username", "unknown_user"),
    (change(DISTRICT), "/rows/1/username", "unknown_user"),
    (off("xa-31999.mixed"), "/rows/1/username", "account_beyond_remit"),
    (change(unit="huyen-966"), "/rows/1/unit", "unknown_unit"),
]


@pytest.mark.parametrize(("row", "pointer", "code"), FAULTS)
async def test_a_fault_names_its_row_and_nothing_is_done(
    app: FastAPI, as_user: LogIn, session: AsyncSession, province: None, row: Json, pointer: str, code: str
) -> None:
    await hire(app, "xa-31999.mixed", "xa-31999", (Role.VERIFYING_AGENCY, "xa-31999"))
    caller = await as_user(DISTRICT)
    before = await photograph(session)
    answer = await caller.post(BULK, json={"rows": [new("tot.roi"), row]})
    assert await photograph(session) == before
    if not pointer:
        assert answer.status_code == 400
        return
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(one["pointer"], one["code"]) for one in answer.json()["errors"]}, answer.text


async def test_a_province_role_is_for_the_province_and_nobody_changes_himself(as_user: LogIn) -> None:
    admin = await as_user("admin")
    rows = [
        new(roles=[{"role": "auditor"}]),
        change("admin"),
        new("ok.ok", roles=[{"role": "auditor", "unit": "96"}]),
    ]
    answer = await admin.post(BULK, json={"rows": rows})
    told = [(one["pointer"], one["code"]) for one in answer.json()["errors"]]
    assert told == [("/rows/0/roles/0/role", "role_not_for_unit"), ("/rows/1/username", "own_account")]
    assert (await admin.post(BULK, json={"rows": rows[2:]})).status_code == 200


@pytest.mark.parametrize("rows", [[], [new(f"so.{n}") for n in range(1_001)]], ids=["none", "1001"])
async def test_a_batch_has_one_to_a_thousand_rows(as_user: LogIn, rows: list[Json]) -> None:
    answer = await (await as_user(DISTRICT)).post(BULK, json={"rows": rows})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/rows")


async def test_so_many_new_accounts_at_a_time_and_no_more(as_user: LogIn) -> None:
    caller, rows = await as_user(DISTRICT), [new(f"so.{n}") for n in range(bulk_schemas.MAX_NEW + 1)]
    most = await caller.post(BULK, json={"rows": rows[:-1]}, params={"dry_run": True})
    assert (most.status_code, most.json()["created"]) == (200, bulk_schemas.MAX_NEW)
    answer = await caller.post(BULK, json={"rows": rows}, params={"dry_run": True})
    told = [(one["pointer"], one["code"]) for one in answer.json()["errors"]]
    assert told == [(f"/rows/{bulk_schemas.MAX_NEW}/action", "too_many_new")]


@pytest.mark.parametrize("who", ["auditor", "xa-31999.reporter", "huyen-964.reviewer", "leader"])
async def test_only_administrators_send_batches(as_user: LogIn, who: str) -> None:
    caller = await as_user(who)
    assert (await caller.post(BULK, json={"rows": [new()]})).status_code == 403
    assert (await caller.get(f"{USERS}/template.xlsx")).status_code == 403


async def test_passwords_come_once_and_a_repetition_is_refused(as_user: LogIn) -> None:
    caller, key = await as_user(DISTRICT), {"Idempotency-Key": "mot-lan"}
    first = await caller.post(BULK, json={"rows": [new()]}, headers=key)
    again = await caller.post(BULK, json={"rows": [new()]}, headers=key)
    assert (first.status_code, again.status_code) == (200, 409)
    assert again.json()["code"] == "idempotency_key_reused"
    without = [
        await caller.post(BULK, json={"rows": [off()]}, headers={"Idempotency-Key": "x"}) for _ in "12"
    ]
    assert [one.headers.get("idempotency-replayed") for one in without] == [None, "true"]
    assert without[0].json() == without[1].json()


async def test_passwords_come_as_csv_or_sheet(as_user: LogIn) -> None:
    caller = await as_user(DISTRICT)
    name = "=HYPERLINK(1)"
    text_of = await caller.post(
        BULK, json={"rows": [new("so.1", full_name=name), off()]}, params={"format": "csv"}
    )
    lines = list(csv.reader(io.StringIO(text_of.text.lstrip("\ufeff"))))
    assert [line[:2] for line in lines[1:]] == [["so.1", f"'{name}"]]
    sheet = await caller.post(BULK, json={"rows": [new("so.2", full_name=name)]}, params={"format": "xlsx"})
    rows = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert rows[1][:2] == ["so.2", name]
    assert len(str(rows[1][2])) == len(lines[1][2]) == 19
    assert {text_of.headers["cache-control"], sheet.headers["cache-control"]} == {"no-store"}


def test_made_passwords_are_long_readable_and_different() -> None:
    made = {new_password() for _ in range(1_000)}
    assert len(made) == 1_000
    assert not set("".join(made)) & set("0OoIl1i")


NAMES = st.sampled_from(["so.1", "so.2", "xa-31999.reporter", "xa-31999.leader", "admin", "khong.co"])
UNITS = st.sampled_from(["31999", "xa-32005", "huyen-966", "99999"])
ROLES = st.sampled_from(["unit_reporter", "unit_leader", "district_admin"])
ROWS = st.lists(
    st.one_of(
        st.builds(lambda n, u, r: new(n, unit=u, roles=[{"role": r}]), NAMES, UNITS, ROLES),
        st.builds(lambda n, u: change(n, unit=u), NAMES, UNITS),
        st.builds(off, NAMES),
    ),
    min_size=1,
    max_size=4,
)


@given(ROWS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_the_rows_are_all_of_them_are_carried_out_or_none(
    as_user: LogIn, session: AsyncSession, rows: list[Json]
) -> None:
    caller = await as_user(DISTRICT)
    session.expire_all()
    before = await photograph(session)
    foretold = await caller.post(BULK, json={"rows": rows}, params={"dry_run": True})
    assert await photograph(session) == before
    answer = await caller.post(BULK, json={"rows": rows})
    assert answer.status_code == foretold.status_code
    after = await photograph(session)
    if answer.status_code != 200:
        assert after == before
        return
    assert len(after["audit_event"]) == len(before["audit_event"]) + len(rows) + 1
    assert len(after["app_user"]) == len(before["app_user"]) + answer.json()["created"]


async def test_two_batches_at_once_with_the_same_names_make_each_account_once(
    own_app: FastAPI, clock: Clock
) -> None:
    callers = [await logged_in(own_app, clock, name) for name in (DISTRICT, "admin")]
    rows = [new(f"so.{n}") for n in range(6)]
    orders = (rows, rows[::-1])
    answers = await asyncio.gather(
        *(one.post(BULK, json={"rows": order}) for one, order in zip(callers, orders, strict=True))
    )
    assert sorted(one.status_code for one in answers) == [200, 422], [one.text for one in answers]
    refused = next(one for one in answers if one.status_code == 422).json()["errors"]
    assert [(one["pointer"], one["code"]) for one in refused] == [
        (f"/rows/{n}/username", "username_taken") for n in range(6)
    ]


async def waiting_for_a_lock(database: Database) -> int | None:
    """Return the process of a connection that waits for a lock; a transaction would see the same answer for ever."""
    query = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with database.session() as session:
        pid: int | None = await session.scalar(text(query))
        return pid


async def test_a_batch_that_breaks_off_leaves_nothing(
    own_app: FastAPI, own_database: Database, clock: Clock
) -> None:
    """It waits in the middle for a row that somebody holds, and its connection is cut."""
    caller = await logged_in(own_app, clock, DISTRICT)
    async with own_database.session() as other:
        before = await photograph(other)
        await other.commit()
        held = select(User.id).where(User.username == "xa-31999.reporter").with_for_update()
        await other.execute(held)
        sent = asyncio.create_task(caller.post(BULK, json={"rows": [new(), off(), change()]}))
        while not (pid := await waiting_for_a_lock(own_database)):
            assert not sent.done(), sent.result().text
            await asyncio.sleep(0.05)
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        answer = await sent
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        await other.rollback()
        assert await photograph(other) == before


async def test_who_loses_his_role_while_passwords_are_hashed_changes_nothing(
    own_app: FastAPI, clock: Clock
) -> None:
    caller, admin = await logged_in(own_app, clock, DISTRICT), await logged_in(own_app, clock, "admin")
    url = f"{USERS}/{(await ids_of(own_app))[DISTRICT]}"
    sent = asyncio.create_task(caller.post(BULK, json={"rows": [new(f"so.{n}") for n in range(100)]}))
    await asyncio.sleep(0.3)  # a hundred hashes take longer
    gone = await admin.patch(url, json={"grants": []}, headers={"If-Match": '"1"'})
    assert gone.status_code == 200
    answer = await sent
    assert answer.status_code in (403, 422), answer.text
    assert "so.0" not in await ids_of(own_app)
