"""Accounts are made, changed and switched off by the administrator; initial passwords; service accounts."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import LoginSession, User
from app.core.audit import AuditEvent
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn, logged_in
from tests.scene import photograph

USERS, SERVICES, ME = "/api/v1/users", "/api/v1/service-accounts", "/api/v1/me"
INITIAL, NEW = "mat-khau-ban-dau", "mot-mat-khau-moi-2024"


@pytest.fixture
async def units(session: AsyncSession) -> dict[str, str]:
    """Give every unit's id by its key."""
    return {key: str(unit_id) for key, unit_id in (await unit_ids_by_key(session)).items()}


def user_in(units: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a new reporter of Phường 9."""
    unit_id = units["xa-31999"]
    body = {
        "username": "can-bo.moi",
        "full_name": "Cán bộ mới",
        "unit_id": unit_id,
        "password": INITIAL,
        "grants": [{"role": "unit_reporter", "unit_id": unit_id}],
    }
    return body | changes


def service_in(units: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a new service account of Công an tỉnh."""
    body = {"client_id": "dich-vu-moi", "name": "Dịch vụ mới", "unit_id": units["cong-an-tinh"]}
    return body | {"scopes": ["figure:give"]} | changes


async def token_of(client: CheckedClient, username: str, password: str) -> dict[str, str]:
    """Log in and return the header."""
    form = {"grant_type": "password", "username": username, "password": password}
    answer = await client.post("/api/v1/auth/token", data=form)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_an_account_is_made_with_its_roles(as_user: LogIn, units: dict[str, str]) -> None:
    admin = await as_user("admin")
    made = await admin.post(USERS, json=user_in(units))
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json()["must_change_password"] is True
    assert made.json()["grants"] == [{"role": "unit_reporter", "unit_id": units["xa-31999"]}]
    assert made.json() == (await admin.get(f"{USERS}/{made.json()['id']}")).json()
    assert "password" not in made.text.replace("must_change_password", "")


async def test_an_initial_password_opens_nothing_but_its_change(
    app: FastAPI, client: CheckedClient, as_user: LogIn, units: dict[str, str]
) -> None:
    """Every operation that asks for a permission is tried; /me, the change and the log-out ask for none."""
    grants = [grant("province_admin", units), grant("province_reviewer", units)]
    await (await as_user("admin")).post(USERS, json=user_in(units, grants=grants))
    headers = await token_of(client, "can-bo.moi", INITIAL)
    tried = 0
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            if any(scope for need in operation.get("security", []) for one in need.values() for scope in one):
                url = path
                for parameter in operation.get("parameters", []):
                    url = url.replace(f"{{{parameter['name']}}}", str(UUID(int=1)))
                answer = await client.request(method.upper(), url, headers=headers | {"If-Match": '"1"'})
                assert answer.status_code == 403, url
                if method != "head":  # such an answer has no body
                    assert answer.json()["code"] == "password_change_required", url
                tried += 1
    assert tried > 30
    assert (await client.get(ME, headers=headers)).json()["must_change_password"] is True
    body = {"current_password": INITIAL, "new_password": NEW}
    assert (await client.post(f"{ME}/password", json=body, headers=headers)).status_code == 204
    assert (await client.get(USERS, headers=headers)).status_code == 200


def grant(role: str, units: dict[str, str], unit: str = "tinh-ca-mau") -> dict[str, str]:
    """Return a role for a unit."""
    return {"role": role, "unit_id": units[unit]}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unit_id": str(UUID(int=1))}, "/unit_id"),
        ({"grants": [{"role": "unit_reporter", "unit_id": str(UUID(int=1))}]}, "/grants/0/unit_id"),
        ({"grants": [{"role": "god", "unit_id": str(UUID(int=1))}]}, "/grants/0/role"),
        ({"username": "Có Dấu"}, "/username"),
        ({"username": "ab"}, "/username"),
        ({"username": "can-bo.moi\n"}, ""),
        ({"password": "ngan"}, "/password"),
        ({"full_name": "   "}, "/full_name"),
        ({"email": "khong-phai-email"}, "/email"),
        ({"is_active": True}, "/is_active"),
    ],
)
async def test_a_faulty_account_is_refused(
    as_user: LogIn, session: AsyncSession, units: dict[str, str], changes: dict[str, Any], pointer: str
) -> None:
    admin = await as_user("admin")
    before = await photograph(session)
    response = await admin.post(USERS, json=user_in(units, **changes))
    if not pointer:  # blanks around a name are cut off
        assert (response.status_code, response.json()["username"]) == (201, "can-bo.moi")
        return
    assert response.status_code == 422, response.text
    assert pointer in [fault["pointer"] for fault in response.json()["errors"]]
    assert await photograph(session) == before


