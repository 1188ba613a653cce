"""What a well-formed set or policy may still get wrong, and where a document contradicts itself."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction

from app.catalogue.schemas import (
    Counted,
    Declared,
    Difference,
    GroupRow,
    IndexSetFile,
    IndicatorRow,
    OptionsRule,
    PolicyFile,
    RatioRule,
    RuleRow,
)
from app.scoring.exact import exact

Path = tuple[str | int, ...]
Fault = tuple[Path, str]


def faults_of_set(index_set: IndexSetFile) -> Iterator[Fault]:
    """Name what makes a set unusable, each with its path in the file."""
    yield from _twice(("general_information",), (row.code for row in index_set.general_information))
    yield from _twice(("contacts",), (row.key for row in index_set.contacts))
    yield from _twice(("contact_fields",), (row.key for row in index_set.contact_fields))
    yield from _twice(("groups",), (group.code for group in index_set.groups))
    seen: set[str] = set()
    for g, group in enumerate(index_set.groups):
        for i, indicator in enumerate(group.indicators):
            path: Path = ("groups", g, "indicators", i)
            if indicator.code in seen:
                yield path, f"the code {indicator.code} appears twice"
            seen.add(indicator.code)
            if not indicator.code.startswith(f"{group.code}."):
                yield path, f"the code {indicator.code} does not belong to group {group.code}"
            if not Fraction(indicator.max_points):
                yield (*path, "max_points"), "the maximum is 0"
            for rest, message in _faults_of_rule(indicator.rule):
                yield (*path, "rule", *rest), message


def faults_of_policy(policy: PolicyFile) -> Iterator[Fault]:
    """Name what makes a policy unusable, each with its path in the file."""
    yield from _twice(("bands",), (band.key for band in policy.bands))
    yield from _twice(("bands",), (exact(Fraction(band.from_percent)) for band in policy.bands))
    for i, band in enumerate(policy.bands):
        if Fraction(band.from_percent) > 100:
            yield ("bands", i, "from"), f"a band from {band.from_percent} % can never be reached"


def counted_in_set(index_set: IndexSetFile) -> Counted:
    """Count the groups, indicators and points of a whole set."""
    indicators = [indicator for group in index_set.groups for indicator in group.indicators]
    return Counted(groups=len(index_set.groups), indicators=len(indicators), points=_points(indicators))


def counted_in_group(group: GroupRow) -> Counted:
    """Count the indicators and points of one group."""
    return Counted(indicators=len(group.indicators), points=_points(group.indicators))


def differences(index_set: IndexSetFile) -> list[Difference]:
    """Compare what the document declares with what its rows hold (D-001..D-010), in the document's order.

    A group declares its points twice: in the list above the table and in its own row of the table.
    """
    found = list(_differing(None, index_set.declared, counted_in_set(index_set)))
    for group in index_set.groups:
        in_table = Declared(what="points", value=group.max_points, line=group.line)
        found += _differing(group.code, [*group.declared, in_table], counted_in_group(group))
    return found


def _differing(group: str | None, declared: Iterable[Declared], counted: Counted) -> Iterator[Difference]:
    for row in declared:
        value = getattr(counted, row.what)
        if value is None or Fraction(row.value) != Fraction(value):
            yield Difference(
                group=group, what=row.what, declared=row.value, counted=str(value or 0), line=row.line
            )


def _faults_of_rule(rule: RuleRow) -> Iterator[Fault]:
    if isinstance(rule, OptionsRule):
        yield from _twice(("options",), (option.key for option in rule.options))
        for i, option in enumerate(rule.options):
            if Fraction(option.share) > 1:
                yield ("options", i, "share"), f"the share {option.share} of option {option.key} is above 1"
        return
    known = [variable.key for variable in rule.variables]
    yield from _twice(("variables",), known)
    used: list[tuple[str, str]]
    if isinstance(rule, RatioRule):
        used = [("numerator", key) for key in rule.numerator] + [
            ("denominator", key) for key in rule.denominator
        ]
        used += [("full_if_zero", rule.full_if_zero)] if rule.full_if_zero else []
        yield from _twice(("numerator",), rule.numerator)
        yield from _twice(("denominator",), rule.denominator)
        if not Fraction(rule.full_mark):
            yield ("full_mark",), "the full mark is 0"
    else:
        used = [("variable", rule.variable)]
    for field, key in used:
        if key not in known:
            yield (field,), f"the {field} names the unknown variable {key}"
    for i, key in enumerate(known):
        if key not in (name for _, name in used):
            yield ("variables", i), f"the variable {key} is not used"


def _twice(path: Path, names: Iterable[str]) -> Iterator[Fault]:
    for name, times in Counter(names).items():
        if times > 1:
            yield path, f"{name} appears {times} times"


def _points(indicators: list[IndicatorRow]) -> str:
    """Add maxima as decimal text: they have at most six decimals, so the sum is a decimal too."""
    millionths = sum((Fraction(indicator.max_points) for indicator in indicators), Fraction(0)) * 1_000_000
    whole, rest = divmod(int(millionths), 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)
