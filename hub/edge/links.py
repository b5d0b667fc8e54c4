"""The links of uvicorn connections: they write finished bytes to the transport and await nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, get_args
from weakref import ref

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl

from hub.cursor import parse_cursor
from hub.delivery.envelope import PING, Envelope, chunk, event_comment, event_data, event_retry, ping_frame, text_frame
from hub.delivery.resume_points import ResumePoint
from hub.edge.backlog import read_taken_bytes, read_unsent_bytes

__all__ = [
    "CLOSE_TIMEOUT_S",
    "LANES",
    "ConfirmedLink",
    "DeflatedConfirmedLink",
    "DeflatedLink",
    "EventStreamLink",
    "Form",
    "Lane",
    "TransportLink",
    "UnchunkedLink",
    "WebSocketLink",
    "open_weakly",
]

#: How long a peer may take to answer a close before the connection is aborted.
CLOSE_TIMEOUT_S = 5.0
#: What a ping that asks for a confirmation carries.
_POSITION_BYTES = 8
#: What a browser closes with when a page is left or is done with it (RFC 6455 section 7.4.1).
_GOODBYES = frozenset({1000, 1001, 1005})

#: Which of an envelope's finished forms a link sends.
Form = Literal["frame", "deflated", "chunk", "event"]
#: How a link is written to past its transport: in which form, and whether what its socket took is noted.
Lane = Literal["frame", "deflated", "chunk", "event", "noted frame", "noted deflated"]
LANES: tuple[Lane, ...] = get_args(Lane)


def _nothing() -> None:
    """Stand in until the link is attached."""


class TransportLink:
    """Writes to one connection through the server's transport, past its per-message machinery."""

    __slots__ = ("_held", "_socket", "_transport", "on_activity", "on_connection_lost", "open")

    form: Form
    lane: Lane

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.open = True
        self._held: list[bytes] | None = None
        # None under TLS: the peer would take what was written to it for ciphertext.
        self._socket: int | None = None if is_ssl(transport) else transport.get_extra_info("socket").fileno()
        self.on_activity: Callable[[], None] = _nothing
        self.on_connection_lost: Callable[[], None] = _nothing

    @property
    def unsent_bytes(self) -> int:
        """How much waits for the peer."""
        return self._transport.get_write_buffer_size() if self.open else 0

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer here and in the kernel, which sends no more than the peer has room for."""
        return self.unsent_bytes + read_unsent_bytes(self._transport) if self.open else 0

    @property
    def taken_bytes(self) -> int:
        """How much the peer's kernel has acknowledged; where ours does not tell, how much of the rest it took."""
        return read_taken_bytes(self._transport) if self.open else 0

    def find_socket(self) -> int | None:
        """Return the descriptor that may take the next bytes itself, past the transport, or None: bytes wait there."""
        transport = self._transport
        if self.open and not transport.get_write_buffer_size() and not transport.is_closing():
            return self._socket
        return None

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""
        return self.write_bytes(getattr(envelope, self.form))

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in one write; return the unsent bytes after them."""
        form = self.form
        return self.write_bytes(b"".join([getattr(envelope, form) for envelope in envelopes]))

    def write_bytes(self, body: bytes) -> int:
        """Send finished bytes; return the unsent bytes after them."""
        if not self.open:
            return 0
        if self._held is not None:
            self._held.append(body)
            return 0
        return self._send(body)

    def cork(self) -> None:
        """Hold what is written until `uncork`, which must follow before anything is awaited."""
        self._held = []

    def uncork(self) -> None:
        """Send what was held in one write."""
        held, self._held = self._held, None
        if held and self.open:
            self._send(b"".join(held))

    def ask(self, position: int) -> None:
        """Ask nothing: this client keeps its own cursor."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep nothing: this client keeps its own cursor."""

    def _send(self, body: bytes) -> int:
        self._transport.write(body)
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection now."""
        self.open = False
        self._transport.abort()

    def connection_lost(self) -> None:
        """Note that the transport is gone, and let go of whoever wanted to know it."""
        self.open = False
        on_connection_lost = self.on_connection_lost
        self.on_connection_lost = self.on_activity = _nothing
        on_connection_lost()


class _WebSocketProtocol(Protocol):
    writable: asyncio.Event

    def close_nowait(self, code: int, reason: str) -> None: ...


class WebSocketLink(TransportLink):
    """Writes to one WebSocket."""

    __slots__ = ("_protocol",)

    form: Form = "frame"
    lane: Lane = "frame"
    can_pong = True

    def __init__(self, transport: asyncio.Transport, protocol: _WebSocketProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def write_control(self, frame: bytes) -> int:
        """Send a control frame; return the unsent bytes after it."""
        return self.write_bytes(text_frame(frame))

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a ping and, to clients that understand it, the heartbeat frame; browsers cannot see pings."""
        self.write_bytes(PING if frame is None else PING + text_frame(frame))

    def write_retry(self, retry_ms: int) -> None:
        """Send nothing: a WebSocket client is told by a frame, or waits as it sees fit."""

    def close(self, code: int, reason: str) -> None:
        """Send the close frame; abort where the peer has not answered it in `CLOSE_TIMEOUT_S`."""
        self.uncork()
        if self.open:
            self.open = False
            self._protocol.close_nowait(code, reason)

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the transport's buffer is below its low mark."""
        return await _wait(self._protocol.writable, timeout_s)


