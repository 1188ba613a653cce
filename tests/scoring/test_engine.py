"""Totals, ranks, policies and reviewers' decisions."""

from fractions import Fraction
from typing import Any

import pytest

from app.scoring.engine import ENGINE_VERSION, Scores, UnitInput, score
from app.scoring.exact import exact, fraction, shown
from app.scoring.model import Band, IndexSet, Indicator, Option, Options, Policy, Ratio
from app.scoring.ranking import band_of, competition_ranks
from tests.scoring import oracle
from tests.scoring.examples import EXACT, YES_NO, best_of, counts, points_of, set_of, shown_points_of, unit

A_OF_B = Ratio(counts("a", "b"), ("a",), ("b",))
AVERAGE = Policy("average", not_applicable="peer_average")
BANDS = tuple(
    Band(key, key, key, Fraction(start))
    for key, start in (("good", 90), ("fair", 80), ("middling", 70), ("weak", 0))
)


def ratio(a: int, b: int) -> dict[str, Any]:
    return {"figures": {"a": a, "b": b}}


def test_equal_results_share_a_rank_and_the_next_one_is_skipped() -> None:
    units = [
        unit(key, {"1.1": ratio(a, b)}) for key, a, b in (("d", 1, 9), ("b", 1, 3), ("a", 1, 2), ("c", 3, 9))
    ]
    scores = score(set_of(A_OF_B), EXACT, units)
    assert [scores.rank(i) for i in range(4)] == [4, 2, 1, 2]


def test_an_unranked_unit_gets_a_dti_but_takes_and_shifts_no_rank() -> None:
    units = [unit("best", {"1.1": ratio(1, 1)}, is_ranked=False), unit("a", {"1.1": ratio(1, 2)}), unit("b")]
    scores = score(set_of(A_OF_B), EXACT, units)
    assert [scores.rank(i) for i in range(3)] == [None, 1, 2]
    assert scores.dti(0) == 100


@pytest.mark.parametrize(
    "difference", [Fraction(1, 10**30), Fraction(1, 10**29), Fraction(1, 10**28), Fraction(1, 10**60)]
)
def test_results_that_differ_in_the_thirtieth_digit_have_different_ranks(difference: Fraction) -> None:
    points = [
        Fraction(25, 3) - difference,
        Fraction(25, 3),
        Fraction(25, 3) - 2 * difference,
        Fraction(25, 3),
    ]
    units = [unit(f"u{n}", points={"1.1": value}) for n, value in enumerate(points)]
    scores = score(set_of(YES_NO, A_OF_B), EXACT, units)
    assert [scores.rank(i) for i in range(4)] == [3, 1, 4, 1]
    assert [scores.total(i) for i in range(4)] == points


def test_the_same_total_from_other_thirds_is_a_tie() -> None:
    thirds = set_of(A_OF_B, A_OF_B, A_OF_B)
    one = {"1.1": ratio(1, 3), "1.2": ratio(1, 3), "1.3": ratio(1, 3)}
    other = {"1.1": ratio(1, 7), "1.2": ratio(6, 7), "1.3": ratio(0, 1)}
    scores = score(thirds, EXACT, [unit("a", one), unit("b", other)])
    assert scores.total(0) == scores.total(1) == 10
    assert [scores.rank(i) for i in range(2)] == [1, 1]
    assert [scores.shown_dti(i) for i in range(2)] == ["33.33", "33.33"]


def test_a_sum_that_is_an_exact_half_is_rounded_up() -> None:
    """1/3 + 1/6 of 0.01 points is exactly 0.005: a sum of rounded-down parts would show 0.00."""
    index_set = set_of(A_OF_B, A_OF_B, max_points="0.01")
    scores = score(index_set, EXACT, [unit("a", {"1.1": ratio(1, 3), "1.2": ratio(1, 6)})])
    assert (scores.total(0), scores.shown_total(0)) == (Fraction(1, 200), "0.01")
    assert shown_points_of(scores, 0) == ["0.00", "0.00"]


def test_ranks_compare_exact_values_only_where_the_near_ones_are_too_close() -> None:
    asked = []

    def value(place: int) -> Fraction:
        asked.append(place)
        return Fraction([10, 20, 31, 30][place])

    assert competition_ranks([10, 20, 30, 30], 2, value) == [4, 3, 1, 2]
    assert sorted(asked) == [2, 3]
    assert competition_ranks([], 0, value) == []


def test_near_values_within_the_slack_may_be_ordered_the_other_way_round() -> None:
    values = [Fraction(51, 5), Fraction(121, 10), Fraction(12), Fraction(20)]
    assert competition_ranks([10, 11, 12, 20], 2, values.__getitem__) == [4, 2, 3, 1]


