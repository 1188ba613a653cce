"""The exact shares of the maximum of every unit in every indicator, a column per indicator."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import repeat
from math import lcm
from operator import floordiv, mul

from app.scoring.exact import exact, fraction, plain, rounded
from app.scoring.model import IndexSet, Indicator, Peers, Policy, UnitInput
from app.scoring.rules import NOTHING, Pair, PeerFacts, quotients_of, shares_of
from app.scoring.values import Column

_BILLION = 10**9


def shares_in(
    index_set: IndexSet,
    policy: Policy,
    units: Sequence[UnitInput],
    columns: Sequence[Column],
    peers: Mapping[str, PeerFacts],
) -> list[list[Pair]]:
    """Score what units declared (`values.columns_of`): a column per indicator in the set's order, a share per unit.

    What cannot be scored without the facts of its peers gets 0, as does what does not apply to a unit.

    Raises:
        ValueError: a reviewer's points lie outside 0..maximum.
    """
    shares = [
        shares_of(row, column, peers.get(row.code))
        for row, column in zip(index_set.indicators, columns, strict=True)
    ]
    _decide(index_set, policy, units, shares)
    return shares


def settled(
    index_set: IndexSet,
    policy: Policy,
    units: Sequence[UnitInput],
    shares: list[list[Pair]],
    peers: Mapping[str, PeerFacts],
) -> list[list[Pair]]:
    """Give what does not apply the mean of the peers (ruling 8), and round cells (ruling 1), as the policy has it."""
    if policy.not_applicable == "peer_average":
        _put_means(index_set, units, shares, peers)
    if policy.rounding == "indicator":
        for row, column in zip(index_set.indicators, shares, strict=True):
            if row.max_points is not None:
                column[:] = [_rounded(share, row.max_points, policy.digits) for share in column]
    return shares


def extremes_of(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], columns: Sequence[Column]
) -> dict[str, PeerFacts]:
    """Find what every peers indicator is measured against: the peers that declared a value (ruling 4)."""
    measured = [
        (row.code, row.rule, column)
        for row, column in zip(index_set.indicators, columns, strict=True)
        if isinstance(row.rule, Peers)
    ]
    if not measured:
        return {}
    peers = [i for i, unit in enumerate(units) if is_peer(unit)]
    # What the reviewer replaced by points is nobody's measure, least of all when he threw it out.
    outside: dict[str, set[int]] = {code: set() for code, _, _ in measured}
    for i, unit in enumerate(units):
        unproved = unit.without_evidence if policy.missing_evidence == "zero" else ()
        for code in (*unit.points, *unit.not_applicable, *unproved):
            if code in outside:
                outside[code].add(i)
    found = {}
    for code, rule, column in measured:
        given = [i for i in peers if column[i] is not None and i not in outside[code]]
        found[code] = _extremes(rule, [units[i].key for i in given], [column[i] for i in given])
    return found


def with_means(
    index_set: IndexSet,
    units: Sequence[UnitInput],
    shares: list[list[Pair]],
    peers: Mapping[str, PeerFacts],
) -> dict[str, PeerFacts]:
    """Add the mean of the units assessed in it to what does not apply to a unit (ruling 8, D-114).

    Zeros count, and so do units that take no rank; where nobody was assessed there is no mean.
    """
    claimed = {code for unit in units if unit.is_reviewed for code in unit.not_applicable}
    found = dict(peers)
    for row, column in zip(index_set.indicators, shares, strict=True):
        if row.code in claimed:
            assessed = [
                share
                for unit, share in zip(units, column, strict=True)
                if unit.is_reviewed and row.code not in unit.not_applicable
            ]
            if assessed:
                mean = sum_of([top for top, _ in assessed], [bottom for _, bottom in assessed]) / len(
                    assessed
                )
                found[row.code] = replace(found.get(row.code, PeerFacts()), mean=exact(mean))
    return found


def is_peer(unit: UnitInput) -> bool:
    """Answer whether other units are measured against this one."""
    return unit.is_ranked and unit.is_reviewed


def sum_of(tops: Sequence[int], bottoms: Sequence[int]) -> Fraction:
    """Add quotients exactly, over one common denominator."""
    common = lcm(*bottoms)
    return Fraction(sum(map(mul, tops, map(floordiv, repeat(common), bottoms))), common)


def earns_nothing(policy: Policy, unit: UnitInput, code: str) -> bool:
    """Tell whether an answer counts for nothing because nothing proves it (ruling 11)."""
    return policy.missing_evidence == "zero" and code in unit.without_evidence and code not in unit.points


def _decide(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], columns: list[list[Pair]]
) -> None:
    """Put what was decided about single cells in the place of what was computed."""
    place = {indicator.code: j for j, indicator in enumerate(index_set.indicators)}
    for i, unit in enumerate(units):
        if not unit.is_reviewed:
            continue
        for code in unit.without_evidence:
            if earns_nothing(policy, unit, code):
                columns[place[code]][i] = NOTHING
        for code, points in unit.points.items():
            columns[place[code]][i] = _decided(index_set.by_code[code], points)
        for code in unit.not_applicable:
            columns[place[code]][i] = NOTHING


def _decided(indicator: Indicator, points: Fraction) -> Pair:
    """Give decided points as a share, without dividing."""
    maximum = indicator.max_points
    if maximum is None or not 0 <= points <= maximum:
        raise ValueError(f"points set for {indicator.code} lie outside 0..{maximum}")
    return points.numerator * maximum.denominator, points.denominator * maximum.numerator


def _extremes(rule: Peers, keys: Sequence[str], values: Column) -> PeerFacts:
    pairs = zip(keys, quotients_of(rule, values), strict=True)
    declared = [(key, pair) for key, pair in pairs if pair[1]]
    if not declared:
        return PeerFacts()
    # Only those that look alike in whole billionths, rounded down, are compared exactly.
    near = [top * _BILLION // bottom for _, (top, bottom) in declared]
    ends = []
    for pick in (max, min):
        end = pick(near)
        close = [
            (key, Fraction(*pair)) for (key, pair), one in zip(declared, near, strict=True) if one == end
        ]
        value = pick(value for _, value in close)
        ends.append((value, tuple(sorted(key for key, other in close if other == value))))
    (best, best_units), (lowest, lowest_units) = ends
    return PeerFacts(plain(best), plain(lowest), best_units, lowest_units)


def _put_means(
    index_set: IndexSet,
    units: Sequence[UnitInput],
    shares: list[list[Pair]],
    peers: Mapping[str, PeerFacts],
) -> None:
    place = {indicator.code: j for j, indicator in enumerate(index_set.indicators)}
    for i, unit in enumerate(units):
        for code in unit.not_applicable if unit.is_reviewed else ():
            mean = peers[code].mean if code in peers else None
            shares[place[code]][i] = NOTHING if mean is None else fraction(mean).as_integer_ratio()


def _rounded(share: Pair, maximum: Fraction, digits: int) -> Pair:
    """Round the points of one cell, never above the maximum (ruling 2), and give them as a share again."""
    top, bottom = maximum.as_integer_ratio()
    scale: int = 10**digits
    points = rounded(share[0] * top, share[1] * bottom, digits) * bottom
    return min(points, scale * top), scale * top
