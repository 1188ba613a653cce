"""Reading a sheet out of a stranger's xlsx file: bounded before a library sees it, and what people overlook is told.

A small file can unpack to gigabytes, name a cell at the far end of the sheet, or use one long text a thousand times.
So only three parts are taken out of it, each looked through first, and put into a package of our own for the library.
"""

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from python_calamine import CalamineWorkbook

from app.core.problems import Problem

MAX_BYTES, MAX_UNPACKED_BYTES, MAX_PARTS = 1024**2, 20 * 1024**2, 500
MAX_ROW, MAX_COLUMN, MAX_CELLS, MAX_TEXT = 20_000, 50, 30_000, 1_000

_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_STRINGS, _STYLES, _SHEET = "xl/sharedStrings.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml"
_EMPTY = {
    _STRINGS: b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
    _STYLES: b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
}
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
)
_PACKAGE = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": _RELATIONS.format(
        f'<Relationship Id="a" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    ),
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    f'xmlns:r="{_OFFICE}"><sheets><sheet name="s" sheetId="1" r:id="a"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": _RELATIONS.format(
        f'<Relationship Id="a" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="b" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="c" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    ),
}


class SheetUnreadable(Problem):
    """The detail says what is wrong with the file."""

    status, code = 422, "sheet_unreadable"
    title_vi, title_en = "Không đọc được tệp bảng tính", "The spreadsheet cannot be read"


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet by row and column, both from 1, as they are typed; blank ones are left out."""

    rows: dict[int, dict[int, object]] = field(default_factory=dict)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)


def read_sheet(data: bytes, name: str) -> Sheet:
    """Return the sheet of that name in an xlsx file; takes its time, so it is to be run in a thread.

    Raises: SheetUnreadable (422).
    """
    try:
        return _read(data, name)
    except SheetUnreadable:
        raise
    except Exception as error:  # whatever a library thinks of it
        raise _damaged() from error
    except BaseException as error:
        if (
            type(error).__name__ != "PanicException"
        ):  # how the library ends when it has met what it thought impossible
            raise
        raise _damaged() from error


def _damaged() -> SheetUnreadable:
    return SheetUnreadable("Tệp hỏng hoặc không phải .xlsx.", "The file is damaged, or not an .xlsx file.")


def _too_much() -> SheetUnreadable:
    return SheetUnreadable(
        f"Tệp chứa quá nhiều: tối đa {MAX_CELLS} ô, {MAX_TEXT} ký tự mỗi ô, {MAX_COLUMN} cột, dòng {MAX_ROW}.",
        f"It holds too much: at most {MAX_CELLS} cells, {MAX_TEXT} characters each, {MAX_COLUMN} columns, "
        f"row {MAX_ROW}.",
    )


def _read(data: bytes, name: str) -> Sheet:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetUnreadable(
            "Tệp có mật khẩu hoặc là .xls cũ; lưu lại dạng .xlsx không mật khẩu.",
            "It has a password or is an old .xls; save it as .xlsx without one.",
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _require_small(archive)
        path = _path_of(archive, name)
        parts = {
            _SHEET: _part(archive, path),
            **{part: _part(archive, part) if part in archive.namelist() else _EMPTY[part] for part in _EMPTY},
        }
    _require_short(parts[_STRINGS])
    sheet = _looked_through(parts[_SHEET])
    for number, row in enumerate(_values(parts), start=1):
        cells = {column: plain for column, value in enumerate(row, start=1) if (plain := _plain(value)) != ""}
        if cells:
            sheet.rows[number] = cells
    return sheet


def _require_small(archive: zipfile.ZipFile) -> None:
    """Refuse what unpacks to too much; a part is never read further than it says it goes."""
    parts = archive.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise _too_much()
    names = {part.filename.lower() for part in parts}
    if len(names) != len(parts) or any(part.flag_bits & 1 for part in parts):
        raise _damaged()
    if any(one.endswith("vbaproject.bin") for one in names):
        raise SheetUnreadable("Tệp có macro; lưu lại dạng .xlsx.", "It holds macros; save it as .xlsx.")


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(archive.getinfo(name).file_size)


def _path_of(archive: zipfile.ZipFile, name: str) -> str:
    """Return where the sheet of that name lies."""
    ids: dict[str, str] = {}
    targets: dict[str, str] = {}

    def on_sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            ids[unicodedata.normalize("NFC", attributes.get("name", "")).strip()] = next(
                (value for key, value in attributes.items() if key.endswith(":id")), ""
            )

    def on_relation(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship":
            targets[attributes["Id"]] = attributes["Target"]

    _walk(_part(archive, "xl/workbook.xml"), on_sheet)
    _walk(_part(archive, "xl/_rels/workbook.xml.rels"), on_relation)
    if name not in ids:
        raise SheetUnreadable(f'Không có trang tính "{name}".', f'There is no sheet "{name}".')
    target = targets[ids[name]]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _walk(
    xml: bytes,
    on_start: Callable[[str, dict[str, str]], None],
    on_end: Callable[[str], None] = lambda _: None,
    on_text: Callable[[str], None] = lambda _: None,
) -> None:
    """Go through an XML part, without the prefixes of its elements; definitions of its own are refused."""

    def refuse(*_: object) -> None:
        raise _damaged()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: on_start(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: on_end(tag.rpartition(":")[2])
    parser.CharacterDataHandler = on_text
    parser.Parse(xml, True)


def _require_short(strings: bytes) -> None:
    """Refuse long texts: cells share them, and each cell would hold a copy."""
    length = 0

    def on_start(tag: str, _: dict[str, str]) -> None:
        nonlocal length
        length = 0 if tag == "si" else length

    def on_text(text: str) -> None:
        nonlocal length
        length += len(text)
        if length > MAX_TEXT:
            raise _too_much()

    _walk(strings, on_start, on_text=on_text)


def _looked_through(xml: bytes) -> Sheet:
    """Return what the library would not tell of a sheet, and refuse what it would take too much memory for."""
    sheet, at, length, cells = Sheet(), (0, 0), 0, 0

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal at, length, cells
        length = 0
        if tag == "c":
            at, cells = _place(attributes["r"]), cells + 1
            if cells > MAX_CELLS:
                raise _too_much()
        elif tag == "row":
            number = int(attributes.get("r", "1"))
            if not 0 < number <= 2**20:
                raise _damaged()
            if attributes.get("hidden") in ("1", "true"):
                sheet.hidden_rows.add(number)
        elif tag == "f":
            sheet.formulas.add(at)
        elif tag == "mergeCell":
            sheet.merged.append(attributes["ref"])

    def on_text(text: str) -> None:
        nonlocal length
        length += len(text)
        if length > MAX_TEXT:
            raise _too_much()

    _walk(xml, on_start, on_text=on_text)
    return sheet


def _place(reference: str) -> tuple[int, int]:
    """Return the row and the column of a cell, both from 1: B3 gives (3, 2)."""
    found = _CELL.fullmatch(reference)
    if found is None:
        raise _damaged()
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    if int(found[2]) > MAX_ROW or column > MAX_COLUMN:
        raise _too_much()
    return int(found[2]), column


def _values(parts: dict[str, bytes]) -> list[list[object]]:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in (_PACKAGE | parts).items():
            archive.writestr(name, content)
    package.seek(0)
    with CalamineWorkbook.from_filelike(package) as workbook:
        return [list(row) for row in workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)]


def _plain(value: object) -> object:
    """Return a number or a text as people read it: 31999.0 is "31999", marks are composed, blanks are single."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    return value
