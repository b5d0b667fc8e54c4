"""One WebSocket connection: its frames in, its bounds, and its end.

A peer that stops reading is dropped, pings are answered within a bound, and frames of any kind are counted.
"""

from __future__ import annotations

import asyncio

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from hub.delivery.link import CLOSE_TIMEOUT_S
from hub.edge.context import ServerContext
from hub.edge.flow import Flow
from hub.edge.handshake import Handshake, negotiate
from hub.edge.request_reader import Request
from hub.edge.response_head import encode_last_response
from hub.edge.scope import Endpoints, make_websocket_scope
from hub.edge.websocket_core import WebSocketCore
from hub.edge.websocket_exchange import ClientDisconnected, WebSocketExchange
from hub.edge.websocket_links import ConfirmedLink, DeflatedConfirmedLink, DeflatedLink, WebSocketLink
from hub.errors import HubError
from hub.errors.problem import ProblemResponse, write_problem
from hub.header_fields import Headers

__all__ = ["WebSocketProtocol"]

#: Frames of any kind a client may send, as a token bucket. The deployed frontends send none.
FRAMES_PER_S = 50.0
FRAMES_BURST = 200.0
#: What may wait unread by a peer that keeps us answering (pongs).
MAX_PONG_BYTES = 65_536
#: The same once notifications wait there too; the dispatcher has its own budget for these.
MAX_UNSENT_BYTES = 2_097_152
#: What a message of hub.v1 has at most: a token of 8 KiB. The app is told of a longer one, and not what it says.
LONGEST_BYTES = 16_384
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
        "_parts",
        "_seen_s",
        "_tokens",
        "_type",
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
        self._handshake: Handshake | None = None
        self._exchange: WebSocketExchange | None = None
        self._link: WebSocketLink | None = None
        #: The fragments of a message that is not complete, and whether it is text.
        self._parts: list[bytes] = []
        self._type: Opcode = Opcode.BINARY
        self._tokens = FRAMES_BURST
        self._seen_s = context.loop.time()
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
        exchange = self._exchange = WebSocketExchange(self)
        try:
            handshake = self._handshake = negotiate(
                request.method, request.http_version, request.headers, compresses=self.context.compresses
            )
        except HubError as error:
            self.refuse(write_problem(error))
            return
        self._core = WebSocketCore(max_message_bytes=self.context.max_message_bytes, deflate=handshake.deflate)
        scope = make_websocket_scope(request, endpoints, self.context, self, handshake.subprotocols)
        self.context.run_task(exchange.run(self.context.app, scope))

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
        if self._core is not None:
            self._core.end()

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer took most of it."""
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Act on what the peer sent, unless it sends more frames than any client of ours would."""
        core = self._core
        if core is None:
            return  # behind a handshake that was refused
        core.receive_data(data)
        if core.parser_exc is not None:
            self._end_broken(core)
            return
        frames = core.events_received()
        now_s = self.context.loop.time()
        self._tokens = min(FRAMES_BURST, self._tokens + (now_s - self._seen_s) * FRAMES_PER_S) - len(frames)
        self._seen_s = now_s
        if self._tokens < 0:
            self._drop(1008)
            return
        if self._link is not None and frames:
            self._link.frame_received()
        for frame in frames:
            assert isinstance(frame, Frame)
            self._take_frame(core, frame)

    # What the app and its link call.

    def open_link(self, *, confirmed: bool = False) -> WebSocketLink:
        """Return the link of this connection; it writes to the transport directly.

        `confirmed`: what arrives is asked for, since the client gives no cursor.

        Raises:
            ConnectionError: the peer has left.
        """
        if self.is_lost or self.transport.is_closing():
            self.is_closed = True  # nobody is there to answer, which is no failure of the app
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

    def refuse(self, response: ProblemResponse) -> None:
        """Refuse the handshake; the connection ends with it."""
        self._tell_app(1006)
        self.is_closed = True
        if not self.transport.is_closing():
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
        self._flush(core)

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
        self._flush(core)
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
            self._flush(core)
        elif self._exchange is not None:
            # Where the peer closed first it has not taken the response yet.
            self._exchange.end_handshake()
        self.transport.close()
        self.context.loop.call_later(LAST_MOMENT_S, self.transport.abort)

    def _take_frame(self, core: WebSocketCore, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._type = frame.opcode
                self._parts = [bytes(frame.data)]
                if frame.fin:
                    self._take_message(core)
            case Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    self._take_message(core)
            case Opcode.PING:
                # The core has answered it; a peer that does not read the pongs is dropped.
                self._flush(core)
                limit_bytes = MAX_PONG_BYTES if self._link is None else MAX_UNSENT_BYTES
                if self.transport.get_write_buffer_size() > limit_bytes:
                    self._drop(1008)
            case Opcode.PONG if isinstance(self._link, ConfirmedLink):
                self._link.take_pong(bytes(frame.data))
            case Opcode.CLOSE:
                self._take_close(core)

    def _take_message(self, core: WebSocketCore) -> None:
        body = b"".join(self._parts)
        self._parts = []
        if self.is_closed:
            return
        message: bytes | str = body
        if self._type is Opcode.TEXT:
            try:
                message = body.decode()
            except UnicodeDecodeError:
                core.fail(1007, "text is not UTF-8")  # RFC 6455 section 8.1
                self._end_broken(core)
                return
        message = message if len(body) <= LONGEST_BYTES else message[:0]
        if self._exchange is not None and not self._exchange.take_message(message):
            self._drop(1008)

    def _take_close(self, core: WebSocketCore) -> None:
        if self.is_closed:
            # The peer has answered ours.
            self.transport.close()
        elif not self.transport.is_closing() and core.close_rcvd is not None:
            if isinstance(self._link, ConfirmedLink):
                self._link.take_close(core.close_rcvd.code)
            self._tell_app(core.close_rcvd.code, core.close_rcvd.reason)
            self._flush(core)
            self.transport.close()
        self._abort_soon()

    def _end_broken(self, core: WebSocketCore) -> None:
        """End a connection that broke the protocol, with the code the core chose."""
        if core.close_sent is None:
            # Before the accept nobody is there to read a code, and the core chose none.
            self._drop(1002)
            return
        self._tell_app(core.close_sent.code, core.close_sent.reason)
        self._flush(core)
        self.is_closed = True
        self.transport.close()
        self._abort_soon()

    def _tell_app(self, code: int, reason: str = "") -> None:
        if self._exchange is not None:
            self._exchange.disconnect(code, reason)

    def _flush(self, core: WebSocketCore) -> None:
        self.transport.write(b"".join(core.data_to_send()))

    def _drop(self, code: int) -> None:
        self._tell_app(code)
        self.is_closed = True
        self.transport.abort()

    def _abort_soon(self) -> None:
        # `transport.close()` waits for bytes that a stalled peer never takes.
        if self._close_timer is None:
            self._close_timer = self.context.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
