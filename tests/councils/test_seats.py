"""Councils: who may set one up, what its seats must cover, who sees it, and what happens when somebody falls ill."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import RoleGrant, User
from app.accounts.permissions import Role
from app.core.audit import AuditEvent, OutboxEvent
from tests.councils.seating import (
    COUNCILS,
    SECOND,
    THIRD,
    colleagues,
    council_body,
    council_of_three,
    person,
    seat,
    three,
    unit_id,
)
from tests.scene import REVIEWER, UNIT, Scene, photograph

CHAIRMAN = "huyen-964.chairman"


async def refusal(scene: Scene, seats: list[Any], **changes: Any) -> set[tuple[str, str]]:
    """Return the faults of a council that is refused."""
    body = await council_body(scene, seats, **changes)
    refused = await (await scene.as_(CHAIRMAN)).post(COUNCILS, json=body)
    assert refused.status_code == 422, refused.text
    return {(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]}


async def test_a_council_has_seats_with_groups_in_the_documents_order(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    assert [(one["role"], one["groups"]) for one in council["seats"]] == [
        ("chair", ["1", "2", "3"]),
        ("secretary", ["4", "5", "6", "7", "8"]),
        ("member", ["7", "8"]),
    ]
    allowed = {one["action"]: one["reason_code"] for one in council["allowed_actions"]}
    assert allowed == {"change_seats": None, "record_minutes": "not_presiding"}


async def test_a_council_is_told_of_and_audited(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    council = await council_of_three(app, scene)
    query = select(AuditEvent).where(AuditEvent.action == "council.create")
    event = (await session.scalars(query)).one()
    assert (str(event.object_id), event.actor_name) == (council["id"], CHAIRMAN)
    assert str(event.acting_for) == council["reviewer_unit_id"]
    assert event.after is not None and len(event.after["seats"]) == 3
    told = await session.scalars(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))
    assert len(told.all()) == 1


async def test_there_is_one_council_per_period_unit_and_kind(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    body = await council_body(scene, await three(scene))
    again = await (await scene.as_(REVIEWER)).post(COUNCILS, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "council_exists")
    assert again.json()["council_id"] == council["id"]


@pytest.mark.parametrize("who", ["reviewer", "leader", "huyen-966.chairman"])
async def test_only_the_reviewing_unit_sets_up_its_council(app: FastAPI, scene: Scene, who: str) -> None:
    await colleagues(app)
    refused = await (await scene.as_(who)).post(COUNCILS, json=await council_body(scene, await three(scene)))
    assert (refused.status_code, refused.json()["code"]) == (404, "unit_not_found")


async def test_every_group_needs_a_member_and_no_other_group_exists(app: FastAPI, scene: Scene) -> None:
    await colleagues(app)
    seats = [await seat(scene, REVIEWER, "chair", 1, 2, 3, 4, 5, 6, 9)]
    assert await refusal(scene, seats) == {
        ("/seats/0/groups/6", "unknown_group"),
        ("/seats", "group_without_member"),
    }


async def test_there_is_one_chair_and_at_most_one_secretary(app: FastAPI, scene: Scene) -> None:
    await colleagues(app)
    everything = range(1, 9)
    nobody = [await seat(scene, REVIEWER, "member", *everything)]
    assert await refusal(scene, nobody) == {("/seats", "chair_missing")}
    two = [await seat(scene, who, "chair", *everything) for who in (REVIEWER, SECOND)]
    assert await refusal(scene, two) == {("/seats/1/role", "role_taken")}
    secretaries = [
        await seat(scene, REVIEWER, "chair", *everything),
        *[await seat(scene, who, "secretary") for who in (SECOND, THIRD)],
    ]
    assert await refusal(scene, secretaries) == {("/seats/2/role", "role_taken")}


async def test_everybody_sits_once_and_reviews_for_the_unit(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await colleagues(app)
    chair = await seat(scene, REVIEWER, "chair", *range(1, 9))
    twice = [chair, await seat(scene, REVIEWER, "member")]
    assert await refusal(scene, twice) == {("/seats/1/user_id", "named_twice")}
    for stranger in (CHAIRMAN, "huyen-966.reviewer", "reviewer", f"{UNIT}.reporter"):
        seats = [chair, await seat(scene, stranger, "member")]
        assert await refusal(scene, seats) == {("/seats/1/user_id", "not_a_reviewer")}, stranger


async def test_whoever_has_left_has_no_seat(app: FastAPI, scene: Scene) -> None:
    await colleagues(app)
    seats = await three(scene)
    async with app.state.database.session() as held, held.begin():
        user = (await held.scalars(select(User).where(User.username == SECOND))).one()
        user.is_active = False
        grant = (await held.scalars(select(RoleGrant).join(User).where(User.username == THIRD))).one()
        grant.ended_at = user.created_at
    assert await refusal(scene, seats) == {
        ("/seats/1/user_id", "not_a_reviewer"),
        ("/seats/2/user_id", "not_a_reviewer"),
    }


async def test_the_period_must_measure_the_kind(app: FastAPI, scene: Scene) -> None:
    await colleagues(app)
    faults = await refusal(scene, await three(scene), unit_kind="agency")
    assert faults == {("/unit_kind", "not_measured")}


async def test_a_group_is_never_left_to_people_of_one_reviewed_unit(app: FastAPI, scene: Scene) -> None:
    """Nobody reviews his own unit: the dossier of Sở TT&TT could not pass if only its own man checked a group."""
    await person(app, "reviewer3", Role.PROVINCE_REVIEWER, "tinh-ca-mau", home="so-tttt")
    province, everything = await unit_id(scene, "tinh-ca-mau"), range(1, 7)
    seats = [
        await seat(scene, "reviewer", "chair", *everything),
        await seat(scene, "reviewer3", "member", *everything),
        await seat(scene, "reviewer2", "member", 1, 2, 3, 4, 5),
    ]
    body = await council_body(scene, seats, reviewer_unit_id=province, unit_kind="department")
    leader = await scene.as_("leader")
    refused = await leader.post(COUNCILS, json=body)
    assert [one["code"] for one in refused.json()["errors"]] == ["own_unit_only"]
    seats[2]["groups"].append("6")
    assert (await leader.post(COUNCILS, json=body)).status_code == 201


# --- who sees it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [REVIEWER, SECOND, CHAIRMAN, "reviewer", "leader", "admin", "auditor"])
async def test_members_and_those_above_see_a_council(app: FastAPI, scene: Scene, who: str) -> None:
    council = await council_of_three(app, scene)
    caller = await scene.as_(who)
    assert (await caller.get(f"{COUNCILS}/{council['id']}")).json()["name"] == council["name"]
    listed = await caller.get(COUNCILS, params={"period_id": scene.period["id"]})
    assert [one["id"] for one in listed.json()] == [council["id"]]
    assert (await caller.get(COUNCILS, params={"period_id": council["id"]})).json() == []


@pytest.mark.parametrize(
    "who", [f"{UNIT}.reporter", f"{UNIT}.leader", "huyen-966.reviewer", "huyen-964.leader"]
)
async def test_a_reviewed_unit_and_other_districts_see_no_council(
    app: FastAPI, scene: Scene, who: str
) -> None:
    council = await council_of_three(app, scene)
    caller = await scene.as_(who)
    assert (await caller.get(COUNCILS)).json() == []
    for path in ("", "/minutes", "/minutes/1", "/minutes/1/page"):
        hidden = await caller.get(f"{COUNCILS}/{council['id']}{path}")
        assert (hidden.status_code, hidden.json()["code"]) == (404, "council_not_found")


async def test_a_seat_counts_as_long_as_its_holder_reviews(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    async with app.state.database.session() as held, held.begin():
        grant = (await held.scalars(select(RoleGrant).join(User).where(User.username == THIRD))).one()
        grant.role = Role.UNIT_REPORTER
    assert (await (await scene.as_(THIRD)).get(f"{COUNCILS}/{council['id']}")).status_code == 404


# --- other seats --------------------------------------------------------------------------------------------


async def test_seats_change_while_dossiers_are_under_review(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    council = await council_of_three(app, scene)
    await scene.claimed()
    caller, url = await scene.as_(CHAIRMAN), f"{COUNCILS}/{council['id']}"
    etag = (await caller.get(url)).headers["etag"]
    seats = [await seat(scene, REVIEWER, "chair", 1, 2, 3), await seat(scene, THIRD, "member", 4, 5, 6, 7, 8)]
    body = {"seats": seats, "reason": "Thư ký nghỉ ốm dài ngày"}
    changed = await caller.put(f"{url}/seats", json=body, headers={"If-Match": etag})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] != etag
    assert [one["role"] for one in changed.json()["seats"]] == ["chair", "member"]
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "council.change"))).one()
    assert event.before is not None and event.after is not None
    assert (len(event.before["seats"]), len(event.after["seats"])) == (3, 2)
    assert event.reason == "Thư ký nghỉ ốm dài ngày"
    stale = await caller.put(f"{url}/seats", json=body, headers={"If-Match": etag})
    assert stale.status_code == 412


async def test_the_same_seats_again_change_nothing(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    council = await council_of_three(app, scene)
    url, before = f"{COUNCILS}/{council['id']}/seats", await photograph(session)
    body = {"seats": (await three(scene))[::-1], "reason": "Gửi lại"}
    answered = await (await scene.as_(CHAIRMAN)).put(url, json=body, headers={"If-Match": '"1"'})
    assert (answered.status_code, answered.headers["etag"]) == (200, '"1"')
    assert await photograph(session) == before


async def test_new_seats_are_checked_as_the_first_ones(app: FastAPI, scene: Scene) -> None:
    council = await council_of_three(app, scene)
    url = f"{COUNCILS}/{council['id']}/seats"
    body = {"seats": (await three(scene))[:1], "reason": "Thư ký nghỉ ốm dài ngày"}
    refused = await (await scene.as_(CHAIRMAN)).put(url, json=body, headers={"If-Match": '"1"'})
    assert refused.status_code == 422
    assert {one["code"] for one in refused.json()["errors"]} == {"group_without_member"}


@pytest.mark.parametrize("who", ["reviewer", "leader"])
async def test_those_above_see_the_seats_but_do_not_change_them(app: FastAPI, scene: Scene, who: str) -> None:
    council = await council_of_three(app, scene)
    caller, url = await scene.as_(who), f"{COUNCILS}/{council['id']}"
    body = {"seats": await three(scene), "reason": "Thay thành viên"}
    refused = await caller.put(f"{url}/seats", json=body, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (404, "council_not_found")
    allowed = {one["action"]: one["reason_code"] for one in (await caller.get(url)).json()["allowed_actions"]}
    assert allowed["change_seats"] == "not_your_role"
