"""Somebody acts in another's role for some days: from the first second of the first to the last second of the last."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Delegation, User
from app.core.audit import AuditEvent, OutboxEvent
from app.units.queries import unit_ids_by_key
from tests.conftest import Clock, logged_in
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, connection, open_database, photograph, points, scene

__all__ = ["connection", "open_database", "scene"]
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


# --- acting for another -------------------------------------------------------------------------------------


async def test_a_delegated_leader_approves_and_the_audit_says_for_whom_and_on_which_basis(
    scene: Scene, deputy: str
) -> None:
    await scene.filled()
    await lend(scene, LEADER, deputy)
    approved = await scene.act(deputy, "approve")
    assert approved.status_code == 200, approved.text
    event = await audit(scene, "submission.approve")
    assert event["actor_name"] == deputy
    assert (event["on_behalf_of"], event["basis"]) == (await id_of(scene, LEADER), "KT.")
    assert event["acting_for"] == approved.json()["unit_id"]
    assert (await scene.act(REPORTER, "submit")).status_code == 200


async def test_a_delegated_reviewer_claims_decides_and_passes(scene: Scene) -> None:
    await scene.submitted()
    await lend(scene, REVIEWER, CHAIRMAN, "district_reviewer", basis="TL.")
    for verb, body in (("claim", None), ("adjustments", points("5.4", "0")), ("pass", None)):
        await scene.done(scene.act(CHAIRMAN, verb, body))
    for action in ("review.claim", "review.adjust", "review.pass"):
        event = await audit(scene, action)
        assert event["actor_name"] == CHAIRMAN
        assert (event["on_behalf_of"], event["basis"]) == (await id_of(scene, REVIEWER), "TL.")


async def test_what_one_may_do_himself_he_does_in_his_own_name(scene: Scene) -> None:
    """Reporters hand in as leaders do; only the approval needs the leader's role."""
    await scene.filled()
    await lend(scene, LEADER, REPORTER)
    await scene.done(scene.act(REPORTER, "approve"))
    await scene.done(scene.act(REPORTER, "submit"))
    assert (await audit(scene, "submission.approve"))["on_behalf_of"] == await id_of(scene, LEADER)
    assert (await audit(scene, "submission.submit"))["on_behalf_of"] is None


async def test_me_shows_whose_role_on_which_basis_and_until_when(scene: Scene, deputy: str) -> None:
    made = await lend(scene, LEADER, deputy)
    shown = (await (await scene.as_(deputy)).get(ME)).json()
    assert shown["grants"] == [
        {
            "role": "unit_leader",
            "unit_id": made["unit_id"],
            "on_behalf_of": made["delegator_id"],
            "on_behalf_of_name": f"Tài khoản mẫu {LEADER}",
            "basis": "KT.",
            "until": "2023-12-17",
        }
    ]
    assert "submission:approve" in shown["permissions"]
    (own,) = (await (await scene.as_(LEADER)).get(ME)).json()["grants"]
    assert (own["on_behalf_of"], own["basis"], own["until"]) == (None, None, None)


async def test_the_page_of_accounts_shows_the_roles_that_were_given_not_lent(
    scene: Scene, deputy: str
) -> None:
    """Whoever sends back what he reads there must not turn a delegation into a role."""
    await lend(scene, LEADER, deputy)
    admin = await scene.as_("admin")
    user = (await admin.get(f"{USERS}/{await id_of(scene, deputy)}")).json()
    assert user["grants"] == []


# --- from when until when -----------------------------------------------------------------------------------

FIRST, AFTER = (
    datetime(2023, 12, 17, 17, tzinfo=UTC),
    datetime(2023, 12, 20, 17, tzinfo=UTC),
)  # 0:00 in Vietnam


