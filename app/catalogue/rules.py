"""What a well-formed set or policy may still get wrong, and where a document contradicts itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from app.catalogue.policy_schemas import PolicyFile
from app.catalogue.reading import Said
from app.catalogue.schemas import (
    ChecklistRule,
    Counted,
    CountRule,
    Declared,
    Difference,
    FigureRule,
    GroupRow,
    IndexSetFile,
    IndicatorRow,
    ManualRule,
    Measured,
    OptionRow,
    OptionsRule,
    PartsRule,
    RatioRule,
    RuleRow,
    SumRule,
    TierRow,
    TiersRule,
    VariableRow,
)
from app.scoring.exact import plain

Path = tuple[str | int, ...]
Fault = tuple[Path, Said]


def faults_of_set(index_set: IndexSetFile) -> Iterator[Fault]:
    """Name what makes a set unusable, each with its path in the file."""
    yield from _twice(("general_information",), (row.code for row in index_set.general_information))
    yield from _twice(("contacts",), (row.key for row in index_set.contacts))
    yield from _twice(("contact_fields",), (row.key for row in index_set.contact_fields))
    yield from _twice(("groups",), (group.code for group in index_set.groups))
    if index_set.version > 1 and not index_set.changes:
        vi = f"phiên bản {index_set.version} không nêu thay đổi gì so với phiên bản trước"
        en = f"version {index_set.version} does not say what changed since the one before"
        yield ("changes",), Said(vi, en)
    if index_set.source.decision is None and index_set.source.cited is None:
        vi = "văn bản không có số thì phải nêu cách trích dẫn (cited)"
        yield ("source",), Said(vi, "a document without a number needs `cited`: how it is cited")
    seen = {group.code for group in index_set.groups}
    for g, group in enumerate(index_set.groups):
        for i, row in enumerate(group.indicators):
            yield from _misplaced(("groups", g, "indicators", i), row)
            yield from _faults_of_row(("groups", g, "indicators", i), row, group.code, seen)
    yield from _faults_of_points(index_set)


def faults_of_policy(policy: PolicyFile) -> Iterator[Fault]:
    """Name what makes a policy unusable: bands are half-open and must cover 0 to 100 % (ruling 10).

    Late evidence is evidence that does not count: it can cost points only where missing evidence does.
    """
    if policy.late_evidence == "zero" and policy.missing_evidence != "zero":
        vi = "tài liệu quá hạn chỉ được tính 0 điểm khi thiếu tài liệu cũng 0 điểm (missing_evidence)"
        en = "late evidence can earn nothing only where missing evidence does (missing_evidence)"
        yield ("late_evidence",), Said(vi, en)
    yield from _twice(("bands",), (band.key for band in policy.bands))
    starts = [Fraction(band.from_percent) for band in policy.bands]
    for i, start in enumerate(starts):
        percent = policy.bands[i].from_percent
        if start > 100:
            vi = f"không thể đạt mức xếp loại từ {percent} %"
            yield ("bands", i, "from"), Said(vi, f"a band from {percent} % can never be reached")
        if start in starts[:i]:
            vi = f"hai mức xếp loại cùng bắt đầu từ {percent} %: chồng lên nhau"
            yield ("bands", i, "from"), Said(vi, f"two bands begin at {percent} %: they overlap")
    if starts and min(starts) > 0:
        lowest = plain(min(starts))
        vi = f"không có mức xếp loại cho kết quả dưới {lowest} %"
        yield ("bands",), Said(vi, f"no band covers the results below {lowest} %")


def counted_in_set(index_set: IndexSetFile) -> Counted:
    """Count the groups, indicators and points of a whole set."""
    rows = [row for group in index_set.groups for row in group.indicators]
    return _counted(rows, groups=len(index_set.groups))


def counted_in_group(group: GroupRow) -> Counted:
    """Count the indicators and points of one group."""
    return _counted(group.indicators, groups=None)


def differences(index_set: IndexSetFile) -> list[Difference]:
    """Compare what the document declares with what its rows hold (D-001..D-010), in the document's order.

    A group declares its points twice: in the list above the table and in its own row of the table.
    """
    found = list(_differing(None, index_set.declared, counted_in_set(index_set)))
    for group in index_set.groups:
        found += _differing(group.code, _declared_by(group), counted_in_group(group))
    return found


def scored_rows(rows: Iterable[IndicatorRow]) -> Iterator[IndicatorRow]:
    """Give the rows that have a rule of their own, wherever they stand."""
    for row in rows:
        if isinstance(row.rule, SumRule):
            yield from scored_rows(row.rows or [])
        elif not isinstance(row.rule, FigureRule):
            yield row


def all_rows(index_set: IndexSetFile) -> Iterator[IndicatorRow]:
    """Give every row of a set in the document's order, nested rows included."""
    for group in index_set.groups:
        for row in group.indicators:
            yield from _with_rows_below(row)


