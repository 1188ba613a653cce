"""Cross-checks of what a unit declares: figures that cannot all be right. Data beside the sets they are written for.

They only warn and never score: a set's fingerprint does not depend on them. A file of `data/plausibility` belongs to
the set of its name, and to exactly the version that ships; any other version has no such checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.catalogue import reading
from app.catalogue.files import DATA, Catalogue, catalogue, checked
from app.catalogue.reading import Said
from app.catalogue.rules import Fault, all_rows
from app.catalogue.schemas import Code, IndexSetFile, Key, Row, Share, Text

_IF_ANY = "(nếu có)"  # the document's own words for a row that may stay empty


class Term(Row):
    """What is compared: one figure of an indicator, or rows of the general information, added up."""

    indicator: Code | None = None
    variable: Key | None = None
    information: list[Code] | None = Field(None, min_length=1, max_length=10)


class CheckRow(Term):
    """One cross-check: the term of the row itself against another one."""

    at_most: Term | None = None
    equals: Term | None = Field(None, description="the same quantity, asked twice")
    note: Text = Field(description="why both count the same people or things")
    source: Annotated[
        str, StringConstraints(strict=True, pattern=r"^[0-9]{3}:[0-9]+(, [0-9]{3}:[0-9]+)*$")
    ] = Field(description="document:line of every figure that is compared")

    @property
    def other(self) -> Term:
        """Return what the row is compared with."""
        other = self.at_most or self.equals
        assert other is not None, "a loaded row has one of the two"
        return other

    @property
    def indicator_checked(self) -> str | None:
        """Return the indicator beside which a contradiction is explained; None between two general figures."""
        return self.indicator or self.other.indicator


class JumpRow(Row):
    """By how much of its maximum an indicator may move from one period to the next without a word."""

    share: Share
    note: Text


class PlausibilityFile(Row):
    """The cross-checks of one set."""

    key: Key
    jump: JumpRow
    checks: list[CheckRow] = Field(max_length=500)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two figures that cannot both be right."""

    check: CheckRow
    value: Fraction
    other: Fraction


@dataclass(frozen=True, slots=True)
class Plausibility:
    """The cross-checks of a set, ready to be applied; `may_be_absent` are general figures that count as 0 if absent."""

    set_sha256: str
    checks: tuple[CheckRow, ...]
    jump: Fraction
    may_be_absent: frozenset[str]

    def contradictions(
        self, information: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Contradiction]:
        """Give every contradiction, in the file's order; what is not declared contradicts nothing."""
        for check in self.checks:
            value = self._value_of(check, information, answers)
            other = self._value_of(check.other, information, answers)
            if value is None or other is None:
                continue
            if value > other or (check.equals and value != other):
                yield Contradiction(check, value, other)

    def _value_of(
        self, term: Term, information: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]
    ) -> Fraction | None:
        if term.information is None:
            figure = answers.get(term.indicator or "", {}).get("figures", {}).get(term.variable)
            return None if figure is None else Fraction(figure)
        given = {code: information.get(code) for code in term.information}
        absent = {code for code, figure in given.items() if figure is None}
        if not absent <= self.may_be_absent or len(absent) == len(given):
            return None
        return sum((Fraction(figure) for figure in given.values() if figure is not None), Fraction(0))


@cache
def plausibilities() -> Mapping[str, Plausibility]:
    """Load every file that ships with the service, once; by the fingerprint of the set it was written for.

    Raises:
        CatalogueFaulty: with the faults of the first faulty file.
    """
    loaded = [load_plausibility(path, catalogue()) for path in plausibility_paths()]
    return {one.set_sha256: one for one in loaded}


def plausibility_paths(folder: Path = DATA) -> list[Path]:
    """Find the files of the cross-checks."""
    return sorted((folder / "plausibility").glob("*.yaml"))


