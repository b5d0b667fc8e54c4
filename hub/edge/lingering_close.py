"""The end of a connection whose peer may still be sending (RFC 9112 section 9.6)."""

from __future__ import annotations

import asyncio

from hub.edge.response_head import encode_last_response
from hub.errors import HubError
from hub.errors.problem import write_problem

__all__ = ["LingeringClose"]

#: What a peer may still send, and for how long, while it is told that nobody reads on.
LINGER_BYTES = 1_048_576
LINGER_S = 1.0


class LingeringClose:
    """Sends a last response and takes what still comes, within a bound, so that the peer can read the response.

    A close with bytes unread is a reset, which can overtake the response.
    """

    __slots__ = ("_left_bytes", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, error: HubError) -> None:
        """Begin: the transport can be written to, and can half-close."""
        self._transport = transport
        self._left_bytes = LINGER_BYTES
        transport.write(encode_last_response(write_problem(error)))
        transport.write_eof()
        self._timer = loop.call_later(LINGER_S, transport.abort)

    def discard(self, data: bytes) -> None:
        """Take what still comes."""
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._transport.abort()

    def stop(self) -> None:
        """End: the transport is gone."""
        self._timer.cancel()
