"""Catalogue files: read safely, checked row by row, turned into what is scored and what is shown."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from app.catalogue import reading, rules
from app.catalogue.reading import CatalogueFaulty
from app.catalogue.schemas import (
    IndexSetFile,
    IndexSetOut,
    IndicatorRow,
    OptionsRule,
    PolicyFile,
    RatioRule,
    VariableRow,
)
from app.scoring import model

DATA = Path(__file__).parent / "data"

_File = TypeVar("_File", IndexSetFile, PolicyFile)


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """An index set as it is shown and as it is scored."""

    out: IndexSetOut
    scored: model.IndexSet


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as it is shown and as it is applied."""

    out: PolicyFile
    applied: model.Policy
    sha256: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every set and policy that ships with the service, by key."""

    sets: Mapping[str, LoadedSet]
    policies: Mapping[str, LoadedPolicy]


@cache
def catalogue() -> Catalogue:
    """Load all sets and policies that ship with the service, once.

    Raises:
        CatalogueFaulty: with the faults of the first faulty file.
    """
    sets = [load_set(path) for path in set_paths()]
    policies = [load_policy(path) for path in policy_paths()]
    return Catalogue({one.out.key: one for one in sets}, {one.out.key: one for one in policies})


def set_paths(folder: Path = DATA) -> list[Path]:
    """Find the files of the index sets."""
    return sorted(folder.glob("*.yaml"))


def policy_paths(folder: Path = DATA) -> list[Path]:
    """Find the files of the policies."""
    return sorted((folder / "policies").glob("*.yaml"))


def load_set(path: Path) -> LoadedSet:
    """Load one index set.

    Raises:
        CatalogueFaulty: the file cannot be read, or a row of it is wrong.
    """
    file = _load(path, IndexSetFile, rules.faults_of_set)
    return LoadedSet(shown_set(file), scored_set(file))


def load_policy(path: Path) -> LoadedPolicy:
    """Load one policy.

    Raises:
        CatalogueFaulty: the file cannot be read, or a row of it is wrong.
    """
    file = _load(path, PolicyFile, rules.faults_of_policy)
    return LoadedPolicy(file, applied_policy(file), content_sha256(file))


def shown_set(file: IndexSetFile) -> IndexSetOut:
    """Describe a set as the API shows it: its rows, what was counted, and where the two differ."""
    return IndexSetOut(
        **dict(file),
        counted=rules.counted_in_set(file),
        counted_by_group={group.code: rules.counted_in_group(group) for group in file.groups},
        differences=rules.differences(file),
        sha256=content_sha256(file),
    )


def content_sha256(file: IndexSetFile | PolicyFile) -> str:
    """Hash what a file says: its layout, comments and the order of its keys do not count."""
    content = file.model_dump(mode="json", exclude_none=True)
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def scored_set(file: IndexSetFile) -> model.IndexSet:
    """Turn a set's rows into what the engine scores."""
    indicators = tuple(
        model.Indicator(
            row.code,
            row.name,
            Fraction(row.max_points),
            _rule(row),
            row.declared_by,
            f"QĐ {file.source.decision}, Phụ lục {file.source.annex}, {row.code}, dòng {row.line}",
            f"Decision {file.source.decision}, annex {file.source.annex}, {row.code}, line {row.line}",
        )
        for group in file.groups
        for row in group.indicators
    )
    return model.IndexSet(file.key, file.version, file.unit_kind, indicators)


def applied_policy(file: PolicyFile) -> model.Policy:
    """Turn a policy's rows into what the engine applies."""
    bands = tuple(
        model.Band(band.key, band.title.vi, band.title.en, Fraction(band.from_percent)) for band in file.bands
    )
    return model.Policy(file.key, file.rounding, file.digits, file.not_applicable, bands)


def _rule(row: IndicatorRow) -> model.Rule:
    rule = row.rule
    if isinstance(rule, OptionsRule):
        return model.Options(tuple(model.Option(o.key, o.label, Fraction(o.share)) for o in rule.options))
    variables = tuple(_variable(variable) for variable in rule.variables)
    if isinstance(rule, RatioRule):
        numerator, denominator = tuple(rule.numerator), tuple(rule.denominator)
        return model.Ratio(variables, numerator, denominator, Fraction(rule.full_mark), rule.full_if_zero)
    return model.Peers(variables, rule.variable, rule.measure)


def _variable(row: VariableRow) -> model.Variable:
    return model.Variable(row.key, row.label, row.number)


def _load(path: Path, kind: type[_File], contradictions: Callable[[_File], Iterator[rules.Fault]]) -> _File:
    read = reading.read(path)
    try:
        file = kind.model_validate(read.content)
    except ValidationError as error:
        faults = [read.fault(found["loc"], found["msg"]) for found in error.errors(include_url=False)]
        raise CatalogueFaulty(faults) from None
    faults = [read.fault(where, message) for where, message in contradictions(file)]
    if file.key != path.stem:
        faults.append(read.fault(("key",), f"the key {file.key} differs from the name of the file"))
    if faults:
        raise CatalogueFaulty(faults)
    return file
