"""A stranger's xlsx file costs no more than its limits, whatever it says of itself."""

import io
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.sheet_reading import MAX_CELLS, MAX_PARTS, MAX_TEXT, SheetUnreadable, read_sheet
from app.core.sheets import Written, xlsx

NAME = "Tài khoản"
GOOD = xlsx([Written(NAME, ["một", "hai"], [["=1+1", "31999"], ["Nguyễn", ""]], {})])
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    return packed(parts_of(GOOD) | {name: content})


def cells(text: str) -> bytes:
    return with_part(SHEET, f"<worksheet><sheetData>{text}</sheetData></worksheet>".encode())


def lying(content: bytes, name: str, size: int) -> bytes:
    """Return the archive with another size of a part, in both of its headers, and the checksum of so many zeros."""
    data, crc = bytearray(content), zlib.crc32(bytes(size))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.getinfo(name).header_offset
    struct.pack_into("<L", data, start + 14, crc)
    struct.pack_into("<L", data, start + 22, size)
    at = data.rindex(name.encode()) - 46
    struct.pack_into("<L", data, at + 16, crc)
    struct.pack_into("<L", data, at + 24, size)
    return bytes(data)


BAD: dict[str, bytes] = {
    "a megabyte of zeros in each of many parts": packed({f"xl/{n}": bytes(1024**2) for n in range(21)}),
    "many parts": packed({str(n): b"" for n in range(MAX_PARTS + 1)}),
    "a part that is larger than it says": lying(with_part(SHEET, bytes(300 * 1024**2)), SHEET, 100),
    "macros": with_part("xl/vbaProject.bin", b"x"),
    "a cell at the far end": cells('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "a cell far to the right": cells('<row r="1"><c r="AY1"><v>1</v></c></row>'),
    "a cell without a place": cells("<row><c><v>1</v></c></row>"),
    "a place written otherwise": cells('<row r="1"><c r="&#88;&#70;D1048576"><v>1</v></c></row>'),
    "a row beyond all rows": cells('<row r="99999999999999999999"><c r="A1"><v>1</v></c></row>'),
    "a string that is not there": cells('<row r="1"><c r="A1" t="s"><v>99999999</v></c></row>'),
    "too many cells": cells("".join(f'<c r="A{n % 20_000 + 1}"/>' for n in range(MAX_CELLS + 1))),
    "a long text": with_part(STRINGS, f"<sst><si><t>{'x' * (MAX_TEXT + 1)}</t></si></sst>".encode()),
    "a text in many runs": with_part(
        STRINGS, ("<sst><si>" + "<r><t>xxxxxxxxxx</t></r>" * MAX_TEXT + "</si></sst>").encode()
    ),
    "entities": with_part(
        STRINGS, b'<!DOCTYPE s [<!ENTITY a "xxxxxxxxxx">]><sst><si><t>&a;&a;</t></si></sst>'
    ),
    "an outer entity": with_part(
        SHEET, b'<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>'
    ),
    "no XML": with_part(SHEET, b"\x00\xff"),
    "no sheet": packed({k: v for k, v in parts_of(GOOD).items() if k != SHEET}),
    "no workbook": packed({"a": b""}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_file_that_is_too_much_or_damaged_is_refused_in_little_memory(content: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SheetUnreadable):
        read_sheet(content, NAME)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 150 * 1024


def test_a_sheet_is_read_as_it_was_typed() -> None:
    sheet = read_sheet(GOOD, NAME)
    assert sheet.rows == {1: {1: "một", 2: "hai"}, 2: {1: "=1+1", 2: "31999"}, 3: {1: "Nguyễn"}}
    assert (sheet.formulas, sheet.hidden_rows, sheet.merged) == (set(), set(), [])


@pytest.mark.parametrize(
    "change", [lambda data, at: data[:at], lambda data, at: data[:at] + b"\xff" + data[at + 1 :]]
)
@given(at=st.integers(0, len(GOOD) - 1))
@settings(max_examples=150)
def test_a_damaged_file_is_read_or_refused(change: Callable[[bytes, int], bytes], at: int) -> None:
    try:
        read_sheet(change(GOOD, at), NAME)
    except SheetUnreadable as refused:
        assert refused.vi
