"""The links of uvicorn connections: they write finished bytes to the transport and await nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hub.envelope import PING, Envelope, chunk, event_comment, event_data, event_retry, text_frame

__all__ = ["CLOSE_TIMEOUT_S", "DeflatedLink", "EventStreamLink", "WebSocketLink"]

#: How long a peer may take to answer a close before the connection is aborted.
CLOSE_TIMEOUT_S = 5.0


def _nothing() -> None:
    """Stand in until the link is attached."""


class _WebSocketProtocol(Protocol):
    writable: asyncio.Event

    def close_nowait(self, code: int, reason: str) -> None: ...


class WebSocketLink:
    """Writes to one WebSocket through uvicorn's transport, past its per-message machinery."""

    __slots__ = ("_open", "_protocol", "_transport", "on_answer", "on_lost")

    answers = True
    #: Not needed where the peer answers pings.
    taken_bytes = 0

    def __init__(self, transport: asyncio.Transport, protocol: _WebSocketProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._open = True
        self.on_answer: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing

    @property
    def unsent_bytes(self) -> int:
        """How much waits for the peer."""
        return self._transport.get_write_buffer_size() if self._open else 0

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""
        if not self._open:
            return 0
        self._transport.write(envelope.frame)
        return self._transport.get_write_buffer_size()

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in one write; return the unsent bytes after them."""
        if not self._open:
            return 0
        self._transport.write(b"".join([envelope.frame for envelope in envelopes]))
        return self._transport.get_write_buffer_size()

    def write_control(self, frame: bytes) -> int:
        """Send a control frame; return the unsent bytes after it."""
        if not self._open:
            return 0
        self._transport.write(text_frame(frame))
        return self._transport.get_write_buffer_size()

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a ping and, to clients that understand it, the heartbeat frame; browsers cannot see pings."""
        if self._open:
            self._transport.write(PING if frame is None else PING + text_frame(frame))

    def write_retry(self, retry_ms: int) -> None:
        """Send nothing: a WebSocket client is told by a frame, or waits as it sees fit."""

    def close(self, code: int, reason: str) -> None:
        """Send the close frame; abort where the peer has not answered it in `CLOSE_TIMEOUT_S`."""
        if self._open:
            self._open = False
            self._protocol.close_nowait(code, reason)

    def abort(self) -> None:
        """End the connection now."""
        self._open = False
        self._transport.abort()

    def lose(self) -> None:
        """Note that the transport is gone."""
        self._open = False
        self.on_lost()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the transport's buffer is below its low mark."""
        return await _wait(self._protocol.writable, timeout_s)


class DeflatedLink(WebSocketLink):
    """A link to a client that negotiated compression; control frames go as they are, being short."""

    __slots__ = ()

    def write(self, envelope: Envelope) -> int:
        """Send a notification, compressed once for everybody; return the unsent bytes after it."""
        if not self._open:
            return 0
        self._transport.write(envelope.deflated)
        return self._transport.get_write_buffer_size()

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in one write; return the unsent bytes after them."""
        if not self._open:
            return 0
        self._transport.write(b"".join([envelope.deflated for envelope in envelopes]))
        return self._transport.get_write_buffer_size()


class EventStreamLink:
    """Writes server-sent events into the response that is in progress on one HTTP connection."""

    __slots__ = ("_chunked", "_cycle", "_transport", "_written_bytes", "abort_timer", "on_answer", "on_lost", "open")

    answers = False

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport = transport
        self._cycle = cycle
        self._written_bytes = 0
        self.open = True
        self.abort_timer: asyncio.TimerHandle | None = None
        self.on_answer: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self._chunked = cycle.scope["http_version"] != "1.0"
        if not self._chunked:
            # RFC 9112 section 7.1: no chunks for an HTTP/1.0 client; the end of the connection ends the stream.
            cycle.chunked_encoding = False

    @property
    def unsent_bytes(self) -> int:
        """How much waits for the peer."""
        return self._transport.get_write_buffer_size() if self.open else 0

    @property
    def taken_bytes(self) -> int:
        """How much the peer's side has taken so far."""
        return self._written_bytes - self.unsent_bytes

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""
        return self._write(envelope.chunk if self._chunked else envelope.event)

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in one write; return the unsent bytes after them."""
        if self._chunked:
            return self._write(b"".join([envelope.chunk for envelope in envelopes]))
        return self._write(b"".join([envelope.event for envelope in envelopes]))

    def write_control(self, frame: bytes) -> int:
        """Send a control frame; return the unsent bytes after it."""
        return self.write_event(event_data(frame))

    def write_event(self, event: bytes) -> int:
        """Send finished event-stream bytes; return the unsent bytes after them."""
        return self._write(chunk(event) if self._chunked else event)

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a comment; to clients that understand it the heartbeat frame. Both move the last event id."""
        self.write_event(event_comment("hb", cursor=cursor) if frame is None else event_data(frame, cursor=cursor))

    def write_retry(self, retry_ms: int) -> None:
        """Set how long the client waits before it comes back."""
        self.write_event(event_retry(retry_ms))

    def close(self, code: int, reason: str) -> None:
        """End the stream: the handler wakes up and completes the response; a stuck peer is aborted."""
        if self.open:
            self.open = False
            self._cycle.message_event.set()
            self.abort_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._abort_stuck)

    def abort(self) -> None:
        """End the connection now."""
        self.open = False
        self._transport.abort()

    def lose(self) -> None:
        """Note that the transport is gone."""
        self.open = False
        if self.abort_timer is not None:
            self.abort_timer.cancel()
        self.on_lost()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the transport's buffer is below its low mark."""
        flow = self._cycle.flow
        if not flow.write_paused:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await flow.drain()
        except TimeoutError:
            return False
        return True

    def _write(self, body: bytes) -> int:
        if not self.open:
            return 0
        self._written_bytes += len(body)
        self._transport.write(body)
        return self._transport.get_write_buffer_size()

    def _abort_stuck(self) -> None:
        if self._transport.get_write_buffer_size() > 0:
            self._transport.abort()


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
