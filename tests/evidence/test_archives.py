"""Archives, where they are allowed: of documents that would be taken by themselves."""

import zipfile

import pytest

from app.evidence.content import archives
from app.evidence.content.kinds import ZIP
from tests.evidence import files
from tests.evidence.files import MIB, office, zipped
from tests.evidence.looking import code, look, refusal


def renamed(name: bytes) -> bytes:
    """Return an archive whose only file has this name, whatever the library would make of it."""
    return zipped({"n" * (len(name) - 4) + ".pdf": files.PDF}).replace(b"n" * (len(name) - 4) + b".pdf", name)


def test_an_archive_of_documents_is_taken() -> None:
    look(zipped({"Quyết định/12.pdf": files.PDF, "Quyết định/": b"", "ảnh.JPG": files.JPEG}), ZIP)
    look(zipped({"a.pdf": files.PDF}, zipfile.ZIP_STORED), ZIP)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.exe", files.EXE, "file_type_not_allowed"),
        ("a", files.PDF, "file_type_not_allowed"),
        ("a.zip", zipped({"a.pdf": files.PDF}), "file_type_not_allowed"),
        ("a.pdf", zipped({"a.pdf": files.PDF}), "file_type_not_allowed"),
        ("a.pdf", files.EXE, "file_type_not_allowed"),
        ("a.pdf", files.PNG, "file_name_mismatch"),
        ("a.docx", office(files.WORD, **{"word/vbaProject.bin": b"x"}), "file_has_macros"),
        ("a.xml", files.SVG, "file_type_not_allowed"),
        ("a.pdf", files.PDF[:100], "file_unreadable"),
        ("a.jpg", b"", "file_type_not_allowed"),
    ],
)
def test_whatever_would_be_refused_by_itself_is_refused_in_it_by_name(
    name: str, content: bytes, expected: str
) -> None:
    refused = refusal(zipped({"tốt.pdf": files.PDF, name: content}), ZIP)
    assert refused.code == expected
    assert refused.vi.startswith(f"{name}: ") and refused.en.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "name",
    [
        b"../a.pdf",
        b"/etc/a.pdf",
        b"a/../../b.pdf",
        b"..\\a.pdf",
        b"C:\\a.pdf",
        b"C:a.pdf",
        b"a\0bc.pdf",
        b"a\nbc.pdf",
    ],
)
def test_names_that_lead_out_of_it_are_refused(name: bytes) -> None:
    assert code(renamed(name), ZIP) == "file_unreadable"


def test_an_empty_archive_is_refused() -> None:
    assert code(zipped({"a/": b""}), ZIP) == "file_unreadable"
    assert code(zipped({}), ZIP) == "file_type_not_allowed"


def test_more_files_or_bytes_than_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_FILES", 2)
    assert code(zipped({f"{i}.pdf": files.PDF for i in range(2)}), ZIP) == ""
    assert code(zipped({f"{i}.pdf": files.PDF for i in range(3)}), ZIP) == "file_unreadable"
    monkeypatch.setattr(archives, "_MAX_EXPANDED_BYTES", MIB)
    assert code(zipped({"a.pdf": files.pdf_of(MIB)}), ZIP) == ""
    assert "expand" in refusal(zipped({"a.pdf": files.pdf_of(MIB + 1)}), ZIP).en
