"""What a unit declares, in the one format of the API, the database and the offline scorer.

    {"1.1": {"choice": "yes"}, "6.10": {"figures": {"a": 12, "b": "30.5"}}, "6.1": {"checks": ["ipv6"]},
     "6.2": {"parts": {"portal": {"choice": "yes"}, …}}, "6.9": {"not_applicable": true, "reason": "…"}}

Beside its value an answer may carry `note`, `reason` and `evidence`; null means "not given". A figure has up
to 15 significant digits and up to 6 decimals: within that a JSON number read as a float still writes itself
exactly as it was sent, and one read as text is taken as it stands.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.scoring.model import Checklist, IndexSet, Indicator, Measured, Options, Parts, Rule, Variable
from app.scoring.values import field_of, settling_keys

Answers = Mapping[str, Mapping[str, Any]]

_FIELDS = ("choice", "checks", "figures", "parts")
_VALUES = (*_FIELDS, "not_applicable")
_KEYS = (*_VALUES, "note", "reason", "evidence")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DIGITS, _DECIMALS = 15, 6

_TITLES = {
    "unknown_indicator": ("Không có chỉ số này trong bộ chỉ số", "The set has no such indicator"),
    "unknown_option": ("Không có lựa chọn này", "There is no such option"),
    "wrong_kind": (
        "Chỉ số này không nhận loại câu trả lời này",
        "The indicator does not take this kind of answer",
    ),
    "unknown_variable": ("Chỉ số này không có số liệu như vậy", "The indicator has no such figure"),
    "missing_variable": ("Thiếu số liệu", "A figure is missing"),
    "unknown_part": ("Chỉ số này không có phần như vậy", "The indicator has no such part"),
    "missing_part": ("Thiếu một phần của chỉ số", "A part of the indicator is missing"),
    "not_yes_or_no": ("Phải là 1 (có) hoặc 0 (không)", "Must be 1 (yes) or 0 (no)"),
    "not_a_number": (
        "Không phải là số (tối đa 15 chữ số, 6 chữ số thập phân, không có số mũ)",
        "Not a number (up to 15 digits, 6 of them decimals, no exponent)",
    ),
    "not_whole": ("Phải là số nguyên", "Must be a whole number"),
    "negative": ("Không được âm", "Must not be negative"),
    "too_large": ("Có quá 15 chữ số", "Has more than 15 digits"),
    "zero_denominator": (
        "Mẫu số bằng 0 trong khi tử số lớn hơn 0",
        "The denominator is 0 while the numerator is not",
    ),
    "reason_missing": ("Phải nêu lý do không áp dụng", "Not applicable needs a reason"),
    "not_declared_by_unit": (
        "Số liệu của chỉ số này do cơ quan khác cung cấp",
        "The figures of this indicator are given by somebody else",
    ),
    "malformed": ("Sai cấu trúc", "Malformed"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in raw answers: where (JSON pointer), what (code), and how to say it."""

    pointer: str
    code: str
    indicator: str | None
    variable: str | None
    vi: str
    en: str


def faults(index_set: IndexSet, raw_answers: object, *, by: str | None = "unit") -> list[Fault]:
    """List every fault of one unit's raw answers; any JSON-like input is judged, nothing is raised.

    `by` says who declares ("unit" or an agency key, ruling 20); None takes answers of all of them together.
    """
    if not isinstance(raw_answers, Mapping):
        return [_fault("malformed")]
    return [found for code, answer in raw_answers.items() for found in _in_entry(index_set, code, answer, by)]


