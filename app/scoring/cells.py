"""The exact points of every unit in every indicator, unit by unit.

A unit's answers lie together in memory, so going through them once costs half of going through all units once
per indicator; only the extremes of the peers are looked up by indicator.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from app.scoring.exact import millionths, rounded
from app.scoring.model import IndexSet, Indicator, Options, Peers, Policy, Ratio, UnitInput
from app.scoring.rules import NOTHING, Extremes, Pair, points_by_option, points_by_peers, points_by_ratio

Row = list[Pair]
_NOT_GIVEN: Mapping[str, Any] = {}


def rows_of(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], extremes: Mapping[str, Extremes]
) -> list[Row]:
    """Score all units: a row per unit, a cell per indicator in the set's order.

    What cannot be scored without `extremes` of its indicator gets 0, as does what does not apply to a unit
    unless the policy gives it the mean of the peers (ruling 8).

    Raises:
        ValueError: a reviewer's points lie outside 0..maximum.
    """
    place = {indicator.code: j for j, indicator in enumerate(index_set.indicators)}
    cells = [
        (indicator.code, field_of(indicator), _points(indicator, extremes))
        for indicator in index_set.indicators
    ]
    rows = []
    for unit in units:
        answers = unit.answers if unit.is_reviewed else _NOT_GIVEN
        row = [
            NOTHING if (value := answers.get(code, _NOT_GIVEN).get(field)) is None else points(value)
            for code, field, points in cells
        ]
        if unit.is_reviewed:
            for code, decided in unit.points.items():
                row[place[code]] = _decided(index_set.by_code[code], decided)
            for code in unit.not_applicable:
                row[place[code]] = NOTHING
        rows.append(row)
    if policy.not_applicable == "peer_average":
        _average(place, units, rows)
    if policy.rounding == "indicator":
        scale: int = 10**policy.digits
        return [[(rounded(*cell, policy.digits), scale) for cell in row] for row in rows]
    return rows


def extremes_of(index_set: IndexSet, units: Sequence[UnitInput]) -> dict[str, Extremes]:
    """Find what every peers indicator is measured against: the peers that declared a figure (ruling 4)."""
    peers = [unit for unit in units if is_peer(unit)]
    return {
        indicator.code: _extremes(indicator.code, indicator.rule, peers)
        for indicator in index_set.indicators
        if isinstance(indicator.rule, Peers)
    }


def is_peer(unit: UnitInput) -> bool:
    """Answer whether other units are measured against this one."""
    return unit.is_ranked and unit.is_reviewed


def field_of(indicator: Indicator) -> str:
    """Name the key of an answer that an indicator reads."""
    return "choice" if isinstance(indicator.rule, Options) else "figures"


def total_of(cells: Sequence[Pair]) -> Fraction:
    """Add points exactly, over one common denominator."""
    common = lcm(*(denominator for _, denominator in cells))
    return Fraction(sum(numerator * (common // denominator) for numerator, denominator in cells), common)


def _points(indicator: Indicator, extremes: Mapping[str, Extremes]) -> Callable[[Any], Pair]:
    """Prepare the points of one declared value by the kind of the rule."""
    rule, max_points = indicator.rule, indicator.max_points
    if isinstance(rule, Options):
        return points_by_option(rule, max_points)
    if isinstance(rule, Ratio):
        return points_by_ratio(rule, max_points)
    if indicator.code in extremes:
        return points_by_peers(rule, max_points, extremes[indicator.code])
    return lambda _: NOTHING


def _decided(indicator: Indicator, points: Fraction) -> Pair:
    if not 0 <= points <= indicator.max_points:
        raise ValueError(f"points set for {indicator.code} lie outside 0..{indicator.max_points}")
    return points.as_integer_ratio()


def _extremes(code: str, rule: Peers, peers: Sequence[UnitInput]) -> Extremes:
    declared = {
        unit.key: unit.answers[code]["figures"][rule.variable]
        for unit in peers
        # A figure that the reviewer replaced by points is nobody's measure, least of all when he threw it out.
        if code not in unit.not_applicable
        and code not in unit.points
        and "figures" in unit.answers.get(code, _NOT_GIVEN)
    }
    if not declared:
        return Extremes(None, None, (), ())
    amounts = {key: millionths(figure) for key, figure in declared.items()}
    best, lowest = (
        tuple(sorted(key for key, amount in amounts.items() if amount == extreme))
        for extreme in (max(amounts.values()), min(amounts.values()))
    )
    return Extremes(str(declared[best[0]]), str(declared[lowest[0]]), best, lowest)


def _average(place: Mapping[str, int], units: Sequence[UnitInput], rows: list[Row]) -> None:
    """Give what does not apply the mean of the peers assessed in it, 0 where nobody was (ruling 8, D-114)."""
    claimed = {code for unit in units if unit.is_reviewed for code in unit.not_applicable}
    for code in claimed:
        j = place[code]
        assessed = [
            row[j]
            for unit, row in zip(units, rows, strict=True)
            if is_peer(unit) and code not in unit.not_applicable
        ]
        mean = (total_of(assessed) / max(1, len(assessed))).as_integer_ratio()
        for unit, row in zip(units, rows, strict=True):
            if unit.is_reviewed and code in unit.not_applicable:
                row[j] = mean
