"""Who may delegate what to whom, who sees it, and that it happens once."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Delegation
from tests.accounts.lending import (
    COLLEAGUES,
    DEPUTY,
    LEADER,
    ME,
    REPORTER,
    URL,
    Json,
    body_of,
    change,
    deputy,
    finish,
    hire,
    id_of,
    lend,
    stages,
)
from tests.conftest import Clock, logged_in
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, connection, open_database, photograph, scene

__all__ = ["connection", "deputy", "open_database", "scene"]

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
