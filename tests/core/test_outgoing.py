"""Calls to other hosts: only to addresses that may be called, only for a while, only so much."""

import ast
import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.core import outgoing as outgoing_module
from app.core.outgoing import Outgoing, OutgoingFailed, OutgoingRefused, is_public

APP = Path(__file__).parents[2] / "app"

OURS = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
    "no address",
    "",
]


@pytest.mark.parametrize("address", OURS)
def test_an_address_of_ours_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "103.9.76.10", "172.32.0.1", "2606:4700::1111", "2405:4800::1"]
)
def test_an_address_of_the_world_is(address: str) -> None:
    assert is_public(address)


class Host:
    """A host that answers what it is told; it counts who connects."""

    def __init__(self) -> None:
        self.port, self.connections = 0, 0
        self.heard = b""
        self.answer: list[bytes] = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
        self.pause = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one request and answer it."""
        self.connections += 1
        try:
            self.heard = await reader.readuntil(b"\r\n\r\n")
            for piece in self.answer:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Run such a host on this machine."""
    one = Host()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


def url_of(host: Host, name: str = "127.0.0.1", scheme: str = "http") -> str:
    """Return the address of the host under a name."""
    return f"{scheme}://{name}:{host.port}/x?y=1"


async def test_a_named_host_is_called_with_no_more_than_it_needs(host: Host) -> None:
    answer = await Outgoing(["127.0.0.1"]).call("GET", url_of(host))
    assert (answer.status, answer.json()) == (200, {})
    lines = host.heard.decode().splitlines()
    assert lines[0] == "GET /x?y=1 HTTP/1.1"
    assert sorted(line.split(":")[0].lower() for line in lines[1:] if line) == [
        "accept-encoding",
        "host",
        "user-agent",
    ]


NAMES = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
]


@pytest.mark.parametrize("name", NAMES)
async def test_this_machine_is_not_called_whatever_it_is_named(host: Host, name: str) -> None:
    with pytest.raises(OutgoingFailed):
        await Outgoing().call("GET", url_of(host, name, "https"))
    assert host.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://sso.example.vn/",
        "http://127.0.0.1.example.vn/",
        "http://127.0.0.1@sso.example.vn/",
        "https://127.0.0.1@sso.example.vn/",
        "https://sso.example.vn/#x",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//127.0.0.1/",
        "/x",
        "https://",
        "https:///x",
        "https://[::1/",
        "https://a\nb/",
        "https://sso.example.vn:99999/",
        "https://" + "x" * 70000,
        "",
    ],
    ids=lambda url: url[:40],
)
async def test_an_address_of_another_form_is_not_called(url: str) -> None:
    door = Outgoing(["127.0.0.1"])
    with pytest.raises(OutgoingFailed):
        await door.call("GET", url)


async def test_a_name_is_resolved_once_and_the_address_that_was_seen_is_called(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server of a stranger says a public address first, and ours when it is asked again."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    asked = []

    def rebinding(name: str, port: int) -> list[object]:
        asked.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(answers)]

    monkeypatch.setattr(outgoing_module, "_look_up", rebinding)
    door = Outgoing(seconds=1)
    with pytest.raises(OutgoingFailed):
        await door.call("GET", url_of(host, "evil.example", "https"))
    assert (asked, host.connections) == (["evil.example"], 0)
    with pytest.raises(OutgoingRefused):
        await door.call("GET", url_of(host, "evil.example", "https"))
    assert host.connections == 0


async def test_one_address_of_ours_among_many_is_enough_to_refuse(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 1)) for one in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(outgoing_module, "_look_up", lambda name, port: both)
    with pytest.raises(OutgoingRefused):
        await Outgoing().call("GET", url_of(host, "evil.example", "https"))
    assert host.connections == 0


async def test_a_redirect_is_an_answer_and_is_not_followed(host: Host) -> None:
    host.answer = [b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"]
    assert (await Outgoing(["127.0.0.1"]).call("GET", url_of(host))).status == 302
    assert host.connections == 1


async def test_a_proxy_of_the_environment_is_not_used(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, url_of(host))
    with pytest.raises(OutgoingFailed):
        await Outgoing(["127.0.0.2"]).call("GET", "http://127.0.0.2:1/")
    assert host.connections == 0


@pytest.mark.parametrize(("size", "good"), [(99, True), (100, True), (101, False)])
@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_has_a_longest_length(host: Host, size: int, good: bool, announced: bool) -> None:
    length = f"Content-Length: {size}\r\n" if announced else ""
    host.answer = [f"HTTP/1.1 200 OK\r\n{length}\r\n".encode(), b"x" * size]
    door = Outgoing(["127.0.0.1"], max_bytes=100)
    if good:
        assert len((await door.call("GET", url_of(host))).body) == size
    else:
        with pytest.raises(OutgoingFailed, match="longer"):
            await door.call("GET", url_of(host))


async def test_an_answer_that_drips_is_ended_in_time(host: Host) -> None:
    host.answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100]
    host.pause = 0.1
    begun = time.monotonic()
    with pytest.raises(OutgoingFailed, match="Timeout"):
        await Outgoing(["127.0.0.1"], seconds=0.4).call("GET", url_of(host))
    assert time.monotonic() - begun < 2


async def test_a_silent_name_server_is_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing_module, "_look_up", lambda name, port: time.sleep(1))
    begun = time.monotonic()
    with pytest.raises(OutgoingFailed, match="Timeout"):
        await Outgoing(seconds=0.2).call("GET", "https://slow.example/")
    assert time.monotonic() - begun < 0.9


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
    ids=["nothing", "zeros", "ssh", "no status", "a long header"],
)
async def test_what_is_no_answer_is_a_failure(host: Host, answer: bytes) -> None:
    host.answer = [answer]
    with pytest.raises(OutgoingFailed):
        await Outgoing(["127.0.0.1"]).call("GET", url_of(host))


async def test_a_header_brings_no_other_header(host: Host) -> None:
    with pytest.raises(OutgoingFailed):
        await Outgoing(["127.0.0.1"]).call("GET", url_of(host), headers={"X": "a\r\nEvil: b"})


async def test_a_certificate_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*self_signed(tmp_path))
    host = Host()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(OutgoingFailed, match="ConnectError"):
        await Outgoing(["localhost"]).call("GET", f"https://localhost:{port}/")
    assert host.heard == b""
    server.close()


async def test_https_is_spoken_with_who_is_vouched_for_under_his_own_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate, key)
    host = Host()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    door = Outgoing(["localhost", "127.0.0.1"])
    assert (await door.call("GET", f"https://localhost:{port}/")).status == 200
    with pytest.raises(OutgoingFailed, match="ConnectError"):
        await door.call("GET", f"https://127.0.0.1:{port}/")
    server.close()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of `localhost` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


# --- nobody goes out by another door ------------------------------------------------------------------------


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importers_of(*names: str) -> set[str]:
    """Return the files of the application that import one of these modules."""
    return {
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        for module in imports_of(path)
        if any(module == name or module.startswith(f"{name}.") for name in names)
    }


def test_one_module_alone_calls_other_hosts() -> None:
    clients = (
        "httpx",
        "httpcore",
        "urllib.request",
        "urllib3",
        "requests",
        "aiohttp",
        "http.client",
        "authlib",
    )
    assert importers_of(*clients) == {"core/outgoing.py"}


def test_one_module_alone_knows_the_library_of_tokens() -> None:
    assert importers_of("jose", "jwt", "joserfc") == {"accounts/tokens.py"}
