"""What one unit came to: a line per indicator, subtotals, the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.scoring.explain import Explanation
from app.scoring.model import Band, Subtotal


@dataclass(frozen=True, slots=True)
class Line:
    """One indicator of one unit.

    `share` is the part of the maximum it earned, 0..1; None where nothing can be said: it depends on peers that are
    not known yet, awaits the reviewer, or counts towards a maximum the document does not give. `points` are None too
    where the document gives no maximum (`max_points` None).
    """

    code: str
    share: Fraction | None
    points: Fraction | None
    max_points: Fraction | None
    shown: str
    warnings: tuple[str, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class SubtotalLine:
    """What a group, or a row with rows below it, came to; points are those known so far."""

    code: str
    name: str
    share: Fraction | None
    points: Fraction | None
    max_points: Fraction | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One unit's result: points, DTI in percent, rank among the ranked units, band.

    Of a set that is only tracked (a row has no maximum points) total, maximum, DTI, rank and band are None.
    """

    unit_key: str
    lines: tuple[Line, ...]
    subtotals: tuple[SubtotalLine, ...]
    total: Fraction | None
    maximum: Fraction | None
    dti: Fraction | None
    rank: int | None
    band: Band | None


def added_up(row: Subtotal, below: Sequence[Line | SubtotalLine]) -> SubtotalLine:
    """Add up the rows below a group or a row; without maxima the share is their mean, where they count alike."""
    maxima = [one.max_points for one in below if one.max_points is not None]
    if len(maxima) == len(below):
        maximum = sum(maxima, Fraction(0))
        points = sum((one.points or Fraction(0) for one in below), Fraction(0))
        return SubtotalLine(row.code, row.name, points / maximum if maximum else None, points, maximum)
    shares = [one.share for one in below if one.share is not None]
    is_known = row.is_row and len(shares) == len(below)
    share = sum(shares, Fraction(0)) / len(shares) if is_known else None
    return SubtotalLine(row.code, row.name, share, None, None)
