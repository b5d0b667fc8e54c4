"""`/poll`: the last resort, for networks that pass neither a WebSocket nor an unbuffered stream."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from contracts.page import Page
from hub.allowance import Allowance
from hub.asgi import Receive, Scope, Send
from hub.delivery.connections import Connections
from hub.delivery.pages import PAGE_BYTES, MissedPage, Pages
from hub.errors import HubError, MethodNotAllowed
from hub.header_fields import Headers
from hub.language import Texts
from hub.target import subscriber_targets
from hub.transports.cors import Cors
from hub.transports.response import (
    asks_for_hub_v1,
    find_cursor,
    is_read,
    respond,
    respond_problem,
)

__all__ = ["PollEndpoint"]

_encode = msgspec.json.Encoder().encode


class PollEndpoint:
    """The ASGI application behind `/poll`; it holds nothing between two requests."""

    def __init__(
        self,
        connections: Connections,
        pages: Pages,
        cors: Cors,
        *,
        responses: Allowance,
        texts: Texts,
        now: Callable[[], float],
    ) -> None:
        """Hold what clients have not taken yet within `responses`."""
        self._connections = connections
        self._pages = pages
        self._cors = cors
        self._texts = texts
        self._now = now
        self._responses = responses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            await self._connections.wait_ahead(cursor)
            targets = subscriber_targets(grant.account_id, grant.user_id)
            with self._responses.share(targets[0]) as share:
                share.take(PAGE_BYTES)
                speaks_hub_v1 = asks_for_hub_v1(scope["query_string"])
                missed = await self._pages.read(targets, cursor, speaks_hub_v1=speaks_hub_v1)
                self._connections.note_page(targets[0], cursor, missed.resume, missed.cursor)
                body = self._encode(missed)
                share.take(max(0, len(body) - PAGE_BYTES))
                await self._respond(send, cors, body)
        except HubError as error:
            self._connections.count_refusal(error)
            await respond_problem(send, error, cors)

    async def _respond(self, send: Send, cors: Headers, body: bytes) -> None:
        headers = [
            *cors,
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
        ]
        # Returns when the client has taken most of it.
        await respond(send, 200, headers, body, waits=True)

    def _encode(self, missed: MissedPage) -> bytes:
        frames = missed.frames
        if missed.resume == "gap":
            # In the response as in the stream: a client that reads frames cannot overlook it.
            frames = [_encode(self._texts.make_gap(missed.cursor, at_s=self._now()))]
        return _encode(Page(frames=[*map(msgspec.Raw, frames)], cursor=str(missed.cursor), resume=missed.resume))
