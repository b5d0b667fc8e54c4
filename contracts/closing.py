"""Why the hub ends a connection, as WebSocket close codes (RFC 6455 section 7.4).

Below 4500: reconnect with the cursor. From 4500: stop until something changes.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["CloseCode", "may_return"]

_FIRST_FINAL_CODE = 4500


class CloseCode(IntEnum):
    """The hub's own close codes."""

    DRAIN = 1012
    SLOW = 4000
    TOKEN_EXPIRED = 4001
    TOO_MANY_CONNECTIONS = 4002
    INVALID_TOKEN = 4500
    NOT_ALLOWED = 4501
    DISCONNECTED = 4502
    HUB_FULL = 4503
    INVALID_CURSOR = 4504


def may_return(code: int) -> bool:
    """Say whether a client closed with `code` should reconnect by itself, with its cursor."""
    return code < _FIRST_FINAL_CODE