@pytest.mark.parametrize(
    ("percent", "band"),
    [
        (Fraction(100), "good"),
        (Fraction(90), "good"),
        (Fraction(90) - Fraction(1, 10**40), "fair"),
        (Fraction(80), "fair"),
        (Fraction(7999, 100), "middling"),
        (Fraction(70), "middling"),
        (Fraction(6999, 100), "weak"),
        (Fraction(0), "weak"),
    ],
)
def test_a_band_begins_at_its_percentage_and_ends_before_the_next(percent: Fraction, band: str) -> None:
    """Ruling 10, R-110: 004:91-99."""
    found = band_of(percent, BANDS)
    assert found is not None and found.key == band


def test_below_every_band_there_is_none_and_without_bands_there_is_none() -> None:
    assert band_of(Fraction(5), BANDS[:1]) is None
    assert score(set_of(YES_NO), EXACT, [unit("u")]).band(0) is None
    assert score(set_of(YES_NO), Policy("p", bands=BANDS), [unit("u")]).card(0).band == BANDS[-1]


def claims(policy: Policy) -> Scores:
    """Three assessed units at 10, 5 and 0 points of 1.2, one it does not apply to."""
    units = [
        unit("a", {"1.1": ratio(1, 1), "1.2": ratio(1, 1)}),
        unit("b", {"1.1": ratio(1, 1), "1.2": ratio(1, 2)}),
        unit("c", {"1.1": ratio(1, 1)}),
        unit("claims", {"1.1": ratio(1, 2), "1.2": ratio(9, 9)}, not_applicable=frozenset({"1.2"})),
        unit("unranked", {"1.2": ratio(1, 3)}, is_ranked=False),
        unit("unreviewed", {"1.2": ratio(1, 1)}, is_reviewed=False),
    ]
    return score(set_of(A_OF_B, A_OF_B), policy, units)


def test_an_indicator_that_does_not_apply_leaves_the_maximum_of_that_unit() -> None:
    """Ruling 8, D-099."""
    scores = claims(EXACT)
    assert [scores.total(3), scores.maximum(3), scores.dti(3)] == [5, 10, 50]
    assert [scores.maximum(i) for i in (0, 1, 2, 4, 5)] == [20] * 5
    line = scores.card(3).lines[1]
    assert [line.points, line.max_points] == [0, 0]
    assert line.warnings == ("not_applicable",)
    assert (
        scores.card(3).lines[1].explanation.text
        == "không áp dụng, không tính vào điểm tối đa ⇒ 0/0 điểm (PL I, 1.2)"
    )


def test_or_it_takes_the_mean_of_the_units_that_were_assessed() -> None:
    """Ruling 8, D-114: zeros count, and so do units that take no rank; unreviewed ones do not."""
    scores = claims(AVERAGE)
    assert (points_of(scores, 3)[1], exact(scores.maximum(3))) == ("55/12", "20")  # (10 + 5 + 0 + 10/3) / 4
    assert scores.card(3).lines[1].warnings == ("not_applicable",)


def test_where_nobody_was_assessed_there_is_no_mean_and_no_points() -> None:
    units = [
        unit("a", {}, not_applicable=frozenset({"1.1"})),
        unit("b", {"1.1": ratio(1, 1)}, is_reviewed=False),
    ]
    scores = score(set_of(A_OF_B), AVERAGE, units)
    assert (points_of(scores, 0), exact(scores.maximum(0))) == (["0"], "10")
    assert "1.1" not in scores.peers
    assert "không có đơn vị cùng cấp nào được đánh giá" in scores.card(0).lines[0].explanation.text


