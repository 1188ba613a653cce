"""Who looks after whose accounts: the tree of today, the roles one may give, and nobody himself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.permissions import ROLE_PERMISSIONS, ROLE_REMIT, Permission, Role
from app.units.models import UnitKind, UnitVersion
from tests.accounts.people import USERS, hire, ids_of, names_seen, place_unit, province, units_of
from tests.conftest import Clock, LogIn
from tests.scene import photograph

__all__ = ["province"]

DISTRICT, OTHER_DISTRICT = "huyen-964.admin", "huyen-966.admin"
REASON = {"reason": "Theo đề nghị"}

# Whom each of these administers: 200, sees and may not change: 403, does not see: 404.
MATRIX = {
    "admin": {
        "admin": 403,  # himself
        "reviewer": 200,
        "huyen-964.admin": 200,
        "huyen-964.chairman": 200,
        "xa-31999.reporter": 200,
        "so-tttt.agency": 200,
        "xa-khac.reporter": 404,
        "admin.khac": 404,
    },
    "admin.khac": {
        "admin": 404,
        "huyen-964.admin": 404,
        "xa-31999.reporter": 404,
        "huyen-khac.admin": 200,
        "xa-khac.reporter": 200,
    },
    DISTRICT: {
        DISTRICT: 404,  # himself: his unit is not below his unit
        "huyen-964.reporter": 404,
        "huyen-964.chairman": 404,
        "xa-31999.reporter": 200,
        "xa-31999.leader": 200,
        "xa-31999.mixed": 403,
        "xa-31999.both": 404,
        OTHER_DISTRICT: 404,
        "admin": 404,
        "auditor": 404,
        "xa-khac.reporter": 404,
    },
    OTHER_DISTRICT: {"xa-31999.reporter": 404, "huyen-966.reporter": 404},
    "huyen-khac.admin": {"xa-31999.reporter": 404, "xa-khac.reporter": 200},
}


@pytest.fixture
async def everybody(app: FastAPI, province: None) -> dict[str, str]:
    """Add people who hold more than their district gives, and give everybody's id."""
    await hire(app, "xa-31999.mixed", "xa-31999", (Role.VERIFYING_AGENCY, "xa-31999"))
    both = [(Role.UNIT_REPORTER, "xa-31999"), (Role.UNIT_REPORTER, "huyen-964")]
    await hire(app, "xa-31999.both", "xa-31999", *both)
    return await ids_of(app)


@pytest.mark.parametrize("who", MATRIX)
async def test_everybody_changes_exactly_the_accounts_he_looks_after(
    as_user: LogIn, everybody: dict[str, str], who: str
) -> None:
    caller = await as_user(who)
    seen = set(await names_seen(caller))
    for name, expected in MATRIX[who].items():
        url = f"{USERS}/{everybody[name]}"
        read = await caller.get(url)
        assert (read.status_code, name in seen) == ((404, False) if expected == 404 else (200, True)), name
        answer = await caller.patch(url, json={"is_active": False} | REASON, headers={"If-Match": '"1"'})
        assert answer.status_code == expected, f"{name}: {answer.text}"
        if expected == 404:
            assert name not in answer.text
            assert name not in await names_seen(caller, search=name)


async def test_an_auditor_reads_his_province_and_changes_nothing(
    as_user: LogIn, everybody: dict[str, str]
) -> None:
    auditor = await as_user("auditor")
    seen = await names_seen(auditor)
    assert {"admin", "xa-31999.reporter", "xa-31999.both"} <= set(seen)
    assert not any("khac" in name for name in seen)
    url = f"{USERS}/{everybody['xa-31999.reporter']}"
    answer = await auditor.patch(url, json={"is_active": False}, headers={"If-Match": '"1"'})
    assert answer.status_code == 403


def test_whoever_reads_accounts_has_a_remit_and_the_other_way_round() -> None:
    assert {role for role in Role if Permission.USER_READ in ROLE_PERMISSIONS[role]} == set(ROLE_REMIT)


