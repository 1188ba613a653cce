"""Small sets, and random ones with random units, for the tests of scoring."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from app.scoring.engine import UnitInput
from app.scoring.model import IndexSet, Indicator, Option, Options, Peers, Policy, Ratio, Rule, Variable

EXACT = Policy("exact")
YES_NO = Options((Option("yes", "Có", Fraction(1)), Option("no", "Không", Fraction(0))))


def counts(*keys: str) -> tuple[Variable, ...]:
    return tuple(Variable(key, key, "count") for key in keys)


def set_of(*rules: Rule, max_points: str = "10") -> IndexSet:
    """Make a set whose indicators are 1.1, 1.2, … with the given rules."""
    indicators = (
        Indicator(
            f"1.{number}",
            f"Chỉ số {number}",
            Fraction(max_points),
            rule,
            citation=f"PL I, 1.{number}",
            citation_en=f"PL I, 1.{number}",
        )
        for number, rule in enumerate(rules, 1)
    )
    return IndexSet("small", 1, "department", tuple(indicators))


def unit(key: str, answers: dict[str, Any] | None = None, **decided: Any) -> UnitInput:
    """Make a ranked unit unless `is_ranked` says otherwise."""
    return UnitInput(**{"key": key, "is_ranked": True, "answers": answers or {}, **decided})


_points = st.sampled_from([Fraction(5), Fraction(10), Fraction(25, 2), Fraction(20)])
_shares = st.fractions(0, 1, max_denominator=7)
_figures = st.integers(0, 40) | st.integers(0, 10**15 - 1)
_decimals = st.builds(
    lambda whole, rest: f"{whole}.{rest}", st.integers(0, 30), st.sampled_from(["5", "25", "000001"])
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Draw a rule of any kind."""
    kind = draw(st.sampled_from(["options", "ratio", "sums", "zero", "amounts", "share_of_best", "min_max"]))
    full_mark = draw(st.sampled_from([Fraction(1), Fraction(4, 5), Fraction(1, 100), Fraction(3, 2)]))
    if kind == "options":
        shares = draw(st.lists(_shares, min_size=1, max_size=4))
        return Options(tuple(Option(f"o{n}", f"Mức {n}", share) for n, share in enumerate(shares)))
    if kind == "ratio":
        return Ratio(counts("a", "b"), ("a",), ("b",), full_mark)
    if kind == "sums":
        return Ratio(counts("a", "b", "c", "d"), ("c", "d"), ("a", "b"), full_mark)
    if kind == "zero":
        return Ratio(counts("a", "b", "infected"), ("a",), ("b",), full_mark, "infected")
    amounts = (Variable("a", "a", "amount"), Variable("b", "b", "count"))
    if kind == "amounts":
        return Ratio(amounts, ("a",), ("b",), full_mark)
    return Peers(amounts[:1], "a", "min_max" if kind == "min_max" else "share_of_best")


@st.composite
def answers(draw: st.DrawFn, rule: Rule) -> dict[str, Any] | None:
    """Draw a canonical answer without faults, or none."""
    form = draw(st.sampled_from(["value", "value", "value", "claim", "nothing"]))
    if form == "nothing":
        return None
    if form == "claim":
        return {"not_applicable": True, "reason": "Không phát sinh"}
    if isinstance(rule, Options):
        return {"choice": draw(st.sampled_from([option.key for option in rule.options]))}
    figures = {v.key: draw(_figures if v.number == "count" else _figures | _decimals) for v in rule.variables}
    if isinstance(rule, Ratio) and not any(Fraction(figures[key]) for key in rule.denominator):
        figures |= dict.fromkeys(rule.numerator, 0)
    return {"figures": figures}


@st.composite
def assessments(draw: st.DrawFn) -> tuple[IndexSet, list[UnitInput]]:
    """Draw a set and up to six units with answers and decisions."""
    drawn = draw(st.lists(st.tuples(rules(), _points), min_size=1, max_size=5))
    indicators = tuple(Indicator(f"1.{n}", "", points, rule) for n, (rule, points) in enumerate(drawn, 1))
    units = []
    for number in range(draw(st.integers(1, 6))):
        given = {row.code: draw(answers(row.rule)) for row in indicators}
        decided = {
            row.code: row.max_points * draw(_shares) for row in indicators if draw(st.integers(0, 9)) == 0
        }
        accepted = frozenset(row.code for row in indicators if draw(st.integers(0, 7)) == 0)
        units.append(
            unit(
                f"unit-{number}",
                {code: answer for code, answer in given.items() if answer},
                is_ranked=draw(st.integers(0, 3)) > 0,
                points={code: value for code, value in decided.items() if code not in accepted},
                not_applicable=accepted,
                is_reviewed=draw(st.integers(0, 9)) > 0,
            )
        )
    return IndexSet("random", 1, "department", indicators), units


policies = st.builds(
    Policy,
    key=st.just("random"),
    rounding=st.sampled_from(["result", "indicator"]),
    digits=st.integers(0, 4),
    not_applicable=st.sampled_from(["exclude_from_maximum", "peer_average"]),
)
