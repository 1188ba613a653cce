"""What a rule reads of an answer, without its names: the form in which units are scored.

A choice is the option's key, a checklist the tuple of the keys that hold, figures a sequence in the order of the
rule's variables, parts a list of the parts' values, and no answer is None. All figures of a rule that asks for amounts
are ints of millionths, other figures are the ints they are. A manual indicator, of which nothing is computed, has the
figures it asks for, or an empty list where only a note or evidence was given.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from operator import itemgetter
from typing import Any

from app.scoring.exact import millionths, plain
from app.scoring.model import Checklist, Indicator, Manual, Options, Parts, Ratio, Rule, Tiers, UnitInput

Answer = Mapping[str, Any]
Column = Sequence[Any]
_NOT_GIVEN: Answer = {}


def columns_of(indicators: Sequence[Indicator], units: Iterable[UnitInput]) -> list[Column]:
    """Read the answers of some units: a column per indicator, a value per unit.

    Who was not reviewed counts as without answers.
    """
    given = [unit.answers if unit.is_reviewed else _NOT_GIVEN for unit in units]
    codes = [row.code for row in indicators]
    rows = _picked(codes, given) if len(codes) > 1 else None
    if rows is None:
        rows = [[answers.get(code, _NOT_GIVEN) for code in codes] for answers in given]
    columns = zip(*rows, strict=True) if rows else ((),) * len(indicators)
    return [read_column(row.rule, answers) for row, answers in zip(indicators, columns, strict=True)]


def read_column(rule: Rule, answers: Sequence[Answer]) -> Column:
    """Read one indicator's answers."""
    field = field_of(rule)
    given = _picked([field], answers) or [answer.get(field) for answer in answers]
    if isinstance(rule, Options):
        return given
    if isinstance(rule, Checklist):
        return [None if keys is None else tuple(keys) for keys in given]
    if isinstance(rule, Parts):
        return _parts(rule, given)
    keys = [variable.key for variable in rule.variables]
    read = _picked(keys, given) if len(keys) > 1 and None not in given else None
    if read is None:
        read = [None if figures is None else [figures[key] for key in keys] for figures in given]
    if unit_of(rule) > 1:
        read = [figures and [*map(millionths, figures)] for figures in read]
    return _noted(read, answers) if isinstance(rule, Manual) else read


def value_of(rule: Rule, answer: Answer) -> Any:
    """Read one answer."""
    return read_column(rule, [answer])[0]


def answer_of(rule: Rule, value: Any) -> dict[str, Any]:
    """Write a value as the answer it was read from, without what never scores: the inverse of `value_of`."""
    if value is None:
        return {}
    if isinstance(rule, Options):
        return {"choice": value}
    if isinstance(rule, Checklist):
        return {"checks": list(value)}
    if isinstance(rule, Parts):
        parts = zip(rule.parts, value, strict=True)
        return {"parts": {part.key: answer_of(part.rule, one) for part, one in parts}}
    if not value:
        return {"note": "—"}  # of a manual indicator: something was given
    unit = unit_of(rule)
    figures = zip(rule.variables, value, strict=True)
    return {"figures": {variable.key: _figure(figure, unit) for variable, figure in figures}}


def _figure(counted: int, unit: int) -> int | str:
    """Write a figure in canonical form."""
    whole, rest = divmod(counted, unit)
    return plain(Fraction(counted, unit)) if rest else whole


def unit_of(rule: Rule) -> int:
    """Return in how many parts of 1 the figures of a rule are counted."""
    return 1_000_000 if any(variable.number == "amount" for variable in rule.variables) else 1


def settling_keys(rule: Rule) -> list[str]:
    """Name the figures whose 0 settles what is earned, whatever the others say."""
    keys = [
        rule.full_if_zero if isinstance(rule, Ratio) else rule.requires if isinstance(rule, Tiers) else None
    ]
    return [key for key in keys if key is not None]


def field_of(rule: Rule) -> str:
    """Name the key of an answer that a rule reads."""
    if isinstance(rule, Options):
        return "choice"
    if isinstance(rule, Checklist):
        return "checks"
    return "parts" if isinstance(rule, Parts) else "figures"


def _picked(keys: Sequence[str], rows: Sequence[Answer]) -> list[Any] | None:
    """Pick the same keys out of many mappings, a single one bare, all at once; None where one of them is missing."""
    if not keys:
        return None
    try:
        return [*map(itemgetter(*keys), rows)]
    except KeyError:
        return None


def _parts(rule: Parts, given: Sequence[Any]) -> list[Any]:
    """Read indicators of parts, part by part."""
    there = [parts for parts in given if parts is not None]
    columns = [read_column(part.rule, [parts[part.key] for parts in there]) for part in rule.parts]
    values = iter(zip(*columns, strict=True))
    return [None if parts is None else next(values) for parts in given]


def _noted(read: Sequence[Any], answers: Sequence[Answer]) -> list[Any]:
    """Take a note or evidence for an answer, where nothing need be declared."""
    return [
        [] if value is None and (answer.get("note") or answer.get("evidence")) else value
        for value, answer in zip(read, answers, strict=True)
    ]
