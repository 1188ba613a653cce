"""People of more than one province to administer: another province in the same tree, with a district and a commune."""

from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.accounts.actions import set_grants
from app.accounts.models import User
from app.accounts.permissions import Grant, Role
from app.core.vietnamese import searchable, sort_key
from app.units.models import Unit, UnitKind, UnitVersion
from app.units.queries import unit_ids_by_key
from tests.client import CheckedClient
from tests.conftest import START

USERS = "/api/v1/users"
OTHERS = [
    ("tinh-khac", UnitKind.PROVINCE, None),
    ("huyen-khac", UnitKind.DISTRICT, "tinh-khac"),
    ("xa-khac", UnitKind.COMMUNE, "huyen-khac"),
]
# (user name, role, home unit, unit of the role)
PEOPLE = [
    ("admin.khac", Role.PROVINCE_ADMIN, "tinh-khac", "tinh-khac"),
    ("huyen-khac.admin", Role.DISTRICT_ADMIN, "huyen-khac", "huyen-khac"),
    ("xa-khac.reporter", Role.UNIT_REPORTER, "xa-khac", "xa-khac"),
]


async def place_unit(
    app: FastAPI, key: str, kind: UnitKind, parent: str | None, since: date = date(2021, 1, 1)
) -> None:
    """Put a unit into the tree."""
    async with app.state.database.session() as session, session.begin():
        ids = await unit_ids_by_key(session)
        unit = Unit(key=key, kind=kind, is_ranked=True, exists_from=since, exists_to=None)
        session.add(unit)
        await session.flush()
        named = {"name": key, "search_text": searchable(key), "sort_key": sort_key(key), "legal_act": None}
        above = ids[parent] if parent else None
        session.add(UnitVersion(unit_id=unit.id, parent_id=above, valid_from=since, valid_to=None, **named))


async def hire(app: FastAPI, username: str, home: str, *grants: tuple[Role, str], **changes: Any) -> None:
    """Give a unit a person with roles."""
    held = {
        "full_name": f"Người {username}",
        "email": None,
        "password_hash": "-",
        "must_change_password": False,
        "is_active": True,
        "created_at": START,
        "locked_until": None,
    } | changes
    async with app.state.database.session() as session, session.begin():
        ids = await unit_ids_by_key(session)
        user = User(username=username, unit_id=ids[home], **held)
        session.add(user)
        await session.flush()
        await set_grants(session, user, [Grant(role, ids[unit]) for role, unit in grants], START)


@pytest.fixture
async def province(app: FastAPI) -> None:
    """Add another province with its people."""
    for key, kind, parent in OTHERS:
        await place_unit(app, key, kind, parent)
    for username, role, home, place in PEOPLE:
        await hire(app, username, home, (role, place))


async def ids_of(app: FastAPI) -> dict[str, str]:
    """Return every account's id by user name."""
    async with app.state.database.session() as session:
        rows = (await session.execute(select(User.username, User.id))).all()
        return {username: str(user_id) for username, user_id in rows}


async def units_of(app: FastAPI) -> dict[str, str]:
    """Return every unit's id by its key."""
    async with app.state.database.session() as session:
        return {key: str(unit_id) for key, unit_id in (await unit_ids_by_key(session)).items()}


async def names_seen(client: CheckedClient, **asked: Any) -> list[str]:
    """Return the user names a caller lists, page by page."""
    found: list[str] = []
    while True:
        page = (
            await client.get(USERS, params=asked | {"page": len(found) // 200 + 1, "page_size": 200})
        ).json()
        found += [one["username"] for one in page["items"]]
        if len(found) >= page["total"]:
            return found
