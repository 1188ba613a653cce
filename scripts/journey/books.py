"""The journey's own books: what every unit declared and what was decided, scored a second time with fractions.

Nothing of the service is imported: the set comes over the API, the arithmetic is written out from the decision.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Json = dict[str, Any]
Best = dict[str, Fraction]
ZERO = Fraction(0)
MEANS = ("brvt-2022",)  # policies by which what does not apply takes the mean of the others
OF_RATIOS = ("ratio_above_full", "zero_denominator")


@dataclass(frozen=True, slots=True)
class IndexSet:
    """An index set as GET /index-sets/{key} shows it."""

    file: Json
    indicators: tuple[Json, ...]

    @classmethod
    def of(cls, file: Json) -> "IndexSet":
        """Return the set with its indicators in the document's order."""
        return cls(file, tuple(row for group in file["groups"] for row in group["indicators"]))

    def by_code(self, code: str) -> Json:
        """Return an indicator."""
        return next(row for row in self.indicators if row["code"] == code)

    @property
    def declared_by_unit(self) -> list[Json]:
        """Return the indicators that a unit declares itself."""
        return [row for row in self.indicators if row["declared_by"] == "unit"]


@dataclass(slots=True)
class UnitBook:
    """One unit's account: declared and official answers, decisions by indicator, files by id with their hash."""

    key: str
    unit_id: str
    name: str
    kind: str
    is_ranked: bool
    parent_key: str
    index_set: IndexSet
    submission_id: str
    scope_id: str
    place: int  # in its scope, from 0: decides what happens to it
    reviewer: str  # the account that reviews it
    answers: Json = field(default_factory=dict)
    official: Json = field(default_factory=dict)
    decided: dict[str, Json] = field(default_factory=dict)
    points: dict[str, Fraction] = field(default_factory=dict)
    not_applicable: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    was_reviewed: bool = True
    state: str = "draft"
    version: str = ""

    def adopted(self, code: str) -> Json:
        """Return what is scored: the reviewer's answer, else the agency's, else the unit's."""
        for answers in (self.decided, self.official, self.answers):
            if code in answers:
                return dict(answers[code])
        return {}

    def take_back(self, code: str) -> None:
        """Forget every decision on an indicator: the latest one holds, and it says "as declared"."""
        self.decided.pop(code, None)
        self.points.pop(code, None)
        self.not_applicable.discard(code)


@dataclass(frozen=True, slots=True)
class Result:
    """One unit's exact result; points are None where they depend on peers that are not known yet."""

    points: dict[str, Fraction | None]
    total: Fraction
    maximum: Fraction
    dti: Fraction | None


def earned(row: Json, answer: Json, best: Fraction | None) -> Fraction | None:
    """Return the points of one answer: share of the maximum by option, by ratio, or by the best of the peers."""
    full, rule = Fraction(row["max_points"]), row["rule"]
    if rule["kind"] == "options":
        shares = {option["key"]: Fraction(option["share"]) for option in rule["options"]}
        return full * shares.get(answer.get("choice"), ZERO)
    figures = {key: Fraction(str(value)) for key, value in answer.get("figures", {}).items()}
    if rule["kind"] == "peers":
        if rule["measure"] != "share_of_best":
            raise ValueError(f"no books are kept for the measure {rule['measure']}")
        if best is None:
            return None
        return full * min(Fraction(1), figures[rule["variable"]] / best) if figures and best else ZERO
    if not figures:
        return ZERO
    if rule["full_if_zero"] and not figures[rule["full_if_zero"]]:
        return full
    above, below = (sum(figures[key] for key in rule[part]) for part in ("numerator", "denominator"))
    return full * min(Fraction(1), above / below / Fraction(rule["full_mark"])) if below else ZERO


def ratio_warnings(unit: UnitBook) -> Iterator[tuple[str, str]]:
    """Give the declared ratios that are above their full mark or that do not exist (rulings 2, 3)."""
    for row in unit.index_set.declared_by_unit:
        rule, figures = row["rule"], unit.answers.get(row["code"], {}).get("figures")
        if rule["kind"] != "ratio" or not figures or figures.get(rule["full_if_zero"]) == 0:
            continue
        above, below = (
            sum(Fraction(str(figures[key])) for key in rule[p]) for p in ("numerator", "denominator")
        )
        if not below:
            yield row["code"], "zero_denominator"
        elif above / below > Fraction(rule["full_mark"]):
            yield row["code"], "ratio_above_full"


