"""What is measured, how it is read and who is assessed, as plain values.

Every number here is a `Fraction`: points, shares of the maximum and percentages are exact (ruling 1).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

Number = Literal["count", "amount", "yes_no"]


@dataclass(frozen=True, slots=True)
class Option:
    """One branch of a choice, or one item of a checklist; `share` is its part of the maximum, 0..1."""

    key: str
    label: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class Variable:
    """One figure a rule asks for: a whole count, an amount (of money) with up to six decimals, or 1 / 0 (yes / no)."""

    key: str
    label: str
    number: Number


@dataclass(frozen=True, slots=True)
class Options:
    """The document's own branches, in the document's order (ruling 5)."""

    options: tuple[Option, ...]
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Checklist:
    """Items of which any may hold; their shares add up to 1."""

    items: tuple[Option, ...]
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Ratio:
    """sum(numerator) / sum(denominator), of which `full_mark` (0.8 = 80 %) earns the maximum (ruling 2).

    `full_if_zero` names the variable whose 0 earns the maximum whatever the ratio is (ruling 3). A ratio below
    `floor` earns nothing: with a floor at the full mark it is all or nothing.
    """

    variables: tuple[Variable, ...]
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    full_mark: Fraction = Fraction(1)
    full_if_zero: str | None = None
    floor: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """The share a value earns from `start` (included) up to the next tier above."""

    start: Fraction
    share: Fraction
    label: str


@dataclass(frozen=True, slots=True)
class Tiers:
    """A figure (no denominator) or a ratio earns the share of its tier; tiers from the highest down to 0.

    `requires` names a yes / no variable whose 0 earns nothing.
    """

    variables: tuple[Variable, ...]
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    tiers: tuple[Tier, ...]
    requires: str | None = None

    def __post_init__(self) -> None:
        if self.tiers[-1].start:
            raise ValueError("the tiers do not reach down to 0")


@dataclass(frozen=True, slots=True)
class Count:
    """Every counted thing earns `points_each`, up to the maximum; nothing can be said without a maximum (D-011)."""

    variables: tuple[Variable, ...]
    numerator: tuple[str, ...]
    points_each: Fraction
    denominator: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peers:
    """A figure or a ratio x against the ranked units: x / best, or (x - lowest) / (best - lowest) (ruling 4)."""

    variables: tuple[Variable, ...]
    numerator: tuple[str, ...]
    denominator: tuple[str, ...] = ()
    measure: Literal["share_of_best", "min_max"] = "share_of_best"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an indicator: its share of the maximum, and the rule that gives a share of that."""

    key: str
    name: str
    share: Fraction
    rule: "Options | Checklist | Ratio | Tiers"


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts with rules of their own that add up."""

    parts: tuple[Part, ...]
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Manual:
    """Nothing is computed: the reviewer gives 0..maximum with a reason (ruling 6)."""

    variables: tuple[Variable, ...] = ()


Measured = Ratio | Tiers | Count | Peers
Rule = Options | Checklist | Measured | Parts | Manual


@dataclass(frozen=True, slots=True)
class Indicator:
    """One scored row of a set; `max_points` is None where the document gives none (ruling 6).

    `declared_by` is "unit" or the agency that gives the figures (ruling 20); `method` is the document's own text.
    """

    code: str
    name: str
    max_points: Fraction | None
    rule: Rule
    declared_by: str = "unit"
    citation: str = ""
    citation_en: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Subtotal:
    """A row that has no rule but the rows below it (ruling 7), or a group; `rows` are the codes right below.

    Where rows have no maximum points and `is_row`, they count alike: the document gives them no weights.
    """

    code: str
    name: str
    rows: tuple[str, ...]
    is_row: bool


@dataclass(frozen=True, slots=True)
class IndexSet:
    """One version of a set: its scored rows in the document's order, and what they add up to; codes are unique.

    In `subtotals` a row comes after the rows below it.
    """

    key: str
    version: int
    unit_kind: str
    indicators: tuple[Indicator, ...]
    subtotals: tuple[Subtotal, ...] = ()
    by_code: Mapping[str, Indicator] = field(init=False, repr=False, compare=False)
    groups: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_code", {indicator.code: indicator for indicator in self.indicators})
        below = {row.code: row.rows for row in self.subtotals}
        groups = [row.code for row in self.subtotals if not row.is_row]
        object.__setattr__(self, "groups", {code: frozenset(self._scored(code, below)) for code in groups})

    def _scored(self, code: str, below: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """Give the scored rows under a row, whatever rows stand in between."""
        if code in self.by_code:
            yield code
        for row in below.get(code, ()):
            yield from self._scored(row, below)

    def is_declared_by(self, code: str, agency: str) -> bool:
        """Tell whether an agency gives the figures of an indicator in the unit's place (ruling 20)."""
        return code in self.by_code and self.by_code[code].declared_by == agency

    @property
    def is_ranked(self) -> bool:
        """Tell whether units can be ranked by it: every row has maximum points. Else it is only tracked (ruling 6)."""
        return all(indicator.max_points is not None for indicator in self.indicators)


@dataclass(frozen=True, slots=True)
class Band:
    """A class of results: from `from_percent` up to, not including, the next one; the top one ends at 100."""

    key: str
    title_vi: str
    title_en: str
    from_percent: Fraction


@dataclass(frozen=True, slots=True)
class Policy:
    """How a province reads what the documents leave open (rulings 1, 8, 10, 11)."""

    key: str
    rounding: Literal["result", "indicator"] = "result"
    digits: int = 2
    not_applicable: Literal["exclude_from_maximum", "peer_average"] = "exclude_from_maximum"
    bands: tuple[Band, ...] = ()
    missing_evidence: Literal["explain_or_block", "zero"] = "explain_or_block"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided about one indicator, for the explanation: what, and why.

    `value` is the answer put in place of the declared one, {"points": "7.5"}, {"accepted": true}, {}, or for evidence
    {"disallowed": [documents]} or {"late": true}; what that leaves to be scored is in `UnitInput.without_evidence`.
    """

    kind: Literal["answer", "points", "not_applicable", "as_declared", "evidence"]
    value: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class UnitInput:
    """One unit: its canonical, fault-free answers and what its reviewer decided.

    `points` replace the rule (0..maximum); `not_applicable` holds the accepted claims and comes before both.
    `without_evidence` are the answers nothing proves: they earn nothing where the policy says so (ruling 11). An
    unreviewed unit (`is_reviewed=False`) is one that defaults to 0 points for want of review: it keeps its rank, is
    nobody's peer and counts in no mean (rulings 8 and 11, D-112, D-114). `decisions` only explain: what they change is
    already in the other fields.
    """

    key: str
    is_ranked: bool
    answers: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, Fraction] = field(default_factory=dict)
    not_applicable: frozenset[str] = frozenset()
    is_reviewed: bool = True
    without_evidence: frozenset[str] = frozenset()
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)
