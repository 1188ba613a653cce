"""Answers in, exact points, totals, DTI and ranks out.

A cell is a share of the maximum: a pair of ints, exact. Beside it stand its points in whole grains, rounded down: a
grain is 2**-16 of the last digit people see. Half of that digit is a whole number of grains, so points are rounded
from them without loss. Totals are added in grains: with m indicators the true total lies less than m of them above.
Only where that is not enough to tell two units apart, to round, or to find the band, is the exact sum made. Fractions
and explanations are made when asked for.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil
from operator import mul
from typing import Any

from app.scoring.cells import earns_nothing, extremes_of, settled, shares_in, sum_of, with_means
from app.scoring.exact import decimal, shown
from app.scoring.explain import explain
from app.scoring.model import Band, Count, IndexSet, Indicator, Manual, Peers, Policy, UnitInput
from app.scoring.ranking import band_of, competition_ranks
from app.scoring.rules import Pair, PeerFacts, warnings_of
from app.scoring.scorecard import Line, Scorecard, SubtotalLine, added_up
from app.scoring.values import Column, columns_of

__all__ = [
    "ENGINE_VERSION",
    "Line",
    "Scorecard",
    "Scores",
    "UnitInput",
    "score",
    "score_against",
    "score_columns",
]

ENGINE_VERSION = "2"  # part of every stored result; raised when any result can differ

_GRAIN_BITS = 16


class Scores:
    """The result of `score`: units by their place in the list that was given."""

    def __init__(
        self,
        index_set: IndexSet,
        policy: Policy,
        units: Sequence[UnitInput],
        shares: list[list[Pair]],
        peers: Mapping[str, PeerFacts] | None,
    ) -> None:
        self.index_set, self.policy, self.units = index_set, policy, units
        self.peers = peers or {}  # what units were measured against, by indicator
        self._shares = shares
        self._one = 10**policy.digits << _GRAIN_BITS  # grains in one point, and in a share of 1
        self._points = [
            _in_grains(column, (row.max_points or 1) * self._one)
            for row, column in zip(index_set.indicators, shares, strict=True)
        ]
        self._totals = [*map(sum, zip(*self._points, strict=True))]
        self._pending = [frozenset() if peers is not None else self._waiting(unit) for unit in units]
        self._exact_totals: dict[int, Fraction] = {}
        self._maxima = self._maxima_of_units() if index_set.is_ranked else None
        self._near = self._near_shares()
        self._ranks = self._ranked() if peers is not None else {}

    def total(self, i: int) -> Fraction | None:
        """Give the exact points of a unit; None where the set is only tracked."""
        return None if self._maxima is None else self._total(i)

    def maximum(self, i: int) -> Fraction | None:
        """Give the points a unit could have reached, without what does not apply to it."""
        return None if self._maxima is None else self._maxima[i]

    def dti(self, i: int) -> Fraction | None:
        """Give the exact DTI in percent (000:92); None where nothing applies to the unit."""
        maximum = self.maximum(i)
        return self._total(i) * 100 / maximum if maximum else None

    def rank(self, i: int) -> int | None:
        """Give the competition rank; None if the unit is not ranked or has no DTI, or peers are unknown."""
        return self._ranks.get(i)

    def band(self, i: int) -> Band | None:
        """Give the band of the exact DTI; None where the policy has no such band."""
        if not self.policy.bands or not self.maximum(i):
            return None
        near, slack = self._near[i]
        low, high = (bisect_right(self._band_starts, share) for share in (near, near + slack))
        if low != high:
            return band_of(self.dti(i) or Fraction(0), self.policy.bands)
        return self._bands[low - 1] if low else None

    def rounded_points(self, i: int) -> tuple[int, ...]:
        """Give the points per indicator half up, as counts of 10**-digits; 0 while pending."""
        return self._rounded[i]

    def shown_total(self, i: int) -> str | None:
        """Give the points of a unit as people see them: "312.50"."""
        if self._maxima is None:
            return None
        return self._shown(self._totals[i], len(self._points), lambda: self._total(i))

    def shown_dti(self, i: int) -> str | None:
        """Give the DTI in percent as people see it: "83.33"."""
        maximum = self.maximum(i)
        if not maximum:
            return None
        near, slack = self._near[i]
        return self._shown(100 * near, 100 * slack, lambda: self._total(i) / maximum * 100)

    def cells(self) -> list[list[Any]]:
        """Give the lists that hold the cells, for whoever has to empty them slowly."""
        return [*self._shares, *self._points, self._rounded]

    def card(self, i: int, lang: str = "vi") -> Scorecard:
        """Write out one unit's result, with an explanation per indicator in "vi" or "en"."""
        values = columns_of(self.index_set.indicators, [self.units[i]])
        lines = tuple(self._line(i, j, value, lang) for j, (value,) in enumerate(values))
        return Scorecard(
            self.units[i].key,
            lines,
            self._subtotals(i, lines),
            self.total(i),
            self.maximum(i),
            self.dti(i),
            self.rank(i),
            self.band(i),
        )

    def _line(self, i: int, j: int, value: Any, lang: str) -> Line:
        indicator, unit = self.index_set.indicators[j], self.units[i]
        code = indicator.code
        is_pending = code in self._pending[i]
        left_out = code in self._excluded(unit)
        is_unsaid = is_pending or left_out or self._is_unsaid(indicator, unit)
        maximum = Fraction(0) if left_out and indicator.max_points is not None else indicator.max_points
        share = None if is_unsaid else Fraction(*self._shares[j][i])
        points = None if is_pending or indicator.max_points is None else self._points_of(i, j)
        warnings = self._warnings(indicator, unit, value, is_pending=is_pending)
        explanation = explain(
            indicator,
            value,
            share=share,
            points=points,
            max_points=maximum,
            is_left_out=left_out,
            warnings=warnings,
            peers=self.peers.get(code),
            decisions=unit.decisions.get(code, ()),
            digits=self.policy.digits,
            lang=lang,
        )
        text = "" if points is None else shown(points, self.policy.digits)
        return Line(code, share, points, maximum, text, warnings, explanation)

    def _subtotals(self, i: int, lines: Sequence[Line]) -> tuple[SubtotalLine, ...]:
        """Add up groups and rows with rows below (ruling 7), those below first, without what the total leaves out."""
        outside = self._pending[i] | self._excluded(self.units[i])
        known: dict[str, Line | SubtotalLine] = {
            line.code: line for line in lines if line.code not in outside
        }
        found = []
        for row in self.index_set.subtotals:
            below = [known[code] for code in row.rows if code in known]
            added = added_up(row, below)
            known[row.code] = added
            found.append(added)
        return tuple(found)

    @cached_property
    def _rounded(self) -> list[tuple[int, ...]]:
        """Round all cells, a column at a time."""
        half = 1 << (_GRAIN_BITS - 1)
        return [
            *zip(
                *([(grains + half) >> _GRAIN_BITS for grains in column] for column in self._points),
                strict=True,
            )
        ]

    @cached_property
    def _gains(self) -> list[Pair]:
        """Give the maxima as pairs, 0 where there is none."""
        return [(row.max_points or Fraction(0)).as_integer_ratio() for row in self.index_set.indicators]

    @cached_property
    def _bands(self) -> list[Band]:
        return sorted(self.policy.bands, key=lambda band: band.from_percent)

    @cached_property
    def _band_starts(self) -> list[int]:
        return [ceil(band.from_percent / 100 * self._one) for band in self._bands]

    def _points_of(self, i: int, j: int) -> Fraction:
        maximum = self.index_set.indicators[j].max_points
        return Fraction(*self._shares[j][i]) * (maximum or 0)

    def _total(self, i: int) -> Fraction:
        """Add the exact points of a unit, once."""
        if i not in self._exact_totals:
            tops, bottoms = zip(*[column[i] for column in self._shares], strict=True)
            gains, wholes = zip(*self._gains, strict=True)
            self._exact_totals[i] = sum_of([*map(mul, tops, gains)], [*map(mul, bottoms, wholes)])
        return self._exact_totals[i]

    def _maxima_of_units(self) -> list[Fraction]:
        maxima = {row.code: row.max_points or Fraction(0) for row in self.index_set.indicators}
        whole = sum(maxima.values(), Fraction(0))
        return [
            whole - sum(maxima[code] for code in left_out) if left_out else whole
            for left_out in (
                pending | self._excluded(unit)
                for pending, unit in zip(self._pending, self.units, strict=True)
            )
        ]

    def _excluded(self, unit: UnitInput) -> frozenset[str]:
        """Name the indicators that do not apply to a unit and leave its maximum (ruling 8)."""
        is_averaged = self.policy.not_applicable == "peer_average"
        return unit.not_applicable if unit.is_reviewed and not is_averaged else frozenset()

    def _waiting(self, unit: UnitInput) -> frozenset[str]:
        """Name the indicators of a unit that nobody can score before its peers are known, or its reviewer speaks."""
        if not unit.is_reviewed:
            return frozenset()
        measured = {row.code for row in self.index_set.indicators if isinstance(row.rule, Peers | Manual)}
        waiting = measured - unit.points.keys() - unit.not_applicable
        return frozenset(waiting | (unit.not_applicable - self._excluded(unit)))

    def _is_unsaid(self, indicator: Indicator, unit: UnitInput) -> bool:
        """Tell whether no share can be given, though nothing is awaited from the peers."""
        code = indicator.code
        if not unit.is_reviewed or code in unit.points or code in unit.not_applicable:
            return False
        if earns_nothing(self.policy, unit, code):
            return False
        uncapped = isinstance(indicator.rule, Count) and indicator.max_points is None
        return uncapped or isinstance(indicator.rule, Manual)

    def _warnings(
        self, indicator: Indicator, unit: UnitInput, value: Any, *, is_pending: bool
    ) -> tuple[str, ...]:
        """Name what is unusual about one cell; the first name says where its points come from."""
        code, answer = indicator.code, unit.answers.get(indicator.code, {})
        found: tuple[str, ...]
        if not unit.is_reviewed:
            found = ("not_reviewed",)
        elif code in unit.not_applicable:
            found = ("not_applicable",)
        elif code in unit.points:
            found = ("set_by_reviewer",)
        elif value is None:
            found = ("not_applicable_not_accepted",) if answer.get("not_applicable") else ("no_answer",)
        elif earns_nothing(self.policy, unit, code):
            found = ("no_evidence",)
        else:
            found = warnings_of(indicator.rule, value)
            if isinstance(indicator.rule, Count) and indicator.max_points is None:
                found = ("no_maximum", *found)
        is_of_peers = is_pending and not isinstance(indicator.rule, Manual)
        return (*found, "depends_on_peers") if is_of_peers else found

    def _shown(self, near: int, slack: int, value: Callable[[], Fraction]) -> str:
        """Round what lies between near and near + slack grains, exactly where the two differ."""
        digits, half = self.policy.digits, 1 << (_GRAIN_BITS - 1)
        low, high = (near + half) >> _GRAIN_BITS, (near + slack + half) >> _GRAIN_BITS
        return decimal(low, digits) if low == high else shown(value(), digits)

    def _near_shares(self) -> list[Pair]:
        """Give total / maximum of every unit in grains, rounded down, and by how many the true share may be above."""
        maxima = self._maxima or [Fraction(1)] * len(self.units)
        ratios = [(maximum or Fraction(1)).as_integer_ratio() for maximum in maxima]
        m = len(self._points)
        return [
            (total * below // above, m * below // above + 2)
            for total, (above, below) in zip(self._totals, ratios, strict=True)
        ]

    def _ranked(self) -> dict[int, int]:
        rows = [i for i, unit in enumerate(self.units) if unit.is_ranked and self.maximum(i)]
        near = [self._near[i] for i in rows]
        slack = max((above for _, above in near), default=0)
        ranks = competition_ranks(
            [share for share, _ in near],
            slack,
            lambda place: self._total(rows[place]) / (self.maximum(rows[place]) or 1),
        )
        return dict(zip(rows, ranks, strict=True))


def score(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], *, peers_known: bool = True
) -> Scores:
    """Score units of one kind against a set; those of them that are ranked are each other's peers.

    With `peers_known=False` (a unit looks at itself alone) whatever depends on peers stays pending and
    outside total and maximum.

    Raises:
        ValueError: a reviewer's points lie outside 0..maximum.
    """
    columns = columns_of(index_set.indicators, units)
    return score_columns(index_set, policy, units, columns, peers_known=peers_known)


