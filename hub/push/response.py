"""What a push service's response means for a message and its subscription (RFC 8030 section 5 and 7). Pure."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

__all__ = ["Outcome", "read_response"]


class Outcome(Enum):
    """What becomes of a message after an attempt; the values are labels of a metric."""

    SENT = "sent"
    #: The subscription has ended.
    GONE = "gone"
    #: The service does not take it now.
    RETRY = "retry"
    #: The service takes only smaller ones.
    TOO_LARGE = "too_large"
    #: The service does not take this one at all.
    REFUSED = "refused"


_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def read_response(status: int) -> Outcome:
    """Return what a status says. A redirect is refused: nobody but the browser says where its push service is."""
    if 200 <= status < 300:
        return Outcome.SENT
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Outcome.GONE
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Outcome.TOO_LARGE
    if status >= 500 or status in _RETRIED:
        return Outcome.RETRY
    return Outcome.REFUSED
