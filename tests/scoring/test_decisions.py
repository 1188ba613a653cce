"""Decisions on documents: said in words beside the others; and the groups in which a council shares a set out."""

from typing import Any

import pytest

from app.catalogue.files import catalogue
from app.scoring.engine import UnitInput, score
from app.scoring.model import Decision, Policy
from tests.scoring.examples import EXACT, YES_NO, points_of, set_of

STRICT = Policy("strict", missing_evidence="zero")


def decided(*decisions: Decision, is_proved: bool) -> UnitInput:
    """Return a unit that answers yes, with what was decided about it."""
    return UnitInput(
        "u",
        True,
        {"1.1": {"choice": "yes"}},
        decisions={"1.1": decisions},
        without_evidence=frozenset() if is_proved else frozenset({"1.1"}),
    )


def said(value: dict[str, Any], lang: str, *, is_proved: bool = False) -> list[str]:
    """Return every step in which a decision on documents is explained."""
    unit = decided(Decision("evidence", value, "lý do"), is_proved=is_proved)
    line = score(set_of(YES_NO), STRICT, [unit]).card(0, lang).lines[0]
    return [step.text for step in line.explanation.steps]


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [
        (
            {"disallowed": ["a", "b"]},
            "không chấp nhận 2 tài liệu kiểm chứng: lý do",
            "2 documents of evidence were disallowed: lý do",
        ),
        (
            {"disallowed": []},
            "chấp nhận các tài liệu kiểm chứng: lý do",
            "the documents of evidence were allowed: lý do",
        ),
        (
            {"late": True},
            "tài liệu bổ sung quá thời hạn, không được tính: lý do",
            "the evidence asked for came too late to count: lý do",
        ),
    ],
)
def test_a_decision_on_documents_is_a_step_of_the_explanation(
    value: dict[str, Any], vi: str, en: str
) -> None:
    assert any(vi in step for step in said(value, "vi"))
    assert any(en in step for step in said(value, "en"))


@pytest.mark.parametrize(("policy", "points"), [(STRICT, "0"), (EXACT, "10")])
def test_only_a_policy_makes_the_want_of_documents_cost_points(policy: Policy, points: str) -> None:
    unit = decided(Decision("evidence", {"disallowed": ["a"]}, "lý do"), is_proved=False)
    assert points_of(score(set_of(YES_NO), policy, [unit]), 0) == [points]


def test_every_decision_is_told_in_the_order_it_was_made() -> None:
    unit = decided(
        Decision("evidence", {"disallowed": ["a"]}, "một"),
        Decision("answer", {"choice": "yes"}, "hai"),
        Decision("evidence", {"late": True}, "ba"),
        is_proved=True,
    )
    line = score(set_of(YES_NO), STRICT, [unit]).card(0).lines[0]
    text = " ".join(step.text for step in line.explanation.steps)
    places = [text.index(f": {reason}") for reason in ("một", "hai", "ba")]
    assert places == sorted(places)


@pytest.mark.parametrize("key", catalogue().sets)
def test_the_groups_of_a_set_hold_every_indicator_once(key: str) -> None:
    index_set = catalogue().sets[key].scored
    held = [code for codes in index_set.groups.values() for code in codes]
    assert sorted(held) == sorted(index_set.by_code)
    assert all(index_set.groups.values())
