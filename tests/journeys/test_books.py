"""The second scorer, which the year is checked with, against figures worked out by hand."""

from fractions import Fraction
from typing import Any

import pytest

from scripts.journey.books import (
    IndexSet,
    UnitBook,
    best_of_peers,
    earned,
    final_result,
    means_of_peers,
    ranks,
    ratio_warnings,
    shown,
)

RATIO = {"kind": "ratio", "numerator": ["a"], "denominator": ["b"], "full_mark": "0.8", "full_if_zero": None}
CLEANED = {**RATIO, "full_mark": "1", "full_if_zero": "infected"}
OPTIONS = {"kind": "options", "options": [{"key": "all", "share": "1"}, {"key": "some", "share": "1/2"}]}
PEERS = {"kind": "peers", "variable": "x", "measure": "share_of_best"}


def row(rule: dict[str, Any], code: str = "1.1") -> dict[str, Any]:
    return {"code": code, "max_points": "10", "declared_by": "unit", "rule": rule}


@pytest.mark.parametrize(
    ("rule", "answer", "points"),
    [
        (RATIO, {"figures": {"a": 1, "b": 3}}, Fraction(25, 6)),
        (RATIO, {"figures": {"a": "0.7", "b": "0.8"}}, Fraction(10)),
        (RATIO, {"figures": {"a": 0, "b": 0}}, Fraction(0)),
        (RATIO, {"not_applicable": True}, Fraction(0)),
        (CLEANED, {"figures": {"a": 0, "b": 9, "infected": 0}}, Fraction(10)),
        (CLEANED, {"figures": {"a": 2, "b": 9, "infected": 3}}, Fraction(20, 9)),
        (OPTIONS, {"choice": "some"}, Fraction(5)),
        (OPTIONS, {}, Fraction(0)),
        (PEERS, {"figures": {"x": 3}}, Fraction(30, 7)),
        (PEERS, {"figures": {"x": 9}}, Fraction(10)),
    ],
)
def test_an_answer_earns_what_the_decision_says(
    rule: dict[str, Any], answer: dict[str, Any], points: Fraction
) -> None:
    assert earned(row(rule), answer, Fraction(7)) == points


def test_points_that_depend_on_unknown_peers_are_open() -> None:
    assert earned(row(PEERS), {"figures": {"x": 3}}, None) is None


def unit(key: str, x: int, *, is_ranked: bool = True) -> UnitBook:
    rows = (row(PEERS, "1.1"), row(OPTIONS, "1.2"))
    book = UnitBook(key, "", key, "department", is_ranked, "", IndexSet({}, rows), "", "", 0, "")
    book.answers = {"1.1": {"figures": {"x": x}}, "1.2": {"choice": "all"}}
    return book


def test_equal_units_share_a_rank_and_the_next_one_is_left_out_while_unranked_units_shift_nobody() -> None:
    units = [unit("a", 8), unit("b", 4), unit("c", 4), unit("d", 2), unit("e", 100, is_ranked=False)]
    best = best_of_peers(units)
    assert best == {"1.1": 8}
    results = {one.key: final_result(one, best) for one in units}
    assert ranks(units, results) == {"a": 1, "b": 2, "c": 2, "d": 4, "e": None}
    assert results["b"].dti == 75


def test_an_accepted_claim_leaves_the_maximum_and_decided_points_replace_the_rule() -> None:
    claimant, decided = unit("a", 8), unit("b", 4)
    claimant.not_applicable.add("1.2")
    decided.points["1.2"] = Fraction(5, 2)
    best = best_of_peers([claimant, decided])
    first, second = final_result(claimant, best), final_result(decided, best)
    assert [first.total, first.maximum, first.dti] == [10, 10, 100]
    assert [second.total, second.maximum] == [Fraction(15, 2), 20]


def test_numbers_are_shown_half_up() -> None:
    assert [shown(Fraction(n, 200), 2) for n in (0, 1, 2, 399)] == ["0.00", "0.01", "0.01", "2.00"]


def test_what_does_not_apply_takes_the_mean_of_the_others_who_were_reviewed() -> None:
    units = [unit("claimant", 8), unit("a", 8), unit("b", 4), unit("forgotten", 8)]
    claimant, forgotten = units[0], units[3]
    claimant.not_applicable.add("1.1")
    forgotten.was_reviewed = False
    best = {"1.1": Fraction(8)}
    means = means_of_peers(units, best)
    assert means["1.1"] == Fraction(15, 2), "10 and 5 points"
    found = final_result(claimant, best, means)
    assert [found.points["1.1"], found.maximum] == [Fraction(15, 2), 20]
    assert [final_result(forgotten, best, means).total, final_result(forgotten, best, means).maximum] == [
        0,
        20,
    ]
    assert final_result(claimant, best, {}).points["1.1"] is None, "not known yet"


@pytest.mark.parametrize(
    ("rule", "figures", "warned"),
    [
        (RATIO, {"a": 8, "b": 10}, []),
        (RATIO, {"a": 9, "b": 10}, [("1.1", "ratio_above_full")]),
        (RATIO, {"a": 0, "b": 0}, [("1.1", "zero_denominator")]),
        (CLEANED, {"a": 0, "b": 0, "infected": 0}, []),
        (PEERS, {"x": 3}, []),
    ],
)
def test_ratios_outside_their_bounds_are_warned_of(
    rule: dict[str, Any], figures: dict[str, int], warned: list[tuple[str, str]]
) -> None:
    book = unit("a", 8)
    book.index_set = IndexSet({}, (row(rule),))
    book.answers = {"1.1": {"figures": figures}}
    assert list(ratio_warnings(book)) == warned