# --- rows ---------------------------------------------------------------------------------------------------


def _faults_of_row(path: Path, row: IndicatorRow, above: str, seen: set[str]) -> Iterator[Fault]:
    if row.code in seen:
        yield path, Said(f"mã {row.code} xuất hiện hai lần", f"the code {row.code} appears twice")
    seen.add(row.code)
    if not row.code.startswith(f"{above}."):
        vi, en = f"mã {row.code} không thuộc {above}", f"the code {row.code} does not belong to {above}"
        yield path, Said(vi, en)
    if row.max_points is not None and not Fraction(row.max_points):
        yield (*path, "max_points"), Said("điểm tối đa bằng 0", "the maximum is 0")
    yield from _faults_of_nesting(path, row)
    for rest, message in _faults_of_rule(row.rule):
        yield (*path, "rule", *rest), message
    for i, below in enumerate(row.rows or []):
        yield from _faults_of_row((*path, "rows", i), below, row.code, seen)


def _faults_of_nesting(path: Path, row: IndicatorRow) -> Iterator[Fault]:
    below = row.rows or []
    if isinstance(row.rule, SumRule):
        if not below:
            vi, en = "không có mục nào bên dưới để cộng", "there are no rows below to add up"
            yield (*path, "rule"), Said(vi, en)
        for i, one in enumerate(below):
            yield from _misplaced((*path, "rows", i), one)
        maxima = [one.max_points for one in below if one.max_points is not None]
        if row.max_points is None and not maxima:
            return
        total = sum(map(Fraction, maxima), Fraction(0))
        if len(maxima) < len(below) or row.max_points is None or Fraction(row.max_points) != total:
            vi = f"các mục bên dưới cộng lại được {plain(total)}, mục này ghi {row.max_points or 'không có điểm'}"
            en = f"the rows below add up to {plain(total)}, the row has {row.max_points or 'no points'}"
            yield (*path, "max_points"), Said(vi, en)
        return
    known = [variable.key for variable in _variables_of(row.rule)]
    for i, one in enumerate(below):
        if not isinstance(one.rule, FigureRule):
            vi = "mục nằm dưới một mục có quy tắc phải là số liệu (figure) của quy tắc đó"
            en = "a row below a row with a rule must be a figure of that rule"
            yield (*path, "rows", i, "rule"), Said(vi, en)
        elif one.max_points is not None:
            vi, en = "mục số liệu (figure) không có điểm riêng", "a figure has no points of its own"
            yield (*path, "rows", i, "max_points"), Said(vi, en)
        elif one.rule.variable not in known:
            vi = f"quy tắc của {row.code} không có số liệu {one.rule.variable}"
            en = f"the rule of {row.code} has no variable {one.rule.variable}"
            yield (*path, "rows", i, "rule", "variable"), Said(vi, en)


def _misplaced(path: Path, row: IndicatorRow) -> Iterator[Fault]:
    if isinstance(row.rule, FigureRule):
        vi = "mục số liệu (figure) phải nằm dưới mục có quy tắc cần số liệu đó"
        en = "a figure row must stand below the row whose rule asks for the figure"
        yield (*path, "rule"), Said(vi, en)


def _faults_of_points(index_set: IndexSetFile) -> Iterator[Fault]:
    """Refuse totals of points that do not add up, unless the file says why the document's do not."""
    for i, declared in enumerate(index_set.declared):
        yield from _unexplained(("declared", i), declared, counted_in_set(index_set))
    for g, group in enumerate(index_set.groups):
        counted = counted_in_group(group)
        for i, declared in enumerate(group.declared):
            yield from _unexplained(("groups", g, "declared", i), declared, counted)
        if group.max_points is not None:
            own = Declared(what="points", value=group.max_points, line=group.line, differs=group.differs)
            yield from _unexplained(("groups", g, "max_points"), own, counted)


