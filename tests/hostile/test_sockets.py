"""Raw bytes on a socket: headers and addresses that no client library would send."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

from tests.contracts.cells import ids_of, operations_of
from tests.contracts.relations import PROVIDER_IS_AWAY
from tests.hostile.driving import Place

BIG = b"a" * 10_000
HEADERS: tuple[bytes, ...] = (
    b"If-Match: *",
    b'If-Match: W/"1", "2"',
    b"If-Match: \xff\xfe",
    b'If-Match: "99999999999999999999"',
    b"If-Match: " + BIG,
    b"Idempotency-Key: " + BIG,
    b"Idempotency-Key: \xc3\x28\x00",
    b"Idempotency-Key: a\r\nIdempotency-Key: b",
    b"Range: bytes=99999999999999999999-",
    b"Range: bytes=-0,0-0,1-1," + b"2-3," * 500,
    b"Accept-Language: " + b"en-" * 3_000,
    b"Accept-Language: \xff;q=99",
    b"Content-Type: application/json; charset=utf-7",
    b"Content-Type: multipart/form-data",
    b"Content-Type: " + BIG,
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    b"Transfer-Encoding: identity, chunked",
    b"Prefer: respond-async, wait=99999999999",
    b"Upload-Offset: -1\r\nTus-Resumable: 1.0.0",
    b"Upload-Offset: 1e9\r\nTus-Resumable: 9",
    b"Upload-Length: 99999999999999999999\r\nTus-Resumable: 1.0.0",
    b"Upload-Metadata: " + b"a " * 900 + b"\r\nTus-Resumable: 1.0.0",
    b"Upload-Checksum: sha1 \xff\r\nTus-Resumable: 1.0.0",
    b"Authorization: Bearer",
    b"Authorization: Bearer " + BIG,
    b"Authorization: Basic \xff\xff",
    b"Authorization: Bearer a.b.c, Bearer d",
    b"Authorization: bearer eyJhbGciOiJub25lIn0.e30.",
    b"If-None-Match: " + b'"x",' * 2_000,
    b"Cookie: " + b"a=b;" * 2_000,
    b"X-Forwarded-For: \xff, 127.0.0.1\r\nHost: evil.example",
    b"X-HTTP-Method-Override: DELETE",
    b"Expect: 200-maybe",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"A: " + b"b\r\nA: " * 200,
)
SEGMENTS: tuple[bytes, ...] = (
    b"..",
    b"%2e%2e",
    b"%2f",
    b"%252f",
    b"%00",
    b"%ff%fe",
    b"%",
    b"%zz",
    b";a=b",
    b"a" * 10_000,
    b"\xe1\xba\xa1",
    b"01a200ed-6325-762a-8d8d-25dc3465d7ad%20",
    b"{01a200ed-6325-762a-8d8d-25dc3465d7ad}",
    b"-1",
    b"99999999999999999999",
    b"%0d%0aSet-Cookie:a",
    b"?page=-1&page=2&page_size=99999999999999999999&search=%00",
    b"?%ff=%ff&search=" + b"%F0%9F%98%80" * 500,
    b"?" + b"a=b&" * 2_000,
)


def status_of(where: Place, request: bytes) -> int | None:
    """Send raw bytes and return the status of the answer; None where the connection is just closed."""
    address = urlsplit(where.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as wire:
        wire.sendall(request)
        if b"Content-Length: 9" in request or b"Transfer-Encoding" in request:
            wire.shutdown(socket.SHUT_WR)  # what was announced never comes
        first = b""
        with suppress(ConnectionResetError):
            while b"\r\n" not in first and (more := wire.recv(4096)):
                first += more
    return int(first.split()[1]) if first else None


def request_of(where: Place, operation: str, extra: bytes, segment: bytes | None = None) -> bytes:
    """Return an operation's request with one more header, or with something odd at the end of its path."""
    method, path = operation.split(" ", 1)
    fitting = [one for one in where.held.things if all("{" + name + "}" in path for name in one.ids)]
    ids = ids_of(where.held, fitting[0] if fitting else None)
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    target = path.encode()
    if segment is not None:
        target = target + segment if segment[:1] in b"?;" else target.rsplit(b"/", 1)[0] + b"/" + segment
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: test", b"Connection: close"]
    if not extra.startswith(b"Authorization"):
        lines.append(b"Authorization: Bearer " + where.held.tokens["admin"].encode())
    return b"\r\n".join([*lines, *([extra] if extra else []), b"", b""])


def is_sound(operation: str, status: int | None) -> bool:
    """Answer whether nothing broke; the provider of this world is away, and that may be said."""
    return status is None or status < 500 or (status == 503 and operation in PROVIDER_IS_AWAY)


def test_no_header_breaks_any_operation(where: Place) -> None:
    answered = 0
    for number, operation in enumerate(operations_of(where.held.app)):
        for header in HEADERS[number % 5 :: 5]:
            status = status_of(where, request_of(where, operation, header))
            assert is_sound(operation, status), f"{operation} with {header[:80]!r}: {status}"
            answered += status is not None
    assert answered > 500


def test_no_address_breaks_any_operation(where: Place) -> None:
    for number, operation in enumerate(operations_of(where.held.app)):
        for segment in SEGMENTS[number % 4 :: 4]:
            status = status_of(where, request_of(where, operation, b"", segment))
            assert is_sound(operation, status), f"{operation} at {segment[:80]!r}: {status}"