@pytest.mark.parametrize(
    ("edge", "seconds", "stage"),
    [
        (FIRST, -86400, "ahead"),
        (FIRST, -1, "ahead"),
        (FIRST, 0, "running"),
        (FIRST, 1, "running"),
        (AFTER, -1, "running"),
        (AFTER, 0, "over"),
        (AFTER, 1, "over"),
    ],
)
async def test_it_holds_from_the_first_to_the_last_second_of_its_days_in_vietnam(
    scene: Scene, deputy: str, clock: Clock, edge: datetime, seconds: int, stage: str
) -> None:
    await scene.filled()
    await lend(scene, LEADER, deputy, starts_on="2023-12-18", ends_on="2023-12-20")
    clock.now = edge
    clock.advance(seconds=seconds)
    holds = stage == "running"
    assert await stages(scene, deputy) == [stage]
    assert await stages(scene, deputy, running=True) == ([stage] if holds else [])
    assert await stages(scene, deputy, running=False) == ([] if holds else [stage])
    assert len((await (await scene.as_(deputy)).get(ME)).json()["grants"]) == holds
    assert (await scene.act(deputy, "approve")).status_code == (200 if holds else 403)


@pytest.mark.parametrize("who", [LEADER, DEPUTY, "admin"])
async def test_ended_before_its_time_it_holds_no_longer(
    scene: Scene, deputy: str, session: AsyncSession, who: str
) -> None:
    made = await lend(scene, LEADER, deputy)
    ended = await finish(scene, who, made)
    assert (ended.status_code, ended.headers["etag"]) == (200, '"2"')
    assert (ended.json()["stage"], ended.json()["end_reason"]) == ("ended", "x")
    (end,) = ended.json()["allowed_actions"]
    assert (end["allowed"], end["reason_code"]) == (False, "delegation_ended")
    assert (await (await scene.as_(deputy)).get(ME)).json()["grants"] == []
    again = await finish(scene, who, made, '"2"')
    assert (again.status_code, again.json()["reason_code"]) == (409, "delegation_ended")
    lent = ("delegation.create", "delegation.end")
    told = select(AuditEvent.action).join(OutboxEvent, OutboxEvent.audit_event_id == AuditEvent.id)
    told = told.where(AuditEvent.action.in_(lent)).order_by(AuditEvent.id)
    assert list(await session.scalars(told)) == list(lent)
    event = await audit(scene, "delegation.end")
    assert event["reason"] == "x"
    names = {"delegator_name": f"Tài khoản mẫu {LEADER}", "delegate_name": f"Phó {DEPUTY}"}
    days = {"starts_on": "2023-12-15", "ends_on": "2023-12-17"}
    about = {"unit_name": "Phường 9", "role": "unit_leader", "basis": "KT.", "document": "15/QĐ-UBND"}
    assert (names | days | about).items() <= event["after"].items()


async def test_a_delegation_that_is_over_cannot_be_ended(scene: Scene, deputy: str, clock: Clock) -> None:
    made = await lend(scene, LEADER, deputy)
    clock.advance(days=3)
    refused = await finish(scene, LEADER, made)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "delegation_over")


async def test_a_role_taken_away_takes_its_delegation_with_it_for_good(
    scene: Scene, deputy: str, clock: Clock
) -> None:
    await scene.filled()
    made = await lend(scene, LEADER, deputy)
    await change(scene, LEADER, grants=[])
    assert (await scene.act(deputy, "approve")).status_code == 403
    assert await stages(scene, deputy) == ["lapsed"]
    clock.advance(seconds=1)
    await change(scene, LEADER, grants=[{"role": "unit_leader", "unit_id": made["unit_id"]}])
    assert (await scene.act(deputy, "approve")).status_code == 403
    assert (await finish(scene, LEADER, made)).json()["stage"] == "ended"
    await lend(scene, LEADER, deputy)
    assert (await scene.act(deputy, "approve")).status_code == 200


async def test_roles_that_are_confirmed_keep_their_delegations(scene: Scene, deputy: str) -> None:
    await scene.filled()
    made = await lend(scene, LEADER, deputy)
    await change(scene, LEADER, grants=[{"role": "unit_leader", "unit_id": made["unit_id"]}])
    assert (await scene.act(deputy, "approve")).status_code == 200


