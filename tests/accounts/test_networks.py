"""Networks of service accounts: what may be written, and which address lies in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.networks import allows, canonical, faults_of

BAD = {
    "": "network_unreadable",
    "10": "network_unreadable",
    "10.20.30": "network_unreadable",
    "10.20.30.1/24": "network_unreadable",
    "10.20.30.0/33": "network_unreadable",
    "10.20.30.0/-1": "network_unreadable",
    "10.20.30.0/255.255.255.0": "network_unreadable",
    "10.20.30.0/0.0.0.255": "network_unreadable",
    "010.020.030.000/24": "network_unreadable",
    "256.0.0.0/8": "network_unreadable",
    "10.20.30.0/24 ": "network_unreadable",
    "10.20.30.0/24\n": "network_unreadable",
    "１０.20.30.0/24": "network_unreadable",
    "0x0a.0.0.0/8": "network_unreadable",
    "example.vn": "network_unreadable",
    "fe80::1%eth0/128": "network_unreadable",
    "2001:db8::/129": "network_unreadable",
    "2001:db8:::/48": "network_unreadable",
    "2001:db8::1/48": "network_unreadable",
    "'; DROP TABLE unit; --": "network_unreadable",
    "\x00": "network_unreadable",
    "0.0.0.0/0": "network_everywhere",
    "::/0": "network_everywhere",
    "::ffff:0:0/96": "network_mapped",
    "::ffff:10.20.30.0/120": "network_mapped",
    "::ffff:0a14:1e00/120": "network_mapped",
    "::/64": "network_mapped",
}


@pytest.mark.parametrize("written", BAD, ids=ascii)
def test_what_is_no_network_is_refused_with_its_place(written: str) -> None:
    (fault,) = faults_of(["10.0.0.0/8", written])
    assert (fault.pointer, fault.code) == ("/networks/1", BAD[written])


def test_networks_are_kept_in_one_way_of_writing_each_once() -> None:
    written = ["2001:DB8:0::/48", "10.0.0.7", "10.0.0.0/8", "2001:db8::/48", "10.0.0.7/32"]
    assert faults_of(written) == []
    assert canonical(written) == ["10.0.0.0/8", "10.0.0.7/32", "2001:db8::/48"]


NETWORKS = ["10.20.30.0/24", "192.0.2.7/32", "2001:db8:7::/48"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.20.30.0", True),
        ("10.20.30.255", True),
        ("10.20.29.255", False),
        ("10.20.31.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("::ffff:10.20.30.1", True),
        ("::ffff:10.20.31.1", False),
        ("::10.20.30.1", False),
        ("2001:db8:7::1", True),
        ("2001:DB8:7:ffff:ffff:ffff:ffff:ffff", True),
        ("2001:db8:8::", False),
        ("127.0.0.1", False),
        ("testclient", False),
        ("10.20.30.1, 8.8.8.8", False),
        ("10.20.30.1:80", False),
        ("", False),
        (None, False),
    ],
)
def test_an_address_lies_in_the_networks_or_does_not(address: str | None, expected: bool) -> None:
    assert allows(NETWORKS, address) is expected


@pytest.mark.parametrize("address", ["127.0.0.1", "anything", "", None])
def test_without_networks_every_address_may(address: str | None) -> None:
    assert allows([], address)


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-f:.]{1,30}/[0-9]{1,3}", fullmatch=True))
def test_any_text_is_a_network_that_can_be_kept_or_a_fault(written: str) -> None:
    faults = faults_of([written])
    assert faults or canonical(canonical([written])) == canonical([written])
    assert not faults or faults[0].pointer == "/networks/0"


@given(st.ip_addresses(v=4), st.integers(1, 32))
def test_a_network_holds_its_own_addresses_in_both_ways_of_writing(address: object, bits: int) -> None:
    kept = canonical([f"{address}/32"])
    assert allows(kept, str(address)) and allows(kept, f"::ffff:{address}")
