"""A hundred thousand random answers: the engine and the slow oracle agree exactly, in every set that ships."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from app.catalogue.files import catalogue
from app.scoring.answers import faults
from app.scoring.engine import UnitInput, score
from app.scoring.exact import exact, shown
from app.scoring.model import (
    Band,
    Checklist,
    Count,
    IndexSet,
    Indicator,
    Manual,
    Measured,
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
from app.scoring.ranking import band_of
from tests.scoring import oracle
from tests.scoring.examples import YES_NO, counts, points_of, set_of

BANDS = tuple(Band(str(start), "", "", Fraction(start)) for start in (90, 80, 50, Fraction(100, 3), 0))
POLICIES = (
    Policy("plain", bands=BANDS),
    Policy("mean", not_applicable="peer_average"),
    Policy("strict", missing_evidence="zero", digits=3),
    Policy("rounded", rounding="indicator", digits=1, not_applicable="peer_average", missing_evidence="zero"),
)
UNITS = 70  # of each set, for each policy
CELLS = 100_000


def _every_kind() -> IndexSet:
    """Make a set of the kinds and variants that the documents do not use."""
    amounts = (Variable("a", "a", "amount"), Variable("b", "b", "amount"))
    floor = Ratio(counts("a", "b"), ("a",), ("b",), Fraction(3, 2), floor=Fraction(9, 10))
    gate = (Variable("g", "g", "yes_no"), *counts("a", "b"))
    tiers = (
        Tier(Fraction(7, 3), Fraction(1), "3"),
        Tier(Fraction(1, 3), Fraction(1, 7), "2"),
        Tier(Fraction(0), Fraction(0), "1"),
    )
    return set_of(
        floor,
        Ratio(counts("a", "b", "c"), ("a", "b"), ("b", "c"), Fraction(1, 7), "c", Fraction(1, 7)),
        Ratio(amounts, ("a",), ("b",), floor=Fraction(1)),
        Tiers(gate, ("a",), ("b",), tiers, "g"),
        Tiers(amounts, ("b",), ("a",), tiers),
        Count(amounts[:1], ("a",), Fraction(7, 3)),
        Peers(amounts, ("a",), ("b",), "min_max"),
        Peers(amounts, ("a",), ("b",)),
        Parts(
            (
                Part("p", "p", Fraction(1, 3), YES_NO),
                Part("q", "q", Fraction(1, 2), Tiers(gate, ("a",), ("b",), tiers, "g")),
                Part("r", "r", Fraction(1, 6), floor),
            )
        ),
        max_points="12.5",
    )


def _with_maxima(index_set: IndexSet) -> IndexSet:
    """Give rows without a maximum one of 10."""
    rows = (
        row if row.max_points is not None else replace(row, max_points=Fraction(10))
        for row in index_set.indicators
    )
    return replace(index_set, indicators=tuple(rows))


def _answer(random: Random, rule: Rule) -> dict[str, Any]:
    """Draw an answer without faults."""
    match rule:
        case Options():
            return {"choice": random.choice(rule.options).key}
        case Checklist():
            return {"checks": [item.key for item in rule.items if random.random() < 0.5]}
        case Parts():
            return {"parts": {part.key: _answer(random, part.rule) for part in rule.parts}}
        case Manual():
            return {"note": "…"}
        case _:
            return {"figures": _figures(random, rule)}


def _figures(random: Random, rule: Measured) -> dict[str, int | str]:
    """Draw figures: mostly small ones, which meet thresholds; no quotient of something and 0."""
    most = random.choice((1, 4, 10, 100, 10**6))
    figures = {variable.key: _figure(random, variable, most) for variable in rule.variables}
    if rule.denominator and not any(map(figures.get, rule.denominator)):
        figures |= dict.fromkeys(rule.numerator, 0)
    return figures


def _figure(random: Random, variable: Variable, most: int) -> int | str:
    if variable.number == "yes_no":
        return random.randint(0, 1)
    whole = random.randint(0, most)
    is_decimal = variable.number == "amount" and random.random() < 0.5
    return f"{whole}.{random.choice(('5', '25', '000001', '999999'))}" if is_decimal else whole


def _unit(random: Random, key: str, indicators: tuple[Indicator, ...]) -> UnitInput:
    """Draw a unit, its answers and what its reviewer decided."""
    answers, points, claims, unproved = {}, {}, set(), set()
    for row in indicators:
        drawn = random.random()
        if drawn < 0.95:
            answers[row.code] = _answer(random, row.rule)
        if drawn < 0.03:
            claims.add(row.code)
        elif drawn < 0.06 or (isinstance(row.rule, Manual) and drawn < 0.9):
            assert row.max_points is not None
            points[row.code] = row.max_points * Fraction(random.randint(0, 21), 21)
        elif drawn < 0.09:
            unproved.add(row.code)
    return UnitInput(
        key,
        random.random() < 0.9,
        answers,
        points,
        frozenset(claims),
        random.random() < 0.95,
        frozenset(unproved),
    )


def _assessments(random: Random) -> Iterator[tuple[IndexSet, Policy, list[UnitInput]]]:
    for index_set in (*(_with_maxima(one.scored) for one in catalogue().sets.values()), _every_kind()):
        for policy in POLICIES:
            yield index_set, policy, [_unit(random, f"u{n}", index_set.indicators) for n in range(UNITS)]


def test_a_hundred_thousand_random_answers_get_exactly_what_the_slow_oracle_gives() -> None:
    compared = 0
    for index_set, policy, units in _assessments(Random(1072)):
        assert not any(faults(index_set, one.answers, by=None) for one in units)
        scores = score(index_set, policy, units)
        for i, expected in enumerate(oracle.truth(index_set, policy, units)):
            assert points_of(scores, i) == [exact(points) for points, _ in expected.cells]
            assert (scores.total(i), scores.maximum(i)) == (expected.total, expected.maximum)
            assert (scores.dti(i), scores.rank(i)) == (expected.dti, expected.rank)
            assert scores.band(i) == (None if expected.dti is None else band_of(expected.dti, policy.bands))
            assert scores.shown_total(i) == shown(expected.total, policy.digits)
            compared += len(expected.cells)
    assert compared >= CELLS
