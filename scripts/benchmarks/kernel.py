"""The scoring kernel against the same rules in plain `Fraction`, over every kind of rule.

10,600 units (the communes of a country) answer 51 rows at random, with a fixed seed: the 40 indicators of Lạc Đạo and
eleven rows of Kon Tum for the kinds of rule that Lạc Đạo does not know. Many denominators make a cell's points end
exactly on half a hundredth. Both ways give the points of every cell rounded to 2 digits, totals, DTI, ranks and bands;
the Fraction way, the oracle of the tests, is the truth. The kernel starts from the values as finalization holds them,
read when the answers came (`reading_seconds` is what that takes here, all at once and with cold caches). The cost per
unit is compared with that of 111 units, over and over. No garbage is collected meanwhile, as in finalization.

    python -m scripts.benchmarks.kernel
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

from app.catalogue.files import catalogue
from app.results.snapshot import not_collecting
from app.scoring.engine import Scores, UnitInput, score_columns
from app.scoring.model import (
    Checklist,
    Count,
    IndexSet,
    Manual,
    Measured,
    Options,
    Parts,
    Peers,
    Policy,
    Ratio,
    Rule,
)
from app.scoring.ranking import band_of
from app.scoring.values import Column, columns_of
from tests.scoring.oracle import Truth, half_up, truth

UNITS = 10_600
FEW = 111
SEED = 2024
RUNS = 5
# Tiers on a count with a section, on a ratio and on an amount; parts of options and of ratios; checklists; a ratio
# that is all or nothing; a capped count; a ratio against the best. 6.14 (points of the reviewer) is one row more.
FROM_KON_TUM = ("1.5", "3.5", "3.6", "4.5", "5.12.1", "5.12.2", "6.1", "6.3", "6.8", "6.21")

Cells = list[Sequence[int]]  # whole hundredths by unit and indicator
Placed = tuple[Cells, list[str | None], list[str | None], list[int | None], list[str | None]]
_T = TypeVar("_T")


def run() -> dict[str, Any]:
    """Measure both ways; seconds are medians, wrong cells are counted against Fraction."""
    index_set, policy = all_kinds(), catalogue().policies["brvt-2022"].applied
    units = _units(index_set)
    started = time.perf_counter()
    expected = _by_fraction(index_set, policy, units)
    by_fraction = time.perf_counter() - started
    with not_collecting():
        columns, by_reading = _timed(lambda: columns_of(index_set.indicators, units))
        kernel, by_kernel = _timed(lambda: _by_kernel(index_set, policy, units, columns))
        starts = range(0, UNITS - FEW, FEW)
        few = [(units[at : at + FEW], [column[at : at + FEW] for column in columns]) for at in starts]
        _, by_few = _timed(lambda: [_by_kernel(index_set, policy, *some) for some in few])
    per_unit, per_unit_of_few = by_kernel / UNITS, by_few / (len(few) * FEW)
    return {
        "units": UNITS,
        "rows": len(index_set.indicators),
        "kinds": sorted({type(row.rule).__name__.lower() for row in index_set.indicators}),
        "cells": UNITS * len(index_set.indicators),
        "exact_halves": _halves(expected),
        "kernel_seconds": round(by_kernel, 3),
        "reading_seconds": round(by_reading, 3),
        "fraction_seconds": round(by_fraction, 3),
        "fraction_over_kernel": round(by_fraction / by_kernel, 1),
        "fraction_over_kernel_and_reading": round(by_fraction / (by_kernel + by_reading), 1),
        "wrong_cells": sum(
            _differing(mine, true) for mine, true in zip(kernel[0], _cells(expected), strict=True)
        ),
        "wrong_totals_dtis_ranks_bands": [
            _differing(mine, true)
            for mine, true in zip([*kernel[1:]], _placed(expected, policy), strict=True)
        ],
        "cost_per_unit_over_that_at_111": round(per_unit / per_unit_of_few, 2),
    }


def all_kinds() -> IndexSet:
    """Make one set of all kinds of rule out of the documents' own rows; those of Kon Tum count 10 points each."""
    sets = catalogue().sets
    lac_dao, kon_tum = sets["lacdao-2024-xa"].scored, sets["kontum-2024-tinh"].scored
    added = [
        replace(kon_tum.by_code[code], code=f"9.{code}", max_points=Fraction(10)) for code in FROM_KON_TUM
    ]
    manual = replace(kon_tum.by_code["6.14"], code="9.6.14", max_points=Fraction(10))
    return IndexSet("all-kinds", 1, "commune", (*lac_dao.indicators, *added, manual))