class DeflatedLink(WebSocketLink):
    """A link to a client that negotiated compression; control frames go as they are, being short."""

    __slots__ = ()

    form: Form = "deflated"
    lane: Lane = "deflated"


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
        """Take an answer: a peer answers in order, so it has all that was written before the ping."""
        if self.point is not None and len(payload) == _POSITION_BYTES:
            self.point.confirm(int.from_bytes(payload, "big"))

    def take_close(self, code: int) -> None:
        """Take note of the peer's close: with these codes its page is gone, or wants no more."""
        if self.point is not None:
            self.point.left = code in _GOODBYES

    def connection_lost(self) -> None:
        """Note that the transport is gone, and with it every answer."""
        if self.point is not None:
            self.point.gone = True
        super().connection_lost()


class DeflatedConfirmedLink(ConfirmedLink):
    """The same for a client that negotiated compression."""

    __slots__ = ()

    form: Form = "deflated"
    lane: Lane = "noted deflated"


class EventStreamLink(TransportLink):
    """Writes server-sent events into the chunked response that is in progress on one HTTP connection."""

    __slots__ = ("_cycle", "abort_timer")

    form: Form = "chunk"
    lane: Lane = "chunk"
    can_pong = False

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        super().__init__(transport)
        self._cycle = cycle
        self.abort_timer: asyncio.TimerHandle | None = None

    def start(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin the response: its head, with the server's own headers before these.

        uvicorn's way to send it writes it by itself, and judges names and values that are constants here.
        """
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.chunked_encoding = self.form == "chunk"
        lines = [STATUS_LINE[200], *(b"%b: %b\r\n" % header for header in (*cycle.default_headers, *headers))]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"transfer-encoding: chunked\r\n\r\n" if cycle.chunked_encoding else b"\r\n")
        self.write_bytes(b"".join(lines))

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
            self.open = False
            self._cycle.message_event.set()
            self.abort_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._abort_stuck)

    def connection_lost(self) -> None:
        """Note that the transport is gone."""
        if self.abort_timer is not None:
            self.abort_timer.cancel()
        super().connection_lost()

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

    def _abort_stuck(self) -> None:
        if self._transport.get_write_buffer_size() > 0:
            self._transport.abort()


class UnchunkedLink(EventStreamLink):
    """A stream to an HTTP/1.0 client: no chunks, and the end of the connection ends it (RFC 9112 section 7.1)."""

    __slots__ = ()

    form: Form = "event"
    lane: Lane = "event"

    def write_event(self, event: bytes) -> int:
        """Send finished event-stream bytes; return the unsent bytes after them."""
        return self.write_bytes(event)


class _Opens(Protocol):
    @property
    def open_link(self) -> Callable[..., TransportLink]: ...


def open_weakly(connection: ref[_Opens], *request: ref[Any], **how: bool) -> TransportLink:
    """Open the link of a connection (of a request on it); the way there, in its own scope, keeps none of them.

    Raises:
        ConnectionError: the peer has left.
    """
    found, asking = connection(), [held() for held in request]
    if found is None or None in asking:
        raise ConnectionResetError
    return found.open_link(*asking, **how)


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
