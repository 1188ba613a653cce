"""Reading what a unit declares: the canonical form and every fault."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.scoring.answers import canonical, faults, figure_of
from app.scoring.model import IndexSet, Indicator, Ratio, Variable
from tests.scoring.examples import YES_NO, counts, set_of

INFECTED = Ratio(counts("a", "b", "infected"), ("a",), ("b",), full_if_zero="infected")
MONEY = Ratio((Variable("a", "", "amount"), Variable("b", "", "amount")), ("a",), ("b",))
JUDGED = set_of(YES_NO, INFECTED, MONEY)


@pytest.mark.parametrize(
    ("value", "canonical_form"),
    [
        (0, 0),
        (12, 12),
        ("12", 12),
        ("012", 12),
        ("12.0", 12),
        (12.0, 12),
        (30.5, "30.5"),
        ("30.50", "30.5"),
        ("007.250", "7.25"),
        ("0.000001", "0.000001"),
        (0.1, "0.1"),
        ("-0", 0),
        (-0.0, 0),
        (999_999_999_999_999, 999_999_999_999_999),
        ("999999999.999999", "999999999.999999"),
        (999999999.999999, "999999999.999999"),
    ],
)
def test_a_figure_has_one_canonical_form(value: object, canonical_form: int | str) -> None:
    assert figure_of(value) == (canonical_form, None)
    assert figure_of(canonical_form) == (canonical_form, None)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, "not_a_number"),
        ("", "not_a_number"),
        (" 5", "not_a_number"),
        ("+5", "not_a_number"),
        ("1e3", "not_a_number"),
        ("12,5", "not_a_number"),
        ("٣", "not_a_number"),
        ("1_000", "not_a_number"),
        ("5.", "not_a_number"),
        ([], "not_a_number"),
        ({}, "not_a_number"),
        (float("nan"), "not_a_number"),
        (float("inf"), "not_a_number"),
        ("NaN", "not_a_number"),
        (Decimal("sNaN"), "not_a_number"),
        (1e-7, "not_a_number"),
        ("0.0000001", "not_a_number"),
        (0.1 + 0.2, "not_a_number"),
        (-1, "negative"),
        ("-0.5", "negative"),
        pytest.param(-(10**5000), "negative", id="too long for Python to write, negative"),
        (10**15, "too_large"),
        (1e15, "too_large"),
        pytest.param("1" * 100_000, "too_large", id="a long text"),
        ("1234567890.123456", "too_large"),
        pytest.param(10**5000, "too_large", id="too long for Python to write"),
        (1.7e308, "too_large"),
    ],
)
def test_what_is_no_figure_is_named(value: object, code: str) -> None:
    assert figure_of(value) == (None, code)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (None, [("", "malformed")]),
        ([], [("", "malformed")]),
        ({"9.9": {"choice": "yes"}}, [("/9.9", "unknown_indicator")]),
        ({"a/b~c": 1}, [("/a~1b~0c", "unknown_indicator")]),
        ({"1.1": None}, [("/1.1", "malformed")]),
        ({"1.1": {"choice": "maybe"}}, [("/1.1/choice", "unknown_option")]),
        ({"1.1": {"choice": 1}}, [("/1.1/choice", "malformed")]),
        ({"1.1": {"choise": "yes"}}, [("/1.1/choise", "malformed")]),
        ({"1.1": {"figures": {"a": 1}}}, [("/1.1/figures", "wrong_kind")]),
        ({"1.2": {"choice": "yes"}}, [("/1.2/choice", "wrong_kind")]),
        ({"1.2": {"figures": [1, 2]}}, [("/1.2/figures", "malformed")]),
        (
            {"1.2": {"figures": {"a": 1, "z": 1}}},
            [
                ("/1.2/figures/z", "unknown_variable"),
                ("/1.2/figures/b", "missing_variable"),
                ("/1.2/figures/infected", "missing_variable"),
            ],
        ),
        (
            {"1.2": {"figures": {"a": -1, "b": "1.5", "infected": "x"}}},
            [
                ("/1.2/figures/a", "negative"),
                ("/1.2/figures/b", "not_whole"),
                ("/1.2/figures/infected", "not_a_number"),
            ],
        ),
        ({"1.2": {"figures": {"a": 1, "b": 0, "infected": 1}}}, [("/1.2/figures/b", "zero_denominator")]),
        ({"1.2": {"figures": {"a": 1, "b": 0, "infected": 0}}}, []),
        ({"1.2": {"figures": {"a": 0, "b": 0, "infected": 1}}}, []),
        ({"1.3": {"figures": {"a": "0.5", "b": "0.0"}}}, [("/1.3/figures/b", "zero_denominator")]),
        ({"1.3": {"not_applicable": True}}, [("/1.3/reason", "reason_missing")]),
        ({"1.3": {"not_applicable": True, "reason": "  "}}, [("/1.3/reason", "reason_missing")]),
        ({"1.3": {"not_applicable": 1}}, [("/1.3/not_applicable", "malformed")]),
        (
            {"1.1": {"choice": "yes", "not_applicable": True, "reason": "…"}},
            [("/1.1", "malformed")],
        ),
        pytest.param(
            {"1.1": {"not_applicable": True, "reason": 10**5000}},
            [("/1.1/reason", "malformed"), ("/1.1/reason", "reason_missing")],
            id="a reason too long for Python to write",
        ),
        ({"1.3": {"not_applicable": Decimal("sNaN")}}, [("/1.3/not_applicable", "malformed")]),
        ({"1.1": {"choice": "yes", "note": "a\0b"}}, [("/1.1/note", "malformed")]),
        ({"1.1": {"choice": "yes", "evidence": "file"}}, [("/1.1/evidence", "malformed")]),
        ({"1.1": {"choice": "yes", "evidence": [{}]}}, [("/1.1/evidence", "malformed")]),
        ({"1.1": {"choice": None}, "1.2": {"figures": {}}, "1.3": {}}, []),
        ({"1.2": {"figures": {"a": None, "b": None, "infected": None}}}, []),
        ({"1.1": {"choice": "yes", "not_applicable": False, "note": "…", "evidence": ["e1"]}}, []),
    ],
)
def test_every_fault_is_listed_with_its_place(raw: Any, found: list[tuple[str, str]]) -> None:
    assert [(fault.pointer, fault.code) for fault in faults(JUDGED, raw)] == found


def test_a_fault_names_indicator_and_variable_in_both_languages() -> None:
    (fault,) = faults(JUDGED, {"1.3": {"figures": {"a": "nhiều", "b": 1}}})
    assert (fault.indicator, fault.variable) == ("1.3", "a")
    assert fault.vi.startswith("1.3 · figures · a: Không phải là số")
    assert fault.en.startswith("1.3 · figures · a: Not a number")


def test_only_who_gives_the_figures_may_declare_them() -> None:
    """Ruling 20: sở 5.7, huyện 5.5 and xã 5.4 are entered by the agency."""
    row = Indicator("5.7", "", Fraction(5), INFECTED, declared_by="so-tttt")
    index_set = IndexSet("s", 1, "department", (*JUDGED.indicators, row))
    answer = {"figures": {"a": 0, "b": 9, "infected": 0}}
    raw = {"1.1": {"choice": "yes"}, "5.7": answer}
    assert [(f.indicator, f.code) for f in faults(index_set, raw)] == [("5.7", "not_declared_by_unit")]
    assert [(f.indicator, f.code) for f in faults(index_set, raw, by="so-tttt")] == [
        ("1.1", "not_declared_by_unit")
    ]
    assert faults(index_set, {"5.7": answer}, by="so-tttt") == []
    assert faults(index_set, raw, by=None) == []


def test_canonical_answers_follow_the_set_and_keep_what_explains_them() -> None:
    raw = {
        "1.3": {"figures": {"b": 2.50, "a": "01.0"}, "note": "n", "evidence": ["e2", "e1"], "choice": None},
        "1.2": {"figures": {"a": None}},
        "1.1": {"not_applicable": True, "reason": "không phát sinh"},
    }
    assert faults(JUDGED, raw | {"1.2": {}}) == []
    assert json.dumps(canonical(JUDGED, raw), ensure_ascii=False) == json.dumps(
        {
            "1.1": {"not_applicable": True, "reason": "không phát sinh"},
            "1.3": {"figures": {"a": 1, "b": "2.5"}, "note": "n", "evidence": ["e2", "e1"]},
        },
        ensure_ascii=False,
    )
