"""Bodies that nobody means: the documented examples with something odd in their place, and JSON that is hardly any."""

import json
from typing import Any

from hypothesis import strategies as st

_TEXTS = (
    "",
    " ",
    "\u0000",
    "\ud800",
    "e\u0302\u0301",  # decomposed
    "\u202etxt.exe",
    "A" * 10_000,
    "=1+1",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "%00",
    "../../etc/passwd",
    "${jndi:x}",
    "NaN",
    "1e400",
    "-0",
    "01a200ed-6325-762a-8d8d-25dc3465d7ad",
    "9999-12-31",
    "0000-00-00",
    "line\r\nSet-Cookie: a=b",
)
_NUMBERS = (0, -0.0, -1, 1.5, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400, 1e308)
simple = st.one_of(st.none(), st.booleans(), st.sampled_from(_TEXTS), st.sampled_from(_NUMBERS), st.text())
odd = st.recursive(
    simple, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=9), some, max_size=4)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a body, the body itself first."""
    found = [path]
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(one, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a body with another value at one place."""
    if not path:
        return new
    head, *rest = path
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[head] = changed(copied[head], tuple(rest), new)
    return copied


@st.composite
def mutations(draw: st.DrawFn, body: Any) -> bytes:
    """Give a body with one or two odd things in it, as it is sent."""
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(body)))
        body = changed(body, path, draw(odd))
    return json.dumps(body).encode()


# What no library would write; each is a whole body, or stands for one value in it.
RAW_VALUES = (
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"-0",
    b"-0.0",
    b"NaN",
    b"Infinity",
    b"1" * 5_000,
    b"0." + b"1" * 5_000,
    b'"\\ud800"',
    b'"\\ud83d"',
    b'"\\u0000"',
    b'"\xff\xfe"',
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"a":1,"a":2}',
    b"{" + b",".join(b'"k%d":0' % n for n in range(100_000)) + b"}",
    b"[" + b",".join(b"null" for _ in range(100_000)) + b"]",
    b"null",
    b"\xef\xbb\xbf{}",
    b"{}{}",
    b"{'a':1}",
    b"",
)
