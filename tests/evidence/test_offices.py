"""DOCX and XLSX: plain archives without macros; encrypted and old ones are told apart."""

import struct
import zipfile
import zlib

import pytest

from app.evidence.content import zips
from app.evidence.content.kinds import DOCX, XLSX
from tests.evidence import files
from tests.evidence.files import MIB, office, zipped
from tests.evidence.looking import code, look, refusal

CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"


def test_a_zip_that_declares_more_than_the_limit_is_refused() -> None:
    bomb = bytearray(files.DOCX)
    struct.pack_into("<L", bomb, bomb.index(CENTRAL) + 24, zips.MAX_EXPANDED_BYTES)  # size of the first part
    assert "expand" in refusal(bytes(bomb), DOCX).en


def test_a_zip_with_a_directory_that_would_fill_the_memory_is_refused_before_it_is_read() -> None:
    bomb = bytearray(files.DOCX)
    struct.pack_into("<L", bomb, bomb.rindex(END) + 12, 500 * MIB)
    assert "expand" in refusal(bytes(bomb), DOCX).en


def test_a_part_that_expands_by_a_factor_that_no_text_has_is_refused() -> None:
    assert code(office(files.SHEET, **{"xl/sheet1.xml": bytes(32 * MIB)}), XLSX) == ""
    assert "expand" in refusal(office(files.SHEET, **{"xl/sheet1.xml": bytes(80 * MIB)}), XLSX).en


def test_a_part_that_is_larger_than_the_directory_says_is_refused() -> None:
    whole = bytearray(office(files.WORD, **{"word/a.xml": bytes(MIB)}))
    lie = struct.pack("<LLL", zlib.crc32(bytes(10)), 0, 0)[:4]
    local, central = whole.rindex(b"PK\x03\x04"), whole.rindex(CENTRAL)
    for at in (local + 14, central + 16):
        whole[at : at + 4] = lie
        struct.pack_into("<L", whole, at + 8, 10)
    with zipfile.ZipFile(__import__("io").BytesIO(bytes(whole))) as archive:
        assert archive.read("word/a.xml") == bytes(10)  # what a careless reader sees
    assert code(bytes(whole), DOCX) == "file_unreadable"


def test_a_damaged_part_is_refused() -> None:
    whole = bytearray(office(files.WORD, **{"word/media/a.png": files.PNG}))
    whole[whole.index(b"word/media/a.png") + 40] ^= 1
    assert code(bytes(whole), DOCX) == "file_unreadable"


def test_bytes_behind_the_end_or_a_comment_are_refused() -> None:
    commented = bytearray(files.DOCX) + b"%PDF-1.7"
    struct.pack_into("<H", commented, commented.rindex(END) + 20, 8)
    for content in [files.DOCX + b"\n", files.DOCX + files.PDF, bytes(commented)]:
        assert code(content, DOCX) == "file_unreadable"


def test_a_document_that_is_a_pdf_too_is_refused() -> None:
    parts = {
        "a.pdf": files.PDF,
        "[Content_Types].xml": files.types_xml(files.WORD),
        "word/document.xml": b"<a/>",
    }
    assert code(zipped(parts, zipfile.ZIP_STORED), DOCX) == "file_ambiguous"


def test_an_encrypted_part_is_told_as_such() -> None:
    locked = bytearray(files.DOCX)
    locked[locked.index(CENTRAL) + 8] |= 1
    assert code(bytes(locked), DOCX) == "file_encrypted"


@pytest.mark.parametrize("other", [b"a.xml", b"B.XML"])
def test_two_parts_of_one_name_are_refused(other: bytes) -> None:
    # Two readers could take different ones of them.
    parts = {"[Content_Types].xml": files.types_xml(files.WORD), "word/document.xml": b"<a/>"}
    twice = zipped({**parts, "b.xml": b"1", "c.xml": b"2"}).replace(b"c.xml", other)
    assert code(twice.replace(b"b.xml", b"a.xml") if other == b"a.xml" else twice, DOCX) == "file_unreadable"


@pytest.mark.parametrize(
    "kind", ["presentationml.presentation", "wordprocessingml.template", "spreadsheetml.template"]
)
def test_a_presentation_and_a_template_are_no_allowed_types(kind: str) -> None:
    data = office(f"application/vnd.openxmlformats-officedocument.{kind}.main+xml")
    assert code(data, DOCX) == "file_type_not_allowed"


@pytest.mark.parametrize(
    "content",
    [
        office(files.WORD, **{"word/vbaProject.bin": b"macro"}),
        office(files.WORD, "application/vnd.ms-office.vbaProject"),
        office(files.MACRO_WORD),
        office(files.SHEET, files.MACRO_SHEET),
        office(files.WORD, "application/vnd.ms-office.activeX+xml"),
        office(files.WORD, **{"word/activeX/activeX1.bin": b"control"}),
    ],
)
def test_macros_and_controls_are_refused(content: bytes) -> None:
    assert code(content, DOCX) == "file_has_macros"


@pytest.mark.parametrize("encoding", ["foo", "base64", "rot13"])
def test_a_list_of_types_in_an_unknown_encoding_is_unreadable_and_no_crash(encoding: str) -> None:
    types = f'<?xml version="1.0" encoding="{encoding}"?><Types/>'.encode()
    assert (
        code(zipped({"[Content_Types].xml": types, "word/document.xml": b"<a/>"}), DOCX) == "file_unreadable"
    )


@pytest.mark.parametrize(
    "content",
    [
        zipped({"[Content_Types].xml": b"<Types"}),
        zipped({"[Content_Types].xml": b'<!DOCTYPE x [<!ENTITY a "a">]>' + files.types_xml(files.WORD)}),
        zipped({"[Content_Types].xml": files.types_xml(files.WORD)}),
        office(files.WORD, files.SHEET),
        files.DOCX.replace(b"[Content_Types].xml", b"[Content_Types].xmm", 1),
        zipped({"[Content_Types].xml": b"x"}, zipfile.ZIP_BZIP2),
    ],
)
def test_a_list_of_types_that_no_reader_understands_is_refused(content: bytes) -> None:
    assert code(content, DOCX) == "file_unreadable"


def compound(*names: str) -> bytes:
    """Return the beginning of a file of the form that Office had before 2007, with these entries."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", head, 30, 9)
    struct.pack_into("<L", head, 48, 2)
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *names))
    return bytes(head) + bytes(1024) + entries.ljust(1024, b"\0")


def test_a_document_with_a_password_is_told_as_such() -> None:
    for declared in (DOCX, XLSX):
        assert code(compound("DataSpaces", "x", "y", "z", "EncryptedPackage"), declared) == "file_encrypted"


@pytest.mark.parametrize(
    ("name", "advice"), [("WordDocument", "DOCX"), ("Workbook", "XLSX"), ("Book", "XLSX")]
)
def test_a_document_of_an_old_format_is_refused_with_advice(name: str, advice: str) -> None:
    refused = refusal(compound(name), DOCX)
    assert refused.code == "file_type_not_allowed"
    assert f"Save it as {advice}" in refused.en


def test_ordinary_documents_with_embedded_tables_and_pictures_are_taken() -> None:
    parts = {
        "word/media/a.png": files.PNG,
        "word/embeddings/a.xlsx": files.XLSX,
        "docProps/thumbnail.jpeg": files.JPEG,
    }
    look(office(files.WORD, **parts), DOCX)
