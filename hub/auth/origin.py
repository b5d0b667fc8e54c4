"""Which web pages may connect: the protection against cross-site WebSocket hijacking.

A browser puts the page's origin on every WebSocket handshake and every cross-origin request, and no
page can change it. Compared exactly: every clever comparison has been a hole somewhere
(Gitpod GHSA-f53g-frr2-jhpf, Litestar CVE-2026-25479).
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from hub.errors import OriginNotAllowed
from hub.header_fields import find_single

__all__ = ["check_origin", "find_origin"]


def check_origin(origin: str | None, allowed: Set[str]) -> None:
    """Accept a connection from `origin`, an `Origin` header's value, or from no origin at all.

    None means that there was no such header: a service, a phone, `hub tail`, or a same-origin
    EventSource, for which browsers send none. `null` (a sandboxed frame, a file) is never allowed.
    Two `Origin` headers are the caller's to refuse.

    Raises:
        OriginNotAllowed: the origin is not one of the allowed ones.
    """
    if origin is not None and (origin == "null" or origin not in allowed):
        raise OriginNotAllowed(
            "The Origin header is not one of the origins that this hub allows (HUB_ALLOWED_ORIGINS)",
            reason="the page's Origin is not one of HUB_ALLOWED_ORIGINS",
        )


def find_origin(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the one `Origin` header.

    Raises:
        OriginNotAllowed: there are two; a proxy that checks the other one would let this through.
    """
    return find_single(headers, b"origin", refuse=lambda: OriginNotAllowed(reason="there are two Origin headers"))