def canonical(index_set: IndexSet, raw_answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give fault-free answers their one form: the set's order, ints or short decimal strings, no nulls.

    An entry that says nothing is dropped; note, reason and evidence stay as they are.
    """
    ordered = {}
    for indicator in index_set.indicators:
        answer = _canonical_answer(indicator, raw_answers.get(indicator.code) or {})
        if answer:
            ordered[indicator.code] = answer
    return ordered


def figure_of(value: object) -> tuple[int | str, None] | tuple[None, str]:
    """Read one figure: its canonical form (12, "12.5") and None, or None and the code of its fault."""
    if type(value) is int and 0 <= value < 10**_DIGITS:
        return value, None  # what nearly every figure is
    fault = _unreadable(value)
    match = None if fault else _NUMBER.fullmatch(str(value))
    if match is None:
        return None, fault or "not_a_number"
    whole, decimals = match[2].lstrip("0"), (match[3] or "").rstrip("0")
    if match[1] and (whole or decimals):
        return None, "negative"
    if len(decimals) > _DECIMALS:
        return None, "not_a_number"
    if len(whole + decimals) > _DIGITS:
        return None, "too_large"
    return (f"{whole or '0'}.{decimals}" if decimals else int(whole or "0")), None


def _unreadable(value: object) -> str | None:
    """Refuse what is no number, and what is too large to be written out as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return "not_a_number"
    if isinstance(value, str):
        return None
    if not (
        value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)
    ):
        return "not_a_number"
    if abs(value) < 10**_DIGITS:
        return None
    return "too_large" if value > 0 else "negative"


def _in_entry(index_set: IndexSet, code: object, answer: object, by: str | None) -> Iterator[Fault]:
    indicator = index_set.by_code.get(code) if isinstance(code, str) else None
    if indicator is None:
        yield _fault("unknown_indicator", code)
    elif not isinstance(answer, Mapping):
        yield _fault("malformed", code)
    else:
        if by not in (None, indicator.declared_by):
            yield _fault("not_declared_by_unit", code)
        yield from _in_shape(indicator.code, answer)
        yield from _in_value(indicator, answer)


def _in_shape(code: str, answer: Mapping[Any, Any]) -> Iterator[Fault]:
    """Judge what every answer has in common: keys, texts, one value at most, a reason where needed."""
    for key in answer:
        if key not in _KEYS:
            yield _fault("malformed", code, key)
    for key in ("note", "reason"):
        if answer.get(key) is not None and not is_text(answer[key]):
            yield _fault("malformed", code, key)
    evidence = answer.get("evidence")
    if evidence is not None and not (isinstance(evidence, list) and all(map(is_text, evidence))):
        yield _fault("malformed", code, "evidence")
    claim = answer.get("not_applicable")
    if not isinstance(claim, bool | None):
        yield _fault("malformed", code, "not_applicable")
    reason = answer.get("reason")
    if claim is True and not (isinstance(reason, str) and reason.strip()):
        yield _fault("reason_missing", code, "reason")
    given = [answer.get(key) for key in _VALUES]
    if sum(value is not None and value is not False for value in given) > 1:
        yield _fault("malformed", code)


def _in_value(indicator: Indicator, answer: Mapping[Any, Any]) -> Iterator[Fault]:
    yield from _in_field(indicator.rule, answer, (indicator.code,))


def _in_field(rule: Rule, answer: Mapping[Any, Any], path: tuple[object, ...]) -> Iterator[Fault]:
    """Judge the value of an indicator, or of a part of one: the right field, with what the rule takes."""
    right = field_of(rule)
    for wrong in _FIELDS:
        if wrong != right and answer.get(wrong) is not None:
            yield _fault("wrong_kind", *path, wrong)
    value = answer.get(right)
    if value is None:
        return
    if isinstance(rule, Options):
        keys = [option.key for option in rule.options]
        yield from _in_choice(keys, value, (*path, right))
    elif isinstance(rule, Checklist):
        yield from _in_checks([item.key for item in rule.items], value, (*path, right))
    elif not isinstance(value, Mapping):
        yield _fault("malformed", *path, right)
    elif isinstance(rule, Parts):
        yield from _in_parts(rule, value, (*path, right))
    else:
        yield from _in_figures(rule, value, (*path, right))


def _in_choice(keys: list[str], value: object, path: tuple[object, ...]) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield _fault("malformed", *path)
    elif value not in keys:
        yield _fault("unknown_option", *path)


def _in_checks(keys: list[str], value: object, path: tuple[object, ...]) -> Iterator[Fault]:
    """Judge a list of items, each at most once; an empty one says that none of them holds."""
    if not isinstance(value, list) or not all(isinstance(key, str) for key in value):
        yield _fault("malformed", *path)
        return
    for place, key in enumerate(value):
        if key not in keys:
            yield _fault("unknown_option", *path, str(place))
        elif key in value[:place]:
            yield _fault("malformed", *path, str(place))


