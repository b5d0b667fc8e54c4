"""`/sse`: the event stream, with our own response instead of a generator per connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hub.auth.grant import Grant
from hub.cursor import Cursor
from hub.delivery.connections import Connections
from hub.delivery.envelope import event_preamble
from hub.delivery.session import Phase
from hub.edge.links import EventStreamLink
from hub.errors import HubError, MethodNotAllowed
from hub.header_fields import Headers
from hub.transports.answer import (
    Send,
    allow_origin,
    answer_preflight,
    find_cursor,
    forget_request,
    is_read,
    respond_problem,
)
from hub.transports.fallback import QueuedLink

__all__ = ["EventStreamEndpoint"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

#: What a client waits before it comes back, unless a drain tells it otherwise.
RETRY_MS = 3_000

_PREAMBLE = event_preamble(retry_ms=RETRY_MS)
_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # `no-transform`: a gzip in between would hold events back until its buffer is full.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"referrer-policy", b"no-referrer"),
]


class EventStreamEndpoint:
    """The ASGI application behind `/sse`; one task per connection, the server's own."""

    def __init__(self, connections: Connections, allowed_origins: frozenset[str]) -> None:
        self._connections = connections
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        cors: Headers = []
        try:
            cors = allow_origin(headers, self._allowed_origins)
            if scope["method"] == "OPTIONS":
                await answer_preflight(send, headers, cors)
                return
            if not is_read(scope):
                raise MethodNotAllowed
            grant = await self._connections.admit(headers, scope["query_string"])
            cursor = find_cursor(headers, scope["query_string"])
            if scope["method"] == "HEAD":
                # What a GET would get, and no stream.
                await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *cors]})
                await send({"type": "http.response.body", "body": b""})
                return
            open_link = scope.get("extensions", {}).get("hub.link")
            if open_link is not None:
                # The peer may have left while it was looked up.
                with contextlib.suppress(ConnectionError):
                    link = open_link()
                    forget_request(scope)
                    await self._stream(receive, send, grant, link, cursor, cors)
                return
            with contextlib.suppress(TimeoutError):  # of a peer that takes nothing, not even the end
                async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as tasks:
                    queued = QueuedLink(send, patience, events=True)
                    start = lambda: tasks.create_task(queued.run())  # noqa: E731  # the group must exist first
                    await self._stream(receive, send, grant, queued, cursor, cors, start)
        except* HubError as errors:
            await self._refuse(send, errors, cors)

    async def _refuse(self, send: Send, errors: BaseExceptionGroup[HubError], cors: Headers) -> None:
        error = errors.exceptions[0]
        assert isinstance(error, HubError)
        self._connections.count_refusal(error)
        await respond_problem(send, error, cors)

    async def _stream(
        self,
        receive: Receive,
        send: Send,
        grant: Grant,
        link: EventStreamLink | QueuedLink,
        cursor: Cursor | None,
        cors: Headers,
        on_start: Callable[[], object] = lambda: None,
    ) -> None:
        subscriber = self._connections.register(grant, "sse", link, speaks_hub_v1=False)
        try:
            link.on_connection_lost = lambda: self._connections.leave(subscriber)
            link.cork()
            headers = [*_STREAM_HEADERS, *cors]
            if isinstance(link, EventStreamLink):
                link.start(headers)
            else:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                on_start()
            link.write_event(_PREAMBLE)
            self._connections.greet(subscriber, cursor)
            link.uncork()
            await self._connections.serve(subscriber)
            while link.open and (await receive())["type"] != "http.disconnect":
                # A body where none belongs: nothing to do with it.
                pass
            if isinstance(link, EventStreamLink) and subscriber.session.phase is Phase.CLOSED:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._connections.leave(subscriber)
            link.close(1000, "")
