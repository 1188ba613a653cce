"""The preview of a finalization, and the method note that a finalization writes."""

import hashlib
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import SYSTEM, record
from app.core.db import new_id
from app.results.previewing import near_ties
from app.results.snapshot import Line
from app.reviews.models import AdjustmentKind, HandOver
from app.submissions.models import RankingScope, Reopening, ReviewState, Submission
from app.units.models import Unit, UnitKind
from tests.client import CheckedClient
from tests.conftest import START, Clock, LogIn
from tests.results import scene
from tests.results.test_policies import BRVT

REVIEWER, CHAIRMAN = "huyen-964.reviewer", "huyen-964.chairman"


async def put(session: AsyncSession, submission: Submission, **values: Any) -> None:
    await session.execute(update(Submission).where(Submission.id == submission.id).values(**values))


async def seen_by(session: AsyncSession, as_user: LogIn, scope: RankingScope) -> dict[str, Any]:
    name = REVIEWER if scope.parent_id else "reviewer"
    shown = await scene.preview(await as_user(name), scope)
    assert shown.status_code == 200, shown.text
    found: dict[str, Any] = shown.json()
    return found


async def test_the_preview_says_whose_turn_it_is_with_each_missing_dossier(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    first, second, third = list((await scene.dossiers(session, scope)).values())[:3]
    await put(session, first, state=ReviewState.RETURNED)
    await put(session, second, state=ReviewState.RESUBMITTED)
    await put(session, third, state=ReviewState.UNDER_REVIEW)
    seen = await seen_by(session, as_user, scope)
    turns = {one["unit_id"]: (one["state"], one["turn_of"]["name"]) for one in seen["missing"]}
    assert turns == {
        str(first.unit_id): ("returned", first.unit_name),
        str(second.unit_id): ("resubmitted", "Thành phố Cà Mau"),
        str(third.unit_id): ("under_review", "Thành phố Cà Mau"),
    }
    assert set(seen["waiting"]) == set(turns)
    assert (seen["peers"], seen["near_ties"]) == ([], [])
    (finalize,) = seen["allowed_actions"]
    assert (finalize["allowed"], finalize["reason_code"]) == (False, "scope_not_reviewed")


async def test_the_preview_shows_the_peers_with_their_extremes(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session, UnitKind.DEPARTMENT, None)
    seen = await seen_by(session, as_user, scope)
    ranked = {unit["unit_id"] for unit in seen["units"] if unit["is_ranked"]}
    peers = {one["indicator"]: one for one in seen["peers"]}["3.1"]
    assert Fraction(peers["best"]) > Fraction(peers["lowest"])
    assert {*peers["best_units"], *peers["lowest_units"]} <= ranked
    made = await scene.finalize(await as_user("reviewer"), scope)
    assert made.status_code == 201
    (finalize,) = (await seen_by(session, as_user, scope))["allowed_actions"]
    assert finalize["reason_code"] == "nothing_changed"


async def test_whoever_may_not_finalize_is_told_so(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    for name, why in ((REVIEWER, None), (CHAIRMAN, "not_your_role"), ("reviewer", "not_your_role")):
        (finalize,) = (await scene.preview(await as_user(name), scope)).json()["allowed_actions"]
        assert finalize["reason_code"] == why, name


def line(name: str, rank: int | None, dti: str | None) -> Line:
    """Return a line of which only the place matters."""
    return Line(new_id(), name, None, name, rank is not None, rank, "0", "1", dti, None, "{}", "0")


def test_neighbours_less_than_a_hundredth_of_a_percent_apart_are_near_ties() -> None:
    lines = [
        line("Xã A", 1, "50"),
        line("Xã B", 2, "4999/100"),  # exactly 0.01 below: not near
        line("Xã C", 3, "149970001/3000000"),  # 0.01 less a bit below
        line("Xã Đ", 3, "149970001/3000000"),
        line("Xã E", None, "50"),
    ]
    found = [(one.unit_name, one.next_unit_name, one.is_tie) for one in near_ties(reversed(lines))]
    assert found == [("Xã B", "Xã C", False), ("Xã C", "Xã Đ", True)]
    near, tie = near_ties(lines)
    assert Fraction(near.difference) == Fraction(4999, 100) - Fraction(149970001, 3000000)
    assert (tie.rank, tie.next_rank, tie.difference) == (3, 3, "0")


async def test_the_preview_names_ties(session: AsyncSession, as_user: LogIn) -> None:
    scope = await scene.passed_scope(session)
    dossiers = list((await scene.dossiers(session, scope)).values())
    for one in dossiers[:2]:
        await scene.declare(session, one, scene.answers(await scene.index_set_of(session, one), 99))
    seen = await seen_by(session, as_user, scope)
    assert [(one["rank"], one["next_rank"], one["is_tie"]) for one in seen["near_ties"]] == [(1, 1, True)]
    assert seen["near_ties_total"] == 1


async def test_a_missing_list_of_a_district_is_noted_and_blocks_nothing(
    session: AsyncSession, as_user: LogIn
) -> None:
    """R-101: where the province ranks all communes, the districts review them and hand their lists over."""
    scope = await scene.passed_scope(session, parent=None, **BRVT)
    seen = await seen_by(session, as_user, scope)
    assert [note["number"] for note in seen["hand_overs"]] == [None] * 9
    district = (await session.scalars(select(Unit.id).where(Unit.key == "huyen-964"))).one()
    session.add_all(
        HandOver(
            period_id=scope.period_id,
            reviewer_unit_id=district,
            to_unit_id=scope.finalized_by_id,
            unit_kind=UnitKind.COMMUNE,
            number=number,
            document_number="12/BC-UBND",
            note=None,
            units=[],
            sha256=hashlib.sha256(b"").hexdigest(),
            handed_at=START,
            handed_by=SYSTEM.id,
            handed_by_name=SYSTEM.name,
        )
        for number in (1, 2)
    )
    await session.flush()
    seen = await seen_by(session, as_user, scope)
    assert [note["number"] for note in seen["hand_overs"]] == [None] * 8 + [2]
    assert seen["hand_overs"][-1]["unit"]["key"] == "huyen-964"
    assert seen["is_ready"]


async def test_a_chairman_who_finalizes_his_own_communes_needs_no_list(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    assert (await seen_by(session, as_user, scope))["hand_overs"] == []


async def test_what_is_still_open_for_entry_is_shown_until_it_closes(
    session: AsyncSession, as_user: LogIn, clock: Clock
) -> None:
    scope = await scene.passed_scope(session)
    one = (await scene.dossiers(session, scope))["xa-31999"]
    until = datetime(2024, 1, 5, 17, tzinfo=UTC)
    await put(session, one, state=ReviewState.UNDER_REVIEW, reopened={"1.1": until.isoformat()})
    for seconds, indicators in ((-1, [["1.1"]]), (0, []), (1, [])):
        clock.now = until + timedelta(seconds=seconds)
        seen = await seen_by(session, as_user, scope)
        assert [note["indicators"] for note in seen["open_reopenings"]] == indicators, seconds


# --- the method note ----------------------------------------------------------------------------------------


async def given_time(session: AsyncSession, scope: RankingScope) -> list[Submission]:
    """Open entry again for three units, call one in, and give one until another day."""
    dossiers = list((await scene.dossiers(session, scope)).values())[:4]
    until = datetime(2024, 1, 5, 17, tzinfo=UTC)
    for one, indicators in zip(dossiers, (None, ["1.1", "3.1"]), strict=False):
        session.add(
            Reopening(
                submission_id=one.id,
                indicators=indicators,
                reason="Đơn vị nhập nhầm",
                until_at=until,
                granted_at=START,
                granted_by=SYSTEM.id,
                granted_by_name="Người Mở Lại",
            )
        )
    await put(session, dossiers[0], entry_due_at=until)  # by its reopening: noted once
    await record(session, SYSTEM, "review.call_in", dossiers[2], START)
    await put(session, dossiers[3], entry_due_at=until + timedelta(days=1))
    await session.flush()
    return dossiers


async def test_a_result_says_who_was_given_what_and_names_no_person(
    session: AsyncSession, as_user: LogIn, client: CheckedClient
) -> None:
    scope = await scene.passed_scope(session)
    dossiers = await given_time(session, scope)
    reviewer, chairman = await as_user(REVIEWER), await as_user(CHAIRMAN)
    made = (await scene.finalize(reviewer, scope)).json()
    detail = await reviewer.get(f"{scene.RESULTS}/{made['id']}")
    notes = detail.json()["method_notes"]
    assert [(note["unit_name"], note["kind"], note["indicators"]) for note in notes] == [
        (dossiers[0].unit_name, "reopened", None),
        (dossiers[1].unit_name, "reopened", ["1.1", "3.1"]),
        (dossiers[2].unit_name, "called_in", None),
        (dossiers[3].unit_name, "other_time", None),
    ]
    assert (notes[0]["reason"], notes[0]["until_at"]) == ("Đơn vị nhập nhầm", "2024-01-05T17:00:00Z")
    await scene.publish(chairman, made["id"])
    public = await client.get(f"{scene.PUBLIC}/{made['id']}")
    assert public.json()["method_notes"] == [note | {"reason": None} for note in notes]
    assert "Người Mở Lại" not in public.text


async def test_a_method_note_is_written_once_and_a_correction_has_its_own(
    session: AsyncSession, as_user: LogIn
) -> None:
    scope = await scene.passed_scope(session)
    reviewer = await as_user(REVIEWER)
    first = (await scene.finalize(reviewer, scope)).json()["id"]
    dossiers = await given_time(session, scope)
    await scene.decide(session, dossiers[0], "1.1", AdjustmentKind.POINTS, {"points": "1"})
    second = (await scene.finalize(reviewer, scope, "theo kết luận kiểm tra")).json()["id"]
    counts = [
        len((await reviewer.get(f"{scene.RESULTS}/{one}")).json()["method_notes"]) for one in (first, second)
    ]
    assert counts == [0, 4]
