"""URLs of servers, taken apart once for everything that is given one."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["split_url"]


def split_url(text: str) -> SplitResult:
    """Return the parts of a URL that has a host, and a port that can be connected to if it has one.

    Raises:
        ValueError: it has not; the text says what is wrong, in words that follow the URL's name and do not repeat it.
    """
    try:
        url = urlsplit(text)
    except ValueError:
        raise ValueError("its host cannot be read") from None
    if not url.hostname:
        raise ValueError("it has no host")
    try:
        port = url.port
    except ValueError:
        raise ValueError("its port is not a number up to 65535") from None
    if port == 0:
        raise ValueError("its port is 0")
    return url
