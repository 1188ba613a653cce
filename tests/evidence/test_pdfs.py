"""PDF: sloppy ones are taken; cut off, locked, double, running and expanding ones are not."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Literal

import pikepdf
import pytest
from pikepdf.settings import set_qpdf_limits

from app.evidence.content import pdf as limits
from app.evidence.content.kinds import PDF
from tests.evidence import files
from tests.evidence.files import MIB, deflated, locked_pdf, pdf, stream
from tests.evidence.looking import code, look, refusal

FLATE = b"/Filter /FlateDecode"


def saved(**options: object) -> bytes:
    """Return a PDF as the library writes it."""
    held = io.BytesIO()
    with pikepdf.open(io.BytesIO(files.PDF)) as document:
        document.save(held, **options)  # type: ignore[arg-type]
    return held.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pdf(pages=50),
        saved(linearize=True),
        saved(object_stream_mode=pikepdf.ObjectStreamMode.generate),
        files.PDF + b"\r\n\x00\x00% signed on 2023-12-15\n",
        files.PDF.replace(b"startxref\n", b"startxref\n1"),  # a wrong table, which readers put right
        files.PDF.replace(b"endobj", b"endobj "),
        files.PDF.replace(b"/Length 3", b"/Length 9"),
        files.PDF.replace(b"/Length 3", b"/Length 1"),
        pdf(more=[stream(zlib.compress(bytes(MIB)), FLATE)]),
        pdf(more=[b"12", b"true", b"null", b"1.5", b"(a)", b"[1 2 null]", b"/Name", b"4 0 R"]),
        pdf(more=[stream(b"<00> " * 10, b"/Filter [/ASCIIHexDecode]")]),
    ],
)
def test_true_and_sloppy_documents_are_taken(content: bytes) -> None:
    look(content, PDF)


def test_a_document_without_pages_is_refused() -> None:
    for content in [pdf(pages=0), files.PDF.replace(b"/Pages 2 0 R", b"/Pages 3 0 R"), b"%PDF-1.7\n%%EOF\n"]:
        assert code(content, PDF) == "file_unreadable"


def test_a_document_without_its_end_is_refused() -> None:
    linearized = saved(linearize=True)
    first_end = linearized.index(b"%%EOF") + 6
    for content in [
        files.PDF[:-7],
        files.PDF + bytes(3000),
        linearized[:first_end],
        linearized[: len(linearized) // 2],
    ]:
        assert code(content, PDF) == "file_unreadable"


# --- locked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [2, 3, 4, 6])
def test_a_password_to_open_is_refused_and_one_that_only_forbids_printing_is_not(
    strength: Literal[2, 3, 4, 6],
) -> None:
    assert code(locked_pdf("user", strength), PDF) == "file_encrypted"
    assert code(locked_pdf("", strength), PDF) == ""


def test_a_document_locked_for_certain_certificates_is_told_as_such() -> None:
    locked = pdf(
        trailer=b"/Encrypt << /Filter /Adobe.PubSec /V 4 /SubFilter /adbe.pkcs7.s5 >> /ID [<00> <00>]"
    )
    assert code(locked, PDF) == "file_encrypted"


# --- two things at once -------------------------------------------------------------------------------------


def test_a_document_that_is_something_else_too_is_refused() -> None:
    tar = files.PDF[:9] + b"%" + b" " * 246 + b"\n" + b"ustar" + files.PDF[15:]
    for content in [
        files.PDF + files.zipped({"a.exe": files.EXE}),
        files.PDF + files.zipped({}),
        files.PDF + b"<html><script>alert(1)</script>",
        files.PDF + b"<!DOCTYPE html>",
        files.PDF + b"Rar!\x1a\x07\x00",
        files.PDF + files.PDF,  # readers differ in which of them they show
        files.PDF.replace(b"%PDF-1.7\n", b"%PDF-1.7\n<script>alert(1)</script>\n"),
        tar,
    ]:
        assert code(content, PDF) == "file_ambiguous"


def test_an_archive_inside_the_document_is_no_second_file() -> None:
    attached = stream(zlib.compress(files.zipped({"a.txt": b"a"})), FLATE + b" /Type /EmbeddedFile")
    look(pdf(more=[attached]), PDF)
    look(pdf(more=[stream(b"PK\x05\x06" + b"\xff" * 100)]), PDF)


# --- what runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "catalog"),
    [
        ([], b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"),
        ([], b"/OpenAction << /S /Launch /F (cmd.exe) >>"),
        ([], b"/OpenAction << /S /J#61vaScript /J#53 (x) >>"),
        ([b"<< /S /JavaScript /JS 5 0 R >>", stream(b"app.alert(1)")], b"/OpenAction 4 0 R"),
        ([b"<< /S 5 0 R /F (cmd.exe) >>", b"/Launch"], b"/OpenAction 4 0 R"),
        ([b"<< /Names [(a) << /S /JavaScript /JS (x) >>] >>"], b"/Names << /JavaScript 4 0 R >>"),
        ([b"<< /Type /Annot /AA << /E << /S /JavaScript /JS (x) >> >> >>"], b""),
        ([stream(b"<xdp/>")], b"/AcroForm << /XFA 4 0 R >>"),
        ([b"<< /Type /Filespec /F (a.EXE) /EF << /F 5 0 R >> >>", stream(files.EXE)], b""),
        ([b"<< /Type /Filespec /F (a.pdf) /UF (a.vbs ) /EF << /F 5 0 R >> >>", stream(b"x")], b""),
    ],
)
def test_what_runs_is_refused_wherever_it_hangs(more: list[bytes], catalog: bytes) -> None:
    content = pdf(more=more, catalog=catalog)
    assert code(content, PDF) == "file_has_macros"
    held = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as document:
        document.Root.Kept = pikepdf.Array(document.get_object(4 + i, 0) for i in range(len(more)))
        document.save(held, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert code(held.getvalue(), PDF) == "file_has_macros"


def test_words_and_attached_documents_do_not_run() -> None:
    look(pdf(catalog=b"/Lang (/JavaScript /Launch /JS)", says=b"/JavaScript"), PDF)
    invoice = [b"<< /Type /Filespec /F (hoa-don.xml) /EF << /F 5 0 R >> >>", stream(files.XML)]
    look(pdf(more=invoice), PDF)


# --- what expands -------------------------------------------------------------------------------------------


@pytest.fixture
def less(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lower the limits: what is beyond them is made and read in no time."""
    monkeypatch.setattr(limits, "MAX_EXPANDED_BYTES", 64 * MIB)
    before = set_qpdf_limits(flate_max_memory=16 * MIB, run_length_max_memory=16 * MIB)
    yield
    set_qpdf_limits(**before)  # type: ignore[arg-type]


