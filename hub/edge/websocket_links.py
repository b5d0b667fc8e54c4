"""The links of WebSockets: plain or compressed, and for clients that give no cursor."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hub.cursor import parse_cursor
from hub.delivery.envelope import PING, ping_frame, text_frame
from hub.delivery.resume_points import ResumePoint
from hub.edge.flow import Flow
from hub.edge.links import Form, Lane, TransportLink
from hub.header_fields import Headers

__all__ = ["ConfirmedLink", "DeflatedConfirmedLink", "DeflatedLink", "WebSocketLink"]

#: What a ping that asks for a confirmation carries.
_POSITION_BYTES = 8
#: What a browser closes with when a page is left or is done with it (RFC 6455 section 7.4.1).
_GOODBYES = frozenset({1000, 1001, 1005})


class _WebSocketProtocol(Protocol):
    flow: Flow

    def accept(self, subprotocol: str | None, headers: Headers) -> None: ...

    def send_close(self, code: int, reason: str) -> None: ...


class WebSocketLink(TransportLink):
    """Writes to one WebSocket."""

    __slots__ = ("_protocol",)

    form: Form = "frame"
    can_pong = True

    def __init__(self, transport: asyncio.Transport, protocol: _WebSocketProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def accept(self, subprotocol: str | None) -> None:
        """Accept the handshake, with the subprotocol that was chosen."""
        self._protocol.accept(subprotocol, [])

    def write_control(self, frame: bytes) -> int:
        """Send a control frame; return the unsent bytes after it."""
        return self.write_bytes(text_frame(frame))

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a ping and, to clients that understand it, the heartbeat frame; browsers cannot see pings."""
        self.write_bytes(PING if frame is None else PING + text_frame(frame))

    def write_retry(self, retry_ms: int) -> None:
        """Send nothing: a WebSocket client is told by a frame, or waits as it sees fit."""

    def close(self, code: int, reason: str) -> None:
        """Send the close frame; abort where the peer has not answered it in `close_timeout_s`."""
        self.uncork()
        if self.open:
            self.open = self.send_socket.is_clear = False
            self._protocol.send_close(code, reason)

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the transport's buffer is below its low mark."""
        return await self._protocol.flow.wait_writable(timeout_s=timeout_s)


class DeflatedLink(WebSocketLink):
    """A link to a client that negotiated compression; control frames go as they are, being short."""

    __slots__ = ()

    form: Form = "deflated"


class ConfirmedLink(WebSocketLink):
    """A link to a client that gives no cursor: what its socket took is noted, and its pongs confirm what arrived."""

    __slots__ = ("point",)

    lane: Lane = "noted frame"

    def __init__(self, transport: asyncio.Transport, protocol: _WebSocketProtocol) -> None:
        super().__init__(transport, protocol)
        #: Set once the connection is registered.
        self.point: ResumePoint | None = None

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a ping that asks for everything up to the cursor, so that no retention passes an idle connection."""
        parsed = parse_cursor(cursor)
        assert parsed is not None
        self.ask(parsed.position)

    def ask(self, position: int) -> None:
        """Ask the peer to confirm that it has everything up to `position`, all of which was written."""
        point = self.point
        assert point is not None
        if not self.unsent_bytes:
            point.note(position)
        point.ask(position)
        self.write_bytes(ping_frame(position.to_bytes(_POSITION_BYTES, "big")))

    def resume_at(self, point: ResumePoint) -> None:
        """Note in this point what the socket took and what the peer confirmed."""
        self.point = point

    def take_pong(self, payload: bytes) -> None:
        """Take a pong: a peer answers in order, so it has all that was written before the ping."""
        if self.point is not None and len(payload) == _POSITION_BYTES:
            self.point.confirm(int.from_bytes(payload, "big"))

    def take_close(self, code: int) -> None:
        """Take note of the peer's close: with these codes its page is gone, or wants no more."""
        if self.point is not None:
            self.point.left = code in _GOODBYES

    def connection_lost(self) -> None:
        """Note that the transport is gone, and with it every pong."""
        if self.point is not None:
            self.point.gone = True
        super().connection_lost()


class DeflatedConfirmedLink(ConfirmedLink):
    """The same for a client that negotiated compression."""

    __slots__ = ()

    form: Form = "deflated"
    lane: Lane = "noted deflated"