def score_columns(
    index_set: IndexSet,
    policy: Policy,
    units: Sequence[UnitInput],
    columns: Sequence[Column],
    *,
    peers_known: bool = True,
) -> Scores:
    """Score as `score` does what was read of the answers (`values.columns_of`), here or earlier.

    Raises:
        ValueError: a reviewer's points lie outside 0..maximum.
    """
    peers = extremes_of(index_set, policy, units, columns) if peers_known else {}
    shares = shares_in(index_set, policy, units, columns, peers)
    if peers_known and policy.not_applicable == "peer_average":
        peers = with_means(index_set, units, shares, peers)
    shares = settled(index_set, policy, units, shares, peers)
    return Scores(index_set, policy, units, shares, peers if peers_known else None)


def score_against(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], peers: Mapping[str, PeerFacts]
) -> Scores:
    """Score units against peers whose facts are known already; the ranks are only those among these units."""
    columns = columns_of(index_set.indicators, units)
    shares = shares_in(index_set, policy, units, columns, peers)
    return Scores(index_set, policy, units, settled(index_set, policy, units, shares, peers), peers)


def _in_grains(shares: Sequence[Pair], full: Fraction) -> list[int]:
    """Give the points of a column in whole grains, rounded down; `full` is the maximum in grains."""
    gain, whole = full.as_integer_ratio()
    if whole == 1:
        return [top * gain // bottom for top, bottom in shares]
    return [top * gain // (bottom * whole) for top, bottom in shares]