# What a district's administrator tries to give, and what is wrong with it.
GIFTS = [
    ({"role": "unit_reporter", "unit": "xa-31999"}, None),
    ({"role": "unit_leader", "unit": "xa-32005"}, None),
    ({"role": "verifying_agency", "unit": "xa-31999"}, ("/grants/0/role", "role_not_grantable")),
    ({"role": "district_reviewer", "unit": "xa-31999"}, ("/grants/0/role", "role_not_grantable")),
    ({"role": "district_admin", "unit": "xa-31999"}, ("/grants/0/role", "role_not_grantable")),
    ({"role": "province_admin", "unit": "tinh-ca-mau"}, ("/grants/0/unit_id", "unknown_unit")),
    ({"role": "unit_reporter", "unit": "huyen-964"}, ("/grants/0/unit_id", "unknown_unit")),
    ({"role": "unit_reporter", "unit": "huyen-966"}, ("/grants/0/unit_id", "unknown_unit")),
    ({"role": "unit_reporter", "unit": "xa-khac"}, ("/grants/0/unit_id", "unknown_unit")),
]


@pytest.mark.parametrize(("gift", "fault"), GIFTS)
async def test_a_district_gives_two_roles_for_its_own_communes(
    app: FastAPI,
    as_user: LogIn,
    everybody: dict[str, str],
    gift: dict[str, str],
    fault: tuple[str, str] | None,
) -> None:
    units, caller = await units_of(app), await as_user(DISTRICT)
    grants = [{"role": gift["role"], "unit_id": units[gift["unit"]]}]
    url = f"{USERS}/{everybody['xa-31999.reporter']}"
    changed = await caller.patch(url, json={"grants": grants}, headers={"If-Match": '"1"'})
    new = {"username": "can-bo.moi", "full_name": "Mới", "unit_id": units["xa-31999"]}
    made = await caller.post(USERS, json=new | {"password": "mat-khau-dau-tien", "grants": grants})
    assert [changed.status_code, made.status_code] == ([422, 422] if fault else [200, 201]), made.text
    for answer in (changed, made) if fault else ():
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [fault]


async def test_nobody_makes_an_account_at_home_beyond_his_reach(
    app: FastAPI, as_user: LogIn, province: None, session: AsyncSession
) -> None:
    units = await units_of(app)
    callers = {who: await as_user(who) for who in ("admin", DISTRICT, OTHER_DISTRICT)}
    before = await photograph(session)
    for who, home in (
        (DISTRICT, "huyen-964"),
        (DISTRICT, "tinh-ca-mau"),
        ("admin", "xa-khac"),
        (OTHER_DISTRICT, "xa-31999"),
    ):
        body = {
            "username": "ai.do",
            "full_name": "Ai",
            "unit_id": units[home],
            "password": "mat-khau-dau-tien",
        }
        answer = await callers[who].post(USERS, json=body | {"grants": []})
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/unit_id"], who
    assert await photograph(session) == before


