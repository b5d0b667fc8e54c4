"""One WebSocket connection: its frames in, its bounds, and its end.

A peer that stops reading is dropped, pings are answered within a bound, and frames of any kind are counted.
"""

from __future__ import annotations

import asyncio
import logging

from websockets.protocol import State

from hub.edge.context import ServerContext
from hub.edge.flow import Flow
from hub.edge.handshake import Handshake, negotiate
from hub.edge.message_reader import MessageReader
from hub.edge.request_reader import Request
from hub.edge.response_head import encode_last_response
from hub.edge.scope import Endpoints, make_websocket_scope
from hub.edge.websocket_core import WebSocketCore
from hub.edge.websocket_exchange import ClientDisconnected, WebSocketExchange
from hub.edge.websocket_links import ConfirmedLink, DeflatedConfirmedLink, DeflatedLink, WebSocketLink
from hub.edge.websocket_listener import ListenerExchange
from hub.errors import HubError
from hub.errors.problem import ProblemResponse, write_problem
from hub.header_fields import Headers

__all__ = ["WebSocketProtocol"]

logger = logging.getLogger("hub.edge")

#: What may wait unread by a peer that keeps us answering (pongs).
MAX_PONG_BYTES = 65_536
#: The same once notifications wait there too; the dispatcher has its own budget for these.
MAX_UNSENT_BYTES = 2_097_152
#: What a shutdown gives the closes that are still under way; the drain before it gave them their time.
LAST_MOMENT_S = 0.5