async def test_nobody_acts_for_an_account_that_is_switched_off(scene: Scene, deputy: str) -> None:
    await scene.filled()
    await lend(scene, LEADER, deputy)
    await change(scene, LEADER, is_active=False)
    assert (await scene.act(deputy, "approve")).status_code == 403
    assert await stages(scene, deputy) == ["lapsed"]
    await change(scene, LEADER, is_active=True)
    assert (await scene.act(deputy, "approve")).status_code == 200


# --- nobody reviews his own unit ----------------------------------------------------------------------------


async def queue(scene: Scene, who: str) -> list[str]:
    """Return the names of the dossiers that wait for a reviewer."""
    found = await (await scene.as_(who)).get("/api/v1/submissions", params={"to_review": True})
    return [one["unit_name"] for one in found.json()["items"]]


async def refused_as_own(scene: Scene, who: str, unit: str) -> bool:
    """Answer whether a claim is refused because the unit is the claimant's own."""
    answer = await scene.act(who, "claim", unit=unit)
    return answer.status_code == 409 and answer.json()["reason_code"] == "own_unit"


async def test_a_delegated_reviewer_does_not_review_his_own_unit(scene: Scene, deputy: str) -> None:
    await scene.submitted()
    await scene.submitted(SIBLING)
    await lend(scene, REVIEWER, deputy, "district_reviewer", by="admin")
    assert UNIT not in await queue(scene, deputy) and len(await queue(scene, deputy)) == 1
    assert await refused_as_own(scene, deputy, UNIT)
    assert (await scene.act(deputy, "claim", unit=SIBLING)).status_code == 200


async def test_a_reviewer_does_not_review_a_unit_that_he_leads_by_delegation(scene: Scene) -> None:
    await scene.submitted()
    made = await lend(scene, LEADER, REVIEWER, by="admin")
    assert await queue(scene, REVIEWER) == []
    assert await refused_as_own(scene, REVIEWER, UNIT)
    assert (await finish(scene, LEADER, made)).status_code == 200
    assert (await scene.act(REVIEWER, "claim")).status_code == 200


async def test_nobody_reviews_in_anothers_place_what_that_one_may_not(scene: Scene) -> None:
    """The reviewer works at Sở TT&TT: neither he nor whoever acts for him reviews it."""
    for unit in ("so-tttt", "so-noi-vu"):
        await scene.submitted(unit, "camau-2023-so")
    await lend(scene, "reviewer", "leader", "province_reviewer")
    assert await queue(scene, "leader") == ["Sở Nội vụ"]
    assert await refused_as_own(scene, "leader", "so-tttt")
    assert (await scene.act("leader", "claim", unit="so-noi-vu")).status_code == 200


async def test_nor_a_unit_that_the_other_declares_for(scene: Scene, session: AsyncSession) -> None:
    units = {key: str(one) for key, one in (await unit_ids_by_key(session)).items()}
    grants = [
        {"role": "province_reviewer", "unit_id": units["tinh-ca-mau"]},
        {"role": "unit_reporter", "unit_id": units["so-noi-vu"]},
    ]
    await change(scene, "reviewer2", grants=grants)
    await scene.submitted("so-noi-vu", "camau-2023-so")
    made = {"unit_id": units["tinh-ca-mau"]}
    await lend(scene, "reviewer2", "leader", "province_reviewer", **made)
    assert await refused_as_own(scene, "leader", "so-noi-vu")


async def test_a_delegated_leader_leads_that_unit_and_no_other(scene: Scene, deputy: str) -> None:
    await scene.filled(SIBLING)
    await lend(scene, LEADER, deputy)
    assert (await scene.act(deputy, "approve", unit=SIBLING)).status_code == 404
    assert (await scene.act(deputy, "claim")).status_code == 403
    assert (await scene.save({"answers": {}}, who=deputy)).status_code == 403


async def test_a_unit_cannot_rid_itself_of_a_reviewer_by_making_him_its_leader(scene: Scene) -> None:
    refused = await (await scene.as_(LEADER)).post(URL, json=await body_of(scene, LEADER, REVIEWER))
    assert refused.status_code == 422
    assert [one["code"] for one in refused.json()["errors"]] == ["unknown_user"]


