"""One HTTP request and its response, as ASGI has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

from hub.asgi import Application, Message, Scope
from hub.delivery.link import EventStream
from hub.direct import DirectHandler, Pending, Response
from hub.edge.context import ServerContext
from hub.edge.flow import Flow
from hub.edge.request_reader import Request
from hub.edge.response_head import check_headers, encode_head
from hub.edge.waiters import CompactEvent
from hub.errors import Draining, HubError, Internal
from hub.errors.problem import write_problem
from hub.header_fields import Headers

__all__ = ["BeginDirect", "Connection", "Exchange"]

logger = logging.getLogger("hub.edge")

#: What may wait of a body that the app has not asked for.
MAX_UNREAD_BYTES = 65_536
#: Statuses whose responses have no body (RFC 9110 sections 15.3.5 and 15.4.5).
_NO_BODY = frozenset({204, 304})


#: Begins a response that does not end past the app, and returns what completes it; None: the app responds.
BeginDirect: TypeAlias = Callable[[], Callable[[], Coroutine[Any, Any, None]] | None]


class Connection(Protocol):
    """What an exchange needs of the connection it is on."""

    transport: asyncio.Transport
    flow: Flow
    context: ServerContext

    def end_response(self) -> None:
        """Go on: the response is complete."""

    def open_link(self, exchange: Exchange) -> EventStream:
        """Return the link that writes the body of this response."""


class Exchange:
    """A request that is read while it is answered; its scope has it as `hub.link`, for an app that opens one."""

    __slots__ = (
        "_body",
        "_complete_stream",
        "_connection",
        "_expected_bytes",
        "_is_chunked",
        "_method",
        "_news",
        "begin_direct",
        "http_version",
        "is_complete",
        "is_disconnected",
        "is_read",
        "is_started",
        "is_waiting_for_continue",
        "keeps_alive",
        "lasts",
    )

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._method = request.method
        self.http_version = request.http_version
        self.keeps_alive = request.keeps_alive
        #: Whether the client keeps the body until it is asked for it (RFC 9110 section 10.1.1).
        self.is_waiting_for_continue = request.expects_continue
        #: Whether the response is one that ends when the client leaves.
        self.lasts = connection.context.lasts(request.path)
        self._body = bytearray()
        self._news = CompactEvent()
        #: Set until the exchange begins, where a handler may respond.
        self.begin_direct: BeginDirect | None = None
        self._complete_stream: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.is_read = False
        self.is_started = False
        self.is_complete = False
        self.is_disconnected = False
        self._is_chunked = False
        #: How much of a body with a length is still to come.
        self._expected_bytes = 0

    @property
    def flow(self) -> Flow:
        """The back-pressure of the connection."""
        return self._connection.flow

    @property
    def close_timeout_s(self) -> float:
        """How long a peer may take for the end of a stream."""
        return self._connection.context.bounds.close_timeout_s

    def begin(self) -> bool:
        """Let a handler begin a response that does not end; False where there is none, or it leaves it to the app."""
        begin_direct, self.begin_direct = self.begin_direct, None
        if begin_direct is not None:
            try:
                self._complete_stream = begin_direct()
            except Exception as error:
                # What has begun cannot be left to the app, which else meets the same fault and reports it.
                if self.is_started:
                    logger.error("a handler failed", exc_info=error)
                    self._connection.transport.abort()
        return self.is_started

    async def run(self, app: Application, scope: Scope) -> None:
        """Let the app answer; a response is always completed, or the connection ends."""
        await self._complete_with(app(scope, self.receive, self.send))

    async def _complete_with(self, responding: Awaitable[None]) -> None:
        try:
            await responding
        except asyncio.CancelledError:
            # Only the end of a shutdown cancels a request, such as one whose body does not come to its end.
            self._end_unanswered(Draining())
        except BaseException as error:
            logger.error("the app failed", exc_info=error)
            self._end_unanswered(Internal())
        else:
            if not self.is_complete and not self.is_disconnected:
                logger.error("the app ended before its response")
                self._end_unanswered(Internal())

    def finish(self, pending: Pending[Response]) -> None:
        """Write the response of a handler, which has what it waited for."""
        try:
            response = pending.finish()
        except asyncio.CancelledError:
            self._end_unanswered(Draining())
        except BaseException as error:
            logger.error("a handler failed", exc_info=error)
            self._end_unanswered(Internal())
        else:
            self._respond(response)

    def take_body(self, part: bytes) -> None:
        """Keep a part of the body until the app asks for it."""
        if not self.is_complete:
            self._body += part
            if len(self._body) > MAX_UNREAD_BYTES:
                self.flow.pause_reading()
            self._news.set()

    def end_body(self) -> None:
        """Note that the request was read."""
        self.is_read = True
        self._news.set()

    @property
    def unread_bytes(self) -> int:
        """How much of the body nobody has asked for."""
        return len(self._body)

    def disconnect(self) -> None:
        """Tell the app that nobody reads its response; what it sends goes nowhere."""
        if not self.is_complete:
            self.is_disconnected = True
            self.begin_direct = self._complete_stream = None
            self._news.set()

    def call(self, handler: DirectHandler, headers: Headers) -> bool:
        """Let a handler answer a request that was read; False where it leaves it to the app."""
        try:
            pending = handler(headers, bytes(self._body))
        except Exception:
            return False  # the app meets the same fault, and reports it
        if pending is None:
            return False
        self._body = bytearray()
        self._connection.context.wait_outcome(pending.outcome, partial(self.finish, pending))
        return True

    def wake_app(self) -> None:
        """Let the response be completed: by the app, whose `receive` returns, or by the handler that began it."""
        self._news.set()
        complete, self._complete_stream = self._complete_stream, None
        if complete is not None:
            self._connection.context.run_task(self._complete_with(complete()))

    async def receive(self) -> Message:
        """Wait for more of the body, or for the end of the connection."""
        if self.is_waiting_for_continue and not self._connection.transport.is_closing():
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.is_waiting_for_continue = False
        if not (self.is_disconnected or self.is_complete):
            self.flow.resume_reading()
            await self._news.wait()
            self._news.clear()
        if self.is_disconnected or self.is_complete:
            return {"type": "http.disconnect"}
        part, self._body = bytes(self._body), bytearray()
        return {"type": "http.request", "body": part, "more_body": not self.is_read}

    async def send(self, message: Message) -> None:
        """Write a part of the response, once the peer has taken most of what was written before.

        Raises:
            RuntimeError: this part cannot come here, or another length was announced.
            ValueError: a header would end early.
        """
        if self.flow.is_writing_paused and not self.is_disconnected:
            await self.flow.drain()
        if self.is_disconnected:
            return
        kind = message["type"]
        if not self.is_started and kind == "http.response.start":
            self._start(message["status"], list(message.get("headers", ())))
        elif self.is_started and not self.is_complete and kind == "http.response.body":
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} cannot come here: started={self.is_started}, complete={self.is_complete}")

    def open_link(self) -> EventStream:
        """Return the link that writes the body of this response to the transport directly.

        Raises:
            ConnectionError: the peer has left.
        """
        return self._connection.open_link(self)

    def begin_stream(self, headers: Sequence[tuple[bytes, bytes]], *, is_chunked: bool) -> bytes:
        """Return the head of a response whose body the caller writes by itself, in chunks or to the connection's end.

        The caller's headers are constants: they are not checked.
        """
        self._begin()
        self._is_chunked = is_chunked
        lines = [*self._connection.context.default_headers, *headers]
        if not self.keeps_alive:
            lines.append((b"connection", b"close"))
        if is_chunked:
            lines.append((b"transfer-encoding", b"chunked"))
        return encode_head(200, lines)

    def _begin(self) -> None:
        self.is_started = True
        if self.is_waiting_for_continue:
            # Whether the body comes after all only the client knows: what comes next could be either.
            self.keeps_alive = self.is_waiting_for_continue = False

    def _start(self, status: int, headers: Headers) -> None:
        lines = [(name.lower(), value) for name, value in check_headers(headers)]
        self._begin()
        length: int | None = None
        says_close = False
        for name, value in lines:
            if name == b"content-length" and length is None:
                length = int(value)
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self._is_chunked = True
            elif name == b"connection" and b"close" in [token.strip().lower() for token in value.split(b",")]:
                self.keeps_alive, says_close = False, True
        if not self.keeps_alive and not says_close:
            lines.append((b"connection", b"close"))
        if length is None and not self._is_chunked and self._method != "HEAD" and status not in _NO_BODY:
            self._is_chunked = True
            lines.append((b"transfer-encoding", b"chunked"))
        self._expected_bytes = 0 if self._is_chunked or self._method == "HEAD" else length or 0
        self._connection.transport.write(encode_head(status, (*self._connection.context.default_headers, *lines)))

    def _write(self, body: bytes, *, is_last: bool) -> None:
        transport = self._connection.transport
        if self._method == "HEAD":
            pass  # the head says what a GET would get
        elif self._is_chunked:
            part = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if part or is_last:
                transport.write(part + b"0\r\n\r\n" if is_last else part)
        else:
            self._expected_bytes -= len(body)
            if self._expected_bytes < 0:
                raise RuntimeError("the response is longer than its Content-Length")
            transport.write(body)
        if is_last:
            if self._expected_bytes:
                raise RuntimeError("the response is shorter than its Content-Length")
            self._complete()

    def _complete(self) -> None:
        self.is_complete = True
        # The connection keeps this exchange until its next request.
        self._body = bytearray()
        self._news.set()
        if not self.keeps_alive:
            self._connection.transport.close()
        self._connection.end_response()

    def _respond(self, response: Response) -> None:
        """Write a whole response, whose headers hold nothing from outside, in one write."""
        if self.is_disconnected:
            return
        self._begin()
        status, headers, body = response
        lines = [*self._connection.context.default_headers, *headers, (b"content-length", b"%d" % len(body))]
        if not self.keeps_alive:
            lines.append((b"connection", b"close"))
        self._connection.transport.write(encode_head(status, lines) + (b"" if self._method == "HEAD" else body))
        self._complete()

    def _end_unanswered(self, failure: HubError) -> None:
        if self.is_started:
            self._connection.transport.close()
            return
        self.keeps_alive = False
        self._respond(write_problem(failure))
