"""PDF: one whole document with pages that opens without a password, runs nothing and expands within measure."""

import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, BinaryIO

import pikepdf
from pikepdf.settings import set_qpdf_limits

from app.core.problems import Problem
from app.evidence.content.bounds import PIECE_BYTES, inflated, require_one_file
from app.evidence.content.kinds import PROGRAMS
from app.evidence.content.refusals import (
    FileHasMacros,
    cut_off,
    damaged,
    encrypted,
    expands_too_much,
    too_complex,
    two_in_one,
)

MAX_PAGES = 20_000
MAX_OBJECTS = 300_000  # some 2 KiB of memory each
# A hundred pages scanned in colour at 300 dpi, without loss, have 2.6 GB; pages with anything on them shrink to a
# fiftieth.
MAX_EXPANDED_BYTES = 4 * 1024**3
_FREE_BYTES, _MAX_RATIO = 256 * 1024**2, 300
MAX_PIXELS = 600_000_000  # an A0 sheet at 600 dpi; a page of a book has 35 million
_AT_ONCE_BYTES = 256 * 1024**2

_HEADER = re.compile(rb"%PDF-[12]\.\d")
_TAIL_BYTES = 2048
_LINEARIZED = re.compile(rb"/Linearized\b[^>]*?/L\s+(\d+)")

