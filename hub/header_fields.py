"""Header fields by name: those that may come once, lists, and one that is read in several rooms.

Of a list several lines count as one, and empty elements as none (RFC 9110 sections 5.3 and 5.6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime

__all__ = ["Headers", "find_single", "join_lines", "list_tokens", "read_retry_after_s"]

#: Names in lower case and values, in the order they came: ASGI's own form.
Headers = list[tuple[bytes, bytes]]

#: Optional whitespace (RFC 9110 section 5.6.3).
_OWS = b" \t"


def find_single(headers: Iterable[tuple[bytes, bytes]], name: bytes, *, refuse: Callable[[], Exception]) -> str | None:
    """Return the value of a field that may come once as it was sent; None where it did not come.

    `name` is in lower case. Two readers of one request may choose different ones of two, so two are refused.

    Raises:
        The exception that `refuse` returns: the field came more than once.
    """
    found: bytes | None = None
    for field, value in headers:
        if field == name:
            if found is not None:
                raise refuse()
            found = value
    return None if found is None else found.decode("latin-1")


def list_tokens(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Return the elements of a list of tokens, in order and as they were sent; `name` in lower case."""
    lines = [value for field, value in headers if field == name]
    return [token for line in lines for part in line.split(b",") if (token := part.strip(_OWS))]


def join_lines(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return a list whose elements may hold quoted commas as one value; empty where it has no elements."""
    lines = [value.strip(b", \t") for field, value in headers if field == name]
    return b", ".join(line for line in lines if line)


def read_retry_after_s(text: str, now_s: float) -> float | None:
    """Return the seconds of a Retry-After, which may be a date (RFC 9110 section 10.2.3); None where it is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s) if text else None
    except (ValueError, OverflowError):
        return None