async def test_the_role_of_a_program_is_given_to_no_person(as_user: LogIn, units: dict[str, str]) -> None:
    admin = await as_user("admin")
    response = await admin.post(USERS, json=user_in(units, grants=[grant("service", units)]))
    assert response.status_code == 422, response.text


async def test_a_user_name_is_taken_once(as_user: LogIn, units: dict[str, str]) -> None:
    response = await (await as_user("admin")).post(USERS, json=user_in(units, username="auditor"))
    assert (response.status_code, response.json()["code"]) == (409, "username_taken")


@pytest.mark.parametrize(
    "who", ["reviewer", "leader", "auditor", "dashboard", "huyen-964.reviewer", "xa-31999.leader"]
)
async def test_only_the_administrator_changes_accounts(
    as_user: LogIn, session: AsyncSession, units: dict[str, str], who: str
) -> None:
    admin, caller = await as_user("admin"), await as_user(who)
    found = (await admin.get(USERS, params={"search": "xa-31999.reporter"})).json()["items"][0]
    before = await photograph(session)
    headers = {"If-Match": '"1"'}
    answers = [
        await caller.post(USERS, json=user_in(units)),
        await caller.patch(f"{USERS}/{found['id']}", json={"is_active": False}, headers=headers),
        await caller.post(SERVICES, json=service_in(units)),
        await caller.get(SERVICES),
    ]
    assert [one.status_code for one in answers] == [403] * 4
    assert await photograph(session) == before


@pytest.mark.parametrize("who", ["reviewer", "huyen-964.reviewer", "huyen-964.chairman"])
async def test_reviewers_and_leaders_read_no_accounts(as_user: LogIn, who: str) -> None:
    caller = await as_user(who)
    assert (await caller.get("/api/v1/users")).status_code == 403


async def test_switching_an_account_off_ends_its_log_ins(as_user: LogIn, client: CheckedClient) -> None:
    admin = await as_user("admin")
    headers = await token_of(client, "auditor", "demo-password-2023")
    found = (await admin.get(USERS, params={"search": "auditor"})).json()["items"][0]
    url = f"{USERS}/{found['id']}"
    etag = (await admin.get(url)).headers["etag"]
    off = await admin.patch(url, json={"is_active": False, "reason": "Nghỉ việc"}, headers={"If-Match": etag})
    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert (await client.get(ME, headers=headers)).status_code == 401
    again = await admin.patch(url, json={"is_active": True}, headers={"If-Match": off.headers["etag"]})
    assert again.status_code == 200
    assert (await client.get(ME, headers=headers)).status_code == 401  # the old log-in stays ended


@pytest.mark.parametrize(("etag", "status"), [("", 428), ('"9"', 412)])
async def test_a_change_of_an_account_needs_its_version(
    as_user: LogIn, session: AsyncSession, etag: str, status: int
) -> None:
    admin = await as_user("admin")
    found = (await admin.get(USERS, params={"search": "auditor"})).json()["items"][0]
    before = await photograph(session)
    headers = {"If-Match": etag} if etag else {}
    response = await admin.patch(f"{USERS}/{found['id']}", json={"is_active": False}, headers=headers)
    assert response.status_code == status
    assert await photograph(session) == before


async def test_a_lost_role_stops_working_at_once(as_user: LogIn) -> None:
    admin, caller = await as_user("admin"), await as_user("auditor")
    assert (await caller.get(USERS)).status_code == 200
    found = (await admin.get(USERS, params={"search": "auditor"})).json()["items"][0]
    await admin.patch(f"{USERS}/{found['id']}", json={"grants": []}, headers={"If-Match": '"1"'})
    assert (await caller.get(USERS)).status_code == 403


async def test_changes_of_accounts_leave_a_trail_without_passwords(
    as_user: LogIn, session: AsyncSession, units: dict[str, str]
) -> None:
    admin = await as_user("admin")
    made = await admin.post(USERS, json=user_in(units))
    body = {"password": NEW, "full_name": "Tên khác", "reason": "Quên mật khẩu"}
    await admin.patch(f"{USERS}/{made.json()['id']}", json=body, headers={"If-Match": made.headers["etag"]})
    query = select(AuditEvent.action, AuditEvent.before, AuditEvent.after, AuditEvent.reason)
    rows = (await session.execute(query.where(AuditEvent.object_id == UUID(made.json()["id"])))).all()
    assert [row.action for row in rows] == ["user.create", "user.change"]
    assert (rows[1].before, rows[1].after) == (None, {"full_name": "changed", "password": "replaced"})
    assert rows[1].reason == "Quên mật khẩu"
    everything = await photograph(session)
    assert INITIAL not in str(everything)
    assert NEW not in str(everything)
    assert not any(name in str(everything["audit_event"]) for name in ("Cán bộ mới", "Tên khác"))


