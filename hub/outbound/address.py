"""Which IP addresses the hub may connect to when somebody else chose the host. Pure."""

from __future__ import annotations

import ipaddress

__all__ = ["is_allowed_address", "is_loopback_address"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(text: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in text.split())


#: What an operator may allow for an endpoint: loopback, private (RFC 1918), shared (RFC 6598) and unique local
#: (RFC 4193) addresses.
_PRIVATE = _networks("127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 ::1/128 fc00::/7")
#: Where clouds give a machine its credentials: never, whatever an operator allows. The link-local ones are below.
_METADATA = _networks("100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128")
#: What no host on the Internet has (RFC 6890), and what Python's `is_global` does not know in each of its versions.
_NEVER = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24"
    " 224.0.0.0/4 240.0.0.0/4 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
#: Every other IPv6 address is local, multicast, of a translator's or not given out yet (RFC 4291).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
#: An IPv4 address behind a translator (RFC 6052): what it leads to counts.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


def is_allowed_address(text: str, *, allow_private: bool) -> bool:
    """Whether the hub may connect to this address; `allow_private` allows loopback, private and unique local ones.

    Link-local, multicast and reserved addresses and the metadata services of clouds are never allowed. An IPv4
    address inside an IPv6 one (RFC 4291, RFC 6052) counts as itself.
    """
    address = _read(text)
    if address is None or _is_in(address, _METADATA) or _is_in(address, _NEVER):
        return False
    if _is_in(address, _PRIVATE):
        return allow_private
    return address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)


def is_loopback_address(text: str) -> bool:
    """Whether this address is the machine itself."""
    address = _read(text)
    return address is not None and address.is_loopback


def _read(text: str) -> _Address | None:
    try:
        # With a scope (`fe80::1%eth0`) an address leads out of one interface, which nobody else may choose.
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_in(address: _Address, networks: tuple[_Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
