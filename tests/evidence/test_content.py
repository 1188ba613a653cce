"""What a file is, by its bytes: true files, any bytes at all, and bytes cut off or changed anywhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.config import SettingMissing
from app.evidence.content import FileTypeNotAllowed, FileUnreadable, allowed_types, declared_type
from app.evidence.content.kinds import DOCX, JPEG, PDF, PNG, TIFF, WEBP, XLSX, XML, ZIP
from app.evidence.rules import file_name_faults, has_hidden_characters
from tests.evidence import files
from tests.evidence.looking import code, look, refusal

TRUE = {
    PDF: files.PDF,
    DOCX: files.DOCX,
    XLSX: files.XLSX,
    PNG: files.PNG,
    JPEG: files.JPEG,
    WEBP: files.WEBP,
    TIFF: files.TIFF,
    XML: files.XML,
    ZIP: files.zipped({"a.pdf": files.PDF, "thư mục/b.docx": files.DOCX, "thư mục/": b""}),
}
REFUSED = {
    "file_type_not_allowed",
    "file_name_mismatch",
    "file_has_macros",
    "file_ambiguous",
    "file_encrypted",
    "file_unreadable",
}


@pytest.mark.parametrize("declared", TRUE)
def test_a_true_file_is_what_its_name_says_and_nothing_else(declared: str) -> None:
    look(TRUE[declared], declared)
    for other in TRUE.keys() - {declared}:
        assert code(TRUE[declared], other) in ("file_name_mismatch", "file_type_not_allowed")


@pytest.mark.parametrize(
    "content", [files.GIF, files.SVG, files.EXE, b"text", b"PK", b"\x00", b"<html></html>"]
)
def test_content_that_is_no_allowed_type_is_none_under_any_name(content: bytes) -> None:
    for declared in TRUE:
        refused = refusal(content, declared)
        if isinstance(refused, FileTypeNotAllowed):
            assert refused.members["allowed"] == [declared]
        else:  # markup that is named XML and is none
            assert (declared, type(refused)) == (XML, FileUnreadable)


@pytest.mark.parametrize("declared", [one for one in TRUE if one not in (XML, ZIP)])
def test_bytes_before_a_file_are_not_overlooked(declared: str) -> None:
    assert code(b"<script>" + TRUE[declared], declared) == "file_type_not_allowed"


@pytest.mark.parametrize("declared", TRUE)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_file_cut_off_anywhere_is_refused(declared: str, data: st.DataObject) -> None:
    whole = TRUE[declared].rstrip(b"\n")
    end = data.draw(st.integers(0, len(whole) - 1))
    assert code(whole[:end], declared) in REFUSED


@pytest.mark.parametrize("declared", TRUE)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_with_changed_bytes_is_taken_or_refused_with_a_reason(
    declared: str, data: st.DataObject
) -> None:
    changed = bytearray(TRUE[declared])
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255)), max_size=8)
    ):
        changed[at] = byte
    assert code(bytes(changed), declared) in REFUSED | {""}


@pytest.mark.parametrize("declared", TRUE)
@given(rest=st.binary(max_size=200), start=st.integers(0, 64))
@settings(max_examples=40, deadline=None)
def test_any_bytes_behind_a_true_beginning_are_taken_or_refused_with_a_reason(
    declared: str, rest: bytes, start: int
) -> None:
    assert code(TRUE[declared][:start] + rest, declared) in REFUSED | {""}


# --- names --------------------------------------------------------------------------------------------------


def test_what_may_be_sent_is_what_the_setting_names() -> None:
    assert allowed_types("pdf, ZIP") == {PDF, ZIP}
    assert declared_type("a.zip", allowed_types("pdf,zip")) == ZIP
    for name, allowed in [
        ("a.zip", "pdf"),
        ("a.docx", "pdf,xlsx"),
        ("a.exe", "pdf"),
        ("pdf", "pdf"),
        (".pdf", "pdf"),
    ]:
        with pytest.raises(FileTypeNotAllowed) as refused:
            declared_type(name, allowed_types(allowed))
        assert refused.value.members["allowed"] == sorted(allowed_types(allowed))


@pytest.mark.parametrize("names", ["", " , ", "pdf,exe", "pdf;docx"])
def test_a_setting_that_names_an_unknown_type_stops_the_start(names: str) -> None:
    with pytest.raises(SettingMissing, match="EVIDENCE_TYPES"):
        allowed_types(names)


def test_the_refusal_of_an_old_format_says_what_to_do() -> None:
    for name, format_ in [("a.doc", "DOCX"), ("a.XLS", "XLSX"), ("a.docm", "DOCX"), ("a.heic", "JPEG")]:
        with pytest.raises(FileTypeNotAllowed) as refused:
            declared_type(name, allowed_types("pdf,docx,xlsx,jpeg"))
        assert refused.value.en.partition(". ")[2].startswith(f"Save it as {format_}") or format_ == "JPEG"
        assert "Hãy lưu" in refused.value.vi


@given(name=st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "Zs"]), min_size=1, max_size=50))
def test_ordinary_letters_and_signs_of_any_language_make_a_fit_name(name: str) -> None:
    plain = name.replace("/", "_").replace("\\", "_")
    assert file_name_faults(plain + ".pdf") == []


@given(hidden=st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"]))
def test_a_hidden_character_is_found_wherever_it_stands(hidden: str) -> None:
    assert has_hidden_characters(f"a{hidden}b.pdf")
    assert not has_hidden_characters("Quyết định số 12.pdf")