@pytest.mark.parametrize(
    "change",
    [{"grants": []}, {"password": "mot-mat-khau-moi-2024"}, {"is_active": False}, {"unit_id": "xa-31999"}],
)
async def test_nobody_changes_his_own_roles_password_state_or_unit(
    app: FastAPI, as_user: LogIn, change: dict[str, Any]
) -> None:
    admin, url = await as_user("admin"), f"{USERS}/{(await ids_of(app))['admin']}"
    if "unit_id" in change:
        change = {"unit_id": (await units_of(app))["xa-31999"]}
    answer = await admin.patch(url, json=change, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (403, "own_account")
    renamed = await admin.patch(url, json={"full_name": "Tên mới"}, headers={"If-Match": '"1"'})
    assert renamed.status_code == 200


async def test_who_acts_for_a_chairman_is_not_his_districts_to_change(
    app: FastAPI, as_user: LogIn, everybody: dict[str, str]
) -> None:
    """A new password would let the district's administrator act in the chairman's place."""
    units, admin = await units_of(app), await as_user("admin")
    lent = {
        "delegator_id": everybody["huyen-964.chairman"],
        "delegate_id": everybody["xa-31999.leader"],
        "role": "district_leader",
        "unit_id": units["huyen-964"],
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-18",
        "ends_on": "2023-12-19",
    }
    made = await admin.post("/api/v1/delegations", json=lent)
    assert made.status_code == 201, made.text
    url = f"{USERS}/{everybody['xa-31999.leader']}"
    body, etag = {"password": "mot-mat-khau-moi-2024"}, {"If-Match": '"1"'}
    refused = await (await as_user(DISTRICT)).patch(url, json=body, headers=etag)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_beyond_remit")
    ours = await as_user(DISTRICT)
    assert (await ours.get("/api/v1/delegations")).json()["total"] == 0
    assert (await ours.get(f"/api/v1/delegations/{made.json()['id']}")).status_code == 404
    foreign = await as_user("admin.khac")
    assert (await foreign.get("/api/v1/delegations")).json()["total"] == 0


async def test_a_district_lends_its_communes_roles_and_no_others(
    app: FastAPI, as_user: LogIn, everybody: dict[str, str]
) -> None:
    units, caller = await units_of(app), await as_user(DISTRICT)
    body = {
        "delegator_id": everybody["xa-31999.leader"],
        "delegate_id": everybody["xa-31999.reporter"],
        "role": "unit_leader",
        "unit_id": units["xa-31999"],
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-15",
        "ends_on": "2023-12-19",
    }

    async def told(**changes: str) -> list[tuple[str, str]]:
        answer = await caller.post("/api/v1/delegations", json=body | changes)
        assert answer.status_code == 422, answer.text
        return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]

    assert ("/delegate_id", "own_account") in await told(delegate_id=everybody[DISTRICT])
    assert ("/delegate_id", "unknown_user") in await told(delegate_id=everybody["xa-khac.reporter"])
    # A colleague of his, whose account he does not manage.
    assert ("/delegate_id", "unknown_user") in await told(delegate_id=everybody["huyen-964.reviewer"])
    chairman = {"delegator_id": everybody["huyen-964.chairman"], "role": "district_leader"}
    assert ("/delegator_id", "unknown_user") in await told(**chairman, unit_id=units["huyen-964"])
    made = await caller.post("/api/v1/delegations", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["allowed_actions"][0]["allowed"] is True


async def test_a_move_within_the_district_ends_what_was_lent_and_one_beyond_it_is_the_provinces(
    app: FastAPI, as_user: LogIn, everybody: dict[str, str]
) -> None:
    units, caller, admin = await units_of(app), await as_user(DISTRICT), await as_user("admin")
    lent = {
        "delegator_id": everybody["xa-31999.leader"],
        "delegate_id": everybody["xa-31999.reporter"],
        "role": "unit_leader",
        "unit_id": units["xa-31999"],
        "basis": "KT.",
        "document": "15/QĐ-UBND",
        "starts_on": "2023-12-15",
        "ends_on": "2023-12-19",
    }
    made = (await admin.post("/api/v1/delegations", json=lent)).json()
    url = f"{USERS}/{everybody['xa-31999.reporter']}"
    for beyond in ("huyen-964", "huyen-966", "xa-khac"):
        refused = await caller.patch(url, json={"unit_id": units[beyond]}, headers={"If-Match": '"1"'})
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/unit_id"], beyond
    moved = await caller.patch(url, json={"unit_id": units["xa-32005"]}, headers={"If-Match": '"1"'})
    assert (moved.status_code, moved.json()["unit_id"]) == (200, units["xa-32005"])
    ended = (await admin.get(f"/api/v1/delegations/{made['id']}")).json()
    assert (ended["stage"], "Chuyển đơn vị" in ended["end_reason"]) == ("ended", True)
    away = await admin.patch(
        url, json={"unit_id": units["huyen-966"]}, headers={"If-Match": moved.headers["etag"]}
    )
    assert away.status_code == 200
    assert (await caller.get(url)).status_code == 404


# 2025-06-30 is the last day of the districts, and of the communes as they were.
LAST_DAY = datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "seen"), [(0, True), (1, False)])
async def test_people_of_units_that_ended_stay_with_who_is_above_them_now(
    app: FastAPI, as_user: LogIn, clock: Clock, seconds: int, seen: bool
) -> None:
    await place_unit(app, "xa-moi", UnitKind.COMMUNE, "tinh-ca-mau", date(2025, 7, 1))
    await hire(app, "xa-moi.reporter", "xa-moi", (Role.UNIT_REPORTER, "xa-moi"))
    clock.now = LAST_DAY + timedelta(seconds=seconds)
    district, admin = await as_user(DISTRICT), await as_user("admin")
    assert ("xa-31999.reporter" in await names_seen(district)) is seen
    assert {"xa-31999.reporter", "huyen-964.admin", "xa-moi.reporter"} <= set(await names_seen(admin))


