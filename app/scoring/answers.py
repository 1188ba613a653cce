"""What a unit declares, in the one format of the API, the database and the offline scorer.

    {"1.1": {"choice": "yes"}, "6.10": {"figures": {"a": 12, "b": "30.5"}}, "6.9": {"not_applicable": true,
     "reason": "…"}}

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

from app.scoring.model import IndexSet, Indicator, Options, Ratio, Variable

Answers = Mapping[str, Mapping[str, Any]]

_VALUES = ("choice", "figures", "not_applicable")
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
    code, rule = indicator.code, indicator.rule
    wrong, right = ("figures", "choice") if isinstance(rule, Options) else ("choice", "figures")
    value = answer.get(right)
    if answer.get(wrong) is not None:
        yield _fault("wrong_kind", code, wrong)
    if value is None:
        return
    if not isinstance(rule, Options):
        yield from (
            _in_figures(indicator, value)
            if isinstance(value, Mapping)
            else [_fault("malformed", code, right)]
        )
    elif not isinstance(value, str):
        yield _fault("malformed", code, right)
    elif value not in (option.key for option in rule.options):
        yield _fault("unknown_option", code, right)


def _in_figures(indicator: Indicator, figures: Mapping[Any, Any]) -> Iterator[Fault]:
    """Judge the figures of one indicator; none at all is no fault, some without the others is."""
    code, rule = indicator.code, indicator.rule
    for key in figures:
        if key not in (variable.key for variable in rule.variables):
            yield _fault("unknown_variable", code, "figures", key)
    given = {v.key: figures[v.key] for v in rule.variables if figures.get(v.key) is not None}
    read: dict[str, int | str] = {}
    for variable in rule.variables:
        if variable.key in given:
            figure, fault = _declared(variable, given[variable.key])
            if fault:
                yield _fault(fault, code, "figures", variable.key)
            elif figure is not None:
                read[variable.key] = figure
        elif given:
            yield _fault("missing_variable", code, "figures", variable.key)
    if isinstance(rule, Ratio) and len(read) == len(rule.variables):
        judged = rule.full_if_zero is None or read[rule.full_if_zero] != 0
        # No figure is negative, and zero has one form (0): a sum is zero when all its terms are.
        if judged and any(map(read.get, rule.numerator)) and not any(map(read.get, rule.denominator)):
            yield _fault("zero_denominator", code, "figures", rule.denominator[0])


def _declared(variable: Variable, value: object) -> tuple[int | str | None, str | None]:
    figure, fault = figure_of(value)
    if isinstance(figure, str) and variable.number == "count":
        return None, "not_whole"
    return figure, fault


def _canonical_answer(indicator: Indicator, raw: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    figures = raw.get("figures") or {}
    read = {
        v.key: figure_of(figures[v.key])[0]
        for v in indicator.rule.variables
        if figures.get(v.key) is not None
    }
    if raw.get("choice") is not None:
        answer["choice"] = raw["choice"]
    if read:
        answer["figures"] = read
    if raw.get("not_applicable"):
        answer["not_applicable"] = True
    return answer | {key: raw[key] for key in ("note", "reason", "evidence") if raw.get(key) is not None}


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
    variable = names[2] if len(names) > 2 else None
    return Fault(pointer, code, indicator, variable, where + vi, where + en)
