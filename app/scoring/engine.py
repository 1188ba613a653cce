"""Answers in, exact points, totals, DTI and ranks out, column by column.

A cell is a pair of ints (numerator, denominator). Totals are kept as ints of 2**-96 points, each cell rounded
down: with m indicators the true total lies within m of them. Only where that is not enough to tell two units
apart, or to round, is the exact sum made. Fractions and explanations are made when asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from app.scoring.answers import Answers
from app.scoring.columns import Column, score_column, total_of
from app.scoring.exact import decimal, exact, rounded, shown
from app.scoring.explain import explain
from app.scoring.model import Band, IndexSet, Indicator, Options, Policy
from app.scoring.ranking import band_of, competition_ranks
from app.scoring.rules import Extremes, warnings_of

ENGINE_VERSION = "1"  # part of every stored result; raised when any result can differ

_BITS = 96


@dataclass(frozen=True, slots=True)
class UnitInput:
    """One unit: its canonical, fault-free answers and what its reviewer decided.

    `points` replace the rule (0..maximum); `not_applicable` holds the accepted claims and comes before both.
    An unreviewed unit (`is_reviewed=False`) is one that defaults to 0 points for want of review: it keeps its
    rank, is nobody's peer and counts in no mean (rulings 8 and 11, D-112, D-114).
    """

    key: str
    is_ranked: bool
    answers: Answers
    points: Mapping[str, Fraction] = field(default_factory=dict)
    not_applicable: frozenset[str] = frozenset()
    is_reviewed: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One indicator of one unit. Points are None while they depend on peers that are not known yet."""

    code: str
    points: Fraction | None
    max_points: Fraction
    shown: str
    warnings: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One unit's result: points, DTI in percent, rank among the ranked units, band."""

    unit_key: str
    lines: tuple[Line, ...]
    total: Fraction
    maximum: Fraction
    dti: Fraction | None
    rank: int | None
    band: Band | None


