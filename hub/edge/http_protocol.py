"""The edge of the process for HTTP: uvicorn's httptools protocol with bounds, and the link of an SSE stream.

httptools itself accepts a header line of 100 MiB and waits for ever for the end of one, requests without
a Host and requests with two; each of these is closed here. It leans on the inside of uvicorn, whose exact
version is therefore pinned.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Self, cast
from weakref import ref

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from hub import routes
from hub.edge.handshake import is_handshake
from hub.edge.handshake_limit import Turnstile, find_turnstile
from hub.edge.hoist import hoist
from hub.edge.last_answer import encode_last_answer
from hub.edge.links import EventStreamLink, UnchunkedLink, open_weakly
from hub.edge.pipeline import Flow, Pipeline, close_unless_continued, read_local, read_remote
from hub.edge.request_head import MAX_FIELDS, judge_head, judge_method, origin_form, without_offer
from hub.edge.waiters import Signal
from hub.edge.websocket_protocol import WebSocketProtocol
from hub.errors import BadRequest, HeadersTooLarge, HubError, RequestTimeout, UriTooLong
from hub.errors.problem import write_problem

__all__ = ["HttpProtocol"]

#: The request line and headers together, and what a body brings besides itself (trailers, chunk extensions);
#: nginx allows as much by default (4 x 8 KiB).
MAX_HEAD_BYTES = 32_768
#: From the first byte expected (or the connection made) to the end of the headers.
HEAD_TIMEOUT_S = 10.0
#: What stays: whoever asks for these waits for the turn. A publish never does.
STAYING = (b"GET %b" % routes.WEBSOCKET.encode(), b"GET %b" % routes.EVENT_STREAM.encode())
#: How long an idle connection is kept where there are too many.
CROWDED_KEEP_ALIVE_S = 5.0
#: What a peer may still send, and for how long, while it is told that nobody reads on.
LINGER_BYTES = 1_048_576
LINGER_S = 1.0
HEAD_END = b"\r\n\r\n"
#: What a shutdown waits for the request of a connection that was just made, and for the end of a stream.
LAST_REQUEST_S = 0.5


#: What uvicorn's constructor makes for each connection; all the rest is the server's.
OWN = frozenset({"parser", "pipeline"})


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection whose head is bounded in bytes and in time.

    A server is given a class of its own, from `for_server`, which carries what its connections share.
    """

    _turnstile: Turnstile
    _websocket_class: type[WebSocketProtocol]
    _crowd: int
    _head_bytes = 0
    _head_done = False
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False
    _linger_bytes = 0
    _upgraded = False
    _ending = False
    _is_half_closed = False
    _entered = False
    _early: bytes | None = None
    #: What came behind a request that waits for the one before it.
    _unread: bytes | None = None
    _link: EventStreamLink | None = None
    flow: Flow
    #: The request that the app is at; `cycle` is the last one that was read.
    _answering: RequestResponseCycle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        kind = type(self)
        if "config" not in vars(kind):
            hoist(kind, HttpToolsProtocol(config, server_state, app_state, _loop), but=OWN)
            kind._turnstile = find_turnstile(self.loop)
        self.parser = self._make_parser()
        self.pipeline = Pipeline()  # type: ignore[assignment]  # of the deque uvicorn needs what this has

    @classmethod
    def for_server(cls, *, crowd: int) -> type[Self]:
        """Return the class for the connections of one server; beyond `crowd` of them idle ones are soon closed."""
        return type(cls.__name__, (cls,), {"_websocket_class": WebSocketProtocol.for_server(), "_crowd": crowd})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """Start the clock: a peer that sends nothing is not kept."""
        # Not the base's: it asks the kernel for both addresses again, through a socket object for each.
        self.connections.add(self)
        self.transport = transport
        self.flow = Flow(transport, self.loop)
        self.server = read_local(transport.get_extra_info("sockname"))
        self.client = read_remote(transport.get_extra_info("peername"))
        self.scheme = "https" if is_ssl(transport) else "http"
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock and tell the stream, if this connection carries one."""
        self._stop_head_timer()
        self._unset_keepalive_if_required()  # which uvicorn leaves to run where the peer reset the connection
        self._early = self._unread = None
        if self._link is not None:
            self._link.connection_lost()
            self._link = None
        super().connection_lost(exc)
        # uvicorn tells the last request alone; the one before it would write to what is gone, or wait for ever.
        self._disconnect_app()
        cast("Pipeline", self.pipeline).drop()

    def eof_received(self) -> bool:  # type: ignore[override]  # of asyncio's two answers the base knows one
        """Stay for the answers to what a peer asked before it said that it asks no more; else end."""
        if self._refused or self._link is not None or not self._has_request():
            return False
        if self.cycle.response_complete or self.cycle.more_body:
            return False
        if any(
            cycle and cycle.scope["path"].rstrip("/") == routes.EVENT_STREAM for cycle in (self._answering, self.cycle)
        ):
            return False  # whoever asks for one and closes has left
        self._is_half_closed = True
        if self._unread is None:
            self.cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, as long as what is no body stays within its bound."""
        if self._is_ignored(data):
            return
        if not self._entered and not self._may_enter(data):
            return
        self._parse(data if self._unread is None else self._unread + data)
        self._keep_clock()

    def _parse(self, data: bytes) -> None:
        self._unread = None
        while data and not self._refused and not self._upgraded:
            if self.pipeline:
                # One waits already; a packet holds thousands, and each is kilobytes once it was parsed. Behind a
                # stream none is ever answered.
                self._unread = data if self._link is None else None
                break
            # The rest may be body, or another request: give the parser what fits, and see how far it came.
            part = data[: MAX_HEAD_BYTES - self._head_bytes]
            if (end := part.find(HEAD_END)) != part.rfind(HEAD_END):
                part = part[: end + len(HEAD_END)]
            self._head_bytes += len(part)
            if not part:
                self._refuse(UriTooLong() if self._is_in_url() else HeadersTooLarge())
                return
            data = data[len(part) :]
            self._read(part)
            if not self._head_done and len(self.headers or ()) > MAX_FIELDS:
                self._refuse(HeadersTooLarge())  # before it is whole
        if self._is_half_closed and self._unread is None:
            self.cycle.keep_alive = False
        self.flow.hold(self._unread is not None)

    def on_message_begin(self) -> None:
        """Begin a request; where its head does not arrive whole, `_keep_clock` starts the clock."""
        super().on_message_begin()
        self._head_done = False

    def on_headers_complete(self) -> None:
        """Refuse what two parsers could read differently, then hand the request over.

        The app finds the way to the link of its own response in its scope.
        """
        if self._refused:
            return  # of the same packet, behind what was refused
        self._head_done = True
        self._stop_head_timer()
        method = self.parser.get_method()
        error = judge_head(method, self.parser.get_http_version(), self.headers)
        if error is not None:
            self._refuse(error)
            return
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # `_read` reads it again, without the offer
        self.url = origin_form(method, self.url)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            # Bound to this request: by the time the app runs, another may have been read behind it.
            opener = partial(open_weakly, ref(self), ref(self.cycle))
            self.scope["extensions"] = {"hub.link": cast("dict[object, object]", opener)}
            self.cycle.keep_alive = self.cycle.keep_alive and not self._ending

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the request was refused."""
        self._head_bytes = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; the next one on this connection gets its own bound."""
        # One that offers an upgrade ends for the parser with its head: it is a handshake, or is read again.
        if not self._refused and not self.parser.should_upgrade():
            super().on_message_complete()
        self._head_bytes = 0

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol, unless the request was refused.

        One behind a request that is still being answered is: two protocols would write to one connection.
        """
        if self._answering is not None and not self._answering.response_complete:
            self._refuse(BadRequest("A WebSocket handshake cannot stand behind another request"))
        if not self._refused:
            self._upgraded = True
            self.connections.discard(self)
            protocol = self._websocket_class(self.config, self.server_state, self.app_state)
            self.transport.set_protocol(protocol)
            protocol.begin(self.transport, self.scope, self.url)
            # Both hold each other.
            self.parser = None  # type: ignore[assignment]  # as the base does at the end of a connection

    def on_response_complete(self) -> None:
        """End a response; where it was a stream, its link is not the next one's."""
        if self._link is not None and not self.transport.is_closing():
            self._link.connection_lost()
            self._link = None
        super().on_response_complete()
        if self._unread is not None and not self.transport.is_closing():
            self._parse(self._unread)
        if self.timeout_keep_alive_task is not None and len(self.connections) > self._crowd:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = self.loop.call_later(CROWDED_KEEP_ALIVE_S, self.timeout_keep_alive_handler)

    def shutdown(self) -> None:
        """End in order: a request that is on its way is still answered, a stream that takes nothing is aborted."""
        self._ending = True
        if not self._has_request() and not self._refused:
            # Accepted a moment ago; its request may be in the socket already.
            self.loop.call_later(LAST_REQUEST_S, self._end_silent)
            return
        super().shutdown()
        if self._link is not None or self.flow.write_paused:
            self.loop.call_later(LAST_REQUEST_S, self.transport.abort)

    def open_link(self, cycle: RequestResponseCycle) -> EventStreamLink:
        """Return the link of a response in progress; it writes to the transport directly.

        Raises:
            ConnectionError: the peer has left.
        """
        if cycle.disconnected or self._is_half_closed or self.transport.is_closing():
            # Of a peer that says no more and only listens nobody would ever hear that it has left.
            cycle.disconnected = True
            self.transport.close()
            raise ConnectionResetError
        make = UnchunkedLink if cycle.scope["http_version"] == "1.0" else EventStreamLink
        self._link = make(self.transport, cycle)
        self.flow.watches = False  # the shared clock does
        self._unread = None
        self.flow.hold(False)
        # It may hold a token, and the stream may last for days.
        self.url = b""
        # What came of a body is there already, and says so.
        cycle.message_event = Signal(is_set=cycle.message_event.is_set())
        return self._link

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, close_unless_continued(app, cycle) if cycle.waiting_for_100_continue else app)

    def _may_enter(self, data: bytes) -> bool:
        if self._early is not None:
            self._early += data  # read before the pause took hold
            return False
        self._entered = not data.startswith(STAYING) or self._turnstile.enter()
        if not self._entered:
            self._early = data
            self._stop_head_timer()  # the wait is our doing
            self.transport.pause_reading()
            self._turnstile.wait(self._enter)
        return self._entered

    def _enter(self) -> None:
        data, self._early, self._entered = self._early, None, True
        if data is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(data)

    def _is_ignored(self, data: bytes) -> bool:
        if self._refused:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self.transport.abort()
        return self._refused

    def _keep_clock(self) -> None:
        # uvicorn's clock for idle connections stops at the first byte, whatever that is: line breaks, or the
        # body of a request that is answered already. Without another one such a connection stays for ever.
        if not self._is_busy() and self.timeout_keep_alive_task is None and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def _is_busy(self) -> bool:
        """Whether an answer is still to be given here, or the connection is no longer ours."""
        return self._refused or self._upgraded or (self._has_request() and not self.cycle.response_complete)

    def _end_silent(self) -> None:
        if not self._has_request() and not self.transport.is_closing():
            self.transport.close()

    def _has_request(self) -> bool:
        # uvicorn sets it with the first request, whatever its annotation says.
        return cast("object | None", self.cycle) is not None

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if self._head_done:  # answered already, and nothing further asked
            self._refused = True
            self.transport.close()
        else:
            self._refuse(RequestTimeout("The headers took too long"))

    def _refuse(self, error: HubError) -> None:
        was_refused, self._refused = self._refused, True
        self._stop_head_timer()
        if was_refused or self.transport.is_closing():
            return
        # Whoever has sent nothing asked nothing. A pool that opened the connection in advance would take an answer
        # for the one to the request that it is about to send.
        if not self._entered or self.pipeline or self._is_answering() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(encode_last_answer(write_problem(error)))
        # A close with bytes unread is a reset, which can overtake the answer (RFC 9112 section 9.6).
        self._disconnect_app()
        self.transport.write_eof()
        self._linger_bytes = LINGER_BYTES
        self._head_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def _disconnect_app(self) -> None:
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _is_answering(self) -> bool:
        # Into an answer that has begun, a stream above all, no other may be written; nor may one be before it,
        # for a client would take it for the answer to the request that it sent first.
        cycle = self._answering
        return cycle is not None and not cycle.response_complete and (cycle.response_started or not cycle.more_body)

    def _make_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # As uvicorn sets it: what follows a request that closes the connection is no error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _read(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        while data and not self._refused:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                data = self._withdraw_offer() + data[upgrade.args[0] :]
            except httptools.HttpParserInvalidMethodError:
                self._refuse(judge_method(data))
            except httptools.HttpParserError:
                self._refuse(BadRequest("The request is not valid HTTP/1.1"))

    def _withdraw_offer(self) -> bytes:
        # The parser takes what follows the head of an upgrade for another protocol's, and loses a body. So a request
        # whose offer is declined is read once more, without the offer.
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.parser = self._make_parser()
        return without_offer(method, self.url, version, self.headers)

    def _should_upgrade(self) -> bool:
        return is_handshake(self.parser.get_method(), self.parser.get_http_version(), self.headers)

    def _is_in_url(self) -> bool:
        return not self._head_done and len(self.url) * 2 > MAX_HEAD_BYTES
