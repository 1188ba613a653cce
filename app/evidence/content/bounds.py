"""What reading a file may cost, and what stands beside the file's own content."""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from app.evidence.content.refusals import two_in_one

PIECE_BYTES = 1024**2

# A reader of PDF takes a file whose header stands anywhere in the first KiB, and a browser one that begins with markup.
_OPENING_BYTES = 1024
_MARKUP = re.compile(rb"<(?:(?:!doctype|html|head|body|script|iframe|svg)\b|\?php)", re.IGNORECASE)
_OTHER_FILE = re.compile(rb"%PDF-[12]|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c")
# Formats whose signature stands further behind: DICOM, tar, a disk image.
_BEHIND = ((128, b"DICM"), (257, b"ustar"), (32_769, b"CD001"))
_ZIP_END = re.compile(rb"PK\x05\x06(?=(.{18}))", re.DOTALL)
_ZIP_TAIL_BYTES = 22 + 65_535


def inflated(blocks: Iterable[bytes], wbits: int = zlib.MAX_WBITS) -> Iterator[bytes]:
    """Give what deflated bytes expand to, in pieces of at most 1 MiB: never more than one is held.

    Raises: zlib.error, EOFError where the end is missing, ValueError where something stands behind the end.
    """
    engine = zlib.decompressobj(wbits)
    for block in blocks:
        left, is_more = block, True
        while is_more:
            piece = engine.decompress(left, PIECE_BYTES)
            left = engine.unconsumed_tail
            is_more = bool(left) or len(piece) == PIECE_BYTES
            yield piece
    if not engine.eof:
        raise EOFError("cut off")
    if engine.unused_data:
        raise ValueError("bytes behind the end")


def require_one_file(file: BinaryIO, behind: bytes = b"", *, is_zip: bool = False) -> None:
    """Refuse a file that opens as something else too; `behind` is what stands after its own end.

    Raises: FileAmbiguous (415).
    """
    file.seek(0)
    opening = file.read(_OPENING_BYTES)
    if _OTHER_FILE.search(opening, 1) or _MARKUP.search(opening):
        raise two_in_one()
    if _OTHER_FILE.search(behind) or _MARKUP.search(behind[:_OPENING_BYTES]):
        raise two_in_one()
    for at, signature in _BEHIND:
        file.seek(at)
        if file.read(len(signature)) == signature:
            raise two_in_one()
    if not is_zip and _has_zip_directory(file):
        raise two_in_one()


def _has_zip_directory(file: BinaryIO) -> bool:
    """Answer whether a reader of zips would find its directory at the end of a file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _ZIP_TAIL_BYTES))
    tail = file.read()
    for end in _ZIP_END.finditer(tail):
        directory_bytes = int.from_bytes(end[1][8:12], "little")
        at = size - len(tail) + end.start() - directory_bytes
        if at >= 0 and not directory_bytes:
            return True
        file.seek(max(at, 0))
        if at >= 0 and file.read(4) == b"PK\x01\x02":
            return True
    return False
