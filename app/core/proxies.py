"""Whose word about a client's address is believed: that of the configured proxies, and nobody else's."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

# What stands for an address that is none: everybody with such a one shares it.
UNKNOWN = "unknown"


def networks_of(text: str) -> list[str]:
    """Return the addresses and networks named in TRUSTED_PROXIES.

    Raises: ValueError saying what is expected.
    """
    named = [part.strip() for part in text.split(",") if part.strip()]
    for one in named:
        try:
            ip_network(one)
        except ValueError as error:
            raise ValueError(f"{one[:60]!r} is no address and no network, like 10.0.0.0/8") from error
    return named


@lru_cache(maxsize=4096)
def address_of(host: str) -> str | None:
    """Return an IP address as it is usually written, IPv4 also where it came as IPv6; None if it is none."""
    found = _parsed(host)
    return None if found is None else str(found)


@lru_cache(maxsize=4096)
def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host.partition("%")[0] if len(host) < 100 else "")
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network_of(client: Any) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 an IPv6 network is given to (RFC 6177)."""
    return _network(client[0]) if client else UNKNOWN


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    found = _parsed(host)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return UNKNOWN if found is None else str(found)


class TrustedProxies:
    """Take the client's address and scheme from X-Forwarded-For and X-Forwarded-Proto of trusted peers.

    The last hop that is no trusted proxy is the client. What is no address is not taken for one.
    """

    def __init__(self, app: ASGIApp, proxies: list[str]) -> None:
        self.app = app
        self._headers: Any = ProxyHeadersMiddleware(self._believing, trusted_hosts=proxies)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] == "http" and peer and peer[0] in self._headers.trusted_hosts:
            scope.setdefault("state", {})["proxy"] = peer
            await self._headers(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _believing(self, scope: Scope, receive: Receive, send: Send) -> None:
        host, port = scope["client"]
        scope["client"] = (address_of(host), port) if address_of(host) else scope["state"]["proxy"]
        await self.app(scope, receive, send)