async def test_no_level_is_counted(app: FastAPI, as_user: LogIn, session: AsyncSession) -> None:
    """A commune under a commune under a district, and a district under another."""
    await place_unit(app, "ap-1", UnitKind.COMMUNE, "xa-31999")
    await hire(app, "ap-1.reporter", "ap-1", (Role.UNIT_REPORTER, "ap-1"))
    assert "ap-1.reporter" in await names_seen(await as_user(DISTRICT))
    units = await units_of(app)
    moved = update(UnitVersion).where(UnitVersion.unit_id == units["huyen-966"])
    await session.execute(moved.values(parent_id=units["huyen-964"]))
    await session.commit()
    seen = await names_seen(await as_user(DISTRICT))
    assert {"huyen-966.reporter", "huyen-966.leader"} <= set(seen)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"search": "nguoi  hai"}, ["b.hai"]),
        ({"search": "NGƯỜI HẢI"}, ["b.hai"]),
        ({"search": "a.an"}, ["a.an"]),
        ({"search": "%"}, []),
        ({"is_active": False}, ["c.dung"]),
        ({"role": "unit_leader", "search": "dan ca"}, ["a.an"]),
        ({"never_logged_in": True, "search": "c."}, ["c.dung"]),
        ({"never_logged_in": False, "search": "c.dung"}, []),
        ({"search": "dan ca", "sort": "full_name"}, ["a.an", "c.dung", "b.hai"]),
        ({"search": "dan ca", "sort": "-created_at"}, ["c.dung", "b.hai", "a.an"]),
    ],
)
async def test_a_list_is_filtered_and_sorted(
    app: FastAPI, as_user: LogIn, asked: dict[str, Any], expected: list[str]
) -> None:
    made = datetime(2023, 12, 1, tzinfo=UTC)
    await hire(
        app, "a.an", "xa-31999", (Role.UNIT_LEADER, "xa-31999"), full_name="An Dân Ca", created_at=made
    )
    later = made + timedelta(days=1)
    await hire(app, "b.hai", "xa-31999", full_name="Người Hải Dân Ca", created_at=later)
    await hire(
        app, "c.dung", "xa-31999", full_name="Đặng Dân Ca", created_at=later + timedelta(1), is_active=False
    )
    assert await names_seen(await as_user(DISTRICT), **asked) == expected


async def test_a_list_is_of_one_unit_or_of_all_below_it(app: FastAPI, as_user: LogIn) -> None:
    units, admin = await units_of(app), await as_user("admin")
    home = await names_seen(admin, unit_id=units["huyen-964"])
    below = await names_seen(admin, below_unit_id=units["huyen-964"])
    assert all(name.startswith("huyen-964.") for name in home)
    assert {*home, "xa-31999.reporter"} < set(below)
    assert "huyen-966.reporter" not in below
    assert await names_seen(await as_user(OTHER_DISTRICT), below_unit_id=units["huyen-964"]) == []
