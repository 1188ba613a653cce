"""Leaked passwords: the whole list, if BREACHED_PASSWORDS names it, else the common ones that come with the service.

The whole list is tens of gigabytes: it is searched where it lies, and never read.
"""

import asyncio
import functools
import hashlib
import re
from pathlib import Path
from typing import BinaryIO

from app.core.config import SettingMissing

_COMMON = Path(__file__).parent / "data/common_passwords.txt"
_LINE = re.compile(rb"[0-9A-Fa-f]{40}(:\d+)?\r?\n?")
_SHA1, _LONGEST = 40, 128  # characters of a hash and, with room to spare, bytes of a line


class _Named:
    """The list of this process: one for all its requests, as the log is."""

    file: Path | None = None


def use(file: Path | None) -> None:
    """Look leaked passwords up in this file from now on; None: in our own short list.

    Raises: SettingMissing if it cannot be read, or is not such a list.
    """
    try:
        if file is not None and not _is_list(file):
            raise SettingMissing("BREACHED_PASSWORDS must hold SHA-1 in hexadecimal, one a line, sorted")
    except OSError as error:
        raise SettingMissing(f"BREACHED_PASSWORDS cannot be read ({error.strerror})") from error
    _Named.file = file


def _is_list(file: Path) -> bool:
    """Answer whether the beginning looks like the list; an empty one holds no password."""
    with file.open("rb") as opened:
        lines = [opened.readline(_LONGEST) for _ in range(1000)]
    found = [line for line in lines if line]
    return all(_LINE.fullmatch(line) for line in found) and found == sorted(found, key=_hash_in)


async def is_breached(password: str) -> bool:
    """Answer whether a password is among the leaked ones; the file is read in a thread."""
    if _Named.file is None:
        return password.lower() in _common()
    digest = hashlib.sha1(password.encode("utf-8", "replace"), usedforsecurity=False).hexdigest().upper()
    return await asyncio.to_thread(_is_in, _Named.file, digest.encode())


@functools.lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split())


def _is_in(file: Path, wanted: bytes) -> bool:
    """Answer whether a line begins with a hash, by halves: some 36 short reads, whatever the size."""
    with file.open("rb") as lines:
        low, high = 0, lines.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            found = _first_from(lines, middle)
            if found and found < wanted:
                low = lines.tell()
            else:
                high = middle
        return _first_from(lines, low) == wanted


def _first_from(lines: BinaryIO, position: int) -> bytes:
    """Return the hash of the first line that begins at a position or after it."""
    lines.seek(max(position - 1, 0))
    if position > 0:
        lines.readline(_LONGEST)
    return _hash_in(lines.readline(_LONGEST))


def _hash_in(line: bytes) -> bytes:
    return line[:_SHA1].strip().upper()
