"""Where a service account may call from: networks as CIDR, IPv4 and IPv6. Pure."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.core.problems import Fault

# The library reads masks and zones too; one way to write a network is enough.
_WRITTEN = re.compile(r"[0-9a-f:.]{2,45}(/[0-9]{1,3})?", re.ASCII | re.IGNORECASE)
_MAPPED = ip_network("::ffff:0:0/96")


def canonical(written: Sequence[str]) -> list[str]:
    """Return networks that have no fault as they are kept: in order, each once, an address as a network of one."""
    return [str(network) for network in sorted({ip_network(one) for one in written}, key=str)]


def faults_of(written: Sequence[str]) -> list[Fault]:
    """Return what is wrong with networks as somebody wrote them."""
    found = ((i, _wrong_with(one)) for i, one in enumerate(written))
    return [Fault(f"/networks/{i}", *why) for i, why in found if why]


def _wrong_with(one: str) -> tuple[str, str, str] | None:
    try:
        network = ip_network(one) if _WRITTEN.fullmatch(one) else None
    except ValueError:
        network = None
    if network is None:
        return (
            "network_unreadable",
            "phải là dải mạng dạng CIDR, phần sau mặt nạ bằng 0: 10.20.30.0/24",
            "must be a network as CIDR, nothing set behind the mask: 10.20.30.0/24",
        )
    if network.prefixlen == 0:
        return (
            "network_everywhere",
            "dải này là mọi nơi; để trống danh sách nếu không giới hạn",
            "this is everywhere; leave the list empty for no limit",
        )
    if isinstance(network, IPv6Network) and network.overlaps(_MAPPED):
        return ("network_mapped", "viết địa chỉ IPv4 dưới dạng IPv4", "write IPv4 addresses as IPv4")
    return None


def allows(networks: Sequence[str], address: str | None) -> bool:
    """Answer whether an address may call: every one does where no network is named, an unknown one nowhere else."""
    if not networks:
        return True
    known = _read(address or "")
    return known is not None and any(_holds(ip_network(one), known) for one in networks)


def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        known = ip_address(address)
    except ValueError:
        return None
    # A socket that serves both families shows IPv4 callers so.
    return (known.ipv4_mapped or known) if isinstance(known, IPv6Address) else known


def _holds(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return address.version == network.version and address in network