# --- what is refused ----------------------------------------------------------------------------------------


async def test_a_delegated_role_is_not_delegated_further(scene: Scene, deputy: str) -> None:
    await lend(scene, LEADER, deputy)
    body = await body_of(scene, LEADER, REPORTER)
    for who, changes in ((deputy, {}), ("admin", {"delegator_id": await id_of(scene, deputy)})):
        refused = await (await scene.as_(who)).post(URL, json=body | changes)
        assert refused.status_code == 422
        assert [one["code"] for one in refused.json()["errors"]] == ["role_not_held"]


NOBODY = str(UUID(int=1))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"role": "unit_reporter"}, ("/role", "role_not_delegable")),
        ({"role": "service"}, ("/role", "role_not_delegable")),
        ({"role": "district_leader"}, ("/role", "role_not_held")),
        ({"unit_id": NOBODY}, ("/role", "role_not_held")),
        ({"delegate_id": NOBODY}, ("/delegate_id", "unknown_user")),
        ({"delegate_id": "self"}, ("/delegate_id", "same_person")),
        ({"delegate_id": "other"}, ("/delegate_id", "unknown_user")),
        ({"delegate_id": "gone"}, ("/delegate_id", "inactive_user")),
        ({"delegator_id": NOBODY}, ("/delegator_id", "not_your_role")),
        ({"delegator_id": "other"}, ("/delegator_id", "not_your_role")),
        ({"ends_on": "2023-12-14"}, ("/ends_on", "ends_before_start")),
        ({"starts_on": "2023-12-14"}, ("/starts_on", "in_the_past")),
        ({"ends_on": "2024-02-13"}, ("/ends_on", "too_long")),
        ({"ends_on": "9999-12-31"}, ("/ends_on", "too_long")),
    ],
)
async def test_what_cannot_be_delegated_is_refused_with_the_reason(
    scene: Scene, deputy: str, app: FastAPI, session: AsyncSession, changes: Json, fault: tuple[str, str]
) -> None:
    await hire(app, f"{UNIT}.gone", UNIT, is_active=False)
    people = {"self": LEADER, "other": f"{SIBLING}.leader", "gone": f"{UNIT}.gone"}
    named = {k: await id_of(scene, people[v]) if v in people else v for k, v in changes.items()}
    body = await body_of(scene, LEADER, deputy) | named
    leader, before = await scene.as_(LEADER), await photograph(session)
    refused = await leader.post(URL, json=body)
    assert refused.status_code == 422, refused.text
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [fault]
    assert await photograph(session) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("basis", "PP."), ("basis", None), ("document", "  "), ("document", "x" * 201), ("starts_on", "mai")],
)
async def test_a_delegation_names_its_basis_its_document_and_its_days(
    scene: Scene, deputy: str, field: str, value: Any
) -> None:
    body = await body_of(scene, LEADER, deputy, **{field: value})
    refused = await (await scene.as_(LEADER)).post(URL, json=body)
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [f"/{field}"]


async def test_the_administrator_is_told_of_accounts_that_are_not_there_or_hold_the_role(
    scene: Scene,
) -> None:
    admin = await scene.as_("admin")
    body = await body_of(scene, "reviewer", "reviewer2", "province_reviewer")
    refused = await admin.post(URL, json=body | {"delegator_id": NOBODY})
    told = {(one["pointer"], one["code"]) for one in refused.json()["errors"]}
    assert {("/delegator_id", "unknown_user"), ("/delegate_id", "holds_role")} <= told
    body["delegator_id"] = await id_of(scene, "reviewer")
    await change(scene, "reviewer", is_active=False)
    told = {(one["pointer"], one["code"]) for one in (await admin.post(URL, json=body)).json()["errors"]}
    assert ("/delegator_id", "inactive_user") in told


