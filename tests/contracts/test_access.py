"""The access matrix: every operation of the API, and who may call it. A route without a row fails, and so does a row
without a route; every operation is called as nobody and as every role."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.accounts.first import DEMO_SERVICE, DEMO_SERVICE_SECRET
from app.accounts.permissions import Role
from tests.client import CheckedClient
from tests.conftest import LogIn
from tests.contracts.access import ACCESS, PUBLIC

# One demo account of each role; a service account is tried by its token.
ACCOUNTS = {
    Role.PROVINCE_ADMIN: "admin",
    Role.PROVINCE_REVIEWER: "reviewer",
    Role.PROVINCE_LEADER: "leader",
    Role.DISTRICT_ADMIN: "huyen-964.admin",
    Role.DISTRICT_REVIEWER: "huyen-964.reviewer",
    Role.DISTRICT_LEADER: "huyen-964.chairman",
    Role.UNIT_REPORTER: "xa-31999.reporter",
    Role.UNIT_LEADER: "xa-31999.leader",
    Role.VERIFYING_AGENCY: "cong-an-tinh.agency",
    Role.AUDITOR: "auditor",
    Role.DASHBOARD_READER: "dashboard",
}


def operations(app: FastAPI) -> dict[str, dict[str, Any]]:
    """Return every operation of the OpenAPI document as "METHOD /path"."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    }


def test_every_operation_has_a_row_and_every_row_an_operation(app: FastAPI) -> None:
    assert set(operations(app)) == set(ACCESS)


def test_an_operation_without_security_is_one_of_the_public_ones(app: FastAPI) -> None:
    open_ones = {name for name, operation in operations(app).items() if not operation.get("security")}
    assert open_ones == {name for name, roles in ACCESS.items() if roles is PUBLIC}


async def call(client: CheckedClient, name: str, operation: dict[str, Any]) -> int:
    """Call an operation with well-formed ids of nothing and return the status."""
    method, path = name.split(" ", 1)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            kind = parameter["schema"]
            value = {"uuid": str(uuid4()), "date": "2023-12-14"}.get(kind.get("format", ""), "1")
            path = path.replace("{" + parameter["name"] + "}", value)
    query = {
        parameter["name"]: str(uuid4())
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
        and parameter.get("required")
        and parameter["schema"].get("format") == "uuid"
    }
    headers = {"If-Match": '"1"'}
    if method in ("POST", "PATCH", "PUT"):
        return (await client.request(method, path, params=query, headers=headers, json={})).status_code
    return (await client.request(method, path, params=query, headers=headers)).status_code


async def require_matrix(app: FastAPI, client: CheckedClient, role: Role) -> None:
    """Call everything as one role and compare with the matrix."""
    for name, operation in operations(app).items():
        if name == "POST /api/v1/auth/logout":
            continue  # would end this log-in; every role may
        status = await call(client, name, operation)
        allowed = ACCESS[name] is PUBLIC or role in ACCESS[name]
        assert status != 401, name
        assert (status != 403) == allowed, f"{name} as {role}: {status}"


async def test_nobody_gets_past_the_door_except_where_it_is_public(
    app: FastAPI, client: CheckedClient
) -> None:
    for name, operation in operations(app).items():
        status = await call(client, name, operation)
        assert (status == 401) == (ACCESS[name] is not PUBLIC), f"{name}: {status}"


@pytest.mark.parametrize("role", ACCOUNTS, ids=str)
async def test_each_role_gets_in_exactly_where_the_matrix_says(
    app: FastAPI, as_user: LogIn, role: Role
) -> None:
    await require_matrix(app, await as_user(ACCOUNTS[role]), role)


async def test_a_service_account_gets_in_exactly_where_the_matrix_says(
    app: FastAPI, client: CheckedClient
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": DEMO_SERVICE,
        "client_secret": DEMO_SERVICE_SECRET,
    }
    token = (await client.post("/api/v1/auth/token", data=form)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    await require_matrix(app, client, Role.SERVICE)


def test_every_role_is_tried() -> None:
    assert {*ACCOUNTS, Role.SERVICE} == set(Role)
