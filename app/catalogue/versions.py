"""What differs between two versions of an index set, row by row. Pure."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from app.catalogue.rules import all_rows
from app.catalogue.schemas import IndexSetFile, IndicatorRow
from app.catalogue.version_schemas import Change, DiffOut, RowDiff, RowStatus
from app.scoring.exact import plain

# Where the text stands and what a plan says of the row is no part of the method; the rows below are rows themselves.
_IGNORED = {"code", "line", "note", "tracking", "rows"}
_WORDS = {"name", "label", "method", "evidence", "collected_from", "verified_by"}
_NUMBERS = {"max_points", "share", "full_mark", "floor", "from", "points_each"}


def diff(before: IndexSetFile, after: IndexSetFile) -> DiffOut:
    """Compare two versions by the codes of their rows: in the order of the new one, then the rows that are gone."""
    old = {row.code: row for row in all_rows(before)}
    new = {row.code: row for row in all_rows(after)}
    rows = [_compared(old.get(code), row) for code, row in new.items()]
    rows += [_row(row, RowStatus.GONE) for code, row in old.items() if code not in new]
    found = Counter(row.status for row in rows)
    return DiffOut(
        key=after.key,
        before=before.version,
        after=after.version,
        counts={status: found[status] for status in RowStatus},
        rows=rows,
    )


def _compared(before: IndicatorRow | None, after: IndicatorRow) -> RowDiff:
    if before is None:
        return _row(after, RowStatus.NEW)
    old, new = dict(_texts(before)), dict(_texts(after))
    changed = [
        Change(field=field, before=old.get(field), after=new.get(field))
        for field in dict.fromkeys([*new, *old])
        if old.get(field) != new.get(field)
    ]
    return _row(after, _strongest(changed), changed)


def _row(row: IndicatorRow, status: RowStatus, changed: list[Change] | None = None) -> RowDiff:
    return RowDiff(code=row.code, name=row.name, status=status, changed=changed or [])


def _strongest(changed: list[Change]) -> RowStatus:
    """Say what a change means for those who are measured: another rule over other points over other words."""
    fields = {change.field for change in changed}
    if not fields:
        return RowStatus.UNCHANGED
    scored = {field for field in fields if field.rsplit(".", 1)[-1] not in _WORDS}
    if not scored:
        return RowStatus.REWORDED
    return RowStatus.RESCALED if scored == {"max_points"} else RowStatus.RULE_CHANGED


def _texts(row: IndicatorRow) -> Iterator[tuple[str, str]]:
    """Give everything a row says as text by field: "name", "rule.full_mark", "rule.options.yes.label"."""
    for field, value in row.model_dump(mode="json", exclude_none=True, exclude=_IGNORED).items():
        yield from _flat(field, value)


def _flat(field: str, value: Any) -> Iterator[tuple[str, str]]:
    """Flatten a value; parts of a rule are found again by their key, or by their place where they have none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{field}.{name}", inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, inner in enumerate(value):
            named = dict(inner)
            yield from _flat(f"{field}.{named.pop('key', place)}", named)
    elif isinstance(value, list):
        yield field, ", ".join(value)
    elif field.rsplit(".", 1)[-1] in _NUMBERS:
        yield field, plain(Fraction(value))  # "1/2" and "0.5" are one number
    else:
        yield field, str(value)
