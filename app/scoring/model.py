"""What is measured, how it is read and who is assessed, as plain values.

Every number here is a `Fraction`: points, shares of the maximum and percentages are exact (ruling 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Option:
    """One branch of a choice; `share` is its part of the indicator's maximum, 0..1."""

    key: str
    label: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class Variable:
    """One figure a rule asks for: a whole count, or an amount (of money) with up to six decimals."""

    key: str
    label: str
    number: Literal["count", "amount"]


@dataclass(frozen=True, slots=True)
class Options:
    """The document's own branches, in the document's order (ruling 5)."""

    options: tuple[Option, ...]
    kind: Literal["options"] = "options"
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Ratio:
    """sum(numerator) / sum(denominator), of which `full_mark` (0.8 = 80 %) earns the maximum (ruling 2).

    `full_if_zero` names the variable whose 0 earns the maximum whatever the ratio is (ruling 3).
    """

    variables: tuple[Variable, ...]
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    full_mark: Fraction = Fraction(1)
    full_if_zero: str | None = None
    kind: Literal["ratio"] = "ratio"


@dataclass(frozen=True, slots=True)
class Peers:
    """One figure against the ranked units: x / best, or (x - lowest) / (best - lowest) (ruling 4)."""

    variables: tuple[Variable, ...]
    variable: str
    measure: Literal["share_of_best", "min_max"] = "share_of_best"
    kind: Literal["peers"] = "peers"


Rule = Options | Ratio | Peers


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of a set; `declared_by` is "unit" or the agency that gives the figures (ruling 20)."""

    code: str
    name: str
    max_points: Fraction
    rule: Rule
    declared_by: str = "unit"
    citation: str = ""
    citation_en: str = ""


@dataclass(frozen=True, slots=True)
class IndexSet:
    """One version of a set of indicators, in the document's order; codes are unique."""

    key: str
    version: int
    unit_kind: str
    indicators: tuple[Indicator, ...]
    by_code: Mapping[str, Indicator] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_code", {indicator.code: indicator for indicator in self.indicators})

    def is_declared_by(self, code: str, agency: str) -> bool:
        """Tell whether an agency gives the figures of an indicator in the unit's place (ruling 20)."""
        return code in self.by_code and self.by_code[code].declared_by == agency


@dataclass(frozen=True, slots=True)
class Band:
    """A class of results: from `from_percent` up to, not including, the next one; the top one ends at 100."""

    key: str
    title_vi: str
    title_en: str
    from_percent: Fraction


@dataclass(frozen=True, slots=True)
class Policy:
    """How a province reads what the documents leave open (rulings 1, 8, 10)."""

    key: str
    rounding: Literal["result", "indicator"] = "result"
    digits: int = 2
    not_applicable: Literal["exclude_from_maximum", "peer_average"] = "exclude_from_maximum"
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitInput:
    """One unit: its canonical, fault-free answers and what its reviewer decided.

    `points` replace the rule (0..maximum); `not_applicable` holds the accepted claims and comes before both.
    An unreviewed unit (`is_reviewed=False`) is one that defaults to 0 points for want of review: it keeps its
    rank, is nobody's peer and counts in no mean (rulings 8 and 11, D-112, D-114).
    """

    key: str
    is_ranked: bool
    answers: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, Fraction] = field(default_factory=dict)
    not_applicable: frozenset[str] = frozenset()
    is_reviewed: bool = True