def best_of_peers(units: Iterable[UnitBook]) -> Best:
    """Return the highest adopted figure of the ranked units for every indicator measured against peers."""
    best: Best = {}
    for unit in units:
        for row in unit.index_set.indicators:
            if row["rule"]["kind"] != "peers":
                continue
            code, figures = row["code"], unit.adopted(row["code"]).get("figures")
            best.setdefault(code, ZERO)
            if unit.is_ranked and figures and code not in unit.not_applicable and code not in unit.points:
                best[code] = max(best[code], Fraction(str(figures[row["rule"]["variable"]])))
    return best


def self_result(unit: UnitBook) -> Result:
    """Return the unit's own points: declared answers only, nothing decided, peers unknown."""
    rows = unit.index_set.indicators
    points = {row["code"]: earned(row, unit.answers.get(row["code"], {}), None) for row in rows}
    return _result(rows, points, set())


def means_of_peers(units: Sequence[UnitBook], best: Best) -> Best:
    """Return the mean points of the units that were assessed, by indicator: zeros count, claimants do not (004:83)."""
    assessed = [(unit, final_result(unit, best).points) for unit in units if unit.was_reviewed]
    means: Best = {}
    for row in units[0].index_set.indicators:
        code = row["code"]
        found = [points[code] or ZERO for unit, points in assessed if code not in unit.not_applicable]
        means[code] = sum(found, ZERO) / len(found) if found else ZERO
    return means


def final_result(unit: UnitBook, best: Best, means: Best | None = None) -> Result:
    """Return the unit's result as adopted; accepted claims of not applicable leave its maximum (ruling 8).

    With `means` they take the mean instead, which is not known yet where there is none (004:83). A unit that nobody
    reviewed has nothing (004:77).
    """
    points: dict[str, Fraction | None] = {}
    for row in unit.index_set.indicators:
        code = row["code"]
        if not unit.was_reviewed:
            points[code] = ZERO
        elif code in unit.not_applicable:
            points[code] = ZERO if means is None else means.get(code)
        elif code in unit.points:
            points[code] = unit.points[code]
        else:
            points[code] = earned(row, unit.adopted(code), best.get(code))
    return _result(unit.index_set.indicators, points, set() if means is not None else unit.not_applicable)


def _result(rows: Sequence[Json], points: dict[str, Fraction | None], left_out: set[str]) -> Result:
    total = sum((value for value in points.values() if value is not None), ZERO)
    counted = [row for row in rows if row["code"] not in left_out and points[row["code"]] is not None]
    maximum = sum((Fraction(row["max_points"]) for row in counted), ZERO)
    return Result(points, total, maximum, total / maximum * 100 if maximum else None)


def ranks(units: Sequence[UnitBook], results: dict[str, Result]) -> dict[str, int | None]:
    """Return each unit's place: one more than the ranked units with a higher exact DTI (1, 2, 2, 4)."""
    ranked = [dti for unit in units if unit.is_ranked and (dti := results[unit.key].dti) is not None]
    places: dict[str, int | None] = {}
    for unit in units:
        mine = results[unit.key].dti
        counts = unit.is_ranked and mine is not None
        places[unit.key] = 1 + sum(dti > mine for dti in ranked) if counts and mine is not None else None
    return places


@dataclass
class Differences:
    """What the server says otherwise than the books; any of them fails the run."""

    found: list[str] = field(default_factory=list)
    compared: int = 0

    def same(self, what: str, ours: object, theirs: object) -> None:
        """Compare one value."""
        self.compared += 1
        if ours != theirs:
            self.found.append(f"{what}: books {ours}, server {theirs}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)


def exact(text: str | None) -> Fraction | None:
    """Read an exact number of the API ("25/3")."""
    return None if text is None else Fraction(text)


def shown(value: Fraction, digits: int) -> str:
    """Write a number that is not negative with some digits after the point, half up."""
    scaled = int(value * 10**digits + Fraction(1, 2))
    whole, rest = divmod(scaled, 10**digits)
    return f"{whole}.{rest:0{digits}}"
