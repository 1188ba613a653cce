"""Calls to other hosts over HTTP: the one door out. Whom it may call is decided by the address it really connects to.

httpcore, on which httpx stands: it follows no redirects, knows no proxies of the environment, and takes the connecting
out of the way, so that the address that was checked is the address that is called (no DNS rebinding).
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
import structlog

log = structlog.get_logger("outgoing")

SECONDS = 5.0
MAX_BYTES = 1024 * 1024
_V6_OF_THE_WORLD = ipaddress.ip_network("2000::/3")
# Of protocols, not of hosts (some versions of Python take them for global); and ways of IPv6 to carry an address of
# IPv4, which could be one of ours.
_SPECIAL = [ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16")]


class OutgoingFailed(Exception):
    """The other host did not answer, or not in a way we take; the text says why, for the log."""


class OutgoingRefused(OutgoingFailed):
    """It is not called at all: the address is not public, or not named in OUTGOING_HOSTS."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What another host answered; `body` as it came, never longer than asked for."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises: OutgoingFailed.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutgoingFailed("the answer is no JSON") from error


class Outgoing:
    """The door: https to public addresses; to `hosts` also http, and to any address."""

    def __init__(
        self, hosts: Iterable[str] = (), *, seconds: float = SECONDS, max_bytes: int = MAX_BYTES
    ) -> None:
        self.hosts = frozenset(host.strip().lower() for host in hosts if host.strip())
        self.seconds, self.max_bytes = seconds, max_bytes
        # Names are looked up in threads of their own: a silent name server does not take those of others.
        self._threads = ThreadPoolExecutor(4, "names")

    @cached_property
    def _tls(self) -> SSLContext:
        # The authorities of certifi, or those that SSL_CERT_FILE or SSL_CERT_DIR name.
        return httpx.create_ssl_context()

    def require_allowed(self, url: str) -> httpx.URL:
        """Return the address if its form is one that may be called; where its name leads is seen at the call.

        Raises: OutgoingRefused.
        """
        try:
            address = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise OutgoingRefused("no address") from error
        if not address.host or address.userinfo or address.fragment:
            raise OutgoingRefused("no plain address")
        if address.scheme != "https" and not (address.scheme == "http" and _name(address) in self.hosts):
            raise OutgoingRefused("https only")
        return address

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """Call another host and return its answer, whatever its status is; redirects are not followed.

        Raises: OutgoingRefused, OutgoingFailed, within `seconds`.
        """
        host = "-"
        try:
            address = self.require_allowed(url)
            host = _name(address)
            async with asyncio.timeout(self.seconds):
                return await self._call(method, address, headers or {}, content)
        except OutgoingRefused as error:
            # Somebody has configured this: he is the one to be told.
            log.error("outgoing_refused", host=host, why=str(error))
            raise
        except OutgoingFailed as error:
            log.warning("outgoing_failed", host=host, why=str(error))
            raise
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            OSError,
            ValueError,
        ) as error:
            log.warning("outgoing_failed", host=host, why=type(error).__name__)
            raise OutgoingFailed(type(error).__name__) from error

    async def _call(
        self, method: str, address: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        sent = {
            "Host": address.netloc.decode(),
            "Accept-Encoding": "identity",
            "User-Agent": "dti",
            **headers,
        }
        if content is not None:
            sent["Content-Length"] = str(len(content))
        url = httpcore.URL(
            scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
        )
        door = _Door(self.hosts, self._threads)
        pool = httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=door)
        async with pool, pool.stream(method, url, headers=list(sent.items()), content=content) as answer:
            body = b""
            async for piece in answer.aiter_stream():
                body += piece
                if len(body) > self.max_bytes:
                    raise OutgoingFailed(f"the answer is longer than {self.max_bytes} bytes")
            return Answer(answer.status, body)


def _name(address: httpx.URL) -> str:
    return address.raw_host.decode("ascii")


class _Door(httpcore.AsyncNetworkBackend):
    """Connects to addresses that may be called, and to nothing else."""

    def __init__(self, hosts: frozenset[str], threads: ThreadPoolExecutor) -> None:
        self._hosts, self._threads, self._network = hosts, threads, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  as the library asks for it
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the name that answers, if all of them may be called."""
        addresses = await self._addresses(host, port)
        if host not in self._hosts and not all(is_public(one) for one in addresses):
            raise OutgoingRefused("an address that is not public")
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, SECONDS / 4, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, None, socket_options)

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name, each once, in the order of the resolver."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def is_public(address: str) -> bool:
    """Answer whether an address belongs to the world: not to us, our network, a cloud's metadata or to many at once."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified:
        return False
    if any(parsed in one for one in _SPECIAL):
        return False
    return isinstance(parsed, ipaddress.IPv4Address) or parsed in _V6_OF_THE_WORLD
