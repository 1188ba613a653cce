"""What a result would look like under another version of its index set. Pure; it takes seconds, so for a thread.

The same answers, decisions and policy are scored by the rows of the other version that they speak to. A row nobody was
asked about last year, or whose rule takes other answers now, is left out for everybody, and said so: to give 0 for it
would only lower every result alike. Decided points keep their share of the maximum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from app.results.schemas import LeftOut
from app.results.snapshot import Basis, Document, input_of
from app.scoring.answers import faults
from app.scoring.engine import Scores, score
from app.scoring.model import IndexSet, Indicator, UnitInput


class Projected(NamedTuple):
    """The scores by the rows that are carried over, and what is left out or gone."""

    scores: Scores
    left_out: dict[str, LeftOut]
    gone: list[str]


def projected(basis: Basis, other: IndexSet, documents: Iterable[Document]) -> Projected:
    """Score what a result stored by another version of its set; units stand in the order of the documents."""
    units = [input_of(basis.index_set, document["input"]) for document in documents]
    left_out = {row.code: why for row in other.indicators if (why := _left_out(basis.index_set, row, units))}
    carried = tuple(row for row in other.indicators if row.code not in left_out)
    index_set = IndexSet(other.key, other.version, other.unit_kind, carried)
    scores = score(index_set, basis.policy, [_carried(basis.index_set, index_set, unit) for unit in units])
    gone = [row.code for row in basis.index_set.indicators if row.code not in other.by_code]
    return Projected(scores, left_out, gone)


def _left_out(before: IndexSet, row: Indicator, units: Sequence[UnitInput]) -> LeftOut | None:
    if row.code not in before.by_code:
        return LeftOut.NEW
    if row.max_points is None:
        return LeftOut.NO_MAXIMUM
    one = IndexSet("one", 1, "any", (row,))
    given = ({row.code: unit.answers[row.code]} for unit in units if row.code in unit.answers)
    # A claim that came without its reason was fit when it was made: only values are judged here.
    takes_all = all(
        answer[row.code].get("not_applicable") or not faults(one, answer, by=None) for answer in given
    )
    return None if takes_all else LeftOut.OTHER_ANSWERS


def _carried(before: IndexSet, after: IndexSet, unit: UnitInput) -> UnitInput:
    """Return a unit with what speaks to the rows that are scored."""
    points = {
        code: decided * _growth(before.by_code[code], after.by_code[code])
        for code, decided in unit.points.items()
        if code in after.by_code
    }
    known = after.by_code.keys()
    return replace(
        unit,
        answers={code: answer for code, answer in unit.answers.items() if code in known},
        points=points,
        not_applicable=unit.not_applicable & known,
        without_evidence=unit.without_evidence & known,
        decisions={},
    )


def _growth(before: Indicator, after: Indicator) -> Fraction:
    return (after.max_points or Fraction(0)) / (before.max_points or Fraction(1))
