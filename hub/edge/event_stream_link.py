"""The link of an event stream: the body of one HTTP response."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hub.delivery.envelope import chunk, event_comment, event_data, event_retry
from hub.edge.exchange import Exchange
from hub.edge.links import Form, TransportLink

__all__ = ["EventStreamLink", "UnchunkedLink"]


class EventStreamLink(TransportLink):
    """Writes server-sent events into the chunked response that is in progress on one HTTP connection."""

    __slots__ = ("_abort_timer", "_exchange")

    form: Form = "chunk"
    can_pong = False

    def __init__(self, transport: asyncio.Transport, exchange: Exchange) -> None:
        super().__init__(transport)
        self._exchange = exchange
        self._abort_timer: asyncio.TimerHandle | None = None

    def start(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin the response: its head, with the server's own headers before these."""
        self.write_bytes(self._exchange.begin_stream(headers, is_chunked=self.form == "chunk"))

    async def finish(self) -> None:
        """Complete the response, once the peer has taken most of it."""
        self.send_socket.is_clear = False
        await self._exchange.send({"type": "http.response.body", "body": b"", "more_body": False})

    def write_control(self, frame: bytes) -> int:
        """Send a control frame; return the unsent bytes after it."""
        return self.write_event(event_data(frame))

    def write_event(self, event: bytes) -> int:
        """Send finished event-stream bytes; return the unsent bytes after them."""
        return self.write_bytes(chunk(event))

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a comment; to clients that understand it the heartbeat frame. Both move the last event id."""
        self.write_event(event_comment("hb", cursor=cursor) if frame is None else event_data(frame, cursor=cursor))

    def write_retry(self, retry_ms: int) -> None:
        """Set how long the client waits before it comes back."""
        self.write_event(event_retry(retry_ms))

    def close(self, code: int, reason: str) -> None:
        """End the stream: the handler wakes up and completes the response; a stuck peer is aborted."""
        self.uncork()
        if self.open:
            self.open = self.send_socket.is_clear = False
            self._exchange.wake_app()
            self._abort_timer = asyncio.get_running_loop().call_later(self._exchange.close_timeout_s, self._abort_stuck)

    def connection_lost(self) -> None:
        """Note that the transport is gone, or another response's."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        super().connection_lost()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the transport's buffer is below its low mark."""
        return await self._exchange.flow.wait_writable(timeout_s=timeout_s)

    def _abort_stuck(self) -> None:
        if self._transport.get_write_buffer_size() > 0:
            self._transport.abort()


class UnchunkedLink(EventStreamLink):
    """A stream to an HTTP/1.0 client: no chunks, and the end of the connection ends it (RFC 9112 section 7.1)."""

    __slots__ = ()

    form: Form = "event"

    def write_event(self, event: bytes) -> int:
        """Send finished event-stream bytes; return the unsent bytes after them."""
        return self.write_bytes(event)