# How many times their length the bytes behind a filter can have at most; the filters of pictures are bounded by pixels.
_FACTORS = {
    "/FlateDecode": 1032,
    "/Fl": 1032,
    "/LZWDecode": 2600,
    "/LZW": 2600,
    "/RunLengthDecode": 64,
    "/RL": 64,
    "/ASCII85Decode": 4,
    "/A85": 4,
}
_FLATE = frozenset({"/FlateDecode", "/Fl"})
_OF_PICTURES = frozenset({"/DCTDecode", "/DCT", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode", "/CCF"})

# Cheap to find in an object's text; what it is there is looked at only then.
_SUSPECT = re.compile(rb"/(?:JavaScript|JS|Launch|XFA|EF)\b")
_RUNNING = ("/JavaScript", "/Launch")

_TOO_MUCH = re.compile(r"memory limit exceeded|limits error|bad_alloc")

# Six times as fast as reading through the file; what cannot be mapped is read all the same.
_MAPPED = pikepdf.AccessMode.mmap

# Applies to the whole process: what the library itself expands, tables and object streams above all.
set_qpdf_limits(
    flate_max_memory=_AT_ONCE_BYTES,
    run_length_max_memory=_AT_ONCE_BYTES,
    png_max_memory=_AT_ONCE_BYTES,
    tiff_max_memory=_AT_ONCE_BYTES,
)


def require_sound(file: BinaryIO) -> None:
    """Refuse a PDF that is cut off, locked, two things at once, runs something, or expands beyond all measure.

    Documents attached to it (PDF/A-3, invoices) may be there, programs not.

    Raises: FileUnreadable (422), FileEncrypted (422), FileHasMacros (415), FileAmbiguous (415), those of pikepdf.
    """
    require_one_file(file, _behind(file))
    with _opened(file) as pdf:
        if int(pdf.trailer.get("/Size", 0)) > MAX_OBJECTS or len(pdf.pages) > MAX_PAGES:
            raise too_complex()
        if not len(pdf.pages):
            raise damaged()
        try:
            streams = [one for one in _harmless(pdf.objects) if isinstance(one, pikepdf.Stream)]
        except pikepdf.PdfError as error:
            raise _because(str(error)) from error
        _require_moderate(streams, _enough_for(file.seek(0, 2)))
        # The library goes on without a table that would expand too much.
        for warning in pdf.get_warnings():
            if _TOO_MUCH.search(warning):
                raise expands_too_much()


def _because(said: str) -> Problem:
    """Return the refusal for what the library says when it cannot read on."""
    if _TOO_MUCH.search(said):
        return expands_too_much()
    return encrypted() if "encrypt" in said else damaged()


def _behind(file: BinaryIO) -> bytes:
    """Return what stands behind the end of a PDF that is whole."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    end = tail.rfind(b"%%EOF")
    file.seek(0)
    head = file.read(1024)
    if not _HEADER.match(head):
        raise damaged()
    # A file made for the web says its length at its start, and has an end marker there too.
    linearized = _LINEARIZED.search(head)
    if end < 0 or (linearized and int(linearized[1]) > size):
        raise cut_off()
    return tail[end:]


def _opened(file: BinaryIO) -> pikepdf.Pdf:
    """Return the document as readers see it, who put right what sloppy programs write."""
    try:
        pikepdf.open(file, attempt_recovery=False, access_mode=_MAPPED).close()
    except pikepdf.PasswordError as error:
        raise encrypted() from error
    except pikepdf.PdfError:
        # Each makes up for a missing table in its own way: of two documents in one file they could find either.
        if _has_second_header(file):
            raise two_in_one() from None
    try:
        return pikepdf.open(file, access_mode=_MAPPED)
    except pikepdf.PdfError as error:
        raise _because(str(error)) from error


def _has_second_header(file: BinaryIO) -> bool:
    file.seek(5)
    before = b""
    while block := file.read(PIECE_BYTES):
        if b"%PDF-" in before + block:
            return True
        before = block[-4:]
    return False


# --- what runs ----------------------------------------------------------------------------------------------


def _harmless(objects: Iterable[Any]) -> Iterator[Any]:
    """Give the objects on; refuse those that run something, wherever in the document they hang."""
    for one in objects:
        if not isinstance(one, pikepdf.Object):  # a number, or nothing
            continue
        says = one.stream_dict if isinstance(one, pikepdf.Stream) else one
        if _SUSPECT.search(says.unparse(resolved=True)):
            _require_harmless(says)
        yield one


def _require_harmless(suspect: Any) -> None:
    for one in _within(suspect):
        if isinstance(one, pikepdf.Name) and str(one) in _RUNNING:
            raise _runs()
        if isinstance(one, pikepdf.Dictionary):
            if "/JS" in one or "/XFA" in one:
                raise _runs()
            names = [str(one.get(key, "")) for key in ("/F", "/UF")] if "/EF" in one else []
            if any(name.lower().rstrip(". ").endswith(PROGRAMS) for name in names):
                raise _runs()


def _within(suspect: Any) -> Iterator[Any]:
    """Give an object and those that stand in it; not those it refers to, which have their own turn."""
    waiting = [suspect]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, pikepdf.Dictionary):
            waiting += [child for child in one.values() if not _is_reference(child)]
        elif isinstance(one, pikepdf.Array):
            waiting += [child for child in one if not _is_reference(child)]


def _is_reference(child: Any) -> bool:
    return isinstance(child, pikepdf.Object) and child.is_indirect


def _runs() -> FileHasMacros:
    return FileHasMacros(
        "PDF có mã JavaScript, lệnh mở chương trình hoặc biểu mẫu động; hãy in lại thành PDF.",
        "The PDF has JavaScript, a command that starts a program, or a dynamic form; print it to PDF again.",
    )


# --- what expands -------------------------------------------------------------------------------------------


def _enough_for(size_bytes: int) -> int:
    """Return how many bytes a file of some size may expand to."""
    return min(MAX_EXPANDED_BYTES, max(_FREE_BYTES, _MAX_RATIO * size_bytes))


def _require_moderate(streams: list[pikepdf.Stream], enough: int) -> None:
    """Refuse streams that expand to more than is enough for all of them.

    Most documents cannot, by the lengths of their streams; where they could, the greatest are expanded in pieces, until
    the others cannot any more.
    """
    for stream in streams:
        if int(stream.get("/Width", 0)) * int(stream.get("/Height", 0)) > MAX_PIXELS:
            raise expands_too_much()
    bounds = sorted(((_bound(stream), at) for at, stream in enumerate(streams)), reverse=True)
    total, measured = sum(bound for bound, _ in bounds), 0
    for bound, at in bounds:
        if total <= enough:
            break
        expanded = min(bound, _expanded_bytes(streams[at], bound, enough - measured))
        measured += expanded
        total += expanded - bound
        if measured > enough:
            raise expands_too_much()


def _filters(stream: pikepdf.Stream) -> list[str]:
    found: Any = stream.get("/Filter", [])
    return [str(found)] if isinstance(found, pikepdf.Name) else [str(name) for name in found]


def _bound(stream: pikepdf.Stream) -> int:
    bound = int(stream.get("/Length", 0))
    for name in _filters(stream):
        bound *= _FACTORS.get(name, 1)
    return bound


def _expanded_bytes(stream: pikepdf.Stream, bound: int, enough: int) -> int:
    """Return how many bytes a stream expands to, `bound` where nobody can tell; counted until they are `enough`."""
    filters = list(takewhile(lambda name: name not in _OF_PICTURES, _filters(stream)))
    if not _FLATE.issuperset(filters):
        try:
            return len(stream.read_bytes())
        except pikepdf.PdfError:
            return bound
    blocks: Iterable[bytes] = [stream.read_raw_bytes()]
    for _ in filters:
        blocks = inflated(blocks)
    size = 0
    try:
        for block in blocks:
            size += len(block)
            if size > enough:
                break
    except (EOFError, ValueError, zlib.error):
        pass  # readers show what there is
    return size
