"""One function per kind of rule: it prepares the function from one declared value to its points.

Points are a pair of ints (numerator, denominator), not reduced: a `Fraction` per cell would cost ten times
as much. Values are canonical and free of faults (see `answers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from typing import Any

from app.scoring.exact import millionths
from app.scoring.model import Options, Peers, Ratio, Rule

Pair = tuple[int, int]
Figures = Mapping[str, int | str]
NOTHING: Pair = (0, 1)


@dataclass(frozen=True, slots=True)
class Extremes:
    """The best and the lowest figure among the peers, exact as declared, and whose they are.

    Both are None where no peer declared a figure.
    """

    best: str | None
    lowest: str | None
    best_units: tuple[str, ...]
    lowest_units: tuple[str, ...]


def points_by_option(rule: Options, max_points: Fraction) -> Callable[[str], Pair]:
    """Prepare the points of each option: its share of the maximum (ruling 5)."""
    return {option.key: (max_points * option.share).as_integer_ratio() for option in rule.options}.__getitem__


def points_by_ratio(rule: Ratio, max_points: Fraction) -> Callable[[Figures], Pair]:
    """Prepare min(1, ratio / full_mark) x maximum (rulings 2 and 3): multiplied first, divided never."""
    above, below = amount_of(rule, rule.numerator), amount_of(rule, rule.denominator)
    mark, mark_unit = rule.full_mark.as_integer_ratio()
    gain, gain_unit = (max_points / rule.full_mark).as_integer_ratio()
    full, zero = max_points.as_integer_ratio(), rule.full_if_zero

    def points(figures: Figures) -> Pair:
        if zero is not None and not figures[zero]:
            return full
        numerator, denominator = above(figures), below(figures)
        if not denominator:
            return NOTHING
        if numerator * mark_unit >= denominator * mark:
            return full
        return numerator * gain, denominator * gain_unit

    return points


def points_by_peers(rule: Peers, max_points: Fraction, peers: Extremes) -> Callable[[Figures], Pair]:
    """Prepare the share of the best, or the place between lowest and best (ruling 4), within 0..maximum.

    Where all peers are at 0 everyone gets 0; where all are equal above 0, reaching them gets the maximum.
    """
    best = millionths(peers.best or 0)
    low = millionths(peers.lowest or 0) if rule.measure == "min_max" else 0
    full = max_points.as_integer_ratio()
    gain, gain_unit = full

    def points(figures: Figures) -> Pair:
        figure = millionths(figures[rule.variable])
        if not best or figure < low:
            return NOTHING
        if figure >= best:
            return full
        return (figure - low) * gain, (best - low) * gain_unit

    return points


def amount_of(rule: Rule, keys: tuple[str, ...]) -> Callable[[Figures], int]:
    """Prepare the sum of some figures of a rule as an int, in a scale shared by all figures of that rule."""
    if any(variable.number == "amount" for variable in rule.variables):
        return lambda figures: sum(millionths(figures[key]) for key in keys)
    if len(keys) == 1:
        return itemgetter(keys[0])
    pick: Callable[[Figures], Any] = itemgetter(*keys)
    return lambda figures: sum(pick(figures))


def warnings_of(rule: Rule, figures: Figures) -> tuple[str, ...]:
    """Name what is odd about the figures of a ratio: above 1 (D-042..D-049), or 0/0 (D-062)."""
    if not isinstance(rule, Ratio) or (rule.full_if_zero and not figures[rule.full_if_zero]):
        return ()
    numerator = amount_of(rule, rule.numerator)(figures)
    denominator = amount_of(rule, rule.denominator)(figures)
    if not denominator:
        return ("zero_denominator",)
    return ("ratio_above_full",) if numerator > denominator else ()