def _unexplained(path: Path, declared: Declared, counted: Counted) -> Iterator[Fault]:
    if declared.what != "points" or declared.differs:
        return
    if Fraction(declared.value) != Fraction(counted.listed_points) or counted.points is None:
        vi = f"văn bản nêu {declared.value} điểm, các mục cộng lại được {counted.listed_points}"
        en = f"{declared.value} points are declared, the rows add up to {counted.listed_points}"
        if not counted.points:
            vi, en = f"{vi}, và có mục không có điểm", f"{en}, and some have no points"
        vi = f"{vi}; nếu chính văn bản ghi như vậy thì `differs` phải nêu lý do"
        yield path, Said(vi, f"{en}; `differs` must say why, if the document itself has it so")


# --- rules --------------------------------------------------------------------------------------------------


def _faults_of_rule(rule: RuleRow) -> Iterator[Fault]:
    yield from _faults_of_variables(rule)
    match rule:
        case OptionsRule():
            yield from _faults_of_options("options", rule.options)
            if not any(Fraction(option.share) for option in rule.options):
                yield ("options",), Said("không lựa chọn nào được điểm", "no option earns anything")
        case CountRule():
            if not Fraction(rule.points_each):
                vi, en = "đếm được bao nhiêu cũng 0 điểm", "what is counted earns nothing"
                yield ("points_each",), Said(vi, en)
        case ChecklistRule():
            yield from _faults_of_options("items", rule.items)
            yield from _not_whole("items", (item.share for item in rule.items))
        case RatioRule():
            yield from _faults_of_ratio(rule)
        case TiersRule():
            yield from _faults_of_tiers(rule.tiers)
        case PartsRule():
            yield from _twice(("parts",), (part.key for part in rule.parts))
            yield from _not_whole("parts", (part.share for part in rule.parts))
            for i, part in enumerate(rule.parts):
                for rest, message in _faults_of_rule(part.rule):
                    yield ("parts", i, "rule", *rest), message
        case _:
            pass


def _faults_of_options(field: str, rows: Sequence[OptionRow]) -> Iterator[Fault]:
    yield from _twice((field,), (row.key for row in rows))
    for i, row in enumerate(rows):
        if Fraction(row.share) > 1:
            vi = f"phần điểm {row.share} của {row.key} lớn hơn 1"
            yield (field, i, "share"), Said(vi, f"the share {row.share} of {row.key} is above 1")


def _not_whole(field: str, shares: Iterable[str]) -> Iterator[Fault]:
    total = sum(map(Fraction, shares), Fraction(0))
    if total != 1:
        vi = f"các phần điểm cộng lại được {plain(total)}, không phải 1"
        yield (field,), Said(vi, f"the shares add up to {plain(total)}, not to 1")


def _faults_of_ratio(rule: RatioRule) -> Iterator[Fault]:
    if not Fraction(rule.full_mark):
        yield ("full_mark",), Said("mốc đạt điểm tối đa bằng 0", "the full mark is 0")
    if rule.floor is not None and not Fraction(rule.floor):
        yield ("floor",), Said("không có gì dưới mức sàn 0", "nothing lies below a floor of 0")
    if rule.floor is not None and Fraction(rule.floor) > Fraction(rule.full_mark):
        vi = f"mức sàn {rule.floor} cao hơn mốc đạt điểm tối đa {rule.full_mark}"
        yield ("floor",), Said(vi, f"the floor {rule.floor} lies above the full mark {rule.full_mark}")


def _faults_of_tiers(tiers: Sequence[TierRow]) -> Iterator[Fault]:
    """Refuse tiers that overlap, leave a gap or give less for more."""
    for i, (tier, below) in enumerate(pairwise(tiers), 1):
        if Fraction(below.from_value) == Fraction(tier.from_value):
            vi = f"hai mức cùng bắt đầu từ {tier.from_value}: chồng lên nhau"
            yield ("tiers", i, "from"), Said(vi, f"two tiers begin at {tier.from_value}: they overlap")
        elif Fraction(below.from_value) > Fraction(tier.from_value):
            vi, en = "các mức phải xếp từ cao xuống thấp", "tiers must go down from the highest one"
            yield ("tiers", i, "from"), Said(vi, en)
        if Fraction(below.share) > Fraction(tier.share):
            vi = f"mức từ {below.from_value} được nhiều điểm hơn mức trên nó"
            en = f"the tier from {below.from_value} earns more than the one above it"
            yield ("tiers", i, "share"), Said(vi, en)
    for i, tier in enumerate(tiers):
        if Fraction(tier.share) > 1:
            vi, en = f"phần điểm {tier.share} lớn hơn 1", f"the share {tier.share} is above 1"
            yield ("tiers", i, "share"), Said(vi, en)
    if Fraction(tiers[-1].from_value):
        lowest = tiers[-1].from_value
        vi = f"không có mức nào cho giá trị dưới {lowest}: còn khoảng trống"
        yield ("tiers",), Said(vi, f"no tier covers what lies below {lowest}: there is a gap")


