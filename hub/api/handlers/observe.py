"""`GET /api/internal/observe`: the event stream of an operator who looks, which costs nothing while nobody does.

It is a plain ASGI handler, since its response does not end. Each event waits until the client has taken most of the one
before it, so a slow client gets figures less often and a count of the notifications that it was not shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from importlib.metadata import version

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from contracts.observation import Feed as FeedEvent
from contracts.observation import Introduction, ObservationEnd
from hub import routes
from hub.api.figures import FigureBoard
from hub.api.request import find_service
from hub.asgi import Receive, Scope, Send
from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys
from hub.delivery.envelope import event_data, event_preamble
from hub.delivery.feed import Watcher
from hub.delivery.opening import Delivery
from hub.errors import MethodNotAllowed, Overloaded
from hub.histogram import BOUNDS_S
from hub.timestamp import format_time
from hub.transports.response import is_read, respond

__all__ = ["make_observe_routes"]

#: How soon a notification is shown, and how soon a stream ends once the hub drains.
TICK_S = 0.25
RETRY_MS = 3_000

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # `no-transform`: a gzip in between would hold events back until its buffer is full.
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"referrer-policy", b"no-referrer"),
]

_encode = msgspec.json.Encoder().encode


class _Observation:
    """The stream of one operator, from its first byte to its last."""

    def __init__(self, delivery: Delivery, board: FigureBoard, receive: Receive, send: Send) -> None:
        self._delivery = delivery
        self._board = board
        self._receive = receive
        self._send = send

    async def run(self, introduction: Introduction) -> None:
        """Send events until the client leaves or the hub drains."""
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._write(event_preamble(retry_ms=RETRY_MS) + event_data(_encode(introduction)))
        shows_ids = "observe_ids" in introduction.operations
        with self._delivery.feed.watch(shows_ids=shows_ids) as watcher:
            due_s = time.monotonic()
            while not self._delivery.connections.draining:
                await self._send_feed(watcher)
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._board.every_s
                    await self._write(event_data(await self._board.read(shows_ids=shows_ids)))
                if await self._leaves():
                    return
        await self._write(event_data(_encode(ObservationEnd(reason="the hub is restarting"))))
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_feed(self, watcher: Watcher) -> None:
        items, skipped = watcher.take()
        if items or skipped:
            await self._write(event_data(_encode(FeedEvent(items=items, skipped=skipped))))

    async def _write(self, events: bytes) -> None:
        await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def _leaves(self) -> bool:
        """Wait for one tick; True where the client has left meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                # A body where none belongs: nothing to do with it.
                while (await self._receive())["type"] != "http.disconnect":
                    pass
                return True
        return False


def make_observe_routes(
    delivery: Delivery,
    board: FigureBoard,
    keys: ServiceKeys,
    *,
    started_at_s: float,
    max_watchers: int,
) -> list[ASGIRouteHandler]:
    """Return the handler of the stream, which at most `max_watchers` operators get at one time."""
    watching = 0

    def introduce(service: ServiceGrant) -> Introduction:
        return Introduction(
            service=service.name,
            operations=sorted(service.operations),
            types=None if service.types is None else sorted(service.types),
            everyone=service.everyone,
            version=version("notification-hub"),
            started_at=format_time(started_at_s),
            interval_seconds=board.every_s,
            bounds_seconds=list(BOUNDS_S),
        )

    @asgi(routes.OBSERVE, copy_scope=False)
    async def observe(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal watching
        if scope["method"] == "OPTIONS":
            await respond(send, 204, [(b"allow", b"GET, HEAD, OPTIONS")], b"")
            return
        if not is_read(scope):
            raise MethodNotAllowed(allow=("GET", "HEAD", "OPTIONS"))
        service = find_service(scope["headers"], keys)
        service.require_operation("observe")
        # The figures are everybody's, and so is the feed.
        service.require_all_accounts()
        if scope["method"] == "HEAD":
            # What a GET would get, and no stream.
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b""})
            return
        if watching >= max_watchers:
            raise Overloaded("Too many operators look at the hub; close a console", retry_after_s=5)
        watching += 1
        try:
            # Another server says by an OSError that the peer is gone.
            with contextlib.suppress(OSError):
                await _Observation(delivery, board, receive, send).run(introduce(service))
        finally:
            watching -= 1

    return [observe]
