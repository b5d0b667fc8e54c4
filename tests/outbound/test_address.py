"""Which addresses the hub connects to for others."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outbound.address import is_allowed_address, is_loopback_address

PUBLIC = ["8.8.8.8", "1.1.1.1", "177.12.3.4", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1"),
]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1"),
    *("192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "192.0.0.170", "192.0.0.192", "192.88.99.1"),
    *("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254", "::", "fe80::1", "fe80::1%eth0", "fec0::1"),
    *("ff02::1", "2001:db8::1", "2002:a00:1::", "2001::1", "64:ff9b:1::1", "::10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "100::1", "3fff::1", "5f00::1", "", "localhost", "127.1", "2130706433", "0x7f000001"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    """An address of the Internet is connected to, however it is written."""
    assert is_allowed_address(address, allow_private=False)
    assert is_allowed_address(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_allowed_where_an_operator_says_so(address: str) -> None:
    """A private or loopback address is refused, unless private ones are allowed, also inside an IPv6 address."""
    assert not is_allowed_address(address, allow_private=False)
    assert is_allowed_address(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_reserved_address_is_never_allowed(address: str) -> None:
    """Link-local, reserved and metadata addresses are refused whatever an operator says, and text that is none."""
    assert not is_allowed_address(address, allow_private=False)
    assert not is_allowed_address(address, allow_private=True)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_python_calls_not_global_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """No address that Python's own tables call private, reserved, multicast or link-local is allowed."""
    special = address.is_private or address.is_reserved or address.is_multicast or address.is_link_local
    translated = address in ipaddress.ip_network("64:ff9b::/96") if address.version == 6 else False
    mapped = getattr(address, "ipv4_mapped", None) is not None
    if special and not translated and not mapped:
        assert not is_allowed_address(str(address), allow_private=False)


def test_loopback() -> None:
    """An address of this machine is known in each of its forms."""
    assert [True] * 3 == [is_loopback_address(text) for text in ("127.0.0.1", "::1", "::ffff:127.0.0.2")]
    assert [False] * 3 == [is_loopback_address(text) for text in ("10.0.0.1", "localhost", "::ffff:10.0.0.1")]
