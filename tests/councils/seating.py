"""People to sit in a council, and a council of three for the communes of one district."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Role
from app.units.models import Unit
from tests.conftest import START
from tests.scene import REVIEWER, Scene

DISTRICT = "huyen-964"
SECOND, THIRD = "huyen-964.reviewer2", "huyen-964.reviewer3"
COUNCILS = "/api/v1/councils"
Json = dict[str, Any]


async def person(app: FastAPI, name: str, role: Role, unit: str, home: str | None = None) -> str:
    """Create an account with one role and return its id."""
    async with app.state.database.session() as held, held.begin():
        ids = {key: one for key, one in (await held.execute(select(Unit.key, Unit.id))).all()}
        user = User(
            username=name,
            full_name=f"Tài khoản mẫu {name}",
            email=None,
            unit_id=ids[home or unit],
            password_hash="-",
            must_change_password=False,
            is_active=True,
            created_at=START,
            failed_logins=0,
            locked_until=None,
        )
        held.add(user)
        await held.flush()
        held.add(RoleGrant(user_id=user.id, role=role, unit_id=ids[unit], granted_at=START, ended_at=None))
    return str(user.id)


async def colleagues(app: FastAPI) -> None:
    """Give the district two more reviewers."""
    for name in (SECOND, THIRD):
        await person(app, name, Role.DISTRICT_REVIEWER, DISTRICT)


async def id_of(scene: Scene, who: str) -> str:
    """Return the id of an account."""
    me: Json = (await (await scene.as_(who)).get("/api/v1/me")).json()
    found: str = me["id"]
    return found


async def unit_id(scene: Scene, key: str) -> str:
    """Return the id of a unit."""
    admin = await scene.as_("admin")
    page = await admin.get("/api/v1/units", params={"on": "2023-12-14", "page_size": 200})
    found: str = next(one["id"] for one in page.json()["items"] if one["key"] == key)
    return found


async def seat(scene: Scene, who: str, role: str, *groups: int) -> Json:
    """Return a seat for an account."""
    return {"user_id": await id_of(scene, who), "role": role, "groups": [str(group) for group in groups]}


async def three(scene: Scene) -> list[Json]:
    """Return the seats of the chair, a secretary and a member; the secretary's groups are the member's, too."""
    return [
        await seat(scene, REVIEWER, "chair", 1, 2, 3),
        await seat(scene, SECOND, "secretary", 4, 5, 6, 7, 8),
        await seat(scene, THIRD, "member", 8, 7),
    ]


async def council_body(scene: Scene, seats: list[Json], **changes: Any) -> Json:
    """Return what sets up the district's council for its communes."""
    return {
        "period_id": scene.period["id"],
        "reviewer_unit_id": await unit_id(scene, DISTRICT),
        "unit_kind": "commune",
        "name": "Hội đồng thẩm định cấp xã",
        "decision": "215/QĐ-UBND",
        "seats": seats,
    } | changes


async def council_of_three(app: FastAPI, scene: Scene) -> Json:
    """Set up the council as the district's chairman and return it."""
    await colleagues(app)
    chairman = await scene.as_("huyen-964.chairman")
    made = await scene.done(chairman.post(COUNCILS, json=await council_body(scene, await three(scene))))
    found: Json = made.json()
    return found