def test_a_mean_of_thousands_of_digits_is_written_read_and_rounded() -> None:
    """Python refuses to read an int of more than 4300 digits."""
    primes = [n for n in range(20_000, 40_000) if all(n % d for d in range(2, 200))][:1500]
    units = [unit(f"u{n}", {"1.1": ratio(n // 3, n)}) for n in primes]
    units.append(unit("exempt", {}, not_applicable=frozenset({"1.1"})))
    scores = score(set_of(A_OF_B), AVERAGE, units)
    mean = scores.peers["1.1"].mean
    assert mean is not None and len(mean) > 9000
    points = sum((Fraction(10 * (n // 3), n) for n in primes), Fraction(0)) / len(primes)
    assert scores.total(len(primes)) == points
    assert fraction(exact(points)) == points
    assert scores.shown_total(len(primes)) == shown(points, 2)
    assert (
        "trung bình ≈ 33,33 %"
        in [step.text for step in scores.card(len(primes)).lines[0].explanation.steps][1]
    )


def test_a_unit_nothing_applies_to_has_neither_dti_nor_rank() -> None:
    units = [unit("a", {}, not_applicable=frozenset({"1.1"})), unit("b", {"1.1": ratio(1, 1)})]
    scores = score(set_of(A_OF_B), EXACT, units)
    assert (scores.dti(0), scores.shown_dti(0), scores.rank(0), scores.rank(1)) == (None, None, None, 1)


def test_a_dossier_nobody_reviewed_is_ranked_at_zero_and_sets_no_best() -> None:
    """D-112, R-105."""
    index_set = set_of(best_of("x"))
    left = unit("left", {"1.1": {"figures": {"x": 90}}}, points={"1.1": Fraction(3)}, is_reviewed=False)
    scores = score(index_set, EXACT, [left, unit("a", {"1.1": {"figures": {"x": 9}}})])
    assert (points_of(scores, 0), points_of(scores, 1), scores.rank(0)) == (["0"], ["10"], 2)
    assert scores.card(0).lines[0].warnings == ("not_reviewed",)


def test_points_a_reviewer_set_replace_the_rule() -> None:
    units = [unit("a", {"1.1": ratio(1, 1)}, points={"1.1": Fraction(7, 2), "1.2": Fraction(10)})]
    scores = score(set_of(A_OF_B, YES_NO), EXACT, units)
    assert points_of(scores, 0) == ["7/2", "10"]
    assert [line.warnings for line in scores.card(0).lines] == [("set_by_reviewer",)] * 2
    assert (
        scores.card(0, "en").lines[0].explanation.text
        == "points set by the reviewer ⇒ 3.5/10 points (PL I, 1.1)"
    )


@pytest.mark.parametrize("points", [Fraction(-1, 10**9), Fraction(10) + Fraction(1, 10**9)])
def test_points_a_reviewer_set_beyond_the_maximum_are_refused(points: Fraction) -> None:
    with pytest.raises(ValueError, match=r"1\.1"):
        score(set_of(A_OF_B), EXACT, [unit("a", points={"1.1": points})])


def test_a_policy_may_round_each_indicator_once_and_add_the_rounded_points() -> None:
    """Ruling 1: three times 3.333… is 10.00 exact, and 9.99 rounded first."""
    units = [unit("a", {f"1.{n}": ratio(1, 3) for n in (1, 2, 3)})]
    index_set = set_of(A_OF_B, A_OF_B, A_OF_B)
    assert score(index_set, EXACT, units).shown_total(0) == "10.00"
    rounded = score(index_set, Policy("r", rounding="indicator"), units)
    assert (rounded.total(0), points_of(rounded, 0)) == (Fraction(999, 100), ["333/100"] * 3)


def test_a_unit_that_looks_at_itself_alone_sees_no_peers() -> None:
    index_set = set_of(A_OF_B, best_of("x"), best_of("x"), A_OF_B)
    answers = {"1.1": ratio(1, 2), "1.2": {"figures": {"x": 3}}, "1.3": {"figures": {"x": 3}}}
    me = unit("me", answers, points={"1.3": Fraction(4)}, not_applicable=frozenset({"1.4"}))
    scores = score(index_set, EXACT, [me], peers_known=False)
    assert points_of(scores, 0) == ["5", None, "4", "0"]
    assert [scores.total(0), scores.maximum(0), scores.rank(0)] == [9, 20, None]
    assert scores.peers == {}
    line = scores.card(0).lines[1]
    assert (line.points, line.max_points) == (None, Fraction(10))
    assert (line.shown, line.warnings) == ("", ("depends_on_peers",))
    averaged = score(index_set, AVERAGE, [me], peers_known=False)
    assert points_of(averaged, 0) == ["5", None, "4", None]
    assert averaged.card(0).lines[3].warnings == ("not_applicable", "depends_on_peers")


def test_a_country_of_units_agrees_with_the_oracle_in_ranks_and_shown_totals() -> None:
    index_set = set_of(A_OF_B, Options((Option("x", "x", Fraction(1, 3)),)), best_of("x"))
    units = [
        unit(
            f"u{n}",
            {"1.1": ratio(n * 7 % 97, 97), "1.2": {"choice": "x"}, "1.3": {"figures": {"x": n * 31 % 89}}},
        )
        for n in range(120)
    ]
    scores = score(index_set, EXACT, units)
    for i, expected in enumerate(oracle.truth(index_set, EXACT, units)):
        assert (scores.rank(i), scores.shown_total(i)) == (expected.rank, shown(expected.total, 2))


def test_an_empty_list_of_units_can_be_scored() -> None:
    assert score(set_of(A_OF_B, best_of("x")), AVERAGE, []).peers["1.2"].best is None


def test_exact_text_has_no_length_limit() -> None:
    """A mean over hundreds of units has a denominator of thousands of digits."""
    value = Fraction(1, 7**6000)
    assert exact(value).startswith("1/") and len(exact(value)) > 5000
    assert exact(Fraction(10**4000)) == "1" + "0" * 4000
    assert (exact(Fraction(25, 3)), exact(Fraction(0)), shown(Fraction(1, 200), 2)) == ("25/3", "0", "0.01")
    assert (shown(Fraction(5, 2), 0), shown(Fraction(1249, 1000), 1)) == ("3", "1.2")


@pytest.mark.parametrize(
    ("answers", "vi", "en"),
    [
        (
            {"1.1": {"choice": "yes"}},
            "“Có”: 1 × 20 ⇒ 20/20 điểm (PL I, 1.1)",
            "“Có”: 1 × 20 ⇒ 20/20 points (PL I, 1.1)",
        ),
        (
            {"1.2": ratio(25, 30)},
            "a/b = 25/30 ≈ 83,33 % ≥ 80 % ⇒ 20/20 điểm (PL I, 1.2)",
            "a/b = 25/30 ≈ 83.33% ≥ 80% ⇒ 20/20 points (PL I, 1.2)",
        ),
        (
            {"1.2": ratio(1, 4)},
            "a/b = 1/4 = 25 % < 80 % ⇒ 25 % ÷ 80 % × 20 ⇒ 6,25/20 điểm (PL I, 1.2)",
            "a/b = 1/4 = 25% < 80% ⇒ 25% ÷ 80% × 20 ⇒ 6.25/20 points (PL I, 1.2)",
        ),
        ({"1.2": ratio(0, 0)}, "a/b = 0/0: không xác định ⇒ 0/20 điểm (PL I, 1.2)", None),
        ({"1.3": {"figures": {"x": 3}}}, "x = 3, cao nhất = 8 ⇒ 3/8 × 20 ⇒ 7,5/20 điểm (PL I, 1.3)", None),
        ({"1.3": {"figures": {"x": 8}}}, "x = 8, cao nhất = 8 ⇒ 20/20 điểm (PL I, 1.3)", None),
        ({}, "chưa có câu trả lời ⇒ 0/20 điểm (PL I, 1.1)", "no answer ⇒ 0/20 points (PL I, 1.1)"),
    ],
)
def test_an_explanation_says_what_was_declared_what_follows_and_where_it_is_written(
    answers: dict[str, Any], vi: str, en: str | None
) -> None:
    at_80 = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5))
    index_set = set_of(YES_NO, at_80, best_of("x"), max_points="20")
    units = [unit("u", answers), unit("best", {"1.3": {"figures": {"x": 8}}})]
    scores = score(index_set, EXACT, units)
    place = int(next(iter(answers), "1.1")[-1]) - 1
    assert scores.card(0).lines[place].explanation.text == vi
    assert en is None or scores.card(0, "en").lines[place].explanation.text == en


def test_the_set_finds_its_indicators_by_code() -> None:
    index_set = set_of(YES_NO, A_OF_B)
    assert index_set.by_code["1.2"].rule is A_OF_B
    assert index_set == IndexSet("small", 1, "department", index_set.indicators)
    assert isinstance(index_set.indicators[0], Indicator) and ENGINE_VERSION == "2"
    assert UnitInput("u", True, {}) == unit("u")


def test_a_figure_replaced_by_points_is_nobodys_measure() -> None:
    """Thrown out by the reviewer, it must not go on pressing the others down."""
    rule = best_of("x")
    liar = UnitInput("liar", True, {"1.1": {"figures": {"x": 1000}}}, points={"1.1": Fraction(0)})
    honest = unit("honest", {"1.1": {"figures": {"x": 20}}})
    scores = score(set_of(rule), EXACT, [liar, honest])
    assert scores.peers["1.1"].best_units == ("honest",)
    assert [scores.total(0), scores.total(1)] == [0, 10]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            799_999,
            1_000_000,
            "a/b = 799999/1000000 = 79,9999 % < 80 % ⇒ 79,9999 % ÷ 80 % × 10 ⇒ 9,99999/10 điểm",
        ),
        (1, 10_000_000, "a/b = 1/10000000 = 0,00001 % < 80 % ⇒ 0,00001 % ÷ 80 % × 10 ⇒ 0,000001/10 điểm"),
        (80, 100, "a/b = 80/100 = 80 % ≥ 80 % ⇒ 10/10 điểm"),
    ],
)
def test_an_explanation_never_rounds_across_a_threshold(a: int, b: int, said: str) -> None:
    rule = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5), None)
    scores = score(set_of(rule), EXACT, [unit("u", {"1.1": {"figures": {"a": a, "b": b}}})])
    assert scores.card(0).lines[0].explanation.text.startswith(said)
