"""Conditional and partial reads: whether what a client holds is still what there is, and which bytes it asks for."""

import re

# More digits than any file has bytes are no position.
_ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,40})-([0-9]{0,40})", re.IGNORECASE | re.ASCII)


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Answer whether a client's If-None-Match names an ETag; strong or weak makes no difference (RFC 9110)."""
    named = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return b"*" in named or etag.removeprefix(b"W/") in named


def byte_range(asked: str, size_bytes: int) -> tuple[int, int] | None:
    """Return from where up to where (excluded) a Range header asks for the bytes of a file.

    None: the whole file is the answer, as it may be to several ranges and to whatever is not understood. Where the
    first is not before the second, nothing of what is asked for is there.

    Source: RFC 9110 section 14.
    """
    found = _ONE_RANGE.fullmatch(asked.strip())
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return None
    if not first:
        return max(size_bytes - int(last), 0), size_bytes
    if not last:
        return int(first), size_bytes
    return None if int(last) < int(first) else (int(first), min(int(last) + 1, size_bytes))
