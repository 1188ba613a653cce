"""Somebody acts in another's role for some days: from the first second of the first to the last second of the last."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from app.units.queries import unit_ids_by_key
from tests.accounts.lending import (
    CHAIRMAN,
    DEPUTY,
    LEADER,
    ME,
    REPORTER,
    URL,
    USERS,
    audit,
    body_of,
    change,
    deputy,
    finish,
    id_of,
    lend,
    stages,
)
from tests.conftest import Clock
from tests.scene import REVIEWER, SIBLING, UNIT, UNPROVED, Scene, connection, open_database, points, scene

__all__ = ["connection", "deputy", "open_database", "scene"]

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
    for verb, body in (("claim", None), ("adjustments", points("5.4", "0")), ("pass", UNPROVED)):
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
    assert not {"delegator_name", "delegate_name"} & event["after"].keys()  # the trail forgets no name
    days = {"starts_on": "2023-12-15", "ends_on": "2023-12-17"}
    about = {"unit_name": "Phường 9", "role": "unit_leader", "basis": "KT.", "document": "15/QĐ-UBND"}
    assert (days | about).items() <= event["after"].items()


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
