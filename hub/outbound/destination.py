"""The URL of a request to an address that somebody else chose: what is accepted before any name is resolved. Pure."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from hub.outbound.address import is_allowed_address, is_loopback_address
from hub.url import split_url

__all__ = ["Destination", "read_destination"]

_MAX_URL_LENGTH = 2048
#: Printable ASCII without a space: what a request line can carry.
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


class Destination(msgspec.Struct, frozen=True):
    """Where a request goes. `target` is its path and query, as the request line has it."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the field Host (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def read_destination(url: str, *, allow_private: bool = False) -> Destination:
    """Return where `url` leads, after the checks that need no name to be resolved.

    With `allow_private` private addresses are accepted, and http to this machine itself.

    Raises:
        ValueError: such a URL is not requested; the text says why in words that follow its name and never repeats it.
    """
    if len(url) > _MAX_URL_LENGTH:
        raise ValueError(f"is longer than {_MAX_URL_LENGTH} characters")
    if _VISIBLE.fullmatch(url) is None:
        raise ValueError("holds a character that a URL cannot have (write host names in ASCII, and escape others)")
    if "\\" in url:
        raise ValueError("holds a backslash")
    try:
        parts = split_url(url)
    except ValueError as error:
        raise ValueError(f"cannot be used: {error}") from None
    host, scheme = parts.hostname or "", parts.scheme
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or a password")
    if "#" in url:
        raise ValueError("holds a fragment (#)")
    literal = _read_literal(host)
    is_loopback = is_loopback_address(literal) if literal is not None else host in {"localhost", "localhost."}
    if scheme == "http" and not (allow_private and is_loopback):
        raise ValueError(
            "is http: https alone is requested (http only on this machine, where private ones are allowed)"
        )
    if scheme not in {"https", "http"}:
        raise ValueError("is not an https URL")
    if literal is not None and not is_allowed_address(literal, allow_private=allow_private):
        raise ValueError("leads to a private or reserved address")
    port = parts.port or {"https": 443, "http": 80}[scheme]
    path = parts.path or "/"
    return Destination(scheme, literal or host, port, f"{path}?{parts.query}" if parts.query else path)


def _read_literal(host: str) -> str | None:
    """Return the address that a host is, if it is one; a scope stays, and is refused with it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
