"""The rules once more, written slowly and apart from the engine: `Fraction`s straight from the answers, no cleverness.

Rulings 1-9 and 11 of the reading; used as the truth the engine is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from app.scoring.engine import UnitInput
from app.scoring.model import (
    Checklist,
    Count,
    IndexSet,
    Indicator,
    Manual,
    Measured,
    Options,
    Parts,
    Peers,
    Policy,
    Ratio,
    Rule,
    Tiers,
)

Answer = Mapping[str, Any]
Ends = tuple[Fraction, Fraction] | None  # the lowest and the best value of the peers
ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Truth:
    """What one unit must get; `cells` holds (points, maximum) per indicator."""

    cells: list[tuple[Fraction, Fraction]]
    total: Fraction
    maximum: Fraction
    dti: Fraction | None
    rank: int | None


def truth(index_set: IndexSet, policy: Policy, units: Sequence[UnitInput]) -> list[Truth]:
    """Score all units of a set with maxima the slow way."""
    columns = [_column(indicator, policy, units) for indicator in index_set.indicators]
    rows = [list(row) for row in zip(*columns, strict=True)]
    totals = [sum((points for points, _ in row), ZERO) for row in rows]
    maxima = [sum((maximum for _, maximum in row), ZERO) for row in rows]
    dtis = [total / maximum * 100 if maximum else None for total, maximum in zip(totals, maxima, strict=True)]
    ranked = [dti for unit, dti in zip(units, dtis, strict=True) if unit.is_ranked and dti is not None]
    place = _places(ranked)
    ranks = [
        place[dti] if unit.is_ranked and dti is not None else None
        for unit, dti in zip(units, dtis, strict=True)
    ]
    return [Truth(*all_of) for all_of in zip(rows, totals, maxima, dtis, ranks, strict=True)]


def _places(values: Sequence[Fraction]) -> dict[Fraction, int]:
    """Give every value 1 + the number of greater ones."""
    places: dict[Fraction, int] = {}
    for place, value in enumerate(sorted(values, reverse=True), 1):
        places.setdefault(value, place)
    return places


def _column(
    indicator: Indicator, policy: Policy, units: Sequence[UnitInput]
) -> list[tuple[Fraction, Fraction]]:
    """Give points and maximum of every unit in one indicator."""
    full = indicator.max_points
    assert full is not None
    ends = ends_of(indicator, policy, units)
    points = [_points(indicator, full, policy, unit, ends) for unit in units]
    assessed = [
        one
        for unit, one in zip(units, points, strict=True)
        if unit.is_reviewed and indicator.code not in unit.not_applicable
    ]
    mean = sum(assessed, ZERO) / len(assessed) if assessed else ZERO
    cells = []
    for unit, one in zip(units, points, strict=True):
        applies = not unit.is_reviewed or indicator.code not in unit.not_applicable
        if not applies and policy.not_applicable == "exclude_from_maximum":
            cells.append((ZERO, ZERO))
            continue
        exact = one if applies else mean
        cells.append(
            (min(half_up(exact, policy.digits), full) if policy.rounding == "indicator" else exact, full)
        )
    return cells


def _points(indicator: Indicator, full: Fraction, policy: Policy, unit: UnitInput, ends: Ends) -> Fraction:
    """Give the points of a unit the indicator applies to."""
    if not unit.is_reviewed:
        return ZERO
    if indicator.code in unit.points:
        return unit.points[indicator.code]
    if policy.missing_evidence == "zero" and indicator.code in unit.without_evidence:
        return ZERO
    return share(indicator.rule, unit.answers.get(indicator.code, {}), full, ends) * full


def share(rule: Rule, answer: Answer, full: Fraction | None, ends: Ends = None) -> Fraction:
    """Give the share of the maximum that an answer earns."""
    if isinstance(rule, Options):
        return sum((one.share for one in rule.options if one.key == answer.get("choice")), ZERO)
    if isinstance(rule, Checklist):
        return sum((item.share for item in rule.items if item.key in answer.get("checks", ())), ZERO)
    if isinstance(rule, Parts):
        given = answer.get("parts")
        return sum((p.share * share(p.rule, given[p.key], None) for p in rule.parts), ZERO) if given else ZERO
    if isinstance(rule, Manual) or "figures" not in answer:
        return ZERO
    figures = numbers(answer)
    if isinstance(rule, Ratio) and rule.full_if_zero and figures[rule.full_if_zero] == 0:
        return ONE
    if isinstance(rule, Tiers) and rule.requires and figures[rule.requires] == 0:
        return ZERO
    value = measured(rule, figures)
    if value is None:
        return ZERO
    if isinstance(rule, Ratio):
        return ZERO if rule.floor and value < rule.floor else min(ONE, value / rule.full_mark)
    if isinstance(rule, Tiers):
        return max(tier.share for tier in rule.tiers if value >= tier.start)
    if isinstance(rule, Count):
        return min(ONE, value * rule.points_each / full) if full else ZERO
    return _place_among(rule, value, ends)


def measured(rule: Measured, figures: Mapping[str, Fraction]) -> Fraction | None:
    """Give the figure or the ratio a rule looks at; None for 0/0."""
    above = sum((figures[key] for key in rule.numerator), ZERO)
    if not rule.denominator:
        return above
    below = sum((figures[key] for key in rule.denominator), ZERO)
    return above / below if below else None


def ends_of(indicator: Indicator, policy: Policy, units: Sequence[UnitInput]) -> Ends:
    """Find the lowest and the best value among the ranked units that declared one that counts."""
    code, rule = indicator.code, indicator.rule
    if not isinstance(rule, Peers):
        return None
    values = []
    for unit in units:
        is_zeroed = policy.missing_evidence == "zero" and code in unit.without_evidence
        is_peer = unit.is_ranked and unit.is_reviewed and code not in unit.not_applicable
        if is_peer and not is_zeroed and code not in unit.points and "figures" in unit.answers.get(code, {}):
            value = measured(rule, numbers(unit.answers[code]))
            values += [] if value is None else [value]
    return (min(values), max(values)) if values else None


def _place_among(rule: Peers, x: Fraction, ends: Ends) -> Fraction:
    if ends is None or ends[1] == 0:
        return ZERO
    low, best = (ends[0] if rule.measure == "min_max" else ZERO), ends[1]
    if x >= best:
        return ONE
    return max(ZERO, (x - low) / (best - low)) if best > low else ZERO


def numbers(answer: Answer) -> dict[str, Fraction]:
    """Read the figures of one answer."""
    return {key: Fraction(value) for key, value in answer["figures"].items()}


def half_up(value: Fraction, digits: int) -> Fraction:
    """Round a non-negative value half up."""
    scale: int = 10**digits
    return Fraction(floor(value * scale + Fraction(1, 2)), scale)
