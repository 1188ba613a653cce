"""The kinds of rule: truth tables with the missing value, faults, canonical forms, explanations and sums of rows."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from app.scoring.answers import canonical, faults
from app.scoring.engine import Line, Scores, score
from app.scoring.model import (
    Checklist,
    Count,
    IndexSet,
    Manual,
    Option,
    Part,
    Parts,
    Peers,
    Policy,
    Ratio,
    Rule,
    Subtotal,
    Tier,
    Tiers,
    UnitInput,
    Variable,
)
from tests.scoring.examples import EXACT, YES_NO, counts, points_of, set_of, shown_points_of, unit

ZERO, THIRD = Fraction(0), Fraction(1, 3)
CHECKS = Checklist(
    (
        Option("ipv6", "IPv6", Fraction(1, 2)),
        Option("https", "HTTPS", THIRD),
        Option("dnssec", "DNSSEC", Fraction(1, 6)),
    )
)
AT_80 = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5))
FLOOR = replace(AT_80, floor=Fraction(3, 5))
ALL_OR_NOTHING = Ratio(counts("a", "b"), ("a",), ("b",), floor=Fraction(1))
SHARED = Tiers(
    counts("a", "b", "c"),
    ("a", "b"),
    ("c",),
    (
        Tier(Fraction(9, 10), Fraction(1), "Từ 90 %"),
        Tier(Fraction(1, 2), Fraction(7, 10), "Từ 50 %"),
        Tier(Fraction(0), Fraction(0), "Dưới 50 %"),
    ),
)
NEWS = Tiers(
    (Variable("s", "Có chuyên mục", "yes_no"), Variable("n", "Số tin", "count")),
    ("n",),
    (),
    (
        Tier(Fraction(20), Fraction(1), "Từ 20 tin"),
        Tier(Fraction(10), Fraction(1, 2), "Từ 10 tin"),
        Tier(Fraction(0), Fraction(1, 4), "Dưới 10 tin"),
    ),
    "s",
)
MONEY = Tiers(
    (Variable("x", "Tỷ đồng", "amount"),),
    ("x",),
    (),
    (Tier(Fraction(5, 2), Fraction(1), "Từ 2,5 tỷ"), Tier(Fraction(0), THIRD, "Dưới 2,5 tỷ")),
)
MODELS = Count((Variable("m", "Mô hình", "count"),), ("m",), Fraction(7, 3))
PARTS = Parts((Part("p", "Cổng", Fraction(2, 5), YES_NO), Part("q", "Sử dụng", Fraction(3, 5), AT_80)))
TWICE = Parts((Part("p", "p", Fraction(1, 4), AT_80), Part("q", "q", Fraction(3, 4), AT_80)))
DEEP = Parts((Part("c", "Mục", Fraction(1, 2), CHECKS), Part("t", "Tin", Fraction(1, 2), NEWS)))
SEEN = Manual((Variable("s", "Đã có", "yes_no"), Variable("n", "Số lượng", "count")))
OF_BEST = Peers(counts("a", "b"), ("a",), ("b",))
MIN_MAX = replace(OF_BEST, measure="min_max")

Answer = dict[str, Any]


def figures(**values: Any) -> Answer:
    return {"figures": values}


def parts(**values: Answer) -> Answer:
    return {"parts": values}


def scored(rule: Rule, answer: Answer | None, *, maximum: str | None = "10", lang: str = "vi") -> Line:
    """Score one answer; two other units have the ratios 1/2 and 1/4."""
    others = [figures(a=1, b=2), figures(a=1, b=4)] if isinstance(rule, Peers) else []
    units = [unit(f"u{n}", {"1.1": one} if one else {}) for n, one in enumerate([answer, *others])]
    return score(set_of(rule, max_points=maximum), EXACT, units).card(0, lang).lines[0]


TABLE: list[tuple[Rule, Answer | None, str, tuple[str, ...]]] = [
    (CHECKS, {"checks": []}, "0", ()),
    (CHECKS, {"checks": ["https"]}, "10/3", ()),
    (CHECKS, {"checks": ["https", "dnssec"]}, "5", ()),
    (CHECKS, {"checks": ["ipv6", "https", "dnssec"]}, "10", ()),
    (CHECKS, None, "0", ("no_answer",)),
    (CHECKS, {"note": "…"}, "0", ("no_answer",)),
    # nothing below the floor, which counts; above it as without one
    (FLOOR, figures(a=0, b=10), "0", ()),
    (FLOOR, figures(a=599_999, b=1_000_000), "0", ()),
    (FLOOR, figures(a=6, b=10), "15/2", ()),
    (FLOOR, figures(a=600_001, b=1_000_000), "600001/80000", ()),
    (FLOOR, figures(a=799_999, b=1_000_000), "799999/80000", ()),
    (FLOOR, figures(a=8, b=10), "10", ()),
    (FLOOR, figures(a=800_001, b=1_000_000), "10", ("ratio_above_full",)),
    (FLOOR, figures(a=0, b=0), "0", ("zero_denominator",)),
    (FLOOR, None, "0", ("no_answer",)),
    # D-027: all or nothing
    (ALL_OR_NOTHING, figures(a=999_999, b=1_000_000), "0", ()),
    (ALL_OR_NOTHING, figures(a=7, b=7), "10", ()),
    (ALL_OR_NOTHING, figures(a=8, b=7), "10", ("ratio_above_full",)),
    (ALL_OR_NOTHING, figures(a=0, b=0), "0", ("zero_denominator",)),
    (ALL_OR_NOTHING, None, "0", ("no_answer",)),
    (SHARED, figures(a=0, b=0, c=10), "0", ()),
    (SHARED, figures(a=499_998, b=1, c=1_000_000), "0", ()),
    (SHARED, figures(a=1, b=4, c=10), "7", ()),
    (SHARED, figures(a=500_000, b=1, c=1_000_000), "7", ()),
    (SHARED, figures(a=899_999, b=0, c=1_000_000), "7", ()),
    (SHARED, figures(a=4, b=5, c=10), "10", ()),
    (SHARED, figures(a=900_000, b=1, c=1_000_000), "10", ()),
    (SHARED, figures(a=9, b=9, c=9), "10", ()),
    (SHARED, figures(a=0, b=0, c=0), "0", ("zero_denominator",)),
    (SHARED, None, "0", ("no_answer",)),
    # D-026: a section without news is not the same as no section
    (NEWS, figures(s=1, n=0), "5/2", ()),
    (NEWS, figures(s=1, n=9), "5/2", ()),
    (NEWS, figures(s=1, n=10), "5", ()),
    (NEWS, figures(s=1, n=11), "5", ()),
    (NEWS, figures(s=1, n=19), "5", ()),
    (NEWS, figures(s=1, n=20), "10", ()),
    (NEWS, figures(s=1, n=21), "10", ()),
    (NEWS, figures(s=0, n=0), "0", ()),
    (NEWS, figures(s=0, n=21), "0", ()),
    (NEWS, None, "0", ("no_answer",)),
    (MONEY, figures(x=0), "10/3", ()),
    (MONEY, figures(x="2.499999"), "10/3", ()),
    (MONEY, figures(x="2.5"), "10", ()),
    (MONEY, figures(x="2.500001"), "10", ()),
    (MONEY, None, "0", ("no_answer",)),
    (MODELS, figures(m=0), "0", ()),
    (MODELS, figures(m=1), "7/3", ()),
    (MODELS, figures(m=4), "28/3", ()),
    (MODELS, figures(m=5), "10", ()),
    (MODELS, figures(m=10**15 - 1), "10", ()),
    (MODELS, None, "0", ("no_answer",)),
    (PARTS, parts(p={"choice": "no"}, q=figures(a=0, b=9)), "0", ()),
    (PARTS, parts(p={"choice": "yes"}, q=figures(a=0, b=9)), "4", ()),
    (PARTS, parts(p={"choice": "no"}, q=figures(a=4, b=5)), "6", ()),
    (PARTS, parts(p={"choice": "yes"}, q=figures(a=1, b=3)), "13/2", ()),
    (PARTS, parts(p={"choice": "yes"}, q=figures(a=5, b=5)), "10", ("ratio_above_full",)),
    (PARTS, parts(p={"choice": "yes"}, q=figures(a=0, b=0)), "4", ("zero_denominator",)),
    (PARTS, None, "0", ("no_answer",)),
    (TWICE, parts(p=figures(a=9, b=9), q=figures(a=9, b=9)), "10", ("ratio_above_full",)),
    (
        TWICE,
        parts(p=figures(a=0, b=0), q=figures(a=9, b=9)),
        "15/2",
        ("zero_denominator", "ratio_above_full"),
    ),
    (DEEP, parts(c={"checks": []}, t=figures(s=0, n=20)), "0", ()),
    (DEEP, parts(c={"checks": ["https"]}, t=figures(s=1, n=0)), "35/12", ()),
    (DEEP, parts(c={"checks": ["ipv6", "https", "dnssec"]}, t=figures(s=1, n=20)), "10", ()),
    (OF_BEST, figures(a=0, b=9), "0", ()),
    (OF_BEST, figures(a=1, b=3), "20/3", ()),
    (OF_BEST, figures(a=499_999, b=1_000_000), "499999/50000", ()),
    (OF_BEST, figures(a=1, b=2), "10", ()),
    (OF_BEST, figures(a=3, b=4), "10", ()),
    (OF_BEST, figures(a=0, b=0), "0", ("zero_denominator",)),
    (OF_BEST, None, "0", ("no_answer",)),
    (MIN_MAX, figures(a=1, b=5), "0", ()),
    (MIN_MAX, figures(a=1, b=4), "0", ()),
    (MIN_MAX, figures(a=1, b=3), "10/3", ()),
    (MIN_MAX, figures(a=1, b=2), "10", ()),
    (MIN_MAX, figures(a=0, b=0), "0", ("zero_denominator",)),
    (MIN_MAX, None, "0", ("no_answer",)),
]


@pytest.mark.parametrize(("rule", "answer", "points", "warnings"), TABLE)
def test_an_answer_gives_its_share_of_the_maximum(
    rule: Rule, answer: Answer | None, points: str, warnings: tuple[str, ...]
) -> None:
    line = scored(rule, answer)
    assert (line.points, line.share, line.warnings) == (Fraction(points), Fraction(points) / 10, warnings)


@pytest.mark.parametrize(
    ("rule", "answer", "points", "warnings"), [row for row in TABLE if not isinstance(row[0], Count)]
)
def test_without_a_maximum_the_share_is_the_same_and_there_are_no_points(
    rule: Rule, answer: Answer | None, points: str, warnings: tuple[str, ...]
) -> None:
    """Ruling 6."""
    line = scored(rule, answer, maximum=None)
    assert (line.points, line.max_points, line.shown) == (None, None, "")
    assert (line.share, line.warnings) == (Fraction(points) / 10, warnings)


@pytest.mark.parametrize("rule", [CHECKS, FLOOR, SHARED, NEWS, MODELS, PARTS, SEEN, OF_BEST])
def test_what_does_not_apply_is_a_claim_until_it_is_accepted(rule: Rule) -> None:
    claim = {"not_applicable": True, "reason": "Không phát sinh"}
    line = scored(rule, claim)
    assert (line.points, line.warnings) == (ZERO, ("not_applicable_not_accepted",))
    accepted = unit("u", {"1.1": claim}, not_applicable=frozenset({"1.1"}))
    line = score(set_of(rule), EXACT, [accepted]).card(0).lines[0]
    assert (line.points, line.max_points, line.warnings) == (ZERO, ZERO, ("not_applicable",))


@pytest.mark.parametrize(
    ("rule", "answer", "maximum", "warnings"),
    [
        (SEEN, figures(s=1, n=3), "10", ("awaits_reviewer",)),
        (SEEN, figures(s=0, n=0), None, ("awaits_reviewer",)),
        (SEEN, {"note": "Đã làm"}, "10", ("awaits_reviewer",)),
        (Manual(), {"note": "Đã làm"}, "10", ("awaits_reviewer",)),
        (Manual(), {"evidence": ["e1"]}, None, ("awaits_reviewer",)),
        (Manual(), None, "10", ("no_answer",)),
        (SEEN, None, None, ("no_answer",)),
        (MODELS, figures(m=3), None, ("no_maximum",)),
        (MODELS, None, None, ("no_answer",)),
    ],
)
def test_where_nothing_can_be_computed_there_is_no_share(
    rule: Rule, answer: Answer | None, maximum: str | None, warnings: tuple[str, ...]
) -> None:
    """Ruling 6: the reviewer decides, so far it counts for nothing; D-011: points per model need a maximum."""
    line = scored(rule, answer, maximum=maximum)
    assert (line.share, line.points, line.warnings) == (None, None if maximum is None else ZERO, warnings)


@pytest.mark.parametrize("answer", [figures(s=1, n=3), {"note": "…"}, None])
def test_a_reviewer_gives_the_points_of_a_manual_row(answer: Answer | None) -> None:
    answers = {"1.1": answer} if answer else {}
    one = unit("u", answers, points={"1.1": Fraction(15, 2)})
    line = score(set_of(SEEN), EXACT, [one]).card(0).lines[0]
    assert (line.points, line.share, line.warnings) == (Fraction(15, 2), Fraction(3, 4), ("set_by_reviewer",))


def test_a_set_without_maxima_has_shares_and_neither_totals_nor_ranks() -> None:
    index_set = set_of(CHECKS, MODELS, max_points=None)
    scores = score(
        index_set, EXACT, [unit("a", {"1.1": {"checks": ["ipv6"]}, "1.2": figures(m=1)}), unit("b")]
    )
    card = scores.card(0)
    assert not index_set.is_ranked
    assert [line.share for line in card.lines] == [Fraction(1, 2), None]
    assert (card.total, card.maximum, card.dti, card.rank, card.band) == (None,) * 5
    assert (scores.shown_total(0), scores.shown_dti(0), scores.rank(1)) == (None, None, None)
    assert points_of(scores, 0) == shown_points_of(scores, 0) == [None, None]


def test_one_row_without_a_maximum_leaves_the_points_of_the_others() -> None:
    """The set of 11/2022: 3.11 has no maximum, so nobody is ranked."""
    first, second = set_of(CHECKS, MODELS).indicators
    index_set = IndexSet("mixed", 1, "district", (first, replace(second, max_points=None)))
    scores = score(index_set, EXACT, [unit("a", {"1.1": {"checks": ["ipv6"]}, "1.2": figures(m=1)})])
    assert [line.points for line in scores.card(0).lines] == [5, None]
    assert points_of(scores, 0) == ["5", None]
    assert shown_points_of(scores, 0) == ["5.00", None]
    assert (scores.total(0), scores.rank(0)) == (None, None)


# --- answers ------------------------------------------------------------------------------------------------

JUDGED = set_of(CHECKS, PARTS, DEEP, NEWS, SEEN, SHARED)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"1.1": {"checks": ["ipv6", "none"]}}, [("/1.1/checks/1", "unknown_option")]),
        ({"1.1": {"checks": ["ipv6", "https", "ipv6"]}}, [("/1.1/checks/2", "malformed")]),
        ({"1.1": {"checks": "ipv6"}}, [("/1.1/checks", "malformed")]),
        ({"1.1": {"checks": {"ipv6": True}}}, [("/1.1/checks", "malformed")]),
        ({"1.1": {"checks": ["ipv6", 1]}}, [("/1.1/checks", "malformed")]),
        ({"1.1": {"checks": [["ipv6"]]}}, [("/1.1/checks", "malformed")]),
        ({"1.1": {"choice": "ipv6"}}, [("/1.1/choice", "wrong_kind")]),
        ({"1.1": {"checks": [], "choice": "ipv6"}}, [("/1.1", "malformed"), ("/1.1/choice", "wrong_kind")]),
        ({"1.1": {"checks": [], "not_applicable": True, "reason": "…"}}, [("/1.1", "malformed")]),
        ({"1.1": {"checks": []}}, []),
        ({"1.1": {"checks": None}}, []),
        ({"1.2": parts(p={"choice": "yes"})}, [("/1.2/parts/q", "missing_part")]),
        ({"1.2": parts(p={"choice": "yes"}, q={})}, [("/1.2/parts/q", "missing_part")]),
        ({"1.2": {"parts": {"p": {"choice": "yes"}, "q": None}}}, [("/1.2/parts/q", "missing_part")]),
        ({"1.2": parts(p={"choice": "yes"}, q=figures())}, [("/1.2/parts/q", "missing_part")]),
        ({"1.2": parts(p={"choice": "yes"}, q=figures(a=None, b=None))}, [("/1.2/parts/q", "missing_part")]),
        ({"1.2": parts(p={"choice": None}, q=figures(a=1, b=2))}, [("/1.2/parts/p", "missing_part")]),
        (
            {"1.2": parts(p={"choice": "yes"}, q=figures(a=1, b=2), r={"choice": "yes"})},
            [("/1.2/parts/r", "unknown_part")],
        ),
        (
            {"1.2": parts(p={"choice": "maybe"}, q=figures(a="x", b=-1))},
            [
                ("/1.2/parts/p/choice", "unknown_option"),
                ("/1.2/parts/q/figures/a", "not_a_number"),
                ("/1.2/parts/q/figures/b", "negative"),
            ],
        ),
        (
            {"1.2": parts(p={"choice": "yes"}, q=figures(a=1))},
            [("/1.2/parts/q/figures/b", "missing_variable")],
        ),
        (
            {"1.2": parts(p={"choice": "yes"}, q=figures(a=1, b=0))},
            [("/1.2/parts/q/figures/b", "zero_denominator")],
        ),
        (
            {"1.2": parts(p={"choice": "yes", "figures": {"a": 1}}, q=figures(a=1, b=2))},
            [("/1.2/parts/p/figures", "wrong_kind")],
        ),
        (
            {"1.2": parts(p={"choice": "yes", "note": "…"}, q=figures(a=1, b=2))},
            [("/1.2/parts/p/note", "malformed")],
        ),
        (
            {"1.2": {"parts": {"p": "yes", "q": figures(a=1, b=2)}}},
            [("/1.2/parts/p", "malformed")],
        ),
        ({"1.2": {"parts": [{"choice": "yes"}]}}, [("/1.2/parts", "malformed")]),
        ({"1.2": {"choice": "yes"}}, [("/1.2/choice", "wrong_kind")]),
        ({"1.2": figures(a=1, b=2)}, [("/1.2/figures", "wrong_kind")]),
        ({"1.2": {"parts": {}}}, []),
        ({"1.2": {"parts": None}}, []),
        (
            {"1.3": parts(c={"checks": ["none"]}, t=figures(s=2, n="1.5"))},
            [
                ("/1.3/parts/c/checks/0", "unknown_option"),
                ("/1.3/parts/t/figures/s", "not_yes_or_no"),
                ("/1.3/parts/t/figures/n", "not_whole"),
            ],
        ),
        ({"1.3": parts(c={"checks": []}, t=figures(s=1, n=0))}, []),
        ({"1.4": figures(s=2, n=1)}, [("/1.4/figures/s", "not_yes_or_no")]),
        ({"1.4": figures(s="0.5", n=1)}, [("/1.4/figures/s", "not_yes_or_no")]),
        ({"1.4": figures(s=True, n=1)}, [("/1.4/figures/s", "not_a_number")]),
        ({"1.4": figures(s="yes", n=1)}, [("/1.4/figures/s", "not_a_number")]),
        ({"1.4": figures(s=-1, n=1)}, [("/1.4/figures/s", "negative")]),
        ({"1.4": figures(n=1)}, [("/1.4/figures/s", "missing_variable")]),
        ({"1.4": figures(s="1.0", n="7")}, []),
        ({"1.5": figures(s=3, n=1)}, [("/1.5/figures/s", "not_yes_or_no")]),
        ({"1.5": figures(s=1)}, [("/1.5/figures/n", "missing_variable")]),
        ({"1.5": {"checks": []}}, [("/1.5/checks", "wrong_kind")]),
        ({"1.5": {"note": "…"}}, []),
        ({"1.6": figures(a=0, b=1, c=0)}, [("/1.6/figures/c", "zero_denominator")]),
        ({"1.6": figures(a=0, b=0, c=0)}, []),
    ],
)
def test_every_fault_of_every_kind_has_its_pointer(raw: Any, found: list[tuple[str, str]]) -> None:
    assert [(fault.pointer, fault.code) for fault in faults(JUDGED, raw)] == found


def test_a_fault_in_a_part_names_the_indicator_and_the_figure() -> None:
    (fault,) = faults(JUDGED, {"1.2": parts(p={"choice": "yes"}, q=figures(a="nhiều", b=1))})
    assert (fault.indicator, fault.variable) == ("1.2", "a")
    assert fault.vi.startswith("1.2 · parts · q · figures · a: Không phải là số")
    assert fault.en.startswith("1.2 · parts · q · figures · a: Not a number")


@pytest.mark.parametrize(
    ("raw", "once"),
    [
        ({"1.1": {"checks": ["dnssec", "ipv6"]}}, {"1.1": {"checks": ["ipv6", "dnssec"]}}),
        ({"1.1": {"checks": []}}, {"1.1": {"checks": []}}),
        ({"1.1": {"checks": None, "note": None}}, {}),
        (
            {
                "1.2": {
                    "parts": {"q": {"figures": {"b": "05", "a": 1.0}}, "p": {"choice": "no", "checks": None}}
                }
            },
            {"1.2": {"parts": {"p": {"choice": "no"}, "q": {"figures": {"a": 1, "b": 5}}}}},
        ),
        ({"1.2": {"parts": {}, "note": "…"}}, {"1.2": {"note": "…"}}),
        (
            {"1.3": {"parts": {"t": figures(n="3.0", s="1"), "c": {"checks": ["https", "ipv6"]}}}},
            {"1.3": {"parts": {"c": {"checks": ["ipv6", "https"]}, "t": figures(s=1, n=3)}}},
        ),
        ({"1.4": figures(n="07", s="0")}, {"1.4": figures(s=0, n=7)}),
        ({"1.5": {"figures": {}, "note": "…"}}, {"1.5": {"note": "…"}}),
        ({"1.6": {"not_applicable": True, "reason": "…"}}, {"1.6": {"not_applicable": True, "reason": "…"}}),
    ],
)
def test_an_answer_has_one_canonical_form(raw: dict[str, Any], once: dict[str, Any]) -> None:
    assert faults(JUDGED, raw) == []
    assert repr(canonical(JUDGED, raw)) == repr(once), "in this order, too"
    assert canonical(JUDGED, once) == once


# --- explanations -------------------------------------------------------------------------------------------

Told = tuple[str, str, str, str]  # rule, declared, calculation, result


@pytest.mark.parametrize(
    ("rule", "answer", "vi", "en"),
    [
        (
            CHECKS,
            {"checks": ["ipv6", "https"]},
            (
                "cộng từng mục đạt: “IPv6”: 50 %; “HTTPS”: 100/3 %; “DNSSEC”: 50/3 %",
                "“IPv6”; “HTTPS”",
                "(“IPv6”: 0,5 + “HTTPS”: 1/3) × 10",
                "8,33/10 điểm",
            ),
            (
                "each that holds adds: “IPv6”: 50%; “HTTPS”: 100/3%; “DNSSEC”: 50/3%",
                "“IPv6”; “HTTPS”",
                "(“IPv6”: 0.5 + “HTTPS”: 1/3) × 10",
                "8.33/10 points",
            ),
        ),
        (
            CHECKS,
            {"checks": []},
            (
                "cộng từng mục đạt: “IPv6”: 50 %; “HTTPS”: 100/3 %; “DNSSEC”: 50/3 %",
                "không có mục nào",
                "không có mục nào",
                "0/10 điểm",
            ),
            (
                "each that holds adds: “IPv6”: 50%; “HTTPS”: 100/3%; “DNSSEC”: 50/3%",
                "none of these",
                "none of these",
                "0/10 points",
            ),
        ),
        (
            FLOOR,
            figures(a=599_999, b=1_000_000),
            (
                "a/b; 80 % trở lên: điểm tối đa; 60 % trở lên: a/b ÷ 80 % × điểm tối đa; dưới 60 %: 0 điểm",
                "a = 599999 (a); b = 1000000 (b)",
                "a/b = 599999/1000000 = 59,9999 % < 60 %",
                "0/10 điểm",
            ),
            (
                "a/b; 80% and above: the maximum; 60% and above: a/b ÷ 80% × the maximum; below 60%: nothing",
                "a = 599999 (a); b = 1000000 (b)",
                "a/b = 599999/1000000 = 59.9999% < 60%",
                "0/10 points",
            ),
        ),
        (
            FLOOR,
            figures(a=60, b=100),
            (
                "a/b; 80 % trở lên: điểm tối đa; 60 % trở lên: a/b ÷ 80 % × điểm tối đa; dưới 60 %: 0 điểm",
                "a = 60 (a); b = 100 (b)",
                "a/b = 60/100 = 60 % < 80 % ⇒ 60 % ÷ 80 % × 10",
                "7,5/10 điểm",
            ),
            (
                "a/b; 80% and above: the maximum; 60% and above: a/b ÷ 80% × the maximum; below 60%: nothing",
                "a = 60 (a); b = 100 (b)",
                "a/b = 60/100 = 60% < 80% ⇒ 60% ÷ 80% × 10",
                "7.5/10 points",
            ),
        ),
        (
            ALL_OR_NOTHING,
            figures(a=9, b=10),
            (
                "a/b; 100 % trở lên: điểm tối đa; dưới mức đó: 0 điểm",
                "a = 9 (a); b = 10 (b)",
                "a/b = 9/10 = 90 % < 100 %",
                "0/10 điểm",
            ),
            (
                "a/b; 100% and above: the maximum; below that: nothing",
                "a = 9 (a); b = 10 (b)",
                "a/b = 9/10 = 90% < 100%",
                "0/10 points",
            ),
        ),
        (
            SHARED,
            figures(a=1, b=2, c=4),
            (
                "(a + b)/c; 90 % trở lên: 100 % của điểm tối đa; 50 % trở lên: 70 % của điểm tối đa; "
                "dưới mức đó: 0 % của điểm tối đa",
                "a = 1 (a); b = 2 (b); c = 4 (c)",
                "(a + b)/c = (1 + 2)/4 = 75 %: “Từ 50 %” ⇒ 0,7 × 10",
                "7/10 điểm",
            ),
            (
                "(a + b)/c; 90% and above: 100% of the maximum; 50% and above: 70% of the maximum; "
                "below that: 0% of the maximum",
                "a = 1 (a); b = 2 (b); c = 4 (c)",
                "(a + b)/c = (1 + 2)/4 = 75%: “Từ 50 %” ⇒ 0.7 × 10",
                "7/10 points",
            ),
        ),
        (
            NEWS,
            figures(s=0, n=30),
            (
                "n; không có s: 0 điểm; 20 trở lên: 100 % của điểm tối đa; 10 trở lên: 50 % của điểm tối đa; "
                "dưới mức đó: 25 % của điểm tối đa",
                "s = không (Có chuyên mục); n = 30 (Số tin)",
                "s: không",
                "0/10 điểm",
            ),
            (
                "n; without s: nothing; 20 and above: 100% of the maximum; 10 and above: 50% of the maximum; "
                "below that: 25% of the maximum",
                "s = no (Có chuyên mục); n = 30 (Số tin)",
                "s: no",
                "0/10 points",
            ),
        ),
        (
            MONEY,
            figures(x="2.499999"),
            (
                "x; 2,5 trở lên: 100 % của điểm tối đa; dưới mức đó: 100/3 % của điểm tối đa",
                "x = 2,499999 (Tỷ đồng)",
                "x = 2,499999: “Dưới 2,5 tỷ” ⇒ 1/3 × 10",
                "3,33/10 điểm",
            ),
            (
                "x; 2.5 and above: 100% of the maximum; below that: 100/3% of the maximum",
                "x = 2.499999 (Tỷ đồng)",
                "x = 2.499999: “Dưới 2,5 tỷ” ⇒ 1/3 × 10",
                "3.33/10 points",
            ),
        ),
        (
            MODELS,
            figures(m=3),
            (
                "mỗi đơn vị đếm được (m): 7/3 điểm, không quá điểm tối đa",
                "m = 3 (Mô hình)",
                "m = 3 ⇒ 3 × 7/3, không quá 10",
                "7/10 điểm",
            ),
            (
                "each counted (m): 7/3 points, at most the maximum",
                "m = 3 (Mô hình)",
                "m = 3 ⇒ 3 × 7/3, at most 10",
                "7/10 points",
            ),
        ),
        (
            PARTS,
            parts(p={"choice": "yes"}, q=figures(a=1, b=3)),
            (
                "cộng các phần: 40 % Cổng (chọn một mức: “Có”: 100 %; “Không”: 0 %) + "
                "60 % Sử dụng (a/b; 80 % trở lên: điểm tối đa; dưới mức đó: a/b ÷ 80 % × điểm tối đa)",
                "Cổng: “Có”; Sử dụng: a = 1 (a); b = 3 (b)",
                "(0,4 × {“Có”: 1 × 1} + 0,6 × {a/b = 1/3 ≈ 33,33 % < 80 % ⇒ 33,33 % ÷ 80 % × 1}) × 10",
                "6,5/10 điểm",
            ),
            (
                "the parts are added: 40% Cổng (one of: “Có”: 100%; “Không”: 0%) + "
                "60% Sử dụng (a/b; 80% and above: the maximum; below that: a/b ÷ 80% × the maximum)",
                "Cổng: “Có”; Sử dụng: a = 1 (a); b = 3 (b)",
                "(0.4 × {“Có”: 1 × 1} + 0.6 × {a/b = 1/3 ≈ 33.33% < 80% ⇒ 33.33% ÷ 80% × 1}) × 10",
                "6.5/10 points",
            ),
        ),
        (
            SEEN,
            figures(s=1, n=3),
            (
                "văn bản không nêu cách tính: người thẩm định cho điểm kèm lý do",
                "s = có (Đã có); n = 3 (Số lượng)",
                "người thẩm định chưa cho điểm",
                "0/10 điểm",
            ),
            (
                "the document gives no method: the reviewer gives points with a reason",
                "s = yes (Đã có); n = 3 (Số lượng)",
                "the reviewer has not given points yet",
                "0/10 points",
            ),
        ),
        (
            Manual(),
            {"note": "…"},
            (
                "văn bản không nêu cách tính: người thẩm định cho điểm kèm lý do",
                "đã kê khai",
                "người thẩm định chưa cho điểm",
                "0/10 điểm",
            ),
            (
                "the document gives no method: the reviewer gives points with a reason",
                "declared",
                "the reviewer has not given points yet",
                "0/10 points",
            ),
        ),
    ],
)
def test_an_explanation_tells_rule_declaration_calculation_result_and_source(
    rule: Rule, answer: Answer, vi: Told, en: Told
) -> None:
    for lang, told in (("vi", vi), ("en", en)):
        explanation = scored(rule, answer, lang=lang).explanation
        assert [(step.key, step.text) for step in explanation.steps] == [
            *zip(("rule", "declared", "calculation", "result"), told, strict=True),
            ("source", "PL I, 1.1"),
        ]
        assert explanation.text == f"{told[2]} ⇒ {told[3]} (PL I, 1.1)"


@pytest.mark.parametrize(
    ("rule", "answer", "vi", "en"),
    [
        (
            OF_BEST,
            figures(a=1, b=3),
            (
                "a/b ÷ cao nhất × điểm tối đa",
                "cao nhất = 50 % (1 đơn vị)",
                "a/b = 1/3 ≈ 33,33 %, cao nhất = 50 % ⇒ 33,33 %/50 % × 10",
                "6,67/10 điểm",
            ),
            (
                "a/b ÷ best × the maximum",
                "best = 50% (1 unit)",
                "a/b = 1/3 ≈ 33.33%, best = 50% ⇒ 33.33%/50% × 10",
                "6.67/10 points",
            ),
        ),
        (
            OF_BEST,
            figures(a=0, b=0),
            (
                "a/b ÷ cao nhất × điểm tối đa",
                "cao nhất = 50 % (1 đơn vị)",
                "a/b = 0/0: không xác định",
                "0/10 điểm",
            ),
            ("a/b ÷ best × the maximum", "best = 50% (1 unit)", "a/b = 0/0: undefined", "0/10 points"),
        ),
        (
            MIN_MAX,
            figures(a=1, b=3),
            (
                "(a/b − thấp nhất) ÷ (cao nhất − thấp nhất) × điểm tối đa",
                "cao nhất = 50 % (1 đơn vị); thấp nhất = 25 % (1 đơn vị)",
                "a/b = 1/3 ≈ 33,33 %, thấp nhất = 25 %, cao nhất = 50 % ⇒ (33,33 % − 25 %)/(50 % − 25 %) × 10",
                "3,33/10 điểm",
            ),
            (
                "(a/b − lowest) ÷ (best − lowest) × the maximum",
                "best = 50% (1 unit); lowest = 25% (1 unit)",
                "a/b = 1/3 ≈ 33.33%, lowest = 25%, best = 50% ⇒ (33.33% − 25%)/(50% − 25%) × 10",
                "3.33/10 points",
            ),
        ),
    ],
)
def test_an_explanation_names_the_ratios_of_the_peers(rule: Rule, answer: Answer, vi: Told, en: Told) -> None:
    for lang, told in (("vi", vi), ("en", en)):
        steps = {step.key: step.text for step in scored(rule, answer, lang=lang).explanation.steps}
        assert [*steps] == ["rule", "declared", "peers", "calculation", "result", "source"]
        assert (steps["rule"], steps["peers"], steps["calculation"], steps["result"]) == told


def test_an_explanation_never_rounds_a_ratio_to_that_of_the_best() -> None:
    text = scored(OF_BEST, figures(a=499_999, b=1_000_000)).explanation.text
    assert "49,9999 %" in text and "50 %/50 %" not in text


@pytest.mark.parametrize(
    ("rule", "answer", "vi", "en"),
    [
        (
            CHECKS,
            {"checks": ["https"]},
            "(“HTTPS”: 1/3) × điểm tối đa ⇒ 33,33 % của điểm tối đa",
            "(“HTTPS”: 1/3) × the maximum ⇒ 33.33% of the maximum",
        ),
        (
            SHARED,
            figures(a=49_999, b=0, c=100_000),
            "(a + b)/c = (49999 + 0)/100000 = 49,999 %: “Dưới 50 %” ⇒ 0 × điểm tối đa ⇒ 0 % của điểm tối đa",
            "(a + b)/c = (49999 + 0)/100000 = 49.999%: “Dưới 50 %” ⇒ 0 × the maximum ⇒ 0% of the maximum",
        ),
        (
            FLOOR,
            figures(a=799_999, b=1_000_000),
            "a/b = 799999/1000000 = 79,9999 % < 80 % ⇒ 79,9999 % ÷ 80 % × điểm tối đa ⇒ 99,9999 % của điểm tối đa",
            "a/b = 799999/1000000 = 79.9999% < 80% ⇒ 79.9999% ÷ 80% × the maximum ⇒ 99.9999% of the maximum",
        ),
        (
            MODELS,
            figures(m=3),
            "văn bản không nêu điểm tối đa nên không tính được tỷ lệ ⇒ chưa tính điểm",
            "the document gives no maximum, so there is no share of it ⇒ no points yet",
        ),
        (
            Manual(),
            {"note": "…"},
            "người thẩm định chưa cho điểm ⇒ chưa tính điểm",
            "the reviewer has not given points yet ⇒ no points yet",
        ),
    ],
)
def test_without_a_maximum_an_explanation_tells_the_share(
    rule: Rule, answer: Answer, vi: str, en: str
) -> None:
    for lang, told in (("vi", vi), ("en", en)):
        text = scored(rule, answer, maximum=None, lang=lang).explanation.text
        assert text == f"{told} (PL I, 1.1)"


# --- what rows add up to ------------------------------------------------------------------------------------


def nested(*maxima: str | None) -> IndexSet:
    """Make a set whose row 1.1 is the sum of three checklists, 1.1.1 to 1.1.3, beside a fourth one, 1.2."""
    rows = set_of(CHECKS, CHECKS, CHECKS, CHECKS).indicators
    codes = ("1.1.1", "1.1.2", "1.1.3", "1.2")
    indicators = (
        replace(row, code=code, max_points=None if points is None else Fraction(points))
        for row, code, points in zip(rows, codes, maxima, strict=True)
    )
    added = Subtotal("1.1", "Tổng", codes[:3], is_row=True)
    group = Subtotal("1", "Nhóm", ("1.1", "1.2"), is_row=False)
    return IndexSet("nested", 1, "province", tuple(indicators), (added, group))


ANSWERS = {
    "1.1.1": {"checks": ["ipv6", "https", "dnssec"]},
    "1.1.2": {"checks": ["ipv6"]},
    "1.2": {"checks": ["https"]},
}
Added = tuple[Fraction | None, Fraction | None, Fraction | None]


def added(scores: Scores) -> dict[str, Added]:
    return {row.code: (row.points, row.max_points, row.share) for row in scores.card(0).subtotals}


def test_rows_and_groups_add_up_the_points_below() -> None:
    """Ruling 7."""
    scores = score(nested("4", "2", "3", "6"), EXACT, [unit("u", ANSWERS)])
    assert added(scores) == {
        "1.1": (Fraction(5), Fraction(9), Fraction(5, 9)),
        "1": (Fraction(7), Fraction(15), Fraction(7, 15)),
    }
    assert (scores.total(0), scores.maximum(0)) == (Fraction(7), Fraction(15))


def test_what_does_not_apply_is_left_out_of_what_rows_add_up_to() -> None:
    """Ruling 8."""
    one = unit("u", ANSWERS, not_applicable=frozenset({"1.1.3", "1.2"}))
    assert added(score(nested("4", "2", "3", "6"), EXACT, [one])) == {
        "1.1": (Fraction(5), Fraction(6), Fraction(5, 6)),
        "1": (Fraction(5), Fraction(6), Fraction(5, 6)),
    }
    none = unit("u", ANSWERS, not_applicable=frozenset({"1.1.1", "1.1.2", "1.1.3", "1.2"}))
    assert added(score(nested("4", "2", "3", "6"), EXACT, [none]))["1"] == (ZERO, ZERO, None)


def test_without_maxima_the_rows_below_count_alike_and_a_group_has_no_share() -> None:
    """D-066, ruling 7: 5.12 and 8.8 of Kon Tum."""
    scores = score(nested(None, None, None, None), EXACT, [unit("u", ANSWERS)])
    assert added(scores) == {"1.1": (None, None, Fraction(1, 2)), "1": (None, None, None)}


def test_without_maxima_what_does_not_apply_does_not_count_among_the_rows_below() -> None:
    one = unit("u", ANSWERS, not_applicable=frozenset({"1.1.3"}))
    scores = score(nested(None, None, None, None), EXACT, [one])
    assert added(scores)["1.1"] == (None, None, Fraction(3, 4))


def test_a_row_below_without_a_maximum_leaves_the_sum_without_one() -> None:
    scores = score(nested("4", "2", None, "6"), EXACT, [unit("u", ANSWERS)])
    assert added(scores) == {"1.1": (None, None, Fraction(1, 2)), "1": (None, None, None)}


def test_a_row_that_awaits_the_reviewer_leaves_the_share_of_a_sum_without_maxima_unknown() -> None:
    index_set = nested(None, None, None, None)
    first, *rest = index_set.indicators
    waiting = replace(index_set, indicators=(replace(first, rule=Manual()), *rest))
    one = unit("u", {**ANSWERS, "1.1.1": {"note": "…"}})
    assert added(score(waiting, EXACT, [one]))["1.1"] == (None, None, None)


def test_sums_of_sums_are_added_from_below() -> None:
    index_set = nested("4", "2", "3", "6")
    inner = Subtotal("1.1", "Tổng", ("1.1.1", "1.1.2"), is_row=True)
    outer = Subtotal("2.1", "Tổng của tổng", ("1.1", "1.1.3"), is_row=True)
    scores = score(replace(index_set, subtotals=(inner, outer)), EXACT, [unit("u", ANSWERS)])
    assert added(scores) == {
        "1.1": (Fraction(5), Fraction(6), Fraction(5, 6)),
        "2.1": (Fraction(5), Fraction(9), Fraction(5, 9)),
    }


def test_means_of_the_peers_count_in_what_rows_add_up_to() -> None:
    """Ruling 8, the other policy: the mean takes the place of what does not apply."""
    mean = Policy("mean", not_applicable="peer_average")
    units: list[UnitInput] = [
        unit("u", ANSWERS, not_applicable=frozenset({"1.1.3"})),
        unit("a", {"1.1.3": {"checks": ["ipv6"]}}),
        unit("b", {"1.1.3": {"checks": ["ipv6", "https", "dnssec"]}}),
    ]
    assert added(score(nested("4", "2", "3", "6"), mean, units))["1.1"] == (
        Fraction(29, 4),
        Fraction(9),
        Fraction(29, 36),
    )
    assert added(score(nested(None, None, None, None), mean, units))["1.1"][2] == Fraction(3, 4)


def test_a_unit_alone_does_not_count_what_its_reviewer_has_yet_to_say() -> None:
    index_set = set_of(Manual(counts("a")), YES_NO)
    answers = {"1.1": figures(a=3), "1.2": {"choice": "yes"}}
    alone = score(index_set, EXACT, [unit("u", answers)], peers_known=False).card(0)
    assert [line.points for line in alone.lines] == [None, 10]
    assert [alone.total, alone.maximum, alone.dti] == [10, 10, 100]
    assert alone.lines[0].warnings == ("awaits_reviewer",)
    decided = unit("u", answers, points={"1.1": Fraction(4)})
    card = score(index_set, EXACT, [decided], peers_known=False).card(0)
    assert [card.total, card.maximum] == [14, 20]


@pytest.mark.parametrize(
    ("maximum", "digits", "said"),
    [("0.004", 2, "0,002/0,004 điểm"), ("0.125", 2, "0,0625/0,125 điểm"), ("2.5", 0, "1/2,5 điểm")],
)
def test_a_maximum_is_never_rounded(maximum: str, digits: int, said: str) -> None:
    index_set = set_of(Ratio(counts("a", "b"), ("a",), ("b",)), max_points=maximum)
    scores = score(index_set, Policy("p", digits=digits), [unit("u", {"1.1": figures(a=1, b=2)})])
    assert said.split("/")[1] in scores.card(0).lines[0].explanation.text


def test_numbers_that_differ_in_the_fifteenth_digit_are_told_apart() -> None:
    rule = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(4, 5))
    scores = score(set_of(rule), EXACT, [unit("u", {"1.1": figures(a=799999999999999, b=999999999999999)})])
    assert "≈ 80 %" not in scores.card(0).lines[0].explanation.text
