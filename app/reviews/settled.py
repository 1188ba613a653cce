"""What a review ended with, as the text that a result keeps of it.

JSON without spaces in UTF-8, its keys in this order:
    {"format", "values", "claimed", "points", "not_applicable", "without_evidence", "decisions"}
Values stand in the set's order, as `app.scoring.values` reads them: without the names of figures, and without the notes
and evidence that never score. `claimed` are the claims that an indicator does not apply, `decisions` every decision by
indicator as [kind, value, reason], the latest last; the rest is what they leave to be scored.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from pydantic_core import to_json

from app.scoring.exact import exact
from app.scoring.model import Checklist, Decision, IndexSet, UnitInput
from app.scoring.values import answer_of, columns_of

FORMAT = 1  # raised with every change of it: texts of another format are made again
START = f'{{"format":{FORMAT},'


def settle(index_set: IndexSet, unit: UnitInput) -> bytes:
    """Write down what is scored for a unit."""
    values = [value for (value,) in columns_of(index_set.indicators, [unit])]
    return to_json(
        {
            "format": FORMAT,
            "values": values,
            "claimed": _claimed(unit) if None in values else [],
            "points": {code: exact(unit.points[code]) for code in sorted(unit.points)},
            "not_applicable": sorted(unit.not_applicable),
            "without_evidence": sorted(unit.without_evidence),
            "decisions": {
                code: [[one.kind, one.value, one.reason] for one in unit.decisions[code]]
                for code in sorted(unit.decisions)
            },
        }
    )


def scored_input(settled: dict[str, Any], key: str, *, is_ranked: bool, is_reviewed: bool) -> UnitInput:
    """Read what scoring needs beside the values: a unit without answers."""
    return UnitInput(
        key=key,
        is_ranked=is_ranked,
        answers={},
        points={code: Fraction(points) for code, points in settled["points"].items()},
        not_applicable=frozenset(settled["not_applicable"]),
        is_reviewed=is_reviewed,
        without_evidence=frozenset(settled["without_evidence"]),
    )


def whole_input(
    index_set: IndexSet, settled: dict[str, Any], key: str, *, is_ranked: bool, is_reviewed: bool
) -> UnitInput:
    """Read everything, answers and decisions too, to explain what was scored."""
    answers = {
        row.code: answer_of(row.rule, value)
        for row, value in zip(index_set.indicators, settled["values"], strict=True)
        if value is not None
    }
    return replace(
        scored_input(settled, key, is_ranked=is_ranked, is_reviewed=is_reviewed),
        answers=answers | {code: {"not_applicable": True} for code in settled["claimed"]},
        decisions={
            code: tuple(Decision(*one) for one in made) for code, made in settled["decisions"].items()
        },
    )


def columns_from(index_set: IndexSet, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Turn values by unit into values by indicator, as `values.columns_of` gives them."""
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)] if rows else [()] * len(index_set.indicators)
    for j, indicator in enumerate(index_set.indicators):
        if isinstance(indicator.rule, Checklist):  # JSON knows no tuples
            columns[j] = [None if keys is None else tuple(keys) for keys in columns[j]]
    return columns


def _claimed(unit: UnitInput) -> list[str]:
    return sorted(code for code, answer in unit.answers.items() if "not_applicable" in answer)
