"""Truth tables of the rule kinds, each with the missing value."""

from fractions import Fraction

import pytest

from app.scoring.engine import UnitInput, score
from app.scoring.model import Option, Options, Peers, Ratio, Variable
from tests.scoring.examples import EXACT, YES_NO, best_of, counts, points_of, set_of, unit

AT_80 = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5))
SUMS = Ratio(counts("a", "b", "c"), ("b", "c"), ("a",))
INFECTED = Ratio(counts("a", "b", "infected"), ("a",), ("b",), full_if_zero="infected")
THIRDS = Options(tuple(Option(f"{n}", f"{n}/3", Fraction(n, 3)) for n in range(4)))
MONEY = Ratio((Variable("a", "", "amount"), Variable("b", "", "amount")), ("a",), ("b",), Fraction(1, 100))


@pytest.mark.parametrize(
    ("rule", "answer", "points", "warnings"),
    [
        (YES_NO, {"choice": "yes"}, "10", ()),
        (YES_NO, {"choice": "no"}, "0", ()),
        (YES_NO, None, "0", ("no_answer",)),
        (YES_NO, {"note": "…"}, "0", ("no_answer",)),
        (THIRDS, {"choice": "1"}, "10/3", ()),
        (THIRDS, {"choice": "2"}, "20/3", ()),
        # 000:474-477: at and above 80 % the maximum, below it the share of 80 % (sở 6.10)
        (AT_80, {"figures": {"a": 0, "b": 100}}, "0", ()),
        (AT_80, {"figures": {"a": 40, "b": 100}}, "5", ()),
        (AT_80, {"figures": {"a": 79_999, "b": 100_000}}, "79999/8000", ()),
        (AT_80, {"figures": {"a": 80, "b": 100}}, "10", ()),
        (AT_80, {"figures": {"a": 80_001, "b": 100_000}}, "10", ("ratio_above_full",)),
        (AT_80, {"figures": {"a": 100, "b": 100}}, "10", ("ratio_above_full",)),
        (AT_80, {"figures": {"a": 101, "b": 100}}, "10", ("ratio_above_full",)),
        (AT_80, {"figures": {"a": 0, "b": 0}}, "0", ("zero_denominator",)),
        (AT_80, None, "0", ("no_answer",)),
        (SUMS, {"figures": {"a": 30, "b": 4, "c": 6}}, "10/3", ()),
        (SUMS, {"figures": {"a": 30, "b": 30, "c": 0}}, "10", ()),
        (SUMS, {"figures": {"a": 30, "b": 30, "c": 1}}, "10", ("ratio_above_full",)),
        # D-035..D-037: no infected machine earns the maximum, otherwise a / b as written
        (INFECTED, {"figures": {"a": 0, "b": 50, "infected": 0}}, "10", ()),
        (INFECTED, {"figures": {"a": 0, "b": 0, "infected": 0}}, "10", ()),
        (INFECTED, {"figures": {"a": 5, "b": 50, "infected": 5}}, "1", ()),
        (INFECTED, {"figures": {"a": 0, "b": 0, "infected": 5}}, "0", ("zero_denominator",)),
        (INFECTED, None, "0", ("no_answer",)),
        (MONEY, {"figures": {"a": "0.5", "b": 100}}, "5", ()),
        (MONEY, {"figures": {"a": "0.000001", "b": "999999999.999999"}}, "1000/999999999999999", ()),
        (MONEY, {"figures": {"a": 1, "b": 100}}, "10", ()),
        (MONEY, {"figures": {"a": "0.999999", "b": 100}}, "999999/100000", ()),
        (YES_NO, {"not_applicable": True, "reason": "…"}, "0", ("not_applicable_not_accepted",)),
        (AT_80, {"not_applicable": True, "reason": "…"}, "0", ("not_applicable_not_accepted",)),
    ],
)
def test_an_answer_gives_the_points_the_document_says(
    rule: Options | Ratio, answer: dict[str, object] | None, points: str, warnings: tuple[str, ...]
) -> None:
    scores = score(set_of(rule), EXACT, [unit("u", {"1.1": answer} if answer else {})])
    assert points_of(scores, 0) == [points]
    assert scores.card(0).lines[0].warnings == warnings


@pytest.mark.parametrize(
    ("figures", "by_share", "by_min_max"),
    [
        ([5, 10, 20], ["5/2", "5", "10"], ["0", "10/3", "10"]),
        ([0, 0, 0], ["0", "0", "0"], ["0", "0", "0"]),
        ([7, 7, 7], ["10", "10", "10"], ["10", "10", "10"]),
        ([0, 1, 3], ["0", "10/3", "10"], ["0", "10/3", "10"]),
        ([None, 4, 8], ["0", "5", "10"], ["0", "0", "10"]),
        ([None, None, None], ["0", "0", "0"], ["0", "0", "0"]),
        (["0.5", "1.5", 2], ["5/2", "15/2", "10"], ["0", "20/3", "10"]),
    ],
)
def test_a_figure_is_measured_against_the_best_or_between_both_extremes(
    figures: list[int | str | None], by_share: list[str], by_min_max: list[str]
) -> None:
    units = [
        unit(f"u{n}", {} if figure is None else {"1.1": {"figures": {"x": figure}}})
        for n, figure in enumerate(figures)
    ]
    amount = (Variable("x", "", "amount"),)
    index_set = set_of(Peers(amount, ("x",)), Peers(amount, ("x",), (), "min_max"))
    units = [
        unit(one.key, {code: one.answers["1.1"] for code in index_set.by_code if one.answers})
        for one in units
    ]
    scores = score(index_set, EXACT, units)
    assert [points_of(scores, i)[0] for i in range(3)] == by_share
    assert [points_of(scores, i)[1] for i in range(3)] == by_min_max


def _with_x(key: str, x: int, *, is_ranked: bool = True) -> UnitInput:
    answer = {"figures": {"x": x}}
    return unit(key, {"1.1": answer, "1.2": answer}, is_ranked=is_ranked)


def test_an_unranked_unit_is_measured_against_the_ranked_ones_and_does_not_set_the_best() -> None:
    index_set = set_of(best_of("x"), best_of("x", "min_max"))
    units = [
        _with_x("a", 4),
        _with_x("b", 8),
        _with_x("high", 16, is_ranked=False),
        _with_x("low", 2, is_ranked=False),
    ]
    scores = score(index_set, EXACT, units)
    assert [points_of(scores, i) for i in range(4)] == [["5", "0"], ["10", "10"], ["10", "10"], ["5/2", "0"]]
    extremes = scores.peers["1.1"]
    assert (extremes.best, extremes.lowest) == ("8", "4")
    assert (extremes.best_units, extremes.lowest_units) == (("b",), ("a",))


def test_all_peers_at_zero_leave_an_unranked_unit_at_zero_too() -> None:
    index_set = set_of(best_of("x"), best_of("x", "min_max"))
    scores = score(index_set, EXACT, [_with_x("a", 0), _with_x("other", 9, is_ranked=False)])
    assert points_of(scores, 1) == ["0", "0"]


def test_without_ranked_units_there_is_no_best() -> None:
    scores = score(set_of(best_of("x")), EXACT, [_with_x("other", 9, is_ranked=False)])
    assert points_of(scores, 0) == ["0"]
    assert scores.peers["1.1"].best is None
    assert "không xác định" in scores.card(0).lines[0].explanation.text
