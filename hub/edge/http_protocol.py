"""One HTTP connection: its requests in order, its clocks, its bounds and its end.

It is a protocol class as uvicorn's `http=` documents it, and leans on nothing inside uvicorn.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

from hub.asgi import Scope
from hub.edge.context import ServerContext
from hub.edge.event_stream_link import EventStreamLink, UnchunkedLink
from hub.edge.exchange import Exchange
from hub.edge.flow import Flow
from hub.edge.request_reader import Request, RequestReader
from hub.edge.response_head import encode_last_response
from hub.edge.scope import Endpoints, find_endpoints, make_http_scope
from hub.edge.websocket_protocol import WebSocketProtocol
from hub.errors import BadRequest, HubError, RequestTimeout
from hub.errors.problem import write_problem

__all__ = ["HttpProtocol"]

#: From the first byte expected (or the connection made) to the end of the headers.
HEAD_TIMEOUT_S = 10.0
#: How long an idle connection is kept where there are too many.
SHORT_KEEP_ALIVE_S = 5.0
#: What a peer may still send, and for how long, while it is told that nobody reads on.
LINGER_BYTES = 1_048_576
LINGER_S = 1.0
#: What a shutdown waits for the request of a connection that was just made, and for the end of a stream.
LAST_REQUEST_S = 0.5


class HttpProtocol(asyncio.Protocol):
    """Reads requests, lets the app answer them one by one, and hands a WebSocket handshake over."""

    __slots__ = (
        "_answering",
        "_has_read",
        "_head_timer",
        "_is_ending",
        "_is_half_closed",
        "_is_handed_over",
        "_is_refused",
        "_keep_alive_timer",
        "_linger_bytes",
        "_link",
        "_reader",
        "_reading",
        "_unread",
        "_waiting",
        "context",
        "endpoints",
        "flow",
        "transport",
    )

    #: Whether the app serves WebSockets on this port.
    takes_handshakes = True

    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self.transport: asyncio.Transport
        self.flow: Flow
        self.endpoints: Endpoints
        self._reader: RequestReader | None = RequestReader(self, takes_handshakes=self.takes_handshakes)
        #: The request that the app is at; the last one that was read; those read that wait for the first.
        self._answering: Exchange | None = None
        self._reading: Exchange | None = None
        self._waiting: tuple[tuple[Exchange, Scope], ...] = ()
        #: What came behind a request that waits for the one before it, or for its turn.
        self._unread = b""
        self._link: EventStreamLink | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._keep_alive_timer: asyncio.TimerHandle | None = None
        self._has_read = False
        self._linger_bytes = LINGER_BYTES
        self._is_refused = False
        self._is_handed_over = False
        self._is_half_closed = False
        self._is_ending = False

    def __repr__(self) -> str:
        state = "streaming" if self._link is not None else "busy" if self._is_busy() else "idle"
        return f"<{type(self).__name__} {state}>"

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: a peer that sends nothing is not kept."""
        # uvloop's are no instances of it.
        self.transport = cast("asyncio.Transport", transport)
        self.flow = Flow(self.transport, self.context.loop)
        self.endpoints = find_endpoints(self.transport)
        self.context.add(self)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks, and tell every request and the stream, if this connection carries one."""
        self.context.discard(self)
        self._stop_head_timer()
        self._stop_keep_alive_timer()
        self._lose_link()
        for exchange in (self._answering, self._reading):
            if exchange is not None:
                exchange.disconnect()
        self.flow.resume_writing()
        self._waiting, self._unread = (), b""
        self._release()

    def eof_received(self) -> bool:
        """Stay for the responses to what a peer asked before it said that it asks no more; else end."""
        exchange = self._reading
        if self._is_refused or self._is_handed_over or self._link is not None or exchange is None:
            return False
        if exchange.is_complete or not exchange.is_read:
            return False
        if exchange.lasts or (self._answering is not None and self._answering.lasts):
            return False  # a client that asks for one and closes has left
        self._is_half_closed = True
        if not self._unread:
            exchange.keeps_alive = False
        return True

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer took most of it."""
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read what arrived, as long as what is no body stays within its bound."""
        self._has_read = True
        if self._is_refused:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self.transport.abort()
            return
        self._stop_keep_alive_timer()
        self._read(self._unread + data)
        # A connection that is idle for uvicorn's reasons may still send line breaks, or the body of a request that
        # was answered already: without this clock it would stay for ever.
        if not self._is_busy() and self._keep_alive_timer is None and self._head_timer is None:
            self._start_head_timer()

    # What the reader calls.

    def begin_request(self, request: Request) -> None:
        """Let the app answer, or wait where a request is being answered."""
        self._stop_head_timer()
        exchange = Exchange(self, request)
        exchange.keeps_alive = exchange.keeps_alive and not self._is_ending
        scope = make_http_scope(request, self.endpoints, self.context, exchange)
        self._reading = exchange
        if self._answering is None or self._answering.is_complete:
            self._answer(exchange, scope)
        else:
            self.flow.pause_reading()
            self._waiting = (*self._waiting, (exchange, scope))

    def take_body(self, part: bytes) -> None:
        """Hand a part of the body to the last request."""
        if self._reading is not None:
            self._reading.take_body(part)

    def end_body(self) -> None:
        """End the last request."""
        if self._reading is not None:
            self._reading.end_body()

    def begin_handshake(self, request: Request) -> None:
        """Hand the connection to the WebSocket protocol, when its turn comes.

        One behind a request that is still being answered is refused: two protocols would write to one connection.
        """
        self._stop_head_timer()
        if self._answering is not None and not self._answering.is_complete:
            self._refuse(BadRequest("A WebSocket handshake cannot stand behind another request"))
            return
        self._is_handed_over = True
        if self.context.limiter.enter():
            self._hand_over(request)
        else:
            self.flow.pause_reading()
            self.context.limiter.wait(partial(self._hand_over, request))

    # What an exchange calls.

    def open_link(self, exchange: Exchange) -> EventStreamLink:
        """Return the link of a response in progress; it writes to the transport directly.

        Raises:
            ConnectionError: the peer has left.
        """
        if exchange.is_disconnected or self._is_half_closed or self.transport.is_closing():
            # Of a peer that says no more and only listens nobody would ever hear that it has left.
            exchange.disconnect()
            self.transport.close()
            raise ConnectionResetError
        make = UnchunkedLink if exchange.http_version == "1.0" else EventStreamLink
        self._link = make(self.transport, exchange)
        self.flow.watches = False  # the heartbeat does
        # Behind a stream nothing is ever answered.
        self._unread = b""
        self.flow.hold(False)
        return self._link

    def end_response(self) -> None:
        """Go on with what came behind the request that was answered, or wait for the next one."""
        if self.transport.is_closing():
            return
        self._lose_link()
        self._stop_keep_alive_timer()
        self.flow.resume_reading()
        if self._waiting:
            (exchange, scope), *others = self._waiting
            self._waiting = tuple(others)
            self._answer(exchange, scope)
        else:
            is_crowded = len(self.context.state.connections) > self.context.many_connections
            delay_s = SHORT_KEEP_ALIVE_S if is_crowded else self.context.keep_alive_s
            self._keep_alive_timer = self.context.loop.call_later(delay_s, self.transport.close)
        if self._unread:
            self._read(self._unread)

    # What the server calls.

    def shutdown(self) -> None:
        """End in order: a request that is on its way is still answered, a stream that takes nothing is aborted."""
        self._is_ending = True
        if self._reading is None and not self._is_refused:
            # Accepted a moment ago; its request may be in the socket already.
            self.context.loop.call_later(LAST_REQUEST_S, self._end_silent)
            return
        if self._reading is None or self._reading.is_complete:
            self.transport.close()
        else:
            self._reading.keeps_alive = False
        if self._link is not None or self.flow.is_writing_paused:
            self.context.loop.call_later(LAST_REQUEST_S, self.transport.abort)

    def has_open_request(self) -> bool:
        """Whether a response is still to be given here."""
        return self._reading is not None and not self._reading.is_complete

    def _read(self, data: bytes) -> None:
        self._unread = b""
        while data and (reader := self._reader) is not None and not self._is_refused and not self._is_handed_over:
            if self._waiting:
                # One waits already; a packet holds thousands, and each is kilobytes once it was parsed. Behind a
                # stream none is ever answered.
                self._unread = data if self._link is None else b""
                break
            data = reader.read(data)
            if reader.fault is not None:
                self._refuse(reader.fault)
        if self._is_half_closed and not self._unread and self._reading is not None:
            self._reading.keeps_alive = False
        self.flow.hold(bool(self._unread))

    def _answer(self, exchange: Exchange, scope: Scope) -> None:
        self._answering = exchange
        if not exchange.lasts or self.context.limiter.enter():
            self.context.run_task(exchange.run(self.context.app, scope))
        else:
            self.context.limiter.wait(partial(self._answer_now, exchange, scope))

    def _answer_now(self, exchange: Exchange, scope: Scope) -> None:
        if not exchange.is_disconnected:
            self.context.run_task(exchange.run(self.context.app, scope))

    def _hand_over(self, request: Request) -> None:
        if self.transport.is_closing():
            return
        self.context.discard(self)
        protocol = WebSocketProtocol(self.context)
        self.transport.set_protocol(protocol)
        protocol.begin(self.transport, self.flow, self.endpoints, request)
        self._release()

    def _release(self) -> None:
        # Each of these holds this object.
        self._answering = self._reading = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _is_busy(self) -> bool:
        """Whether a response is still to be given here, or the connection is no longer ours."""
        return self._is_refused or self._is_handed_over or self.has_open_request()

    def _lose_link(self) -> None:
        if self._link is not None:
            self._link.connection_lost()
            self._link = None

    def _end_silent(self) -> None:
        if self._reading is None and not self.transport.is_closing():
            self.transport.close()

    def _start_head_timer(self) -> None:
        self._head_timer = self.context.loop.call_later(HEAD_TIMEOUT_S, self._end_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_keep_alive_timer(self) -> None:
        if self._keep_alive_timer is not None:
            self._keep_alive_timer.cancel()
            self._keep_alive_timer = None

    def _end_late(self) -> None:
        self._head_timer = None
        if self._reader is not None and self._reader.is_head_done:  # answered already, and nothing further asked
            self._is_refused = True
            self.transport.close()
        else:
            self._refuse(RequestTimeout("The headers took too long"))

    def _refuse(self, error: HubError) -> None:
        was_refused, self._is_refused = self._is_refused, True
        self._stop_head_timer()
        if was_refused or self.transport.is_closing():
            return
        # A peer that has sent nothing asked nothing. A pool that opened the connection in advance would take a
        # response for the one to the request that it is about to send.
        if not self._has_read or self._waiting or self._is_answering() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(encode_last_response(write_problem(error)))
        if self._answering is not None:
            self._answering.disconnect()
        # A close with bytes unread is a reset, which can overtake the response (RFC 9112 section 9.6).
        self.transport.write_eof()
        self._head_timer = self.context.loop.call_later(LINGER_S, self.transport.abort)

    def _is_answering(self) -> bool:
        # Into a response that has begun, a stream above all, no other may be written; nor may one be before it,
        # for a client would take it for the response to the request that it sent first.
        exchange = self._answering
        return exchange is not None and not exchange.is_complete and (exchange.is_started or exchange.is_read)
