"""One function per kind of rule: from the values that units declared to the shares of the maximum they earn.

A share is a pair of ints (numerator, denominator), not reduced, 0 <= numerator <= denominator: a `Fraction` per cell
would cost ten times as much. A function takes a whole column, the values of one indicator for all units: a call per
cell would double the time. Values are canonical and free of faults (see `answers`); `values` says how they look.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import repeat
from math import lcm
from operator import add
from typing import Any

from app.scoring.exact import fraction
from app.scoring.model import (
    Checklist,
    Count,
    Indicator,
    Manual,
    Measured,
    Option,
    Options,
    Part,
    Parts,
    Peers,
    Ratio,
    Rule,
    Tiers,
)
from app.scoring.values import Column, settling_keys, unit_of

Pair = tuple[int, int]
NOTHING: Pair = (0, 1)
ALL: Pair = (1, 1)


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """The best and the lowest value among the peers, exact ("12.5", "25/3"), and whose they are.

    Both are None where no peer declared one. `mean` is the mean share (0..1) that the peers earned, where it stands in
    for what does not apply to a unit.
    """

    best: str | None = None
    lowest: str | None = None
    best_units: tuple[str, ...] = ()
    lowest_units: tuple[str, ...] = ()
    mean: str | None = None


def shares_of(indicator: Indicator, column: Column, peers: PeerFacts | None = None) -> list[Pair]:
    """Give the share of the maximum that each value earns; None, and what cannot be computed, earns nothing."""
    if None not in column:
        return _computed(indicator.rule, indicator.max_points, column, peers)
    given = [value for value in column if value is not None]
    shares = iter(_computed(indicator.rule, indicator.max_points, given, peers))
    return [NOTHING if value is None else next(shares) for value in column]


def quotients_of(rule: Measured, column: Column) -> Column:
    """Give what is measured as pairs (top, bottom) of non-negative ints; only 0/0 has the bottom 0."""
    keys = [variable.key for variable in rule.variables]
    if (rule.numerator, rule.denominator) == ((keys[0],), tuple(keys[1:])) and len(keys) == 2:
        return column
    figures = dict(zip(keys, zip(*column, strict=True), strict=True)) if column else dict.fromkeys(keys, ())
    above = _added([figures[key] for key in rule.numerator])
    below = _added([figures[key] for key in rule.denominator]) if rule.denominator else repeat(unit_of(rule))
    return [*zip(above, below, strict=False)]


def warnings_of(rule: Rule, value: Any) -> tuple[str, ...]:
    """Name what is odd about a value: a ratio over its full mark (ruling 2), 0/0 (D-062), a reviewer's turn."""
    if isinstance(rule, Manual):
        return ("awaits_reviewer",)
    if isinstance(rule, Parts):
        found = (warnings_of(part.rule, one) for part, one in zip(rule.parts, value, strict=True))
        return tuple(dict.fromkeys(name for names in found for name in names))
    if not isinstance(rule, Measured) or not rule.denominator:
        return ()
    if any(not value[_place(rule, key)] for key in settling_keys(rule)):
        return ()
    ((top, bottom),) = quotients_of(rule, [value])
    if not bottom:
        return ("zero_denominator",)
    return ("ratio_above_full",) if isinstance(rule, Ratio) and Fraction(top, bottom) > rule.full_mark else ()


def _computed(rule: Rule, maximum: Fraction | None, column: Column, peers: PeerFacts | None) -> list[Pair]:
    match rule:
        case Options():
            return [*map(_shares_by_key(rule.options).__getitem__, column)]
        case Checklist():
            return _of_checklist(rule, column)
        case Ratio():
            return _of_ratio(rule, column)
        case Tiers():
            return _of_tiers(rule, column)
        case Count():
            return _of_count(rule, maximum, column)
        case Peers():
            return _of_peers(rule, column, peers)
        case Parts():
            return _of_parts(rule, column)
        case Manual():
            return [NOTHING] * len(column)


def _of_checklist(rule: Checklist, column: Column) -> list[Pair]:
    share_of = {item.key: item.share for item in rule.items}
    known: dict[tuple[str, ...], Pair] = {}  # few items, so few combinations
    for keys in {*column}:
        known[keys] = sum((share_of[key] for key in keys), Fraction(0)).as_integer_ratio()
    return [*map(known.__getitem__, column)]


