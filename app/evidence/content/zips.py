"""Zip archives: one plain archive from the first byte to the last, whose parts are as large as it says."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from app.evidence.content.bounds import PIECE_BYTES, inflated
from app.evidence.content.refusals import cut_off, damaged, encrypted, expands_too_much

MAX_EXPANDED_BYTES = 1024**3
# What may expand by any factor; more only by a moderate one: text of the most uniform tables shrinks to a hundredth.
_FREE_BYTES, _MAX_RATIO = 64 * 1024**2, 150
_MAX_DIRECTORY_BYTES = 1024**2  # names some 10,000 parts
_END_RECORD = struct.Struct("<4s4H2LH")
_LOCAL_HEADER = struct.Struct("<26s2H")
_ENCRYPTED = 0x1 | 0x40 | 0x2000


def opened(file: BinaryIO) -> zipfile.ZipFile:
    """Return an archive whose directory is plain and keeps to the limits; no part has been read yet.

    Raises: FileUnreadable (422), FileEncrypted (422), and those of zipfile.
    """
    _require_plain_end(file)
    archive = zipfile.ZipFile(file)
    parts = archive.infolist()
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise encrypted()
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise damaged()
    # Of two parts of one name (readers differ in minding the case), each reader could take another one.
    if len({part.filename.lower() for part in parts}) != len(parts):
        raise damaged()
    _require_moderate(parts)
    return archive


def require_honest(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Refuse an archive one of whose parts does not expand to exactly what the directory says of it.

    Raises: FileUnreadable (422), and those of zipfile and zlib.
    """
    for part in archive.infolist():
        archive.open(part).close()  # compares the part's own header with the directory
        size = checksum = 0
        for piece in _expanded(file, part):
            size += len(piece)
            checksum = zlib.crc32(piece, checksum)
            if size > part.file_size:
                raise damaged()
        if (size, checksum) != (part.file_size, part.CRC):
            raise damaged()


def _expanded(file: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    packed = _packed(file, part)
    return packed if part.compress_type == zipfile.ZIP_STORED else inflated(packed, -zlib.MAX_WBITS)


def _packed(file: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    file.seek(part.header_offset)
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    at = part.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    end = at + part.compress_size
    while at < end:
        file.seek(at)  # whoever takes the pieces may read elsewhere in between
        block = file.read(min(PIECE_BYTES, end - at))
        if not block:
            raise cut_off()
        at += len(block)
        yield block


def _require_plain_end(file: BinaryIO) -> None:
    """Refuse an archive that does not end with its directory, or whose directory alone would fill the memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_RECORD.size))
    tail = file.read()
    if len(tail) < _END_RECORD.size or not tail.startswith(b"PK\x05\x06"):
        raise cut_off()
    _, disk, first_disk, here, parts, directory_bytes, directory_at, comment_bytes = _END_RECORD.unpack(tail)
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise expands_too_much()
    # Zip64, which no document needs, fails here too: its end record stands between the directory and this one.
    if (
        disk
        or first_disk
        or here != parts
        or comment_bytes
        or directory_at + directory_bytes + len(tail) != size
    ):
        raise damaged()


def _require_moderate(parts: list[zipfile.ZipInfo]) -> None:
    packed, expanded = sum(part.compress_size for part in parts), sum(part.file_size for part in parts)
    if expanded > MAX_EXPANDED_BYTES or expanded > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise expands_too_much()
