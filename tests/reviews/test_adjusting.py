"""Decisions on indicators: each kind with each fault, seen by the unit, and what counts in the end."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import AuditEvent
from tests.scene import REVIEWER, SIBLING, UNPROVED, Scene, photograph, points, return_body

WHY = "Đối chiếu tài liệu kiểm chứng"


@pytest.fixture
async def scene(scene: Scene) -> Scene:
    """Give the open year with the dossier of Phường 9 on its reviewer's desk."""
    await scene.claimed()
    return scene


def decision(indicator: str, kind: str, **given: Any) -> dict[str, Any]:
    """Return a decision on one indicator."""
    return {"indicator": indicator, "kind": kind, "reason": WHY, **given}


@pytest.mark.parametrize(
    ("body", "appraised"),
    [
        (decision("1.1", "answer", choice="not_chaired_by_head"), "0"),
        (decision("1.2", "answer", choice="partial"), "5/2"),
        (decision("1.4", "answer", figures={"a": "1.0", "b": 3}), "10/3"),
        (decision("1.4", "points", points="7.25"), "29/4"),
        (decision("1.4", "points", points="0"), "0"),
        (decision("1.4", "points", points="10.000000"), "10"),
        (decision("5.4", "answer", figures={"a": 0, "b": 9, "infected": 0}), "5"),
        (decision("1.4", "as_declared"), "15/2"),
    ],
)
async def test_a_decision_counts_and_the_unit_sees_it(
    scene: Scene, body: dict[str, Any], appraised: str
) -> None:
    made = await scene.done(scene.act(REVIEWER, "adjustments", body))
    shown = await scene.line(body["indicator"])
    assert shown["appraised_points"] == appraised
    assert shown["decision"] == made.json()
    assert (shown["decision"]["reason"], shown["decision"]["made_by_name"]) == (WHY, REVIEWER)
    listed: Any = await scene.read(path="/adjustments")
    assert listed == [made.json()]


async def test_the_units_own_points_stay_beside_the_reviewers(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "2.5")))
    shown = await scene.line("1.4")
    assert (shown["self_points"], shown["appraised_points"]) == ("15/2", "5/2")
    assert (shown["self_shown"], shown["appraised_shown"]) == ("7.50", "2.50")
    review = await scene.read(path="/review")
    assert float(review["self_total"]) - float(review["appraised_total"]) == 5


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown indicator": (points("9.9", "1"), "/indicator", "unknown_indicator"),
    "more than the maximum": (points("1.4", "10.000001"), "/points", "above_maximum"),
    "points of another kind": (decision("1.4", "answer", points="1"), "/points", "not_of_this_kind"),
    "an answer to points": (
        decision("1.4", "points", points="1", choice="full"),
        "/choice",
        "not_of_this_kind",
    ),
    "an answer to as declared": (decision("1.1", "as_declared", choice="x"), "/choice", "not_of_this_kind"),
    "no points": (decision("1.4", "points"), "/points", "missing"),
    "no answer": (decision("1.4", "answer"), "/figures", "missing"),
    "no figures in the figures": (decision("1.4", "answer", figures={}), "/figures", ""),
    "only nulls": (decision("1.4", "answer", figures={"a": None, "b": None}), "/figures", ""),
    "no decision": (decision("1.4", "not_applicable"), "/accepted", "missing"),
    "what nobody claimed": (decision("1.4", "not_applicable", accepted=True), "/indicator", "not_claimed"),
    "an unknown option": (decision("1.1", "answer", choice="maybe"), "/choice", "unknown_option"),
    "an empty option": (decision("1.1", "answer", choice=""), "/choice", "unknown_option"),
    "a choice for a ratio": (decision("1.4", "answer", choice="full"), "/choice", "wrong_kind"),
    "figures for a choice": (decision("1.1", "answer", figures={"a": 1}), "/figures", "wrong_kind"),
    "a over nothing": (decision("1.4", "answer", figures={"a": 1, "b": 0}), "/figures/b", "zero_denominator"),
    "a negative figure": (decision("1.4", "answer", figures={"a": -1, "b": 2}), "/figures/a", "negative"),
    "a figure short": (
        decision("5.4", "answer", figures={"a": 1, "b": 2}),
        "/figures/infected",
        "missing_variable",
    ),
    "negative points": (points("1.4", "-1"), "/points", "string_pattern_mismatch"),
    "points in words": (points("1.4", "mười"), "/points", "string_pattern_mismatch"),
    "points with an exponent": (points("1.4", "1e1"), "/points", "string_pattern_mismatch"),
    "digits of another script": (points("1.4", "١"), "/points", "string_pattern_mismatch"),
    "points that are a number": (decision("1.4", "points", points=1.5), "/points", "string_type"),
    "an unknown kind": (decision("1.4", "guess"), "/kind", "enum"),
    "no reason": (points("1.4", "1") | {"reason": "   x  "}, "/reason", "string_too_short"),
    "a field too many": (points("1.4", "1") | {"made_by": "me"}, "/made_by", "extra_forbidden"),
}