def _of_ratio(rule: Ratio, column: Column) -> list[Pair]:
    """Give min(1, ratio / full_mark) (rulings 2 and 3): multiplied first, divided never."""
    mark, whole = rule.full_mark.as_integer_ratio()
    quotients = quotients_of(rule, column)
    if mark == whole:
        shares = [(a, b) if a < b else ALL if b else NOTHING for a, b in quotients]
    else:
        shares = [
            (top, full) if (top := a * whole) < (full := b * mark) else ALL if b else NOTHING
            for a, b in quotients
        ]
    if rule.floor is not None:
        floor, unit = rule.floor.as_integer_ratio()
        below = [a * unit < b * floor for a, b in quotients]
        shares = [NOTHING if is_below else share for is_below, share in zip(below, shares, strict=True)]
    if rule.full_if_zero is not None:
        place = _place(rule, rule.full_if_zero)
        shares = [share if figures[place] else ALL for figures, share in zip(column, shares, strict=True)]
    return shares


def _of_tiers(rule: Tiers, column: Column) -> list[Pair]:
    """Give the share of the highest tier that begins at or below the value; 0/0 lies in none."""
    rising = rule.tiers[::-1]
    unit = lcm(*(tier.start.denominator for tier in rising))
    # A whole number lies at or below a value just where it lies at or below the value rounded down.
    starts = [int(tier.start * unit) for tier in rising]
    earned = [tier.share.as_integer_ratio() for tier in rising]
    shares = [
        earned[bisect_right(starts, a * unit // b) - 1] if b else NOTHING
        for a, b in quotients_of(rule, column)
    ]
    if rule.requires is None:
        return shares
    place = _place(rule, rule.requires)
    return [share if figures[place] else NOTHING for figures, share in zip(column, shares, strict=True)]


def _of_count(rule: Count, maximum: Fraction | None, column: Column) -> list[Pair]:
    if maximum is None:
        return [NOTHING] * len(column)
    each, whole = (rule.points_each / maximum).as_integer_ratio()
    return [(a * each, b * whole) if a * each < b * whole else ALL for a, b in quotients_of(rule, column)]


def _of_peers(rule: Peers, column: Column, peers: PeerFacts | None) -> list[Pair]:
    """Give the share of the best, or the place between lowest and best (ruling 4), within 0..1.

    Where all peers are at 0 everyone gets 0; where all are equal above 0, reaching them gets the maximum.
    """
    if peers is None or peers.best is None or peers.lowest is None:
        return [NOTHING] * len(column)
    best, unit = fraction(peers.best).as_integer_ratio()
    low, low_unit = fraction(peers.lowest if rule.measure == "min_max" else "0").as_integer_ratio()
    above_low = best * low_unit - low * unit
    return [
        NOTHING
        if not best or not b or a * low_unit < low * b
        else ALL
        if a * unit >= best * b
        else ((a * low_unit - low * b) * unit, b * above_low)
        for a, b in quotients_of(rule, column)
    ]


def _of_parts(rule: Parts, column: Column) -> list[Pair]:
    columns = zip(*column, strict=True) if column else repeat((), len(rule.parts))
    weighed = [_weighed(part, values) for part, values in zip(rule.parts, columns, strict=True)]
    return reduce(_sums, weighed)


def _weighed(part: Part, column: Column) -> list[Pair]:
    """Give the shares of the whole that the values of one part earn."""
    share, whole = part.share.as_integer_ratio()
    return [(top * share, bottom * whole) for top, bottom in _computed(part.rule, None, column, None)]


def _sums(left: Sequence[Pair], right: Sequence[Pair]) -> list[Pair]:
    return [(a * d + b * c, c * d) for (a, c), (b, d) in zip(left, right, strict=True)]


def _shares_by_key(options: Iterable[Option]) -> dict[str, Pair]:
    return {option.key: option.share.as_integer_ratio() for option in options}


def _added(columns: Sequence[Sequence[int]]) -> Iterable[int]:
    """Add columns, figure by figure."""
    return reduce(lambda left, right: map(add, left, right), columns)


def _place(rule: Measured, key: str) -> int:
    return [variable.key for variable in rule.variables].index(key)
