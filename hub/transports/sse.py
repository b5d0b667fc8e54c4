"""`/sse`: the event stream, with our own response instead of a generator per connection."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import NamedTuple

from hub.asgi import Receive, Scope, Send
from hub.auth.grant import Grant
from hub.cursor import Cursor
from hub.delivery.connections import Connections
from hub.delivery.envelope import event_preamble
from hub.delivery.link import EventStream
from hub.delivery.session import Phase
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

    receive: Receive
    grant: Grant
    cursor: Cursor | None
    headers: Headers
    speaks_hub_v1: bool
    signals: frozenset[str]
    #: When it came, by the monotonic clock.
    began_s: float


class EventStreamEndpoint:
    """The ASGI application behind `/sse`; one task per connection, the server's own."""

    def __init__(self, connections: Connections, cors: Cors, *, close_timeout_s: float) -> None:
        self._connections = connections
        self._cors = cors
        self._close_timeout_s = close_timeout_s

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
            cursor = find_cursor(headers, scope["query_string"])
            speaks_hub_v1 = asks_for_hub_v1(scope["query_string"])
            signals = find_signals(scope["query_string"])
            if scope["method"] == "HEAD":
                # What a GET would get, and no stream.
                await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *cors]})
                await send({"type": "http.response.body", "body": b""})
                return
            stream = _Stream(receive, grant, cursor, [*_STREAM_HEADERS, *cors], speaks_hub_v1, signals, began_s)
            with contextlib.suppress(ConnectionError):  # the peer may have left while it was looked up
                async with open_event_stream(scope, send, close_timeout_s=self._close_timeout_s) as link:
                    await self._serve(stream, link)
        except HubError as error:
            self._connections.count_refusal(error)
            await respond_problem(send, error, cors)

    async def _serve(self, stream: _Stream, link: EventStream) -> None:
        subscriber = self._connections.register(stream.grant, "sse", link, speaks_hub_v1=stream.speaks_hub_v1)
        subscriber.signals = stream.signals
        try:
            link.attach(on_connection_lost=partial(self._connections.leave, subscriber))
            link.cork()
            link.start(stream.headers)
            link.write_event(STREAM_PREAMBLE)
            self._connections.greet(subscriber, stream.cursor)
            link.uncork()
            self._connections.observe_handshake(subscriber, stream.began_s)
            await self._connections.serve(subscriber)
            while link.open and (await stream.receive())["type"] != "http.disconnect":
                # A body where none belongs: nothing to do with it.
                pass
            if subscriber.session.phase is Phase.CLOSED:
                await link.finish()
        finally:
            self._connections.leave(subscriber)
            link.close(1000, "")
