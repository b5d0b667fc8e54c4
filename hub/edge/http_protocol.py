"""One HTTP connection: its requests in order, its bounds and its end.

It is a protocol class as uvicorn's `http=` documents it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

from hub.direct import DirectHandler
from hub.edge.connection_clock import ConnectionClock
from hub.edge.context import ServerContext
from hub.edge.event_stream_link import EventStreamLink, UnchunkedLink
from hub.edge.exchange import BeginDirect, Exchange
from hub.edge.exchange_queue import ExchangeQueue, Held
from hub.edge.flow import Flow
from hub.edge.lingering_close import LingeringClose
from hub.edge.request_head import has_body
from hub.edge.request_reader import Request, RequestReader
from hub.edge.scope import Endpoints, find_endpoints, make_http_scope
from hub.edge.websocket_protocol import WebSocketProtocol
from hub.errors import BadRequest, HubError, RequestTimeout

__all__ = ["HttpProtocol"]

#: What a shutdown waits for the request of a connection that was just made, and for the end of a stream.
LAST_REQUEST_S = 0.5


class HttpProtocol(asyncio.Protocol):
    """Reads requests, lets the app answer them one by one, and hands a WebSocket handshake over."""

    __slots__ = (
        "_clock",
        "_exchanges",
        "_has_read",
        "_is_ending",
        "_is_half_closed",
        "_is_handed_over",
        "_is_refused",
        "_lingering",
        "_link",
        "_reader",
        "_unread",
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
        self._exchanges = ExchangeQueue(context)
        self._clock = ConnectionClock(context.loop, context.bounds)
        #: What came behind a request that waits for the one before it.
        self._unread = b""
        self._link: EventStreamLink | None = None
        self._lingering: LingeringClose | None = None
        self._has_read = False
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
        # Those of uvloop are not instances of it.
        self.transport = cast("asyncio.Transport", transport)
        self.flow = Flow(self.transport, self.context.loop, stall_timeout_s=self.context.bounds.stall_timeout_s)
        self.endpoints = find_endpoints(self.transport)
        self.context.add(self)
        self._clock.wait_head(self._end_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock, and tell every request and the stream, if this connection carries one."""
        self.context.discard(self)
        self._clock.stop()
        if self._lingering is not None:
            self._lingering.stop()
        self._lose_link()
        self._exchanges.disconnect()
        self.flow.resume_writing()
        self._unread = b""
        self._release()

    def eof_received(self) -> bool:
        """Stay for the responses to what a peer asked before it said that it asks no more; else end."""
        current, reading = self._exchanges.current, self._exchanges.reading
        if self._is_refused or self._is_handed_over or self._link is not None or reading is None:
            return False
        if reading.is_complete or not reading.is_read:
            return False
        if reading.lasts or (current is not None and current.lasts):
            return False  # a client that asks for one and closes has left
        self._is_half_closed = True
        if not self._unread:
            reading.keeps_alive = False
        return True

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer took most of it."""
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read what arrived, as long as all but the bodies stays within its bound."""
        self._has_read = True
        if self._is_refused:
            if self._lingering is not None:
                self._lingering.discard(data)
            return
        self._clock.end_idle()
        self._read(self._unread + data)
        # An idle connection may send line breaks, or the body of a request that was answered already: without a
        # deadline it would stay for ever.
        if not self._is_busy() and not self._clock.is_running:
            self._clock.wait_head(self._end_late)

    # What the reader calls.

    def begin_request(self, request: Request) -> None:
        """Let a handler or the app answer, or wait where a request is being answered."""
        self._clock.stop()
        exchange = Exchange(self, request)
        if request.method == "GET" and not has_body(request.headers):
            exchange.begin_direct = self._find_stream(request, exchange)
        exchange.keeps_alive = exchange.keeps_alive and not (self._is_ending or self.context.is_draining)
        make_scope = partial(make_http_scope, request, self.endpoints, self.context, exchange)
        if (handler := self._find_handler(request)) is not None:
            self._exchanges.hold(Held(exchange, make_scope, handler, request.headers))
            return
        is_waiting = not self._exchanges.add(exchange, make_scope)
        # Behind a stream the end of the connection has to be heard: what comes there is thrown away instead.
        if is_waiting and self._link is None:
            self.flow.pause_reading()

    def take_body(self, part: bytes) -> None:
        """Hand a part of the body to the last request."""
        self._exchanges.take_body(part)

    def end_body(self) -> None:
        """End the last request."""
        self._exchanges.end_body()

    def begin_handshake(self, request: Request) -> None:
        """Hand the connection to the WebSocket protocol, when its turn comes.

        One behind a request that is still being answered is refused: two protocols would write to one connection.
        """
        self._clock.stop()
        if self._exchanges.is_responding:
            self._send_refusal(BadRequest("A WebSocket handshake cannot stand behind another request"))
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
        self.flow.resume_reading()
        if not self._exchanges.start_next():
            is_crowded = len(self.context.state.connections) > self.context.many_connections
            self._clock.wait_request(self.context.keep_alive_s, self.transport.close, is_crowded=is_crowded)
        if self._unread:
            self._read(self._unread)

    # What the server calls.

    def shutdown(self) -> None:
        """End in order: a request that is on its way is still answered, a stream that takes nothing is aborted."""
        self._is_ending = True
        reading = self._exchanges.reading
        if reading is None and not self._is_refused:
            # Accepted a moment ago; its request may be in the socket already.
            self.context.loop.call_later(LAST_REQUEST_S, self._end_silent)
            return
        if reading is None or reading.is_complete:
            self.transport.close()
        else:
            reading.keeps_alive = False
            self._exchanges.release()  # the shutdown cancels what the app is at, in the end
        if self._link is not None or self.flow.is_writing_paused:
            self.context.loop.call_later(LAST_REQUEST_S, self.transport.abort)

    def has_open_request(self) -> bool:
        """Whether a response is still to be given here."""
        return self._exchanges.is_open

    def _read(self, data: bytes) -> None:
        self._unread = b""
        while data and (reader := self._reader) is not None and not self._is_refused and not self._is_handed_over:
            if self._exchanges:
                # One waits already; a packet holds thousands, and each is kilobytes once it was parsed. Behind a
                # stream nothing is kept but that one.
                if self._link is None:
                    self._unread = data
                elif (waiting := self._exchanges.reading) is not None:
                    waiting.keeps_alive = False  # what follows it is lost
                break
            data = reader.read(data)
            if reader.fault is not None:
                self._send_refusal(reader.fault)
        if self._is_half_closed and not self._unread and self._exchanges.reading is not None:
            self._exchanges.reading.keeps_alive = False
        self.flow.hold(bool(self._unread))
        if self._exchanges.is_held and not self._clock.is_running:
            self._clock.wait_body(self._release_late)

    def _find_handler(self, request: Request) -> DirectHandler | None:
        """Return what may answer this request past the app: none where one before it is answered, or a side waits."""
        if request.method != "POST" or request.expects_continue or self._is_ending:
            return None
        if self._exchanges.is_responding or self.flow.is_writing_paused:
            return None
        return self.context.direct.get(request.path)

    def _find_stream(self, request: Request, exchange: Exchange) -> BeginDirect | None:
        """Return what may begin a response that does not end past the app."""
        handler = self.context.handlers.streams.get(request.path.removesuffix("/"))
        return None if handler is None else partial(handler, request.headers, request.query, exchange)

    def _hand_over(self, request: Request) -> None:
        if self.transport.is_closing():
            return
        self.context.discard(self)
        protocol = WebSocketProtocol(self.context)
        self.transport.set_protocol(protocol)
        protocol.begin(self.transport, self.flow, self.endpoints, request)
        self._exchanges.disconnect()
        self._release()

    def _release(self) -> None:
        # The reader holds this object.
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _is_busy(self) -> bool:
        """Whether a response is still to be given here, or the connection is no longer ours."""
        return self._is_refused or self._is_handed_over or self._exchanges.is_open

    def _lose_link(self) -> None:
        if self._link is not None:
            self._link.connection_lost()
            self._link = None
            self.flow.watches = True

    def _end_silent(self) -> None:
        if self._exchanges.reading is None and not self.transport.is_closing():
            self.transport.close()

    def _release_late(self) -> None:
        self._clock.stop()
        self._exchanges.release()

    def _end_late(self) -> None:
        self._clock.stop()
        if self._reader is not None and self._reader.is_head_done:  # answered already, and nothing further asked
            self._is_refused = True
            self.transport.close()
        else:
            self._send_refusal(RequestTimeout("The headers took too long"))

    def _send_refusal(self, error: HubError) -> None:
        was_refused, self._is_refused = self._is_refused, True
        self._clock.stop()
        if was_refused or self.transport.is_closing():
            return
        # A peer that has sent nothing asked nothing. A pool that opened the connection in advance would take a
        # response for the one to the request that it is about to send.
        if (
            self._has_read
            and not self._exchanges
            and not self._exchanges.is_committed
            and self.transport.can_write_eof()
        ):
            self._lingering = LingeringClose(self.transport, self.context.loop, error)
            self._exchanges.disconnect()
        else:
            self.transport.close()
