"""The golden cases: what a person who knows the decree expects, worked out from its words, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.catalogue.files import catalogue
from app.scoring.answers import canonical, faults
from app.scoring.engine import Line, score
from app.scoring.model import (
    Checklist,
    Count,
    IndexSet,
    Indicator,
    Manual,
    Measured,
    Options,
    Part,
    Parts,
    Peers,
    Ratio,
    Rule,
    Tiers,
)
from tests.scoring import oracle
from tests.scoring.examples import EXACT, unit

Case = dict[str, Any]
CASES: dict[str, dict[str, list[Case]]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
}
ROWS = [(key, code) for key, cases in CASES.items() for code in cases]
NEAR = Fraction(9, 10)


def row_of(key: str, code: str) -> tuple[IndexSet, Indicator]:
    """Give one row of a set, and a set of that row alone."""
    index_set = catalogue().sets[key].scored
    row = index_set.by_code[code]
    return replace(index_set, indicators=(row,), subtotals=()), row


def scored(index_set: IndexSet, code: str, case: Case) -> Line:
    """Score a case among its peers, all of them ranked."""
    declared = [{code: case["given"]}, *({code: answer} for answer in case.get("peers", ()))]
    assert [faults(index_set, raw, by=None) for raw in declared] == [[] for _ in declared]
    units = [unit(f"u{n}", canonical(index_set, raw)) for n, raw in enumerate(declared)]
    return score(index_set, EXACT, units).card(0).lines[0]


def _exact(value: str | None) -> Fraction | None:
    return None if value is None else Fraction(value)


@pytest.mark.parametrize(("key", "code"), ROWS, ids=[f"{key} {code}" for key, code in ROWS])
def test_a_row_gives_what_the_decree_says(key: str, code: str) -> None:
    index_set, _ = row_of(key, code)
    for case in CASES[key][code]:
        if "fault" in case:
            found = {fault.code for fault in faults(index_set, {code: case["given"]}, by=None)}
            assert found == {case["fault"]}, case
            continue
        line = scored(index_set, code, case)
        told = [name for name in ("points", "share") if name in case]
        assert told, f"{case} expects nothing"
        assert [getattr(line, name) for name in told] == [_exact(case[name]) for name in told], case
        assert line.warnings == tuple(case.get("warnings", ())), case


def test_every_scored_row_of_a_set_has_cases_and_only_those_have() -> None:
    """A set without any method (11/2022) has nothing that could be worked out from its words."""
    computed = {
        key: [row.code for row in one.scored.indicators]
        for key, one in catalogue().sets.items()
        if not all(isinstance(row.rule, Manual) for row in one.scored.indicators)
    }
    assert {key: [*cases] for key, cases in CASES.items()} == computed


@pytest.mark.parametrize(("key", "code"), ROWS, ids=[f"{key} {code}" for key, code in ROWS])
def test_the_cases_of_a_row_cover_its_rule(key: str, code: str) -> None:
    index_set, row = row_of(key, code)
    cases = [case for case in CASES[key][code] if "fault" not in case]
    if isinstance(row.rule, Peers):
        missing = _missing_of_peers(index_set, row, cases)
    else:
        missing = _missing(row.rule, [case["given"] for case in cases])
    assert not [*missing]


def _missing(rule: Rule, given: Sequence[Case]) -> Iterator[str]:
    """Name what no answer among those given shows of a rule."""
    match rule:
        case Options():
            chosen = {one.get("choice") for one in given}
            yield from (f"option {option.key}" for option in rule.options if option.key not in chosen)
        case Checklist():
            held = {frozenset(one["checks"]) for one in given if "checks" in one}
            every = frozenset(item.key for item in rule.items)
            yield from (f"items {sorted(wanted)}" for wanted in (frozenset(), every) if wanted not in held)
        case Ratio():
            yield from _missing_of_ratio(rule, given)
        case Tiers():
            yield from _missing_of_tiers(rule, given)
        case Count():
            if not any(oracle.measured(rule, oracle.numbers(one)) for one in given if "figures" in one):
                yield "a count above 0"
        case Parts():
            for part in rule.parts:
                yield from _missing_of_part(part, given)
        case Manual():
            if not given:
                yield "an answer"


def _missing_of_part(part: Part, given: Sequence[Case]) -> Iterator[str]:
    answers = [one["parts"][part.key] for one in given if "parts" in one]
    yield from (f"part {part.key}: {name}" for name in _missing(part.rule, answers))


def _missing_of_ratio(rule: Ratio, given: Sequence[Case]) -> Iterator[str]:
    mark, ratios = rule.full_mark, _measured(rule, given)
    wanted = {
        "at the full mark": mark in ratios,
        "just under it": _is_just_under(mark, ratios),
        "above it": any(ratio > mark for ratio in ratios),
        "zero": 0 in ratios,
    }
    if rule.floor is not None:
        wanted["at the floor"] = rule.floor in ratios
        wanted["just under the floor"] = _is_just_under(rule.floor, ratios)
    if rule.full_if_zero is not None:
        numbers = [oracle.numbers(one)[rule.full_if_zero] for one in given if "figures" in one]
        wanted[f"{rule.full_if_zero} = 0"] = 0 in numbers
        wanted[f"{rule.full_if_zero} > 0"] = any(numbers)
    yield from (name for name, is_there in wanted.items() if not is_there)


def _missing_of_tiers(rule: Tiers, given: Sequence[Case]) -> Iterator[str]:
    values = _measured(rule, given)
    for tier in rule.tiers:
        if tier.start not in values:
            yield f"at {tier.start}"
        if tier.start and not _is_just_under(tier.start, values):
            yield f"just under {tier.start}"
    if rule.requires is not None:
        numbers = {oracle.numbers(one)[rule.requires] for one in given if "figures" in one}
        yield from (f"{rule.requires} = {number}" for number in {0, 1} - numbers)


def _is_just_under(threshold: Fraction, values: Mapping[Fraction, Fraction]) -> bool:
    """Tell whether a value lies within a tenth under a threshold, or where one more counted thing reaches it."""
    return any(
        value < threshold and (value >= NEAR * threshold or value + step >= threshold)
        for value, step in values.items()
    )


def _measured(rule: Measured, given: Sequence[Case]) -> dict[Fraction, Fraction]:
    """Give what is measured in the answers, and how much one more counted thing adds to it."""
    values = {}
    for one in given:
        figures = oracle.numbers(one) if "figures" in one else {}
        value = oracle.measured(rule, figures) if figures else None
        if value is not None:
            values[value] = 1 / (sum((figures[key] for key in rule.denominator), Fraction(0)) or Fraction(1))
    return values


def _missing_of_peers(index_set: IndexSet, row: Indicator, cases: Sequence[Case]) -> Iterator[str]:
    """Ask for the best, zero and something between, each among peers."""
    shares = [scored(index_set, row.code, case).share or Fraction(0) for case in cases if case.get("peers")]
    if 1 not in shares:
        yield "the best"
    if 0 not in shares:
        yield "zero"
    if not any(0 < share < 1 for share in shares):
        yield "between"