def load_plausibility(path: Path, known: Catalogue) -> Plausibility:
    """Load the cross-checks of one set.

    Raises:
        CatalogueFaulty: the file cannot be read, names what its set does not have, or a row of it is wrong.
    """
    read = reading.read(path)
    file = checked(read, PlausibilityFile, lambda found: _faults(found, path.stem, known))
    index_set = known.sets[file.key].out
    optional = (row.code for row in index_set.general_information if _IF_ANY in row.name)
    return Plausibility(index_set.sha256, tuple(file.checks), Fraction(file.jump.share), frozenset(optional))


# --- what can be wrong with a file --------------------------------------------------------------------------


def _faults(file: PlausibilityFile, name: str, known: Catalogue) -> Iterator[Fault]:
    if file.key != name:
        vi, en = f"mã {file.key} khác tên tệp", f"the key {file.key} differs from the name of the file"
        yield ("key",), Said(vi, en)
    elif name not in known.sets:
        yield ("key",), Said(f"không có bộ chỉ số {name}", f"there is no index set {name}")
    else:
        numbers = _Numbers(known.sets[name].out)
        for place, check in enumerate(file.checks):
            yield from _faults_of_check(("checks", place), check, numbers)


class _Numbers:
    """Every number that a unit declares in a set, with its kind: count, amount or yes_no."""

    def __init__(self, index_set: IndexSetFile) -> None:
        self.information = {row.code: row.input for row in index_set.general_information}
        self.indicators = {
            row.code: {one.key: one.number for one in getattr(row.rule, "variables", ())}
            for row in all_rows(index_set)
        }
        self.given_by_others = {row.code for row in all_rows(index_set) if row.declared_by != "unit"}

    def kinds(self, term: Term) -> set[str]:
        """Return the kinds of what a term without faults compares."""
        if term.information is not None:
            return {self.information[code] for code in term.information}
        return {self.indicators[term.indicator or ""][term.variable or ""]}


def _faults_of_check(path: tuple[str | int, ...], check: CheckRow, numbers: _Numbers) -> Iterator[Fault]:
    if (check.at_most is None) == (check.equals is None):
        yield (
            path,
            Said("phải có đúng một trong at_most, equals", "exactly one of at_most and equals is needed"),
        )
        return
    side = "at_most" if check.at_most else "equals"
    found = [*_faults_of_term(path, check, numbers), *_faults_of_term((*path, side), check.other, numbers)]
    yield from found
    if not found and len(numbers.kinds(check) | numbers.kinds(check.other)) > 1:
        yield path, Said("so số lượng với số tiền", "a count is compared with an amount")


def _faults_of_term(path: tuple[str | int, ...], term: Term, numbers: _Numbers) -> Iterator[Fault]:
    if (term.information is None) == (term.indicator is None) or (
        (term.indicator is None) != (term.variable is None)
    ):
        vi = "phải có information, hoặc indicator cùng variable"
        yield path, Said(vi, "either information, or indicator with variable, is needed")
    for place, code in enumerate(term.information or ()):
        if numbers.information.get(code, "text") == "text":
            vi, en = (
                f"Thông tin chung không có số liệu {code}",
                f"the general information has no figure {code}",
            )
            yield (*path, "information", place), Said(vi, en)
    if term.indicator is None:
        return
    if term.indicator not in numbers.indicators:
        vi, en = f"không có chỉ số {term.indicator}", f"there is no indicator {term.indicator}"
        yield (*path, "indicator"), Said(vi, en)
    elif term.indicator in numbers.given_by_others:
        vi = f"số liệu của chỉ số {term.indicator} do cơ quan khác cung cấp"
        en = f"the figures of indicator {term.indicator} are given by somebody else"
        yield (*path, "indicator"), Said(vi, en)
    elif term.variable is not None and term.variable not in numbers.indicators[term.indicator]:
        vi = f"chỉ số {term.indicator} không có số liệu {term.variable}"
        yield (*path, "variable"), Said(vi, f"indicator {term.indicator} has no figure {term.variable}")
