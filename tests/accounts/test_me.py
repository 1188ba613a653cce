"""/me says what a caller may do and where; the table of roles says it of everybody."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import ROLE_PERMISSIONS, SERVICE_SCOPES, Permission, Reach, Role
from app.accounts.rights import PERMISSION_TEXT, ROLE_TEXT, Spread, spread
from app.units.models import UnitVersion
from tests.accounts.programs import ME, Program, program, units
from tests.client import CheckedClient
from tests.conftest import Clock, LogIn

__all__ = ["program", "units"]

ADMINISTERING = {
    Permission.USER_READ,
    Permission.USER_MANAGE,
    Permission.IDENTITY_MANAGE,
    Permission.SERVICE_MANAGE,
    Permission.PERSONAL_MANAGE,
}


async def rights_of(caller: CheckedClient) -> dict[str, list[tuple[str, str]]]:
    """Return for each permission the units and how far it goes from each."""
    answer = await caller.get(ME)
    assert answer.status_code == 200, answer.text
    rights = answer.json()["rights"]
    assert [one["permission"] for one in rights] == answer.json()["permissions"]
    return {
        one["permission"]: [(place["unit"]["key"], place["spread"]) for place in one["places"]]
        for one in rights
    }


async def test_a_reporter_acts_for_his_unit_alone(as_user: LogIn) -> None:
    rights = await rights_of(await as_user("xa-31999.reporter"))
    assert rights.pop("unit:read") == rights.pop("period:read") == [("xa-31999", "everywhere")]
    assert "submission:edit" in rights
    assert all(places == [("xa-31999", "unit")] for places in rights.values())


async def test_a_reviewer_reads_what_is_below_and_reviews_for_his_unit(as_user: LogIn) -> None:
    rights = await rights_of(await as_user("huyen-964.reviewer"))
    assert rights["submission:read"] == [("huyen-964", "subtree")]
    assert rights["review:act"] == [("huyen-964", "unit")]
    assert "submission:edit" not in rights


async def test_an_agency_goes_as_far_as_it_verifies(as_user: LogIn) -> None:
    rights = await rights_of(await as_user("so-tttt.agency"))
    assert rights["figure:give"] == rights["submission:read"] == [("so-tttt", "verified")]


async def test_administrators_administer_below_them(as_user: LogIn) -> None:
    assert (await rights_of(await as_user("admin")))["user:manage"] == [("tinh-ca-mau", "subtree")]
    assert (await rights_of(await as_user("huyen-964.admin")))["user:manage"] == [("huyen-964", "below")]


async def test_the_home_unit_is_named_even_after_its_end(
    as_user: LogIn, session: AsyncSession, units: dict[str, str]
) -> None:
    caller = await as_user("xa-31999.reporter")
    named = {"id": units["xa-31999"], "key": "xa-31999", "kind": "commune", "name": "Phường 9"}
    assert (await caller.get(ME)).json()["unit"] == named
    ended = update(UnitVersion).where(UnitVersion.unit_id == UUID(units["xa-31999"]))
    await session.execute(ended.values(valid_to=date(2023, 12, 1)))
    assert (await caller.get(ME)).json()["unit"] == named


async def test_what_is_delegated_is_told_apart_and_ends_with_its_last_day(
    as_user: LogIn, units: dict[str, str], clock: Clock
) -> None:
    admin, leader = await as_user("admin"), await as_user("xa-31999.leader")
    found = (await admin.get("/api/v1/users", params={"search": "xa-31999.reporter"})).json()["items"][0]
    body = {
        "delegate_id": found["id"],
        "role": "unit_leader",
        "unit_id": units["xa-31999"],
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-15",
        "ends_on": "2023-12-16",
    }
    lent = await leader.post("/api/v1/delegations", json=body)
    assert lent.status_code == 201, lent.text
    reporter = await as_user("xa-31999.reporter")

    async def places(permission: str) -> list[tuple[Any, ...]]:
        rights = (await reporter.get(ME)).json()["rights"]
        held: list[Any] = next((one["places"] for one in rights if one["permission"] == permission), [])
        return [(place["role"], place["on_behalf_of"] is not None, place["until"]) for place in held]

    assert await places("submission:approve") == [("unit_leader", True, "2023-12-16")]
    assert await places("submission:submit") == [
        ("unit_leader", True, "2023-12-16"),
        ("unit_reporter", False, None),
    ]
    clock.advance(days=2)
    assert await places("submission:approve") == []
    assert await places("submission:submit") == [("unit_reporter", False, None)]


async def test_a_service_sees_its_scopes_its_end_and_its_networks(program: Program) -> None:
    await program.change(networks=["10.20.30.0/24"], scopes=["feed:read", "figure:read"])
    caller = program.caller(token=await program.token())
    shown = (await caller.get(ME)).json()
    assert shown["service"] == {
        "scopes": ["feed:read", "figure:read"],
        "networks": ["10.20.30.0/24"],
        "state": "active",
        "expires_at": program.shown["expires_at"],
    }
    rights = await rights_of(caller)
    assert rights["figure:read"] == [("cong-an-tinh", "served")]
    assert rights["feed:read"] == [("cong-an-tinh", "subtree")]
    assert "figure:give" not in rights


async def test_people_have_no_service(as_user: LogIn) -> None:
    assert (await (await as_user("admin")).get(ME)).json()["service"] is None


async def test_the_table_of_roles_is_the_policy(client: CheckedClient) -> None:
    shown = (await client.get("/api/v1/meta/roles")).json()
    assert {row["role"]: set(row["permissions"]) for row in shown["roles"]} == ROLE_PERMISSIONS
    by_role = {row["role"]: row for row in shown["roles"]}
    leader = by_role["unit_leader"]
    assert (leader["reach"], leader["is_delegable"], leader["is_province_only"]) == ("own", True, False)
    admin = by_role["province_admin"]
    assert (admin["reach"], admin["is_delegable"], admin["is_province_only"]) == ("subtree", False, True)
    assert {row["permission"] for row in shown["permissions"]} == set(Permission)
    assert {row["permission"] for row in shown["permissions"] if row["is_scope"]} == SERVICE_SCOPES


def test_every_role_and_permission_has_words_of_its_own_in_both_languages() -> None:
    for table, names in ((ROLE_TEXT, Role), (PERMISSION_TEXT, Permission)):
        assert list(table) == list(names)
        for language in (0, 1):
            said = [words[language] for words in table.values()]
            assert len(set(said)) == len(said) and all(said)


def test_accounts_are_administered_as_far_as_they_are_seen() -> None:
    for role in Role:
        ways = {spread(one, role) for one in ROLE_PERMISSIONS[role] & ADMINISTERING}
        assert len(ways) <= 1, f"{role}: {ways}"


@pytest.mark.parametrize("role", Role, ids=str)
def test_every_permission_of_a_role_goes_somewhere(role: Role) -> None:
    held = ROLE_PERMISSIONS[role] | (SERVICE_SCOPES if role is Role.SERVICE else frozenset())
    assert {spread(permission, role) for permission in held} <= set(Spread)
    assert {reach.value for reach in Reach} - {"none", "own"} <= {one.value for one in Spread}


@pytest.mark.parametrize(
    "permission", ["user:manage", "identity:manage", "service:manage", "personal:manage"]
)
def test_administering_accounts_goes_as_far_as_the_province(permission: str) -> None:
    assert spread(Permission(permission), Role.PROVINCE_ADMIN) is Spread.SUBTREE