def test_streams_that_expand_beyond_all_measure_together_are_refused(less: None) -> None:
    bomb = stream(deflated(24 * MIB), FLATE)
    assert code(pdf(more=[bomb] * 2), PDF) == ""
    assert code(pdf(more=[bomb] * 3), PDF) == "file_unreadable"


def test_small_files_that_expand_a_thousandfold_are_refused() -> None:
    assert "expand" in refusal(pdf(more=[stream(deflated(300 * MIB), FLATE)]), PDF).en


def test_layers_of_filters_are_counted_through(less: None) -> None:
    for layers in (2, 7):
        filters = b"/Filter [" + b"/FlateDecode " * layers + b"]"
        assert code(pdf(more=[stream(deflated(32 * MIB, layers), filters)]), PDF) == ""
        assert code(pdf(more=[stream(deflated(96 * MIB, layers), filters)]), PDF) == "file_unreadable"
    photo = b"/Filter [/FlateDecode /DCTDecode]"
    assert code(pdf(more=[stream(zlib.compress(files.JPEG) + bytes(100_000), photo)]), PDF) == ""
    assert code(pdf(more=[stream(deflated(96 * MIB), photo)]), PDF) == "file_unreadable"
    runs = b"/Filter [/FlateDecode /RunLengthDecode]"
    content = zlib.compress(b"\x81\x00" * MIB, 9)  # 2 MiB that stand for 128
    assert code(pdf(more=[stream(content, runs)]), PDF) == "file_unreadable"


def test_tables_that_expand_beyond_all_measure_are_refused(less: None) -> None:
    table = stream(deflated(24 * MIB), FLATE + b" /Type /XRef /Size 9 /W [1 2 1] /Root 1 0 R")
    whole = pdf(more=[table])
    at = whole.index(b"4 0 obj")
    as_table = whole[: whole.rindex(b"startxref")] + b"startxref\n%d\n%%%%EOF\n" % at
    assert "expand" in refusal(as_table, PDF).en


def with_container(container: bytes) -> bytes:
    """Return a PDF whose object 6 lies in a container of objects, as its table of the newer kind says."""
    body = pdf(more=[container])
    body = body[: body.rindex(b"xref\n0")]
    places = [body.index(b"\n%d 0 obj" % number) + 1 for number in range(1, 6)]
    rows = [(0, 0, 255), *((1, place, 0) for place in places), (2, 4, 0), (1, len(body), 0)]
    table = b"".join(struct.pack(">BLB", *row) for row in rows)
    told = stream(table, b"/Type /XRef /Size 8 /W [1 4 1] /Root 1 0 R")
    return body + b"7 0 obj\n" + told + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(body)


def test_a_container_of_objects_that_expands_beyond_all_measure_is_refused(less: None) -> None:
    entries = b" /Type /ObjStm /N 1 /First 10"
    look(with_container(stream(zlib.compress(b"6 0       (said)"), FLATE + entries)), PDF)
    bomb = stream(deflated(24 * MIB), FLATE + entries)
    assert "expand" in refusal(with_container(bomb), PDF).en


def test_pictures_of_more_pixels_than_anything_shows_are_refused() -> None:
    entries = b"/Type /XObject /Subtype /Image /Filter /JBIG2Decode /Width %d /Height %d"
    assert code(pdf(more=[stream(b"x", entries % (9_000, 9_000))]), PDF) == ""
    assert code(pdf(more=[stream(b"x", entries % (90_000, 90_000))]), PDF) == "file_unreadable"


def test_more_objects_or_pages_than_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PAGES", 5)
    assert code(pdf(pages=5), PDF) == ""
    assert code(pdf(pages=6), PDF) == "file_unreadable"
    monkeypatch.setattr(limits, "MAX_OBJECTS", 8)
    assert code(pdf(more=[b"null"] * 5), PDF) == "file_unreadable"


@pytest.mark.parametrize(
    "catalog",
    [b"/A " + b"[" * 5000 + b"]" * 5000, b"/A " + b"<</B " * 5000 + b"1" + b">>" * 5000, b"/Pages 1 0 R"],
)
def test_documents_that_nest_without_end_do_no_harm(catalog: bytes) -> None:
    assert code(pdf(catalog=catalog), PDF) in ("", "file_unreadable")


def test_a_tree_of_pages_that_runs_in_a_circle_is_refused() -> None:
    assert code(files.PDF.replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"), PDF) == "file_unreadable"
