"""Answers in, exact points, totals, DTI and ranks out.

A cell is a pair of ints (numerator, denominator). Totals are kept as ints of 2**-96 points, each cell rounded
down: with m indicators the true total lies within m of them. Only where that is not enough to tell two units
apart, or to round, is the exact sum made. Fractions and explanations are made when asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.scoring.cells import Row, extremes_of, field_of, rows_of, total_of
from app.scoring.exact import decimal, exact_quotient, rounded, shown
from app.scoring.explain import explain
from app.scoring.model import Band, IndexSet, Indicator, Peers, Policy, UnitInput
from app.scoring.ranking import band_of, competition_ranks
from app.scoring.rules import Extremes, warnings_of

__all__ = ["ENGINE_VERSION", "Line", "Scorecard", "Scores", "UnitInput", "score"]

ENGINE_VERSION = "1"  # part of every stored result; raised when any result can differ

_BITS = 96


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
        rows: list[Row],
        peers: Mapping[str, Extremes] | None,
    ) -> None:
        self.index_set, self.policy, self.units = index_set, policy, units
        self.peers = peers or {}  # the extremes every peers indicator was measured against, by its code
        self._rows = rows
        self._totals = [sum([(top << _BITS) // bottom for top, bottom in row]) for row in rows]
        self._pending = [frozenset() if peers is not None else self._waiting(unit) for unit in units]
        whole = sum((indicator.max_points for indicator in index_set.indicators), Fraction(0))
        self._maxima = [
            whole - sum(index_set.by_code[code].max_points for code in left_out) if left_out else whole
            for left_out in (
                pending | self._excluded(unit) for pending, unit in zip(self._pending, units, strict=True)
            )
        ]
        self._ranks = {} if peers is None else self._ranked()

    def total(self, i: int) -> Fraction:
        """Give the exact points of a unit."""
        return total_of(self._rows[i])

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
        return self._written(i, [exact_quotient(*cell) for cell in self._rows[i]])

    def shown_points(self, i: int) -> list[str | None]:
        """Give the points per indicator as people see them ("8.33"); None while pending."""
        return self._written(i, [decimal(units, self.policy.digits) for units in self.rounded_points(i)])

    def rounded_points(self, i: int) -> list[int]:
        """Give the points per indicator half up, as counts of 10**-digits; 0 while pending."""
        scale: int = 10**self.policy.digits
        return [(2 * top * scale + bottom) // (2 * bottom) for top, bottom in self._rows[i]]

    def shown_total(self, i: int) -> str:
        """Give the points of a unit as people see them: "312.50"."""
        return self._shown(self._totals[i], len(self._rows[i]), lambda: self.total(i))

    def shown_dti(self, i: int) -> str | None:
        """Give the DTI in percent as people see it: "83.33"."""
        if not self._maxima[i]:
            return None
        return self._shown(
            100 * self._share(i), 100 * self._slack(i), lambda: self.total(i) / self._maxima[i] * 100
        )

    def card(self, i: int, lang: str = "vi") -> Scorecard:
        """Write out one unit's result, with an explanation per indicator in "vi" or "en"."""
        cells = zip(self.index_set.indicators, self._rows[i], strict=True)
        lines = tuple(self._line(i, indicator, Fraction(*cell), lang) for indicator, cell in cells)
        key = self.units[i].key
        return Scorecard(key, lines, self.total(i), self.maximum(i), self.dti(i), self.rank(i), self.band(i))

    def _line(self, i: int, indicator: Indicator, points: Fraction, lang: str) -> Line:
        code, unit = indicator.code, self.units[i]
        is_pending = code in self._pending[i]
        max_points = Fraction(0) if code in self._excluded(unit) else indicator.max_points
        warnings = _warnings(indicator, unit, is_pending=is_pending)
        explanation = explain(
            indicator,
            unit.answers.get(code, {}),
            points=None if is_pending else points,
            max_points=max_points,
            warnings=warnings,
            extremes=self.peers.get(code),
            digits=self.policy.digits,
            lang=lang,
        )
        if is_pending:
            return Line(code, None, max_points, "", warnings, explanation)
        return Line(code, points, max_points, shown(points, self.policy.digits), warnings, explanation)

    def _excluded(self, unit: UnitInput) -> frozenset[str]:
        """Name the indicators that do not apply to a unit and leave its maximum (ruling 8)."""
        is_averaged = self.policy.not_applicable == "peer_average"
        return unit.not_applicable if unit.is_reviewed and not is_averaged else frozenset()

    def _waiting(self, unit: UnitInput) -> frozenset[str]:
        """Name the indicators of a unit that nobody can score before its peers are known."""
        if not unit.is_reviewed:
            return frozenset()
        measured = {row.code for row in self.index_set.indicators if isinstance(row.rule, Peers)}
        waiting = measured - unit.points.keys() - unit.not_applicable
        return frozenset(waiting | (unit.not_applicable - self._excluded(unit)))

    def _written(self, i: int, points: list[str]) -> list[str | None]:
        """Blank out what is pending."""
        codes = (indicator.code for indicator in self.index_set.indicators)
        return [None if code in self._pending[i] else text for code, text in zip(codes, points, strict=True)]

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
        return len(self.index_set.indicators) * denominator // numerator + 2

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
    peers = extremes_of(index_set, units) if peers_known else None
    return Scores(index_set, policy, units, rows_of(index_set, policy, units, peers or {}), peers)


def _warnings(indicator: Indicator, unit: UnitInput, *, is_pending: bool) -> tuple[str, ...]:
    """Name what is unusual about one cell; the first name says where its points come from."""
    code = indicator.code
    answer = unit.answers.get(code, {})
    value = answer.get(field_of(indicator))
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