def _faults_of_variables(rule: RuleRow) -> Iterator[Fault]:
    """Refuse variables that stand twice, are unknown, unused, or used for what they cannot say."""
    variables = _variables_of(rule)
    numbers = {variable.key: variable.number for variable in variables}
    yield from _twice(("variables",), (variable.key for variable in variables))
    used = list(_used(rule))
    if isinstance(rule, RatioRule | Measured):
        yield from _twice(("numerator",), rule.numerator or [])
        yield from _twice(("denominator",), rule.denominator or [])
    if isinstance(rule, Measured) and (rule.variable is None) == (rule.numerator is None):
        vi = "phải đo bằng một số liệu (variable), hoặc bằng tử số (numerator) cùng mẫu số (denominator)"
        en = "what is measured must be either one variable or a numerator with a denominator"
        yield (), Said(vi, en)
    elif isinstance(rule, Measured) and (rule.numerator is None) != (rule.denominator is None):
        yield (), Said("tử số phải đi cùng mẫu số", "a numerator needs a denominator")
    for field, key in used:
        if key not in numbers:
            vi = f"{field} nêu số liệu {key} không có trong variables"
            yield (field,), Said(vi, f"the {field} names the unknown variable {key}")
        elif (numbers[key] == "yes_no") != (field == "requires"):
            vi, en = "count hoặc amount", "a count or an amount"
            if field == "requires":
                vi, en = "yes_no", "a yes_no"
            vi = f"số liệu {key} ở {field} phải thuộc loại {vi}"
            yield (field,), Said(vi, f"the variable {key} of the {field} must be {en}")
    if isinstance(rule, ManualRule):
        return
    for i, variable in enumerate(variables):
        if variable.key not in (name for _, name in used):
            vi = f"số liệu {variable.key} không được dùng"
            yield ("variables", i), Said(vi, f"the variable {variable.key} is not used")


def _variables_of(rule: RuleRow) -> list[VariableRow]:
    return getattr(rule, "variables", [])


def _used(rule: RuleRow) -> Iterator[tuple[str, str]]:
    """Give every place where a rule names one of its own variables."""
    if isinstance(rule, CountRule | Measured) and rule.variable:
        yield "variable", rule.variable
    if isinstance(rule, RatioRule | Measured):
        yield from (("numerator", key) for key in rule.numerator or [])
        yield from (("denominator", key) for key in rule.denominator or [])
    for field in ("full_if_zero", "requires"):
        if getattr(rule, field, None):
            yield field, getattr(rule, field)


# --- counting -----------------------------------------------------------------------------------------------


def _counted(rows: Sequence[IndicatorRow], groups: int | None) -> Counted:
    nested = sum(1 for row in rows for _ in _with_rows_below(row)) - len(rows)
    maxima = [row.max_points for row in rows if row.max_points is not None]
    listed = plain(sum(map(Fraction, maxima), Fraction(0)))
    return Counted(
        groups=groups,
        indicators=len(rows),
        nested_rows=nested,
        points=listed if len(maxima) == len(rows) else None,
        listed_points=listed,
    )


def _with_rows_below(row: IndicatorRow) -> Iterator[IndicatorRow]:
    yield row
    for below in row.rows or []:
        yield from _with_rows_below(below)


def _declared_by(group: GroupRow) -> list[Declared]:
    if group.max_points is None:
        return group.declared
    own = Declared(what="points", value=group.max_points, line=group.line, differs=group.differs)
    return [*group.declared, own]


def _differing(group: str | None, declared: Iterable[Declared], counted: Counted) -> Iterator[Difference]:
    for row in declared:
        value = counted.listed_points if row.what == "points" else getattr(counted, row.what)
        if value is None or Fraction(row.value) != Fraction(value):
            yield Difference(
                group=group,
                what=row.what,
                declared=row.value,
                counted=str(value or 0),
                line=row.line,
                why=row.differs,
            )


def _twice(path: Path, names: Iterable[str]) -> Iterator[Fault]:
    for name, times in Counter(names).items():
        if times > 1:
            yield path, Said(f"{name} xuất hiện {times} lần", f"{name} appears {times} times")
