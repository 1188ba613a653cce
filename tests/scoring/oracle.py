"""The rules once more, written slowly and apart from the engine: one `Fraction` per cell, no cleverness.

Rulings 1-4, 8, 9 of the reading; used as the truth the engine is compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from app.scoring.engine import UnitInput
from app.scoring.model import IndexSet, Indicator, Options, Peers, Policy, Ratio


@dataclass(frozen=True)
class Truth:
    """What one unit must get; `cells` holds (points, maximum) per indicator."""

    cells: list[tuple[Fraction, Fraction]]
    total: Fraction
    maximum: Fraction
    dti: Fraction | None
    rank: int | None


def truth(index_set: IndexSet, policy: Policy, units: Sequence[UnitInput]) -> list[Truth]:
    """Score all units the slow way."""
    rows = [[cell(indicator, policy, unit, units) for indicator in index_set.indicators] for unit in units]
    totals = [sum((points for points, _ in row), Fraction(0)) for row in rows]
    maxima = [sum((maximum for _, maximum in row), Fraction(0)) for row in rows]
    dtis = [total / maximum * 100 if maximum else None for total, maximum in zip(totals, maxima, strict=True)]
    ranked = [dti for unit, dti in zip(units, dtis, strict=True) if unit.is_ranked and dti is not None]
    ranks = [
        1 + sum(other > dti for other in ranked) if unit.is_ranked and dti is not None else None
        for unit, dti in zip(units, dtis, strict=True)
    ]
    return [Truth(*all_of) for all_of in zip(rows, totals, maxima, dtis, ranks, strict=True)]


def cell(
    indicator: Indicator, policy: Policy, unit: UnitInput, units: Sequence[UnitInput]
) -> tuple[Fraction, Fraction]:
    """Give points and maximum of one unit in one indicator."""
    full = indicator.max_points
    if unit.is_reviewed and indicator.code in unit.not_applicable:
        if policy.not_applicable == "exclude_from_maximum":
            return Fraction(0), Fraction(0)
        assessed = [
            exact_points(indicator, other, units)
            for other in units
            if other.is_ranked and other.is_reviewed and indicator.code not in other.not_applicable
        ]
        points = sum(assessed, Fraction(0)) / len(assessed) if assessed else Fraction(0)
    else:
        points = exact_points(indicator, unit, units)
    return (half_up(points, policy.digits) if policy.rounding == "indicator" else points), full


def exact_points(indicator: Indicator, unit: UnitInput, units: Sequence[UnitInput]) -> Fraction:
    """Give the points of a unit the indicator applies to."""
    if not unit.is_reviewed:
        return Fraction(0)
    if indicator.code in unit.points:
        return unit.points[indicator.code]
    answer = unit.answers.get(indicator.code, {})
    rule = indicator.rule
    if isinstance(rule, Options):
        shares = {option.key: option.share for option in rule.options}
        return shares[answer["choice"]] * indicator.max_points if "choice" in answer else Fraction(0)
    if "figures" not in answer:
        return Fraction(0)
    figures = numbers(answer)
    if isinstance(rule, Ratio):
        return ratio(rule, figures) * indicator.max_points
    return peers(rule, indicator.code, figures[rule.variable], units) * indicator.max_points


def ratio(rule: Ratio, figures: Mapping[str, Fraction]) -> Fraction:
    """Give the share of the maximum a ratio earns."""
    if rule.full_if_zero is not None and figures[rule.full_if_zero] == 0:
        return Fraction(1)
    above = sum((figures[key] for key in rule.numerator), Fraction(0))
    below = sum((figures[key] for key in rule.denominator), Fraction(0))
    return min(Fraction(1), above / below / rule.full_mark) if below else Fraction(0)


def peers(rule: Peers, code: str, x: Fraction, units: Sequence[UnitInput]) -> Fraction:
    """Give the share of the maximum a figure earns among the ranked units that declared one."""
    declared = [
        numbers(unit.answers[code])[rule.variable]
        for unit in units
        if unit.is_ranked
        and unit.is_reviewed
        and code not in unit.not_applicable
        and code not in unit.points
        and "figures" in unit.answers.get(code, {})
    ]
    if not declared or max(declared) == 0:
        return Fraction(0)
    low, best = (min(declared) if rule.measure == "min_max" else Fraction(0)), max(declared)
    if x >= best:
        return Fraction(1)
    return max(Fraction(0), (x - low) / (best - low)) if best > low else Fraction(0)


def numbers(answer: Mapping[str, Any]) -> dict[str, Fraction]:
    """Read the figures of one answer."""
    return {key: Fraction(str(value)) for key, value in answer["figures"].items()}


def half_up(value: Fraction, digits: int) -> Fraction:
    """Round a non-negative value half up."""
    scale: int = 10**digits
    return Fraction(floor(value * scale + Fraction(1, 2)), scale)
