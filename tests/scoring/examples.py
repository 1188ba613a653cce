"""Small sets, and random ones with random units, for the tests of scoring."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from app.scoring.engine import Scores, UnitInput
from app.scoring.exact import exact
from app.scoring.model import (
    Checklist,
    Count,
    IndexSet,
    Indicator,
    Manual,
    Measured,
    Option,
    Options,
    Part,
    Parts,
    Peers,
    Policy,
    Ratio,
    Rule,
    Tier,
    Tiers,
    Variable,
)

EXACT = Policy("exact")
YES_NO = Options((Option("yes", "Có", Fraction(1)), Option("no", "Không", Fraction(0))))


def counts(*keys: str) -> tuple[Variable, ...]:
    return tuple(Variable(key, key, "count") for key in keys)


def best_of(key: str, measure: str = "share_of_best") -> Peers:
    """Make a peers rule of one count."""
    return Peers(counts(key), (key,), (), "min_max" if measure == "min_max" else "share_of_best")


def points_of(scores: Scores, i: int) -> list[str | None]:
    """Return the exact points per indicator in the set's order ("10", "25/3"); None while pending."""
    return [exact(line.points) for line in scores.card(i).lines]


def shown_points_of(scores: Scores, i: int) -> list[str | None]:
    """Return the points per indicator as people see them ("8.33"); None while pending."""
    return [line.shown or None for line in scores.card(i).lines]


def set_of(*rules: Rule, max_points: str | None = "10") -> IndexSet:
    """Make a set whose indicators are 1.1, 1.2, … with the given rules."""
    indicators = (
        Indicator(
            f"1.{number}",
            f"Chỉ số {number}",
            None if max_points is None else Fraction(max_points),
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
_AMOUNTS = (Variable("a", "a", "amount"), Variable("b", "b", "count"))
_simple = st.sampled_from(
    ["options", "checklist", "ratio", "sums", "zero", "amounts", "floor", "tiers", "gate"]
)
_kinds = st.sampled_from(["share_of_best", "min_max", "peers_ratio", "count", "parts", "manual"])


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Draw a rule of any kind."""
    if draw(st.booleans()):
        return draw(simple_rules())
    kind = draw(_kinds)
    if kind == "count":
        return Count(counts("a"), ("a",), draw(st.sampled_from([Fraction(1), Fraction(7, 3)])))
    if kind == "manual":
        return Manual(counts("a", "b")[: draw(st.integers(0, 2))])
    if kind == "parts":
        cut = draw(st.sampled_from([Fraction(1, 2), Fraction(1, 3), Fraction(4, 5)]))
        return Parts(
            (
                Part("p", "Phần p", cut, draw(simple_rules())),
                Part("q", "Phần q", 1 - cut, draw(simple_rules())),
            )
        )
    if kind == "peers_ratio":
        return Peers(counts("a", "b"), ("a",), ("b",), draw(st.sampled_from(["share_of_best", "min_max"])))
    return Peers(_AMOUNTS[:1], ("a",), (), "min_max" if kind == "min_max" else "share_of_best")


@st.composite
def simple_rules(draw: st.DrawFn) -> Options | Checklist | Ratio | Tiers:
    """Draw a rule that may also be that of a part."""
    kind = draw(_simple)
    full_mark = draw(st.sampled_from([Fraction(1), Fraction(4, 5), Fraction(1, 100), Fraction(3, 2)]))
    if kind in ("options", "checklist"):
        shares = draw(st.lists(_shares, min_size=1, max_size=4))
        if kind == "options":
            return Options(tuple(Option(f"o{n}", f"Mức {n}", share) for n, share in enumerate(shares)))
        whole = sum(shares, Fraction(0)) or Fraction(1)
        return Checklist(tuple(Option(f"o{n}", f"Mục {n}", s / whole) for n, s in enumerate(shares)))
    if kind == "ratio":
        return Ratio(counts("a", "b"), ("a",), ("b",), full_mark)
    if kind == "sums":
        return Ratio(counts("a", "b", "c", "d"), ("c", "d"), ("a", "b"), full_mark)
    if kind == "zero":
        return Ratio(counts("a", "b", "infected"), ("a",), ("b",), full_mark, "infected")
    if kind == "floor":
        floor = full_mark * draw(st.sampled_from([Fraction(1), Fraction(3, 5)]))
        return Ratio(counts("a", "b"), ("a",), ("b",), full_mark, floor=floor)
    if kind == "amounts":
        return Ratio(_AMOUNTS, ("a",), ("b",), full_mark)
    starts = sorted(draw(st.sets(st.integers(1, 30), min_size=1, max_size=3)), reverse=True)
    tiers = tuple(
        Tier(Fraction(start, 10 if kind == "tiers" else 1), Fraction(n, len(starts)), f"Mức {n}")
        for start, n in zip([*starts, 0], range(len(starts), -1, -1), strict=True)
    )
    if kind == "tiers":
        return Tiers(_AMOUNTS, ("a",), ("b",), tiers)
    return Tiers((Variable("g", "g", "yes_no"), *counts("a")), ("a",), (), tiers, "g")


@st.composite
def answers(draw: st.DrawFn, rule: Rule) -> dict[str, Any] | None:
    """Draw a canonical answer without faults, or none."""
    form = draw(st.sampled_from(["value", "value", "value", "claim", "nothing"]))
    if form == "nothing":
        return None
    if form == "claim":
        return {"not_applicable": True, "reason": "Không phát sinh"}
    return draw(values(rule)) or None


@st.composite
def values(draw: st.DrawFn, rule: Rule) -> dict[str, Any]:
    """Draw the value of an answer, without faults."""
    if isinstance(rule, Options):
        return {"choice": draw(st.sampled_from([option.key for option in rule.options]))}
    if isinstance(rule, Checklist):
        return {"checks": [item.key for item in rule.items if draw(st.booleans())]}
    if isinstance(rule, Parts):
        return {"parts": {part.key: draw(values(part.rule)) for part in rule.parts}}
    kinds = {"count": _figures, "amount": _figures | _decimals, "yes_no": st.sampled_from([0, 1])}
    figures = {v.key: draw(kinds[v.number]) for v in rule.variables}
    if isinstance(rule, Measured) and not any(Fraction(figures[key]) for key in rule.denominator):
        figures |= dict.fromkeys(rule.numerator if rule.denominator else (), 0)
    return {"figures": figures} if figures else {}


@st.composite
def assessments(draw: st.DrawFn) -> tuple[IndexSet, list[UnitInput]]:
    """Draw a set and up to six units with answers and decisions."""
    drawn = draw(st.lists(st.tuples(rules(), _points), min_size=1, max_size=5))
    indicators = tuple(Indicator(f"1.{n}", "", points, rule) for n, (rule, points) in enumerate(drawn, 1))
    maxima = {row.code: points for row, (_, points) in zip(indicators, drawn, strict=True)}
    units = []
    for number in range(draw(st.integers(1, 6))):
        given = {row.code: draw(answers(row.rule)) for row in indicators}
        decided = {
            code: full * draw(_shares) for code, full in maxima.items() if draw(st.integers(0, 9)) == 0
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
                without_evidence=frozenset(row.code for row in indicators if draw(st.integers(0, 7)) == 0),
            )
        )
    return IndexSet("random", 1, "department", indicators), units


policies = st.builds(
    Policy,
    key=st.just("random"),
    rounding=st.sampled_from(["result", "indicator"]),
    digits=st.integers(0, 4),
    not_applicable=st.sampled_from(["exclude_from_maximum", "peer_average"]),
    missing_evidence=st.sampled_from(["explain_or_block", "zero"]),
)
