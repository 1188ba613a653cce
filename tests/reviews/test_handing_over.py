"""The list of reviewed communes that a district hands to the province (004:65, R-101)."""

import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent, OutboxEvent
from app.reviews.models import AdjustmentKind
from app.reviews.settled import settle
from app.scoring.model import UnitInput
from app.submissions.models import ReviewState, Submission
from app.units.models import Unit, UnitKind
from tests.conftest import START
from tests.results.scene import answers, decide, declare, index_set_of
from tests.scene import REVIEWER, SIBLING, UNIT, Scene, photograph

Json = dict[str, Any]


async def unit_id(session: AsyncSession, key: str) -> str:
    """Return the id of a unit."""
    return str((await session.scalars(select(Unit.id).where(Unit.key == key))).one())


async def hand_over(
    scene: Scene, session: AsyncSession, who: str = REVIEWER, unit: str = "huyen-964", **changes: Any
) -> httpx.Response:
    """Hand a district's communes over."""
    body = {
        "reviewer_unit_id": await unit_id(session, unit),
        "unit_kind": "commune",
        "document_number": "45/UBND-VHTT",
    }
    caller = await scene.as_(who)
    return await caller.post(f"/api/v1/periods/{scene.period['id']}/hand-overs", json=body | changes)


async def read(scene: Scene, who: str, hand_over_id: str = "") -> httpx.Response:
    """Read the lists of the period, or one of them."""
    url = f"/api/v1/periods/{scene.period['id']}/hand-overs"
    return await (await scene.as_(who)).get(f"{url}/{hand_over_id}" if hand_over_id else url)


async def all_passed(app: FastAPI, parent: str = "huyen-964") -> int:
    """Let every commune of a district pass, written straight into the tables; return how many there are."""
    async with app.state.database.session() as held, held.begin():
        district = (await held.scalars(select(Unit.id).where(Unit.key == parent))).one()
        query = select(Submission).filter_by(reviewer_unit_id=district, unit_kind=UnitKind.COMMUNE)
        rows = (await held.scalars(query.order_by(Submission.id))).all()
        for place, dossier in enumerate(rows):
            await declare(held, dossier, answers(await index_set_of(held, dossier), 51 + place))
    return len(rows)


async def dossier_of(session: AsyncSession, key: str = UNIT) -> Submission:
    """Return a commune's dossier."""
    query = select(Submission).join(Unit, Unit.id == Submission.unit_id).where(Unit.key == key)
    return (await session.scalars(query)).one()