def _in_parts(rule: Parts, value: Mapping[Any, Any], path: tuple[object, ...]) -> Iterator[Fault]:
    """Judge the parts of an indicator: all of them, each with a value."""
    for key in value:
        if key not in (part.key for part in rule.parts):
            yield _fault("unknown_part", *path, key)
    for part in rule.parts if value else ():
        one = value.get(part.key)
        if one is None or (isinstance(one, Mapping) and _is_empty(one.get(field_of(part.rule)))):
            yield _fault("missing_part", *path, part.key)
        elif not isinstance(one, Mapping):
            yield _fault("malformed", *path, part.key)
        if isinstance(one, Mapping):
            for key in one:
                if key not in _FIELDS:
                    yield _fault("malformed", *path, part.key, key)
            yield from _in_field(part.rule, one, (*path, part.key))


def _is_empty(value: object) -> bool:
    """Tell whether a value says nothing: none at all, or figures none of which is given."""
    return value is None or (isinstance(value, Mapping) and all(one is None for one in value.values()))


def _in_figures(rule: Rule, figures: Mapping[Any, Any], path: tuple[object, ...]) -> Iterator[Fault]:
    """Judge the figures of one rule; none at all is no fault, some without the others is."""
    for key in figures:
        if key not in (variable.key for variable in rule.variables):
            yield _fault("unknown_variable", *path, key)
    given = {v.key: figures[v.key] for v in rule.variables if figures.get(v.key) is not None}
    read: dict[str, int | str] = {}
    for variable in rule.variables:
        if variable.key in given:
            figure, fault = _declared(variable, given[variable.key])
            if fault:
                yield _fault(fault, *path, variable.key)
            elif figure is not None:
                read[variable.key] = figure
        elif given:
            yield _fault("missing_variable", *path, variable.key)
    if isinstance(rule, Measured) and rule.denominator and len(read) == len(rule.variables):
        is_waived = any(read[key] == 0 for key in settling_keys(rule))
        # No figure is negative, and zero has one form (0): a sum is zero when all its terms are.
        if not is_waived and any(map(read.get, rule.numerator)) and not any(map(read.get, rule.denominator)):
            yield _fault("zero_denominator", *path, rule.denominator[0])


def _declared(variable: Variable, value: object) -> tuple[int | str | None, str | None]:
    figure, fault = figure_of(value)
    if variable.number == "yes_no" and fault is None and figure not in (0, 1):
        return None, "not_yes_or_no"
    if isinstance(figure, str) and variable.number == "count":
        return None, "not_whole"
    return figure, fault


def _canonical_answer(indicator: Indicator, raw: Mapping[str, Any]) -> dict[str, Any]:
    answer = _canonical_value(indicator.rule, raw)
    if raw.get("not_applicable"):
        answer["not_applicable"] = True
    return answer | {key: raw[key] for key in ("note", "reason", "evidence") if raw.get(key) is not None}


def _canonical_value(rule: Rule, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give the value of an indicator or of a part its one form, without what says nothing."""
    field = field_of(rule)
    value = raw.get(field)
    if value is None:
        return {}
    if isinstance(rule, Options):
        return {field: value}
    if isinstance(rule, Checklist):
        return {field: [item.key for item in rule.items if item.key in value]}
    if isinstance(rule, Parts):
        parts = {part.key: _canonical_value(part.rule, value[part.key]) for part in rule.parts if value}
        return {field: parts} if parts else {}
    read = {v.key: figure_of(value[v.key])[0] for v in rule.variables if value.get(v.key) is not None}
    return {field: read} if read else {}


def is_text(value: object) -> bool:
    """Tell whether a value is text that UTF-8 and the database can hold (no NUL, no lone surrogate)."""
    return isinstance(value, str) and not _UNSTORABLE.search(value)


def _fault(code: str, *path: object) -> Fault:
    """Build a fault at a path (indicator, field, variable), its names made printable."""
    names = [_UNSTORABLE.sub("\ufffd", part) if isinstance(part, str) else "?" for part in path]
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    vi, en = _TITLES[code]
    where = f"{' · '.join(names)}: " if names else ""
    indicator = names[0] if names else None
    variable = names[-1] if "figures" in names[1:-1] else None
    return Fault(pointer, code, indicator, variable, where + vi, where + en)
