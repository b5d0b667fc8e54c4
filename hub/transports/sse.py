"""`/sse`: the event stream, with our own response instead of a generator per connection."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from hub.asgi import Receive, Scope, Send
from hub.auth.grant import Grant
from hub.cursor import Cursor
from hub.delivery.connections import Connections
from hub.delivery.envelope import event_preamble
from hub.delivery.link import EventStream, EventStreamOpener
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber
from hub.errors import HubError, MethodNotAllowed
from hub.header_fields import Headers
from hub.transports.cors import Cors
from hub.transports.fallback import open_event_stream
from hub.transports.response import asks_for_hub_v1, find_cursor, find_signals, is_read, respond_problem

__all__ = ["STREAM_PREAMBLE", "UNBUFFERED", "EventStreamEndpoint"]

#: What a client waits before it comes back, unless a drain tells it otherwise.
RETRY_MS = 3_000

#: What a stream begins with: its first bytes, and before them headers that keep others from holding it back.
STREAM_PREAMBLE = event_preamble(retry_ms=RETRY_MS)
UNBUFFERED: Headers = [
    # `no-transform`: a gzip in between would hold events back until its buffer is full.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    *UNBUFFERED,
    (b"referrer-policy", b"no-referrer"),
]


class _Stream(NamedTuple):
    """A request for a stream that was admitted."""

    grant: Grant
    cursor: Cursor | None
    headers: Headers
    speaks_hub_v1: bool
    signals: frozenset[str]
    #: When it came, by the monotonic clock.
    began_s: float


class EventStreamEndpoint:
    """What is behind `/sse`: a handler that the edge calls past ASGI, and an ASGI application, which responds to all.

    The handler serves who is admitted at once; refusals, and users that have to be looked up, are the application's.
    """

    def __init__(self, connections: Connections, cors: Cors, *, close_timeout_s: float) -> None:
        self._connections = connections
        self._cors = cors
        self._close_timeout_s = close_timeout_s

    def begin(
        self, headers: Headers, query: bytes, opener: EventStreamOpener
    ) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """Begin a stream past ASGI; None, and nothing was done, where the application has to respond.

        What is returned completes the response, once the hub has closed the link.
        """
        began_s = time.monotonic()
        try:
            cors = self._cors.allow(headers)
            if self._connections.waits_ahead and self._connections.is_ahead(find_cursor(headers, query)):
                return None
            grant = self._connections.admit_nowait(headers, query)
            if grant is None:
                return None
            stream = _read(grant, headers, query, cors, began_s)
            link = opener.open_link()
            subscriber = self._connections.register(grant, "sse", link, speaks_hub_v1=stream.speaks_hub_v1)
        except (HubError, ConnectionError):
            return None
        try:
            self._open(stream, subscriber, link)
            headers.clear()  # kilobytes, and its token, for days
            self._connections.serve_nowait(subscriber)
        except BaseException:
            self._connections.leave(subscriber)
            raise
        return link.finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.monotonic()
        headers: Headers = scope["headers"]
        cors: Headers = []
        try:
            cors = self._cors.allow(headers)
            if scope["method"] == "OPTIONS":
                await self._cors.respond_preflight(send, headers)
                return
            if not is_read(scope):
                raise MethodNotAllowed
            grant = await self._connections.admit(headers, scope["query_string"])
            stream = _read(grant, headers, scope["query_string"], cors, began_s)
            if scope["method"] == "HEAD":
                # What a GET would get, and no stream.
                await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *cors]})
                await send({"type": "http.response.body", "body": b""})
                return
            await self._connections.wait_ahead(stream.cursor)
            with contextlib.suppress(ConnectionError):  # the peer may have left while it was looked up
                async with open_event_stream(scope, send, close_timeout_s=self._close_timeout_s) as link:
                    await self._serve(receive, stream, link)
        except HubError as error:
            self._connections.count_refusal(error)
            await respond_problem(send, error, cors)

    async def _serve(self, receive: Receive, stream: _Stream, link: EventStream) -> None:
        subscriber = self._connections.register(stream.grant, "sse", link, speaks_hub_v1=stream.speaks_hub_v1)
        try:
            self._open(stream, subscriber, link)
            await self._connections.serve(subscriber)
            while link.open and (await receive())["type"] != "http.disconnect":
                # A body where none belongs: nothing to do with it.
                pass
            if subscriber.session.phase is Phase.CLOSED:
                await link.finish()
        finally:
            self._connections.leave(subscriber)
            link.close(1000, "")

    def _open(self, stream: _Stream, subscriber: Subscriber, link: EventStream) -> None:
        """Begin the response, and tell the client where it stands, in one write."""
        subscriber.signals = stream.signals
        link.attach(on_connection_lost=partial(self._connections.leave, subscriber))
        link.cork()
        link.start(stream.headers)
        link.write_event(STREAM_PREAMBLE)
        self._connections.greet(subscriber, stream.cursor)
        link.uncork()
        self._connections.observe_handshake(subscriber, stream.began_s)


def _read(grant: Grant, headers: Headers, query: bytes, cors: Headers, began_s: float) -> _Stream:
    """Return what a client that was admitted asks for.

    Raises:
        HubError: its cursor or its signals cannot be read.
    """
    cursor, signals = find_cursor(headers, query), find_signals(query)
    return _Stream(grant, cursor, [*_STREAM_HEADERS, *cors], asks_for_hub_v1(query), signals, began_s)
