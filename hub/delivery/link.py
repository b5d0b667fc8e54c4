"""The link: what writes the bytes of one connection. The edge and the transports implement it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from hub.delivery.envelope import Envelope
from hub.delivery.resume_points import ResumePoint
from hub.header_fields import Headers

__all__ = [
    "HANDLERS_STATE",
    "LINK_EXTENSION",
    "ConnectionHandlers",
    "ConnectionLink",
    "EventStream",
    "EventStreamOpener",
    "Link",
    "Listener",
    "SendSocket",
    "StreamHandler",
    "WebSocket",
    "WebSocketHandler",
    "WebSocketOpener",
]

#: The ASGI extension by which a server hands over a link: in `scope["extensions"]` an `EventStreamOpener` for HTTP, a
#: `WebSocketOpener` for a WebSocket. Other servers have none.
LINK_EXTENSION = "hub.link"
#: Where an application's lifespan state has its `ConnectionHandlers`.
HANDLERS_STATE = "hub.connections"


class SendSocket(Protocol):
    """What a fan-out writes to, past the link; it belongs to the server.

    `position`: the last notification that was written there. `is_clear`: the next one may be, without a look at the
    session or the link.
    """

    position: int
    is_clear: bool


class Link(Protocol):
    """Writes to one peer and never blocks; what the peer does not take waits and is counted."""

    @property
    def send_socket(self) -> SendSocket | None:
        """What a fan-out may write to directly, or None: everything goes through this link."""

    @property
    def can_pong(self) -> bool:
        """Whether the peer can answer a ping."""

    @property
    def unsent_bytes(self) -> int:
        """How much waits in this process for the peer to take it."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer in all, in this process and, as far as it tells, in the kernel."""

    @property
    def taken_bytes(self) -> int:
        """How much the peer has taken so far; only compared with an earlier value, to see progress."""

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in this order, in one write; return the unsent bytes after them."""

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Send the first of these, and more as long as at most `room_bytes` are unsent; return how many were sent."""

    def write_control(self, frame: bytes) -> int:
        """Send a control frame (one JSON object); return the unsent bytes after it."""

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a heartbeat: a ping or a comment, and `frame` to clients that speak `hub.v1`."""

    def ask(self, position: int) -> None:
        """Ask a client without a cursor to confirm that it has everything up to `position`; nothing for others."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep the resume point of a client without a cursor up to date with what it takes; nothing for others."""

    def write_retry(self, retry_ms: int) -> None:
        """Tell an event stream's client how long to wait before it comes back; nothing on WebSockets."""

    def close(self, code: int, reason: str) -> None:
        """Say why, then end the connection in order; a peer that does not take it is aborted soon."""

    def abort(self) -> None:
        """End the connection now; what was not sent is forgotten."""

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the peer has taken most of what was sent; False where it did not in time."""


class ConnectionLink(Link, Protocol):
    """A link as the transport has it that opened it, and that alone begins and ends the connection."""

    @property
    def open(self) -> bool:
        """Whether neither side has ended the connection."""

    def attach(self, *, on_connection_lost: Callable[[], None], on_activity: Callable[[], None] = ...) -> None:
        """Call `on_connection_lost` once, when the connection is gone, and `on_activity` when the peer sends."""

    def cork(self) -> None:
        """Hold what is written until `uncork`, which must follow before anything is awaited."""

    def uncork(self) -> None:
        """Send what was held in one write."""


class EventStream(ConnectionLink, Protocol):
    """The link of a response that does not end."""

    def start(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin the response, with these headers of its own."""

    def write_event(self, event: bytes) -> int:
        """Send finished event-stream bytes; return the unsent bytes after them."""

    async def finish(self) -> None:
        """Complete the response, once the peer has taken most of it."""


class EventStreamOpener(Protocol):
    """What a server hands over with an HTTP request."""

    def open_link(self) -> EventStream:
        """Return the link of this response.

        Raises:
            ConnectionError: the peer has left.
        """


class WebSocket(ConnectionLink, Protocol):
    """The link of a WebSocket, first of its handshake."""

    def accept(self, subprotocol: str | None) -> None:
        """Accept the handshake, with the subprotocol that was chosen."""


class WebSocketOpener(Protocol):
    """What a server hands over with a WebSocket handshake."""

    def open_link(self, *, confirmed: bool = False) -> WebSocket:
        """Return the link of this connection; `confirmed`: it asks the peer what has arrived, since it gives no cursor.

        Raises:
            ConnectionError: the peer has left.
        """


class Listener(NamedTuple):
    """What a WebSocket tells that a handler has accepted.

    `hear` takes a message of the client's, None if it is not text; what it returns is waited for before the next one.
    `leave` takes the close code, once the connection has ended.
    """

    hear: Callable[[str | None], Coroutine[Any, Any, None] | None]
    leave: Callable[[int], None]


#: Headers, query and subprotocols of a handshake in; what it accepted out; None: the application responds.
WebSocketHandler: TypeAlias = Callable[[Headers, bytes, Sequence[str], WebSocketOpener], Listener | None]

#: Headers and query of a `GET` in; what completes its response once its link was closed, out; None: the application
#: responds.
StreamHandler: TypeAlias = Callable[[Headers, bytes, EventStreamOpener], Callable[[], Coroutine[Any, Any, None]] | None]


class ConnectionHandlers(NamedTuple):
    """What the edge may call past ASGI: of a WebSocket handshake, and of a `GET` whose response does not end.

    By path, without a slash at its end. As with `hub.direct`, a handler takes what can be accepted at once; the
    application knows every request.
    """

    websockets: Mapping[str, WebSocketHandler] = {}
    streams: Mapping[str, StreamHandler] = {}