async def test_a_list_names_every_unit_with_state_revision_and_points(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    count = await all_passed(app)
    made = await hand_over(scene, session)
    assert made.status_code == 201, made.text
    handed = made.json()
    assert (handed["number"], handed["listed"], handed["passed"]) == (1, count, count)
    assert handed["to_unit_id"] == await unit_id(session, "tinh-ca-mau")
    assert handed["is_current"] is True
    names = [one["unit_name"] for one in handed["units"]]
    assert names[:2] == ["Phường 1", "Phường 2"] and len(set(names)) == count
    for one in handed["units"][:3]:
        url = f"/api/v1/submissions/{one['submission_id']}"
        caller = await scene.as_(REVIEWER)
        review = (await caller.get(f"{url}/review")).json()
        dossier = (await caller.get(url)).json()
        assert one["total_shown"] == review["appraised_total"]
        assert (one["state"], one["revision"]) == ("passed", dossier["revision_number"])


async def test_points_are_those_of_the_settled_review(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await all_passed(app)
    async with app.state.database.session() as held, held.begin():
        dossier = await dossier_of(held)
        index_set = await index_set_of(held, dossier)
        nothing = UnitInput(key="", is_ranked=True, answers={})
        dossier.settled = settle(index_set, nothing).decode()
    handed = (await hand_over(scene, session)).json()
    mine = next(one for one in handed["units"] if one["unit_name"] == "Phường 9")
    assert mine["total_shown"] == "0.00"


async def test_a_settled_text_of_an_older_format_is_made_again(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await all_passed(app)
    first = (await hand_over(scene, session)).json()
    async with app.state.database.session() as held, held.begin():
        (await dossier_of(held)).settled = '{"format":0}'
    again = await hand_over(scene, session)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_changed")
    assert again.json()["hand_over_id"] == first["id"]


async def test_dossiers_that_have_not_passed_keep_the_list_back_unless_a_note_says_why(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    count = await all_passed(app)
    async with app.state.database.session() as held, held.begin():
        dossier = await dossier_of(held)
        dossier.state = ReviewState.UNDER_REVIEW
        dossier.touch()
    await scene.as_(REVIEWER)
    before = await photograph(session)
    refused = await hand_over(scene, session)
    assert (refused.status_code, refused.json()["code"]) == (409, "hand_over_incomplete")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        (f"/units/{await unit_id(session, UNIT)}", "under_review")
    ]
    assert refused.json()["waiting"] == 1
    assert {**await photograph(session), "idempotency_record": []} == {**before, "idempotency_record": []}
    made = await hand_over(scene, session, note="Phường 9 đang giải trình")
    assert (made.status_code, made.json()["passed"]) == (201, count - 1)
    mine = next(one for one in made.json()["units"] if one["unit_name"] == "Phường 9")
    assert (mine["state"], mine["total_shown"]) == ("under_review", None)


async def test_a_list_is_handed_over_again_only_when_something_changed(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await all_passed(app)
    first = (await hand_over(scene, session)).json()
    again = await hand_over(scene, session, document_number="46/UBND-VHTT", note="Gửi lại lần nữa")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_changed")
    async with app.state.database.session() as held, held.begin():
        dossier = await dossier_of(held)
        await decide(held, dossier, "1.1", AdjustmentKind.POINTS, {"points": "0"})
    assert (await read(scene, "reviewer", first["id"])).json()["is_current"] is False
    second = await hand_over(scene, session)
    assert (second.status_code, second.json()["number"]) == (201, 2)
    kept = (await read(scene, "reviewer", first["id"])).json()
    assert kept["units"] == first["units"]
    assert (await read(scene, "reviewer", second.json()["id"])).json()["is_current"] is True
    listed = (await read(scene, "reviewer")).json()
    assert [one["number"] for one in listed["items"]] == [2, 1]


async def test_a_hand_over_is_audited_and_told_of(app: FastAPI, scene: Scene, session: AsyncSession) -> None:
    count = await all_passed(app)
    handed = (await hand_over(scene, session, note="Gửi đúng hạn")).json()
    event = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "review.hand_over"))).one()
    assert (event.object_type, str(event.object_id), event.reason) == (
        "hand_over",
        handed["id"],
        "Gửi đúng hạn",
    )
    assert event.after == {
        "number": 1,
        "document_number": "45/UBND-VHTT",
        "sha256": handed["sha256"],
        "units": count,
        "to_unit": await unit_id(session, "tinh-ca-mau"),
    }
    assert str(event.acting_for) == handed["reviewer_unit_id"]
    told = await session.scalars(select(OutboxEvent).where(OutboxEvent.audit_event_id == event.id))
    assert len(told.all()) == 1


@pytest.mark.parametrize("who", ["reviewer", "huyen-966.reviewer"])
async def test_only_the_unit_that_reviews_hands_over(
    app: FastAPI, scene: Scene, session: AsyncSession, who: str
) -> None:
    await all_passed(app)
    refused = await hand_over(scene, session, who)
    assert (refused.status_code, refused.json()["code"]) == (404, "unit_not_found")


async def test_nobody_is_above_the_province(scene: Scene, session: AsyncSession) -> None:
    refused = await hand_over(scene, session, "reviewer", "tinh-ca-mau", unit_kind="district")
    assert (refused.status_code, refused.json()["code"]) == (409, "nobody_above")


async def test_a_unit_hands_over_what_it_reviews(scene: Scene, session: AsyncSession) -> None:
    refused = await hand_over(scene, session, unit_kind="department")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "no_dossiers"
    period, scene.period["id"] = scene.period["id"], await unit_id(session, UNIT)
    missing = await hand_over(scene, session)
    assert (missing.status_code, missing.json()["code"]) == (404, "period_not_found")
    scene.period["id"] = period


async def test_those_who_oversee_the_district_see_its_lists_and_nobody_else(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    await all_passed(app)
    handed = (await hand_over(scene, session)).json()
    for who in (REVIEWER, "huyen-964.chairman", "reviewer", "leader", "admin", "auditor"):
        assert [one["id"] for one in (await read(scene, who)).json()["items"]] == [handed["id"]], who
        assert (await read(scene, who, handed["id"])).json() == handed, who
    for who in (f"{UNIT}.leader", f"{SIBLING}.reporter", "huyen-966.reviewer", "huyen-964.leader"):
        assert (await read(scene, who)).json()["total"] == 0, who
        hidden = await read(scene, who, handed["id"])
        assert (hidden.status_code, hidden.json()["code"]) == (404, "hand_over_not_found")


async def test_a_thousand_dossiers_are_listed_in_one_go(
    app: FastAPI, scene: Scene, session: AsyncSession
) -> None:
    """One statement and one scoring for all; a second is ten times what it takes."""
    async with app.state.database.session() as held, held.begin():
        query = select(Submission).where(Submission.unit_kind == UnitKind.COMMUNE)
        rows = (await held.scalars(query)).all()
        index_set = await index_set_of(held, rows[0])
        given = UnitInput(key="", is_ranked=True, answers=answers(index_set, 60))
        text = settle(index_set, given).decode()
        district, above = rows[0].reviewer_unit_id, rows[0].path[-1]
        units = [
            Unit(key=f"xa-{i}", kind=UnitKind.COMMUNE, is_ranked=True, exists_from=START.date())
            for i in range(1000)
        ]
        held.add_all(units)
        await held.flush()
        held.add_all(
            Submission(
                **{
                    name: getattr(rows[0], name)
                    for name in Submission.__table__.columns.keys()  # noqa: SIM118
                    if name not in ("id", "unit_id", "path", "settled", "state", "version")
                },
                unit_id=unit.id,
                path=[unit.id, district, above],
                state=ReviewState.PASSED,
                settled=text,
            )
            for unit in units
        )
    reviewer_unit = (await session.scalars(select(Unit.key).where(Unit.id == district))).one()
    started = time.perf_counter()
    made = await hand_over(
        scene, session, f"{reviewer_unit}.reviewer", reviewer_unit, note="Còn hồ sơ chưa xong"
    )
    took = time.perf_counter() - started
    assert (made.status_code, made.json()["passed"]) == (201, 1000)
    assert took < 5, took
    print(took)
