"""People of Phường 9 who act for each other: making, ending and reading delegations through the API."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.accounts.models import User
from app.units.queries import unit_ids_by_key
from tests.scene import UNIT, Scene

URL, ME, USERS, COLLEAGUES = "/api/v1/delegations", "/api/v1/me", "/api/v1/users", "/api/v1/colleagues"
LEADER, REPORTER, DEPUTY = f"{UNIT}.leader", f"{UNIT}.reporter", f"{UNIT}.deputy"
CHAIRMAN = "huyen-964.chairman"
Json = dict[str, Any]


@pytest.fixture
async def deputy(app: FastAPI, scene: Scene) -> str:
    """Give a deputy of Phường 9 who holds no role himself."""
    await hire(app, DEPUTY, UNIT)
    return DEPUTY


async def hire(app: FastAPI, username: str, unit: str, **changes: Any) -> None:
    """Give a unit a person without roles."""
    held = {
        "full_name": f"Phó {username}",
        "email": None,
        "password_hash": "-",
        "must_change_password": False,
        "is_active": True,
        "created_at": datetime(2023, 1, 1, tzinfo=UTC),
        "locked_until": None,
    } | changes
    async with app.state.database.session() as session, session.begin():
        session.add(User(username=username, unit_id=(await unit_ids_by_key(session))[unit], **held))


async def id_of(scene: Scene, who: str) -> str:
    """Return the id of an account."""
    found = (await (await scene.as_("admin")).get(USERS, params={"search": who})).json()["items"]
    return next(str(one["id"]) for one in found if one["username"] == who)


async def body_of(
    scene: Scene, delegator: str, delegate: str, role: str = "unit_leader", **changes: Any
) -> Json:
    """Return a delegation of a role of somebody's, for the unit he holds it for, from today for three days."""
    users = (await (await scene.as_("admin")).get(USERS, params={"search": delegator})).json()["items"]
    held = next(one for one in users if one["username"] == delegator)["grants"]
    body = {
        "delegate_id": await id_of(scene, delegate),
        "role": role,
        "unit_id": held[0]["unit_id"],
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-15",
        "ends_on": "2023-12-17",
    }
    return body | changes


async def lend(
    scene: Scene, delegator: str, delegate: str, role: str = "unit_leader", by: str = "", **changes: Any
) -> Json:
    """Delegate a role, by its holder or by somebody else for him, and return the delegation."""
    body = await body_of(scene, delegator, delegate, role, **changes)
    if by:
        body["delegator_id"] = await id_of(scene, delegator)
    made = await (await scene.as_(by or delegator)).post(URL, json=body)
    assert made.status_code == 201, made.text
    assert made.headers["etag"] == '"1"'
    found: Json = made.json()
    return found


async def finish(scene: Scene, who: str, made: Json, etag: str = '"1"') -> httpx.Response:
    """End a delegation."""
    headers = {"If-Match": etag}
    return await (await scene.as_(who)).post(f"{URL}/{made['id']}/end", json={"reason": "x"}, headers=headers)


async def change(scene: Scene, who: str, **changes: Any) -> None:
    """Change an account as the administrator."""
    admin, url = await scene.as_("admin"), f"{USERS}/{await id_of(scene, who)}"
    etag = (await admin.get(url)).headers["etag"]
    assert (await admin.patch(url, json=changes, headers={"If-Match": etag})).status_code == 200


async def audit(scene: Scene, action: str) -> Json:
    """Return the latest change of a kind as the auditor reads it."""
    found = await (await scene.as_("auditor")).get("/api/v1/audit", params={"action": action})
    event: Json = found.json()["items"][0]
    return event


async def stages(scene: Scene, who: str, **filters: Any) -> list[str]:
    """Return the stages of the delegations somebody sees."""
    found = await (await scene.as_(who)).get(URL, params=filters)
    assert found.status_code == 200, found.text
    return [one["stage"] for one in found.json()["items"]]
