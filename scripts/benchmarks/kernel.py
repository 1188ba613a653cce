"""The scoring kernel against the same rules in plain `Fraction` and in pandas float columns.

10,600 units (the communes of a country) answer the 50 indicators of the commune set at random, with a fixed
seed; many denominators make a cell's points end exactly on half a hundredth. Every way gives the points of
every cell rounded to 2 digits, totals, DTI and ranks; the Fraction way is the truth.

    python -m scripts.benchmarks.kernel
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor
from typing import Any, TypeVar

import pandas as pd

from app.catalogue.files import catalogue
from app.scoring.engine import UnitInput, score
from app.scoring.model import IndexSet, Indicator, Options, Policy, Ratio

UNITS = 10_600
SEED = 2023
RUNS = 3

Scored = tuple[list[list[int]], list[int | None]]  # whole hundredths by unit and indicator; rank by unit
_T = TypeVar("_T")


def run() -> dict[str, Any]:
    """Measure all three ways; seconds are medians of three runs, wrong cells are counted against Fraction."""
    loaded = catalogue()
    index_set = loaded.sets["camau-2023-xa"].scored
    policy = loaded.policies["camau-2023"].applied
    units = _units(index_set)
    truth, by_fraction = _timed(lambda: _by_fraction(index_set, units))
    kernel, by_kernel = _timed(lambda: _by_kernel(index_set, policy, units))
    floats, by_pandas = _timed(lambda: _by_pandas(index_set, units))
    return {
        "units": len(units),
        "indicators": len(index_set.indicators),
        "cells": len(units) * len(index_set.indicators),
        "exact_halves": _halves(index_set, units),
        "kernel_seconds": round(by_kernel, 3),
        "fraction_seconds": round(by_fraction, 3),
        "pandas_seconds": round(by_pandas, 3),
        "fraction_over_kernel": round(by_fraction / by_kernel, 1),
        "kernel_wrong_cells": _wrong_cells(kernel, truth),
        "pandas_wrong_cells": _wrong_cells(floats, truth),
        "kernel_wrong_ranks": _differing(kernel[1], truth[1]),
        "pandas_wrong_ranks": _differing(floats[1], truth[1]),
    }


def _units(index_set: IndexSet) -> list[UnitInput]:
    """Make random units whose figures often lead to exact halves."""
    source = random.Random(SEED)
    return [
        UnitInput(f"unit-{number}", True, {row.code: _answer(row, source) for row in index_set.indicators})
        for number in range(UNITS)
    ]


def _answer(indicator: Indicator, source: random.Random) -> dict[str, Any]:
    rule = indicator.rule
    if isinstance(rule, Options):
        return {"choice": source.choice(rule.options).key}
    whole = source.choice((200, 400, 1000, 1600, 2000, source.randint(1, 9999)))
    figures = {variable.key: source.randint(1, whole) for variable in rule.variables}
    if isinstance(rule, Ratio):
        parts = len(rule.denominator)
        figures |= dict.fromkeys(rule.denominator, whole // parts)
        figures[rule.denominator[0]] += whole % parts
    return {"figures": figures}


def _by_kernel(index_set: IndexSet, policy: Policy, units: list[UnitInput]) -> Scored:
    scores = score(index_set, policy, units)
    rows = range(len(units))
    for i in rows:
        scores.shown_total(i)
        scores.shown_dti(i)
    return [scores.rounded_points(i) for i in rows], [scores.rank(i) for i in rows]


def _by_fraction(index_set: IndexSet, units: list[UnitInput]) -> Scored:
    maximum = sum((row.max_points for row in index_set.indicators), Fraction(0))
    cells, dtis = [], []
    for unit in units:
        points = [_points(row, unit.answers[row.code]) for row in index_set.indicators]
        total = sum(points, Fraction(0))
        dti = total / maximum * 100
        _half_up(total)
        _half_up(dti)
        cells.append([_half_up(one) for one in points])
        dtis.append(dti)
    return cells, _ranks(dtis)


def _points(indicator: Indicator, answer: Any) -> Fraction:
    rule = indicator.rule
    if isinstance(rule, Options):
        return next(o.share for o in rule.options if o.key == answer["choice"]) * indicator.max_points
    if not isinstance(rule, Ratio):
        raise TypeError("the commune set measures nobody against peers")
    figures = answer["figures"]
    if rule.full_if_zero and not figures[rule.full_if_zero]:
        return indicator.max_points
    above = sum((Fraction(figures[key]) for key in rule.numerator), Fraction(0))
    below = sum((Fraction(figures[key]) for key in rule.denominator), Fraction(0))
    return min(Fraction(1), above / below / rule.full_mark) * indicator.max_points


def _half_up(value: Fraction) -> int:
    return floor(value * 100 + Fraction(1, 2))


def _ranks(values: list[Fraction]) -> list[int | None]:
    ranks: list[int | None] = [None] * len(values)
    previous = None
    for place, i in enumerate(sorted(range(len(values)), key=values.__getitem__, reverse=True), 1):
        ranks[i] = ranks[previous] if previous is not None and values[previous] == values[i] else place
        previous = i
    return ranks


def _by_pandas(index_set: IndexSet, units: list[UnitInput]) -> Scored:
    """Score float columns; points come back as whole hundredths to be compared."""
    points = {}
    for row in index_set.indicators:
        rule, full = row.rule, float(row.max_points)
        answers = [unit.answers[row.code] for unit in units]
        if isinstance(rule, Options):
            shares = {option.key: float(option.share) for option in rule.options}
            points[row.code] = pd.Series([answer["choice"] for answer in answers]).map(shares) * full
        elif isinstance(rule, Ratio):
            figures = pd.DataFrame([answer["figures"] for answer in answers], dtype="float64")
            ratio = figures[list(rule.numerator)].sum(axis=1) / figures[list(rule.denominator)].sum(axis=1)
            share = (ratio / float(rule.full_mark)).clip(upper=1)
            if rule.full_if_zero:
                share = share.mask(figures[rule.full_if_zero] == 0, 1.0)
            points[row.code] = share * full
    frame = pd.DataFrame(points)
    total = frame.sum(axis=1)
    total.round(2)
    dti = total / sum(float(row.max_points) for row in index_set.indicators) * 100
    dti.round(2)
    ranks = dti.rank(method="min", ascending=False).astype("int64").tolist()
    return (frame.round(2) * 100).round().astype("int64").to_numpy().tolist(), ranks


def _halves(index_set: IndexSet, units: list[UnitInput]) -> int:
    """Count the cells whose exact points lie half-way between two hundredths."""
    cells = (_points(row, unit.answers[row.code]) for unit in units for row in index_set.indicators)
    return sum((points * 200).denominator == 1 and points * 200 % 2 == 1 for points in cells)


def _wrong_cells(scored: Scored, truth: Scored) -> int:
    return sum(_differing(row, true) for row, true in zip(scored[0], truth[0], strict=True))


def _differing(values: Sequence[int | None], truth: Sequence[int | None]) -> int:
    return sum(one != true for one, true in zip(values, truth, strict=True))


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    print(json.dumps(run()))