async def test_the_secret_of_a_service_is_shown_once_and_kept_nowhere(
    as_user: LogIn,
    client: CheckedClient,
    session: AsyncSession,
    units: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    admin = await as_user("admin")
    key = {"Idempotency-Key": "mot-lan"}
    made = await admin.post(SERVICES, json=service_in(units), headers=key)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json()["client_secret"]
    assert len(secret) >= 43
    form = {"grant_type": "client_credentials", "client_id": "dich-vu-moi", "client_secret": secret}
    assert (await client.post("/api/v1/auth/token", data=form)).status_code == 200
    again = await admin.post(SERVICES, json=service_in(units), headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_key_reused")
    assert "đã được thực hiện" in again.json()["detail"]
    assert secret not in again.text
    assert secret not in (await admin.get(SERVICES)).text
    assert secret not in str(await photograph(session))
    assert secret not in "".join(capfd.readouterr())


@pytest.mark.parametrize("scopes", [["user:manage"], ["submission:read", "figure:give"], [], ["everything"]])
async def test_a_service_gets_only_what_services_may_have(
    as_user: LogIn, units: dict[str, str], scopes: list[str]
) -> None:
    response = await (await as_user("admin")).post(SERVICES, json=service_in(units, scopes=scopes))
    assert (response.status_code, response.json()["errors"][0]["pointer"][:7]) == (422, "/scopes")


async def test_a_service_that_is_switched_off_stops_at_once(
    as_user: LogIn, client: CheckedClient, units: dict[str, str]
) -> None:
    admin = await as_user("admin")
    made = await admin.post(SERVICES, json=service_in(units))
    form = {"grant_type": "client_credentials", "client_id": "dich-vu-moi"}
    form["client_secret"] = made.json()["client_secret"]
    token = (await client.post("/api/v1/auth/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get(ME, headers=headers)).status_code == 200
    url, etag = f"{SERVICES}/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    assert (await admin.patch(url, json={"is_active": False}, headers=etag)).status_code == 200
    assert (await client.get(ME, headers=headers)).status_code == 401
    assert (await client.post("/api/v1/auth/token", data=form)).status_code == 400


async def test_two_administrators_who_remove_each_other_at_once_leave_one(
    own_app: FastAPI, clock: Clock
) -> None:
    admin = await logged_in(own_app, clock, "admin")
    found = {
        name: (await admin.get(USERS, params={"search": name})).json()["items"][0]
        for name in ("admin", "auditor")
    }
    grants = [{"role": "province_admin", "unit_id": found["admin"]["unit_id"]}]
    raised = await admin.patch(
        f"{USERS}/{found['auditor']['id']}", json={"grants": grants}, headers={"If-Match": '"1"'}
    )
    assert raised.status_code == 200, raised.text
    other = await logged_in(own_app, clock, "auditor")
    answers = await asyncio.gather(
        admin.patch(f"{USERS}/{found['auditor']['id']}", json={"grants": []}, headers={"If-Match": '"2"'}),
        other.patch(f"{USERS}/{found['admin']['id']}", json={"grants": []}, headers={"If-Match": '"1"'}),
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409]), [
        a.text for a in answers
    ]


async def test_a_log_in_under_way_ends_with_the_password_it_was_made_with(
    own_app: FastAPI, clock: Clock
) -> None:
    admin = await logged_in(own_app, clock, "admin")
    found = (await admin.get(USERS, params={"search": "xa-31999.reporter"})).json()["items"][0]
    url = f"{USERS}/{found['id']}"
    async with own_app.state.database.session() as session, session.begin():
        user = await session.get_one(User, UUID(found["id"]), with_for_update=True)
        login = LoginSession(user_id=user.id, created_at=clock.now, expires_at=clock.now + timedelta(days=7))
        session.add(login)
        await session.flush()
        change = admin.patch(url, json={"password": NEW, "reason": "Lộ"}, headers={"If-Match": '"1"'})
        changing = asyncio.create_task(change)
        await asyncio.sleep(1)  # until it waits for the row that the log-in holds
    assert (await changing).status_code == 200
    async with own_app.state.database.session() as session:
        kept = await session.get_one(LoginSession, login.id)
        assert kept.end_reason == "account changed by an administrator"