async def test_sixty_days_are_not_too_long(scene: Scene, deputy: str) -> None:
    assert (await lend(scene, LEADER, deputy, ends_on="2024-02-12"))["stage"] == "running"


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "status"),
    [
        ("2023-12-18", "2023-12-19", 201),
        ("2023-12-19", "2023-12-20", 409),
        ("2023-12-21", "2023-12-21", 409),
        ("2023-12-18", "2023-12-25", 409),
        ("2023-12-22", "2023-12-23", 409),
        ("2023-12-23", "2023-12-24", 201),
    ],
)
@pytest.mark.parametrize("second", [DEPUTY, REPORTER])
async def test_one_person_at_a_time_acts_in_a_role_of_somebodys(
    scene: Scene, deputy: str, starts_on: str, ends_on: str, status: int, second: str
) -> None:
    made = await lend(scene, LEADER, deputy, starts_on="2023-12-20", ends_on="2023-12-22")
    body = await body_of(scene, LEADER, second, starts_on=starts_on, ends_on=ends_on)
    leader = await scene.as_(LEADER)
    answer = await leader.post(URL, json=body)
    assert answer.status_code == status
    if status == 409:
        assert (answer.json()["code"], answer.json()["delegation_id"]) == ("delegation_overlaps", made["id"])
        assert (await finish(scene, LEADER, made)).status_code == 200
        assert (await leader.post(URL, json=body)).status_code == 201


@pytest.mark.parametrize(("etag", "status"), [("", 428), ('"7"', 412)])
async def test_an_end_needs_the_version_that_was_seen(
    scene: Scene, deputy: str, etag: str, status: int
) -> None:
    made = await lend(scene, LEADER, deputy)
    headers = {"If-Match": etag} if etag else {}
    url = f"{URL}/{made['id']}/end"
    refused = await (await scene.as_(LEADER)).post(url, json={"reason": "x"}, headers=headers)
    assert refused.status_code == status
    assert await stages(scene, LEADER) == ["running"]


async def test_an_end_needs_a_reason(scene: Scene, deputy: str) -> None:
    made = await lend(scene, LEADER, deputy)
    url = f"{URL}/{made['id']}/end"
    refused = await (await scene.as_(LEADER)).post(url, json={"reason": " "}, headers={"If-Match": '"1"'})
    assert refused.status_code == 422