@pytest.mark.parametrize(("body", "pointer", "code"), FAULTS.values(), ids=list(FAULTS))
async def test_a_faulty_decision_is_named_and_nothing_changes(
    scene: Scene, session: AsyncSession, body: dict[str, Any], pointer: str, code: str
) -> None:
    etag, before = await scene.etag(), await photograph(session)
    refused = await scene.act(REVIEWER, "adjustments", body, etag=etag)
    assert refused.status_code == 422, refused.text
    faults = {fault["pointer"]: fault["code"] for fault in refused.json()["errors"]}
    assert code in (faults.get(pointer), "")
    assert pointer in faults
    assert await photograph(session) == before


async def test_earlier_decisions_stay_as_history_and_the_latest_holds(
    scene: Scene, session: AsyncSession
) -> None:
    for given in ("1", "2"):
        await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", given)))
    assert (await scene.line("1.4"))["appraised_points"] == "2"
    listed: Any = await scene.read(path="/adjustments")
    assert [one["value"] for one in listed] == [{"points": "1"}, {"points": "2"}]
    query = select(AuditEvent).where(AuditEvent.action == "review.adjust").order_by(AuditEvent.id.desc())
    event = (await session.scalars(query.limit(1))).one()
    assert (event.before or {})["decision"] == {"kind": "points", "value": {"points": "1"}}
    assert (event.after or {})["value"] == {"points": "2"}
    assert event.reason == points("1.4", "2")["reason"]


async def test_as_declared_takes_a_decision_back(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    await scene.done(scene.act(REVIEWER, "adjustments", decision("1.4", "as_declared")))
    assert (await scene.line("1.4"))["appraised_points"] == "15/2"


async def test_as_declared_is_no_substitute_for_an_agencys_figures(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "adjustments", decision("5.4", "as_declared")))
    waiting = await scene.act(REVIEWER, "pass")
    assert [one["code"] for one in waiting.json()["errors"]] == ["official_figures_missing"]


async def test_a_decision_keeps_what_was_declared_then(scene: Scene) -> None:
    made = await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    assert made.json()["declared"]["figures"] == {"a": 3, "b": 4}


async def test_a_decision_on_an_answer_that_has_changed_since_is_decided_again(scene: Scene) -> None:
    """The unit takes its claim back after a return and declares: the old acceptance must not silently decide."""
    claim = {"not_applicable": True, "reason": "Năm nay không phát sinh"}
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await again(scene, {"1.2": claim})
    accept = decision("1.2", "not_applicable", accepted=True)
    await scene.done(scene.act(REVIEWER, "adjustments", accept))
    assert (await scene.line("1.2"))["appraised_points"] == "0"
    await scene.done(scene.act(REVIEWER, "return", return_body()))
    await again(scene, {"1.2": {"choice": "full", "note": "Có họp"}})
    await scene.done(scene.act(REVIEWER, "adjustments", points("5.4", "0")))
    waiting = await scene.act(REVIEWER, "pass")
    assert waiting.status_code == 409
    told = [(one["pointer"], one["code"]) for one in waiting.json()["errors"]]
    assert told == [("/answers/1.2", "decision_outdated")]
    await scene.done(scene.act(REVIEWER, "adjustments", decision("1.2", "as_declared")))
    assert (await scene.line("1.2"))["appraised_points"] == "5"
    assert (await scene.act(REVIEWER, "pass", UNPROVED)).status_code == 200


async def again(scene: Scene, answers: dict[str, Any]) -> None:
    """Let the unit correct its answers, send the dossier again, and the reviewer claim it."""
    await scene.resubmitted(answers=answers)
    await scene.done(scene.act(REVIEWER, "claim"))


async def test_a_neighbour_sees_no_decision(scene: Scene) -> None:
    await scene.done(scene.act(REVIEWER, "adjustments", points("1.4", "1")))
    caller, url = await scene.as_(f"{SIBLING}.reporter"), await scene.url()
    for path in ("", "/review", "/adjustments"):
        assert (await caller.get(url + path)).status_code == 404


async def test_an_agency_sees_decisions_only_on_its_indicators(scene: Scene) -> None:
    for code in ("1.4", "5.4"):
        await scene.done(scene.act(REVIEWER, "adjustments", points(code, "1")))
    review = await scene.read(who="so-tttt.agency", path="/review")
    decided = [one["code"] for one in review["lines"] if one["decision"]]
    assert decided == ["5.4"]
    assert "1.4" not in {one["code"] for one in review["lines"]}
