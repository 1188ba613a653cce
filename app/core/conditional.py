"""Conditional reads: whether what a client holds is still what there is."""


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Answer whether a client's If-None-Match names an ETag; strong or weak makes no difference (RFC 9110)."""
    named = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return b"*" in named or etag.removeprefix(b"W/") in named