def _units(index_set: IndexSet) -> list[UnitInput]:
    """Make random units whose figures often lead to exact halves."""
    source = random.Random(SEED)
    units = []
    for number in range(UNITS):
        answers = {row.code: value_for(row.rule, source) for row in index_set.indicators}
        points = {"9.6.14": Fraction(source.randint(0, 1000), 100)}
        units.append(UnitInput(f"unit-{number}", source.random() < 0.98, answers, points))
    return units


def value_for(rule: Rule, source: random.Random) -> dict[str, Any]:
    """Make a random answer to a rule."""
    match rule:
        case Options():
            return {"choice": source.choice(rule.options).key}
        case Checklist():
            return {"checks": [item.key for item in rule.items if source.random() < 0.7]}
        case Parts():
            return {"parts": {part.key: value_for(part.rule, source) for part in rule.parts}}
        case Manual():
            return {"figures": {variable.key: source.randint(0, 99) for variable in rule.variables}}
        case Count():
            return {"figures": {rule.numerator[0]: source.randint(0, 14)}}
        case _:
            return {"figures": _figures(rule, source)}


def _figures(rule: Measured, source: random.Random) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    whole = source.choice((200, 400, 1000, 1600, 2000, source.randint(1, 9999)))
    for variable in rule.variables:
        if variable.number == "yes_no":
            figures[variable.key] = source.randint(0, 1)
        elif variable.number == "amount" and not rule.denominator:
            figures[variable.key] = f"{source.randint(0, 3)}.{source.randint(1, 9)}"
        else:
            figures[variable.key] = source.randint(0, whole)
    if isinstance(rule, Ratio | Peers) and rule.denominator:
        figures |= dict.fromkeys(rule.denominator, whole // len(rule.denominator) or 1)
    elif rule.denominator:
        figures |= dict.fromkeys(rule.denominator, whole * 10)
    return figures


def _by_kernel(
    index_set: IndexSet, policy: Policy, units: Sequence[UnitInput], columns: Sequence[Column]
) -> Placed:
    scores = score_columns(index_set, policy, units, columns)
    rows = range(len(units))
    return (
        [scores.rounded_points(i) for i in rows],
        [scores.shown_total(i) for i in rows],
        [scores.shown_dti(i) for i in rows],
        [scores.rank(i) for i in rows],
        [_band(scores, i) for i in rows],
    )


def _band(scores: Scores, i: int) -> str | None:
    band = scores.band(i)
    return band.key if band else None


def _by_fraction(index_set: IndexSet, policy: Policy, units: list[UnitInput]) -> list[Truth]:
    """Score with Fractions, and round as the kernel does."""
    expected = truth(index_set, policy, units)
    _cells(expected)
    _placed(expected, policy)
    return expected


def _cells(expected: list[Truth]) -> Cells:
    return [tuple(int(half_up(points, 2) * 100) for points, _ in one.cells) for one in expected]


def _placed(expected: list[Truth], policy: Policy) -> list[list[Any]]:
    bands = [None if one.dti is None else band_of(one.dti, policy.bands) for one in expected]
    return [
        [_shown(one.total) for one in expected],
        [None if one.dti is None else _shown(one.dti) for one in expected],
        [one.rank for one in expected],
        [band.key if band else None for band in bands],
    ]


def _shown(value: Fraction) -> str:
    hundredths = int(half_up(value, 2) * 100)
    return f"{hundredths // 100}.{hundredths % 100:02}"


def _halves(expected: list[Truth]) -> int:
    """Count the cells whose exact points lie half-way between two hundredths."""
    cells = (points * 200 for one in expected for points, _ in one.cells)
    return sum(points.denominator == 1 and points % 2 == 1 for points in cells)


def _differing(values: Any, true: Sequence[Any]) -> int:
    return sum(one != other for one, other in zip(values, true, strict=True))


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    print(json.dumps(run()))