class Scores:
    """The result of `score`: units by their place in the list that was given."""

    def __init__(
        self,
        index_set: IndexSet,
        policy: Policy,
        units: Sequence[UnitInput],
        columns: list[Column],
        *,
        peers_known: bool,
    ) -> None:
        self.index_set, self.policy, self.units = index_set, policy, units
        self._columns = columns
        self._totals = [0] * len(units)
        whole = sum((indicator.max_points for indicator in index_set.indicators), Fraction(0))
        self._maxima = [whole] * len(units)
        for indicator, column in zip(index_set.indicators, columns, strict=True):
            points = ((numerator << _BITS) // denominator for numerator, denominator in column.cells)
            self._totals = [total + scaled for total, scaled in zip(self._totals, points, strict=True)]
            for row in column.left_out:
                self._maxima[row] -= indicator.max_points
        self._ranks = self._ranked() if peers_known else {}

    def total(self, i: int) -> Fraction:
        """Give the exact points of a unit."""
        return total_of([column.cells[i] for column in self._columns])

    def maximum(self, i: int) -> Fraction:
        """Give the points a unit could have reached, without what does not apply to it."""
        return self._maxima[i]

    def dti(self, i: int) -> Fraction | None:
        """Give the exact DTI in percent (000:92); None where nothing applies to the unit."""
        return self.total(i) / self._maxima[i] * 100 if self._maxima[i] else None

    def rank(self, i: int) -> int | None:
        """Give the competition rank; None if the unit is not ranked or has no DTI, or peers are unknown."""
        return self._ranks.get(i)

    def band(self, i: int) -> Band | None:
        """Give the band of the exact DTI; None where the policy has no such band."""
        percent = self.dti(i) if self.policy.bands else None
        return None if percent is None else band_of(percent, self.policy.bands)

    def points(self, i: int) -> list[str | None]:
        """Give the exact points per indicator in the set's order ("10", "25/3"); None while pending."""
        return [
            None if i in column.pending else exact(Fraction(*column.cells[i])) for column in self._columns
        ]

    def shown_points(self, i: int) -> list[str | None]:
        """Give the points per indicator as people see them ("8.33"); None while they are pending."""
        digits = self.policy.digits
        return [
            None if i in column.pending else decimal(rounded(*column.cells[i], digits), digits)
            for column in self._columns
        ]

    def rounded_columns(self) -> list[list[int]]:
        """Give the points of all cells as counts of 10**-digits, by indicator and then by unit."""
        digits = self.policy.digits
        return [[rounded(*cell, digits) for cell in column.cells] for column in self._columns]

    def shown_total(self, i: int) -> str:
        """Give the points of a unit as people see them: "312.50"."""
        return self._shown(self._totals[i], len(self._columns), lambda: self.total(i))

    def shown_dti(self, i: int) -> str | None:
        """Give the DTI in percent as people see it: "83.33"."""
        if not self._maxima[i]:
            return None
        return self._shown(
            100 * self._share(i), 100 * self._slack(i), lambda: self.total(i) / self._maxima[i] * 100
        )

    @property
    def peers(self) -> dict[str, Extremes]:
        """Give the extremes every peers indicator was measured against; empty while peers are not known."""
        return {
            indicator.code: column.extremes
            for indicator, column in zip(self.index_set.indicators, self._columns, strict=True)
            if column.extremes is not None
        }

    def card(self, i: int, lang: str = "vi") -> Scorecard:
        """Write out one unit's result, with an explanation per indicator in "vi" or "en"."""
        lines = tuple(self._line(i, j, lang) for j in range(len(self._columns)))
        unit = self.units[i]
        return Scorecard(
            unit.key, lines, self.total(i), self.maximum(i), self.dti(i), self.rank(i), self.band(i)
        )

    def _line(self, i: int, j: int, lang: str) -> Line:
        indicator, column, unit = self.index_set.indicators[j], self._columns[j], self.units[i]
        warnings = _warnings(indicator, unit, is_pending=i in column.pending)
        points = None if i in column.pending else Fraction(*column.cells[i])
        max_points = Fraction(0) if i in column.left_out and i not in column.pending else indicator.max_points
        explanation = explain(
            indicator,
            unit.answers.get(indicator.code, {}),
            points=points,
            max_points=max_points,
            warnings=warnings,
            extremes=column.extremes,
            digits=self.policy.digits,
            lang=lang,
        )
        text = "" if points is None else shown(points, self.policy.digits)
        return Line(indicator.code, points, max_points, text, warnings, explanation)

    def _shown(self, near: int, slack: int, value: Callable[[], Fraction]) -> str:
        """Round what lies between near and near + slack (in 2**-96), exactly where the two differ."""
        digits, one = self.policy.digits, 1 << _BITS
        low = rounded(near, one, digits)
        return decimal(low, digits) if low == rounded(near + slack, one, digits) else shown(value(), digits)

    def _share(self, i: int) -> int:
        """Give total / maximum in 2**-96, rounded down: the true share is at most `_slack` above."""
        numerator, denominator = self._maxima[i].as_integer_ratio()
        return self._totals[i] * denominator // numerator

    def _slack(self, i: int) -> int:
        numerator, denominator = self._maxima[i].as_integer_ratio()
        return len(self._columns) * denominator // numerator + 2

    def _ranked(self) -> dict[int, int]:
        rows = [i for i, unit in enumerate(self.units) if unit.is_ranked and self._maxima[i]]
        near = [self._share(i) for i in rows]
        slack = max(map(self._slack, rows), default=0)
        ranks = competition_ranks(
            near, slack, lambda place: self.total(rows[place]) / self._maxima[rows[place]]
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
    answers = [unit.answers if unit.is_reviewed else {} for unit in units]
    peers = {row: unit.key for row, unit in enumerate(units) if unit.is_ranked and unit.is_reviewed}
    accepted: defaultdict[str, set[int]] = defaultdict(set)
    decided: defaultdict[str, dict[int, Fraction]] = defaultdict(dict)
    for row, unit in enumerate(units):
        for code in unit.not_applicable if unit.is_reviewed else ():
            accepted[code].add(row)
        for code in unit.points.keys() - unit.not_applicable if unit.is_reviewed else ():
            decided[code][row] = unit.points[code]
    columns = []
    for indicator in index_set.indicators:
        code, field_name = indicator.code, _field(indicator)
        given = [declared.get(code) for declared in answers]
        values = [None if answer is None else answer.get(field_name) for answer in given]
        for row in accepted[code]:
            values[row] = None
        if any(not 0 <= points <= indicator.max_points for points in decided[code].values()):
            raise ValueError(f"points set for {code} lie outside 0..{indicator.max_points}")
        columns.append(
            score_column(
                indicator,
                policy,
                values,
                accepted=accepted[code],
                decided=decided[code],
                peers=peers,
                peers_known=peers_known,
            )
        )
    return Scores(index_set, policy, units, columns, peers_known=peers_known)


def _field(indicator: Indicator) -> str:
    return "choice" if isinstance(indicator.rule, Options) else "figures"


def _warnings(indicator: Indicator, unit: UnitInput, *, is_pending: bool) -> tuple[str, ...]:
    """Name what is unusual about one cell; the first name says where its points come from."""
    code = indicator.code
    answer = unit.answers.get(code, {})
    value = answer.get(_field(indicator))
    found: tuple[str, ...]
    if not unit.is_reviewed:
        found = ("not_reviewed",)
    elif code in unit.not_applicable:
        found = ("not_applicable",)
    elif code in unit.points:
        found = ("set_by_reviewer",)
    elif value is not None:
        found = warnings_of(indicator.rule, value)
    elif answer.get("not_applicable"):
        found = ("not_applicable_not_accepted",)
    else:
        found = ("no_answer",)
    return (*found, "depends_on_peers") if is_pending else found
