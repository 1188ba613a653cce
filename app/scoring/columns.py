"""One indicator over all units at once: the exact points of each and what they were measured against."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from app.scoring.exact import millionths, rounded
from app.scoring.model import Indicator, Options, Peers, Policy, Ratio
from app.scoring.rules import NOTHING, Extremes, Pair, points_by_option, points_by_peers, points_by_ratio


@dataclass(frozen=True, slots=True)
class Column:
    """Points by row; the rows that leave their unit's maximum, and those of them that wait for peers."""

    cells: list[Pair]
    left_out: frozenset[int]
    pending: frozenset[int]
    extremes: Extremes | None


def score_column(
    indicator: Indicator,
    policy: Policy,
    values: Sequence[Any],
    *,
    accepted: AbstractSet[int],
    decided: Mapping[int, Fraction],
    peers: Mapping[int, str],
    peers_known: bool,
) -> Column:
    """Score one indicator of all units, by row.

    `values` holds the declared option or figures, None where there is none; `accepted` the rows it does not
    apply to; `decided` the points a reviewer set; `peers` the keys of the units others are measured against.
    """
    rule = indicator.rule
    extremes = _extremes(rule, values, peers) if peers_known and isinstance(rule, Peers) else None
    cells = _by_rule(indicator, values, extremes)
    for row, points in decided.items():
        cells[row] = points.as_integer_ratio()
    pending = frozenset() if peers_known else _pending(indicator, policy, len(values), accepted, decided)
    left_out = pending
    if policy.not_applicable == "exclude_from_maximum":
        left_out |= accepted
    elif accepted and peers_known:
        mean = _mean([cells[row] for row in peers if row not in accepted])
        for row in accepted:
            cells[row] = mean
    if policy.rounding == "indicator":
        cells = [(rounded(*cell, policy.digits), 10**policy.digits) for cell in cells]
    return Column(cells, left_out, pending, extremes)


def _by_rule(indicator: Indicator, values: Sequence[Any], extremes: Extremes | None) -> list[Pair]:
    rule, max_points = indicator.rule, indicator.max_points
    points: Callable[[Any], Pair]
    if isinstance(rule, Options):
        points = points_by_option(rule, max_points)
    elif isinstance(rule, Ratio):
        points = points_by_ratio(rule, max_points)
    elif extremes is not None:
        points = points_by_peers(rule, max_points, extremes)
    else:
        return [NOTHING] * len(values)
    return [NOTHING if value is None else points(value) for value in values]


def _extremes(rule: Peers, values: Sequence[Any], peers: Mapping[int, str]) -> Extremes:
    """Find the best and the lowest figure among the peers that declared one (ruling 4)."""
    declared = {row: values[row][rule.variable] for row in peers if values[row] is not None}
    if not declared:
        return Extremes(None, None, (), ())
    amounts = {row: millionths(figure) for row, figure in declared.items()}
    best, lowest = max(amounts, key=amounts.__getitem__), min(amounts, key=amounts.__getitem__)

    def holders(row: int) -> tuple[str, ...]:
        return tuple(sorted(peers[other] for other, amount in amounts.items() if amount == amounts[row]))

    return Extremes(str(declared[best]), str(declared[lowest]), holders(best), holders(lowest))


def _pending(
    indicator: Indicator,
    policy: Policy,
    count: int,
    accepted: AbstractSet[int],
    decided: Mapping[int, Fraction],
) -> frozenset[int]:
    """Find the rows that nobody can score before the peers are known."""
    rows: set[int] = set()
    if isinstance(indicator.rule, Peers):
        rows = set(range(count)) - accepted - decided.keys()
    if policy.not_applicable == "peer_average":
        rows |= accepted
    return frozenset(rows)


def _mean(cells: list[Pair]) -> Pair:
    """Average exact points; 0 where nobody was assessed."""
    if not cells:
        return NOTHING
    total = total_of(cells)
    return (total / len(cells)).as_integer_ratio()


def total_of(cells: Sequence[Pair]) -> Fraction:
    """Add points exactly, over one common denominator."""
    common = lcm(*(denominator for _, denominator in cells))
    return Fraction(sum(numerator * (common // denominator) for numerator, denominator in cells), common)
