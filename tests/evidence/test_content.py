"""What a file is, by its bytes: the limits that protect the server, and any bytes at all."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.problems import Problem
from app.evidence import content
from app.evidence.content import DOCX, FileTypeNotAllowed, FileUnreadable, media_type_of
from app.evidence.rules import file_name_faults, has_hidden_characters
from tests.evidence import files


def type_of(path: Path, data: bytes) -> str:
    file = path / "file"
    file.write_bytes(data)
    return media_type_of(file)


def test_a_zip_that_declares_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    bomb = bytearray(files.DOCX)
    entry = bomb.index(b"PK\x01\x02")
    struct.pack_into(
        "<L", bomb, entry + 24, content.MAX_EXPANDED_BYTES
    )  # the declared size of the first part
    with pytest.raises(FileUnreadable) as refused:
        type_of(tmp_path, bytes(bomb))
    assert "expand" in refused.value.en


def test_a_zip_with_a_directory_that_would_fill_the_memory_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    bomb = bytearray(files.DOCX)
    struct.pack_into("<L", bomb, bomb.rindex(b"PK\x05\x06") + 12, 500 * 1024**2)
    with pytest.raises(FileUnreadable) as refused:
        type_of(tmp_path, bytes(bomb))
    assert "expand" in refused.value.en


def test_an_encrypted_part_makes_an_office_file_unreadable(tmp_path: Path) -> None:
    locked = bytearray(files.DOCX)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FileUnreadable):
        type_of(tmp_path, bytes(locked))


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    # Two readers could take different ones of them.
    twice = files.zipped({"[Content_Types].xml": files.types_xml(files.WORD), "a.xml": b"1", "b.xml": b"2"})
    with pytest.raises(FileUnreadable):
        type_of(tmp_path, twice.replace(b"b.xml", b"a.xml"))


def test_a_presentation_and_a_template_are_no_allowed_types(tmp_path: Path) -> None:
    for kind in ("presentationml.presentation", "wordprocessingml.template", "spreadsheetml.template"):
        data = files.office(f"application/vnd.openxmlformats-officedocument.{kind}.main+xml")
        with pytest.raises(FileTypeNotAllowed):
            type_of(tmp_path, data)


def test_bytes_before_the_signature_are_not_overlooked(tmp_path: Path) -> None:
    with pytest.raises(FileTypeNotAllowed):
        type_of(tmp_path, b"<script>" + files.PDF)


@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_recognised_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    try:
        found = type_of(tmp_path_factory.getbasetemp(), data)
    except Problem as refused:
        assert refused.status in (415, 422)
    else:
        assert found in content.BY_EXTENSION.values()


@given(at=st.integers(0, len(files.DOCX) - 1), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_an_office_file_with_one_changed_byte_is_recognised_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    data = bytearray(files.DOCX)
    data[at] = byte
    try:
        found = type_of(tmp_path_factory.getbasetemp(), bytes(data))
    except Problem as refused:
        assert refused.status in (415, 422)
    else:
        assert found == DOCX


@given(name=st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "Zs"]), min_size=1, max_size=50))
def test_ordinary_letters_and_signs_of_any_language_make_a_fit_name(name: str) -> None:
    plain = name.replace("/", "_").replace("\\", "_")
    assert file_name_faults(plain + ".pdf") == []


@given(hidden=st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"]))
def test_a_hidden_character_is_found_wherever_it_stands(hidden: str) -> None:
    assert has_hidden_characters(f"a{hidden}b.pdf")
    assert not has_hidden_characters("Quyết định số 12.pdf")


@pytest.mark.parametrize("encoding", ["foo", "base64", "rot13"])
def test_an_office_file_in_an_unknown_encoding_is_unreadable_and_no_crash(
    tmp_path: Path, encoding: str
) -> None:
    types = f'<?xml version="1.0" encoding="{encoding}"?><Types/>'.encode()
    with pytest.raises(FileUnreadable):
        type_of(tmp_path, files.zipped({"[Content_Types].xml": types, "word/document.xml": b"<a/>"}))
