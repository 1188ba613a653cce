"""Which figures an agency may give, and what is wrong with a row of a push. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.catalogue.declared import VALUE_FIELDS, value_of
from app.catalogue.rules import scored_rows
from app.catalogue.schemas import IndexSetFile
from app.core.problems import Fault
from app.figures.schemas import FigureIn
from app.scoring import answers
from app.scoring.model import IndexSet
from app.units.models import Unit, UnitKind

_TEXTS = {
    "unit_unnamed": (
        "nêu đơn vị bằng id, key hoặc scheme và value",
        "name the unit by id, by key or by scheme and value",
    ),
    "unknown_unit": ("không có đơn vị này trong kỳ", "there is no such unit in the period"),
    "unit_not_assessed": (
        "đơn vị này không được đánh giá trong kỳ",
        "the unit is not assessed in the period",
    ),
    "unknown_indicator": ("bộ chỉ số không có chỉ số này", "the index set has no such indicator"),
    "not_your_indicator": (
        "chỉ số này không nêu tên cơ quan của bạn",
        "the indicator does not name your agency",
    ),
    "no_answer": ("thiếu số liệu hoặc lựa chọn", "figures or a choice are missing"),
    "duplicate": (
        "đơn vị và chỉ số này đã có trong yêu cầu",
        "the request holds this unit and indicator already",
    ),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """How a kind of unit is measured, and for which agency unit the caller may give each indicator."""

    index_set: IndexSet
    givers: Mapping[str, UUID]


@dataclass(frozen=True, slots=True)
class Read:
    """A row of a push that has no faults: what is known of which unit, by which agency, in canonical form."""

    unit_id: UUID
    indicator: str
    agency_unit_id: UUID
    answer: dict[str, Any]

    @property
    def about(self) -> tuple[UUID, str, UUID]:
        """Return what the row is about: the same again replaces it."""
        return self.unit_id, self.indicator, self.agency_unit_id


def givers(file: IndexSetFile, agencies: Mapping[str, UUID]) -> dict[str, UUID]:
    """Return, by indicator, the agency (given by key) that it names as source or verifier; the source comes first."""
    found = {}
    for group in file.groups:
        for indicator in scored_rows(group.indicators):
            named = [key for key in (indicator.declared_by, *indicator.verified_by) if key in agencies]
            if named:
                found[indicator.code] = agencies[named[0]]
    return found


def read_rows(
    rows: list[FigureIn], units: list[Unit | None], measured: Mapping[UnitKind, Measured]
) -> tuple[list[Read], list[Fault]]:
    """Return the rows as they will be kept, and every fault; `units` are those the rows name, in their order."""
    found: list[Fault] = []
    read: list[Read] = []
    seen: set[tuple[UUID, str, UUID]] = set()
    for number, (row, unit) in enumerate(zip(rows, units, strict=True)):
        pointer = f"/figures/{number}"
        faults = list(_faults(pointer, row, unit, measured))
        if not faults and unit is not None:
            one = _read(row, unit, measured[unit.kind])
            if not one.answer.keys() & {*VALUE_FIELDS}:
                faults.append(_fault(pointer, "no_answer"))
            elif one.about in seen:
                faults.append(_fault(pointer, "duplicate"))
            seen.add(one.about)
            read.append(one)
        found += faults
    return read, found


def _faults(
    pointer: str, row: FigureIn, unit: Unit | None, measured: Mapping[UnitKind, Measured]
) -> Iterator[Fault]:
    if not is_named_once(row):
        yield _fault(f"{pointer}/unit", "unit_unnamed")
    elif unit is None:
        yield _fault(f"{pointer}/unit", "unknown_unit")
    elif unit.kind not in measured:
        yield _fault(f"{pointer}/unit", "unit_not_assessed")
    elif row.indicator not in measured[unit.kind].index_set.by_code:
        yield _fault(f"{pointer}/indicator", "unknown_indicator")
    elif row.indicator not in measured[unit.kind].givers:
        yield _fault(f"{pointer}/indicator", "not_your_indicator")
    else:
        # by=None: a verifier also gives what the unit declares; whom the indicator names was judged above.
        for fault in answers.faults(measured[unit.kind].index_set, {row.indicator: raw_answer(row)}, by=None):
            place = fault.pointer.removeprefix(f"/{row.indicator}")
            yield Fault(pointer + place, fault.code, fault.vi, fault.en)


def is_named_once(row: FigureIn) -> bool:
    """Answer whether a row names its unit in exactly one way."""
    unit = row.unit
    given = tuple(value is not None for value in (unit.id, unit.key, unit.scheme, unit.value))
    return given in ((True, False, False, False), (False, True, False, False), (False, False, True, True))


def raw_answer(row: FigureIn) -> dict[str, Any]:
    """Return what a row says, in the answer format."""
    return value_of(row) | ({} if row.note is None else {"note": row.note})


def _read(row: FigureIn, unit: Unit, measured: Measured) -> Read:
    answer = answers.canonical(measured.index_set, {row.indicator: raw_answer(row)}).get(row.indicator, {})
    return Read(unit.id, row.indicator, measured.givers[row.indicator], answer)


def _fault(pointer: str, code: str) -> Fault:
    vi, en = _TEXTS[code]
    return Fault(pointer, code, vi, en)