class WebSocketProtocol(asyncio.Protocol):
    """Reads frames and hands whole messages to the app; writes go through its link."""

    __slots__ = (
        "_close_timer",
        "_core",
        "_exchange",
        "_handshake",
        "_link",
        "_reader",
        "context",
        "flow",
        "is_accepted",
        "is_closed",
        "is_ending",
        "is_lost",
        "transport",
    )

    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.transport: asyncio.Transport
        self.flow: Flow
        self._core: WebSocketCore | None = None
        self._reader: MessageReader | None = None
        self._handshake: Handshake | None = None
        self._exchange: WebSocketExchange | ListenerExchange | None = None
        self._link: WebSocketLink | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        #: The handshake was accepted; the hub has closed or refused; the transport is gone; the server shuts down.
        self.is_accepted = False
        self.is_closed = False
        self.is_lost = False
        self.is_ending = False

    def __repr__(self) -> str:
        state = "lost" if self.is_lost else "closed" if self.is_closed else "open" if self.is_accepted else "new"
        return f"<WebSocketProtocol {state}>"

    def begin(self, transport: asyncio.Transport, flow: Flow, endpoints: Endpoints, request: Request) -> None:
        """Take over a connection with the handshake that was read from it, and start the app."""
        self.transport = transport
        self.flow = flow
        flow.watches = False  # the dispatcher does
        flow.resume_reading()
        self.context.add(self)
        try:
            handshake = self._handshake = negotiate(
                request.method, request.http_version, request.headers, compresses=self.context.compresses
            )
        except HubError as error:
            self.send_refusal(write_problem(error))
            return
        self._core = WebSocketCore(max_message_bytes=self.context.max_message_bytes, deflate=handshake.deflate)
        self._reader = MessageReader(self._core, self, self.context.loop, self.context.bounds)
        if self._begin_direct(request, handshake):
            return
        exchange = self._exchange = WebSocketExchange(self, max_waiting_bytes=self.context.bounds.max_waiting_bytes)
        scope = make_websocket_scope(request, endpoints, self.context, self, handshake.subprotocols)
        self.context.run_task(exchange.run(self.context.app, scope))

    def _begin_direct(self, request: Request, handshake: Handshake) -> bool:
        """Let a handler accept past the app; False where there is none, or it leaves it to the app."""
        handler = self.context.handlers.websockets.get(request.path.removesuffix("/"))
        if handler is None:
            return False
        try:
            listener = handler(request.headers, request.query, handshake.subprotocols, self)
        except Exception as error:
            # Before the accept the app meets the same fault, and reports it.
            if self.is_accepted:
                logger.error("a handler failed", exc_info=error)
                self.transport.abort()
            return self.is_accepted
        if listener is not None:
            self._exchange = ListenerExchange(listener, self.flow, self.context)
        return listener is not None

    # What the transport calls.

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link, so that nothing is written to a transport that is gone, and the app."""
        self.context.discard(self)
        if self._link is not None:
            self._link.connection_lost()
            self._link = None
        self._tell_app(1005 if self.is_accepted else 1006)
        self._exchange = None  # which holds this object
        self.is_lost = True
        self.flow.resume_writing()
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._reader = None  # which does too
        if self._core is not None:
            self._core.end()

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer took most of it."""
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read what the peer sent; behind a handshake that was refused nothing is read."""
        if self._reader is not None:
            self._reader.read(data)

    # What the reader calls.

    def note_activity(self) -> None:
        """Note that the peer sent something whole."""
        if self._link is not None:
            self._link.frame_received()

    def take_message(self, message: bytes | str) -> None:
        """Hand a message to the app, unless too many wait there, or the connection was closed."""
        if self.is_closed or self._exchange is None:
            return
        if not self._exchange.take_message(message):
            self.drop(1008)

    def take_ping(self) -> None:
        """Send the pong; a peer that does not read the pongs is dropped."""
        self._flush()
        limit_bytes = MAX_PONG_BYTES if self._link is None else MAX_UNSENT_BYTES
        if self.transport.get_write_buffer_size() > limit_bytes:
            self.drop(1008)

    def take_pong(self, payload: bytes) -> None:
        """Take what a pong confirms."""
        if isinstance(self._link, ConfirmedLink):
            self._link.take_pong(payload)

    def take_close(self) -> None:
        """Send the core's answer to the peer's close; where the hub closed first, the connection ends.

        A peer that takes nothing is aborted.
        """
        received = None if self._core is None else self._core.close_rcvd
        if self.is_closed:
            self.transport.close()
        elif received is not None and not self.transport.is_closing():
            if isinstance(self._link, ConfirmedLink):
                self._link.take_close(received.code)
            self._tell_app(received.code, received.reason)
            self._flush()
            self.transport.close()
        self._abort_soon()

    def end_broken(self) -> None:
        """End a connection that broke the protocol, with the code the core chose."""
        sent = None if self._core is None else self._core.close_sent
        if sent is None:
            # Before the accept nobody is there to read a code, and the core chose none.
            self.drop(1002)
            return
        self._tell_app(sent.code, sent.reason)
        self._flush()
        self.is_closed = True
        self.transport.close()
        self._abort_soon()

    def drop(self, code: int) -> None:
        """End a connection at once; the app is told this code."""
        self._tell_app(code)
        self.is_closed = True
        self.transport.abort()

    # What the app and its link call.

    def open_link(self, *, confirmed: bool = False) -> WebSocketLink:
        """Return the link of this connection; it writes to the transport directly.

        `confirmed`: what arrives is asked for, since the client gives no cursor.

        Raises:
            ConnectionError: the peer has left.
        """
        if self.is_lost or self.transport.is_closing():
            self.is_closed = True  # the peer is gone, and that is not a failure of the app
            raise ConnectionResetError
        # A client may ask for a smaller window than our shared frames are made with; it gets them plain.
        is_deflated = self._handshake is not None and self._handshake.takes_shared_frames
        kinds = (ConfirmedLink, DeflatedConfirmedLink) if confirmed else (WebSocketLink, DeflatedLink)
        self._link = kinds[is_deflated](self.transport, self)
        return self._link

    def accept(self, subprotocol: str | None, headers: Headers) -> None:
        """Accept the handshake, through the link: so that it leaves together with the greeting."""
        assert self._handshake is not None
        if not (self.is_closed or self.transport.is_closing()):
            self.is_accepted = True
            response = self._handshake.accept(subprotocol, headers)
            if self._link is None:
                self.transport.write(response)
            else:
                self._link.write_bytes(response)

    def send_refusal(self, response: ProblemResponse) -> None:
        """Refuse the handshake; the connection ends with it."""
        self._tell_app(1006)
        self.is_closed = True
        if not self.transport.is_closing():
            self._keep_order()
            self.transport.write(encode_last_response(response))
            self.transport.close()

    def send_message(self, message: bytes, *, is_text: bool) -> None:
        """Send one message.

        Raises:
            ClientDisconnected: the peer has closed.
        """
        core = self._core
        if core is None or core.state is not State.OPEN:
            raise ClientDisconnected
        (core.send_text if is_text else core.send_binary)(message)
        self._flush()

    def send_close(self, code: int, reason: str) -> None:
        """Send a close frame and end the app's part; abort where the peer does not answer in time."""
        core = self._core
        if not self.is_accepted or core is None:
            self.transport.abort()
            return
        if self.is_closed or self.transport.is_closing() or core.state is not State.OPEN:
            return
        self._tell_app(code, reason)
        core.send_close(code, reason)
        self._flush()
        self.is_closed = True
        self.flow.resume_reading()
        self._abort_soon()

    def end_app(self) -> None:
        """End the connection, unless a close is under way: the app has ended."""
        if self._close_timer is None:
            self.transport.close()

    # What the server calls.

    def shutdown(self) -> None:
        """End with 1012; a peer that has not taken it a moment later is aborted."""
        self.is_ending = True
        core = self._core
        if self.is_accepted and not self.is_closed and core is not None and core.state is State.OPEN:
            self._tell_app(1012)
            core.send_close(1012)
            self._flush()
        elif self._exchange is not None:
            # Where the peer closed first it has not taken the response yet.
            self._exchange.end_handshake()
        self.transport.close()
        self.context.loop.call_later(LAST_MOMENT_S, self.transport.abort)

    def _tell_app(self, code: int, reason: str = "") -> None:
        if self._exchange is not None:
            self._exchange.disconnect(code, reason)

    def _flush(self) -> None:
        if self._core is not None:
            self._keep_order()
            self.transport.write(b"".join(self._core.data_to_send()))

    def _keep_order(self) -> None:
        # A fan-out that went past the transport would overtake what is written to it now.
        if self._link is not None:
            self._link.send_socket.is_clear = False

    def _abort_soon(self) -> None:
        # `transport.close()` waits for bytes that a stalled peer never takes.
        if self._close_timer is None:
            self._close_timer = self.context.loop.call_later(self.context.bounds.close_timeout_s, self.transport.abort)
