"""`/streams/me`: catch-up, long-poll and live reads of a user's notifications, as Durable Streams has them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from hub.allowance import Allowance, Share
from hub.asgi import Receive, Scope, Send
from hub.auth.grant import Grant
from hub.bounds import Bounds
from hub.cursor import Cursor, parse_cursor
from hub.delivery.connections import Connections
from hub.delivery.endings import NORMAL_CLOSURE
from hub.delivery.link import EventStream
from hub.delivery.pages import PAGE_BYTES, MissedPage, Pages
from hub.delivery.session import Phase
from hub.errors import HubError, MethodNotAllowed, OffsetGone
from hub.header_fields import Headers
from hub.target import subscriber_targets
from hub.transports.cors import Cors
from hub.transports.durable_streams.links import LongPollLink, StreamLink, encode_messages
from hub.transports.durable_streams.offset import StreamCursor, format_offset
from hub.transports.durable_streams.request import StreamRequest, parse_request
from hub.transports.durable_streams.response import (
    COMMON_HEADERS,
    EMPTY,
    Read,
    expose_headers,
    respond_metadata,
    respond_read,
)
from hub.transports.fallback import open_event_stream
from hub.transports.response import is_read, respond_problem
from hub.transports.sse import STREAM_PREAMBLE, UNBUFFERED

__all__ = ["StreamEndpoint"]

#: Without a charset: an event stream has none but UTF-8, and some clients compare this text.
_EVENTS = (b"content-type", b"text/event-stream")


class _Reader(NamedTuple):
    """An admitted request, and where to respond."""

    scope: Scope
    receive: Receive
    send: Send
    grant: Grant
    request: StreamRequest
    cursor: StreamCursor
    #: The headers of every response to it.
    shared: Headers
    #: When it came, by the monotonic clock.
    began_s: float


class StreamEndpoint:
    """The ASGI application behind `/streams/me`: first a page, then the connection that a live read is."""

    def __init__(
        self,
        connections: Connections,
        pages: Pages,
        cors: Cors,
        *,
        bounds: Bounds,
        responses: Allowance,
        now: Callable[[], float],
    ) -> None:
        """Hold what clients have not taken yet within `responses`."""
        self._connections = connections
        self._pages = pages
        self._cors = cors
        self._bounds = bounds
        self._now = now
        self._responses = responses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.monotonic()
        headers: Headers = scope["headers"]
        shared = COMMON_HEADERS
        try:
            cors = self._cors.allow(headers)
            if scope["method"] == "OPTIONS":
                await self._cors.respond_preflight(send, headers)
                return
            shared = [*shared, *expose_headers(cors)]
            if not is_read(scope):
                raise MethodNotAllowed
            grant = await self._connections.admit(headers, scope["query_string"])
            request = parse_request(scope["query_string"])
            if scope["method"] == "HEAD":
                await respond_metadata(send, shared, self._pages.head)
                return
            await self._connections.wait_ahead(request.offset)
            cursor = StreamCursor(request.cursor, self._now())
            await self._respond(_Reader(scope, receive, send, grant, request, cursor, shared, began_s))
        except HubError as error:
            self._connections.count_refusal(error)
            await respond_problem(send, error, shared)

    async def _respond(self, reader: _Reader) -> None:
        live = reader.request.live
        if live == "sse":
            page = await self._read(reader)
            with contextlib.suppress(ConnectionError):  # the peer may have left while it was looked up
                closing_s = self._bounds.close_timeout_s
                async with open_event_stream(reader.scope, reader.send, close_timeout_s=closing_s) as stream:
                    await self._stream(reader, page, stream)
            return
        with self._share(reader) as share:
            share.take(PAGE_BYTES)
            page = await self._read(reader)
            body = encode_messages(page.frames)
            share.take(max(0, len(body) - PAGE_BYTES))
            if live is None or body != EMPTY or not page.is_whole:
                await self._send(reader, page.cursor, body, is_up_to_date=page.is_whole)
                return
        await self._wait(reader, page.cursor)

    def _share(self, reader: _Reader) -> Share:
        return self._responses.share(subscriber_targets(reader.grant.account_id, reader.grant.user_id)[0])

    async def _read(self, reader: _Reader) -> MissedPage:
        if reader.request.from_now:
            return MissedPage("live", [], self._pages.head)
        targets = subscriber_targets(reader.grant.account_id, reader.grant.user_id)
        page = await self._pages.read_stream(targets, reader.request.offset)
        if page.resume == "gap":
            raise OffsetGone("Go on from `Stream-Next-Offset`", next_offset=format_offset(page.cursor))
        return page

    async def _wait(self, reader: _Reader, place: Cursor) -> None:
        """Respond when something comes after `place`, or after a while; a connection like any other meanwhile.

        Where the hub ends it early the response says only that nothing came: the next request is told why.
        """
        woken = asyncio.Event()
        link = LongPollLink(woken)
        subscriber = self._connections.register(reader.grant, "durable-streams", link, speaks_hub_v1=False)
        departure = asyncio.create_task(_wait_departed(reader.receive, woken), name="long-poll client")
        try:
            self._connections.greet(subscriber, place)
            self._connections.observe_handshake(subscriber, reader.began_s)
            await self._connections.serve(subscriber)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._bounds.long_poll_s):
                    await woken.wait()
            if subscriber.session.phase is not Phase.LIVE or link.is_full:
                # What the link does not have comes with the next request, or is announced to it.
                place = parse_cursor(link.cursor) or place
            else:
                place = self._connections.place(subscriber)
        finally:
            self._connections.leave(subscriber, NORMAL_CLOSURE)
            departure.cancel()
        # No connection any more, which its limits would count; one that finds no room here asks again.
        with self._share(reader) as share:
            body = encode_messages(link.messages)
            share.take(len(body))
            await self._send(reader, place, body, is_up_to_date=not link.is_full)

    async def _stream(self, reader: _Reader, page: MissedPage, stream: EventStream) -> None:
        link = StreamLink(stream, reader.cursor, now=self._now)
        subscriber = self._connections.register(reader.grant, "durable-streams", link, speaks_hub_v1=False)
        link.follow(subscriber.session)
        try:
            stream.attach(on_connection_lost=partial(self._connections.leave, subscriber))
            stream.cork()
            stream.start([_EVENTS, *UNBUFFERED, *reader.shared])
            stream.write_event(STREAM_PREAMBLE)
            if page.frames:
                link.write_messages(page.frames)
            self._connections.greet(subscriber, page.cursor)
            stream.uncork()
            self._connections.observe_handshake(subscriber, reader.began_s)
            await self._connections.serve(subscriber)
            if not link.told_up_to_date and subscriber.session.phase is Phase.LIVE:
                link.write_place(self._connections.place(subscriber))
            while stream.open and (await reader.receive())["type"] != "http.disconnect":
                # A body where none belongs: nothing to do with it.
                pass
            if subscriber.session.phase is Phase.CLOSED:
                await stream.finish()
        finally:
            self._connections.leave(subscriber)
            stream.close(1000, "")

    async def _send(self, reader: _Reader, place: Cursor, body: bytes, *, is_up_to_date: bool) -> None:
        cursor = None if reader.request.live is None else reader.cursor.at(self._now())
        read = Read(place, body, is_up_to_date, cursor, has_tag=not reader.request.from_now)
        await respond_read(reader.send, reader.scope["headers"], reader.shared, read)


async def _wait_departed(receive: Receive, departed: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    departed.set()