async def test_an_initial_password_delegates_nothing(scene: Scene, app: FastAPI) -> None:
    await hire(app, DEPUTY, UNIT, must_change_password=True)
    new = await scene.as_(DEPUTY)
    for answer in (
        await new.get(URL),
        await new.get(COLLEAGUES),
        await new.post(URL, json=await body_of(scene, LEADER, REPORTER)),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required")


# --- who sees what ------------------------------------------------------------------------------------------


async def test_both_sides_and_whoever_reads_accounts_see_a_delegation_and_nobody_else(
    scene: Scene, deputy: str
) -> None:
    made = await lend(scene, LEADER, deputy)
    for who in (LEADER, deputy, "admin", "auditor"):
        assert await stages(scene, who) == ["running"]
        shown = await (await scene.as_(who)).get(f"{URL}/{made['id']}")
        assert (shown.status_code, shown.headers["etag"]) == (200, '"1"')
        (end,) = shown.json()["allowed_actions"]
        assert end["reason_code"] == ("not_your_delegation" if who == "auditor" else None)
    for who in (REPORTER, REVIEWER, "leader", f"{SIBLING}.leader"):
        assert await stages(scene, who) == []
        assert (await (await scene.as_(who)).get(f"{URL}/{made['id']}")).status_code == 404
        assert (await finish(scene, who, made)).status_code == 404
    refused = await finish(scene, "auditor", made)
    assert (refused.status_code, refused.json()["reason_code"]) == (409, "not_your_delegation")


async def test_colleagues_are_the_people_in_use_of_ones_own_units_with_their_names_alone(
    scene: Scene, deputy: str, app: FastAPI
) -> None:
    await hire(app, f"{UNIT}.gone", UNIT, is_active=False)
    found = (await (await scene.as_(LEADER)).get(COLLEAGUES)).json()
    assert {one["username"] for one in found["items"]} == {deputy, REPORTER}
    assert found["total"] == 2
    assert set(found["items"][0]) == {"id", "username", "full_name", "unit_id"}


async def test_colleagues_are_found_by_any_part_of_their_names_without_accents(
    scene: Scene, deputy: str
) -> None:
    leader = await scene.as_(LEADER)
    for search, expected in (("PHO xa", [deputy]), ("tai khoan", [REPORTER]), (".depu", [deputy]), ("%", [])):
        found = (await leader.get(COLLEAGUES, params={"search": search})).json()["items"]
        assert [one["username"] for one in found] == expected
    paged = (await leader.get(COLLEAGUES, params={"page": 2, "page_size": 1})).json()
    assert (len(paged["items"]), paged["total"]) == (1, 2)


async def test_who_reviews_for_the_province_finds_its_people_and_those_of_his_own_department(
    scene: Scene,
) -> None:
    found = (await (await scene.as_("reviewer")).get(COLLEAGUES)).json()["items"]
    names = {one["username"] for one in found}
    assert {"leader", "so-tttt.leader"} <= names and not names & {"reviewer", "reviewer2", LEADER}


async def test_a_delegated_role_brings_no_colleagues(scene: Scene, deputy: str) -> None:
    await lend(scene, REVIEWER, deputy, "district_reviewer", by="admin")
    found = (await (await scene.as_(deputy)).get(COLLEAGUES)).json()["items"]
    assert {one["username"] for one in found} == {LEADER, REPORTER}


# --- once, however often and however many at once -----------------------------------------------------------


async def test_a_repeated_delegation_is_made_once(scene: Scene, deputy: str, session: AsyncSession) -> None:
    leader, body = await scene.as_(LEADER), await body_of(scene, LEADER, deputy)
    answers = [await leader.post(URL, json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert await session.scalar(select(func.count(Delegation.id))) == 1
    url, headers = f"{URL}/{answers[0].json()['id']}/end", {"If-Match": '"1"', "Idempotency-Key": "end-once"}
    ends = [await leader.post(url, json={"reason": "x"}, headers=headers) for _ in range(2)]
    assert [one.status_code for one in ends] == [200, 200]


async def test_of_two_who_delegate_the_same_role_at_once_exactly_one_does(
    own_app: FastAPI, clock: Clock
) -> None:
    scene = Scene(partial(logged_in, own_app, clock), {})
    hands = [await logged_in(own_app, clock, LEADER) for _ in range(4)]
    for day in range(15, 25):
        on = {"starts_on": f"2023-12-{day}", "ends_on": f"2023-12-{day}"}
        body = await body_of(scene, LEADER, REPORTER, **on)
        answers = await asyncio.gather(*(hand.post(URL, json=body) for hand in hands))
        assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    async with own_app.state.database.session() as session:
        assert await session.scalar(select(func.count(Delegation.id))) == 10


async def test_of_two_who_end_it_at_once_one_is_told_to_look_again(own_app: FastAPI, clock: Clock) -> None:
    scene = Scene(partial(logged_in, own_app, clock), {})
    made = await lend(scene, LEADER, REPORTER)
    for who in (LEADER, REPORTER):
        await scene.as_(who)
    both = await asyncio.gather(finish(scene, LEADER, made), finish(scene, REPORTER, made))
    assert sorted(one.status_code for one in both) == [200, 412]


async def test_a_role_given_by_two_people_is_held_until_both_have_ended_it(
    scene: Scene,
) -> None:
    """Both reviewers of the province are away: the leader acts for the one, then for the other."""
    first = await lend(scene, "reviewer", "leader", "province_reviewer")
    second = await lend(scene, "reviewer2", "leader", "province_reviewer")
    grants = (await (await scene.as_("leader")).get(ME)).json()["grants"]
    assert {one["on_behalf_of"] for one in grants} == {None, first["delegator_id"], second["delegator_id"]}
    assert (await finish(scene, "leader", first)).status_code == 200
    assert "review:act" in (await (await scene.as_("leader")).get(ME)).json()["permissions"]
    assert (await finish(scene, "leader", second)).status_code == 200
    assert "review:act" not in (await (await scene.as_("leader")).get(ME)).json()["permissions"]
