"""`/ws`: the handshake, what a client may say, and the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from contracts.frame import Ack, Auth, Listen
from hub.asgi import Receive, Scope, Send
from hub.auth.grant import Grant
from hub.cursor import Cursor, parse_cursor
from hub.delivery.connections import SUBPROTOCOL, Connections
from hub.delivery.link import LINK_EXTENSION, Listener, WebSocket, WebSocketOpener
from hub.delivery.resume_points import Client
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber
from hub.errors import HubError, MethodNotAllowed, NotFound, OriginNotAllowed, UpgradeRequired
from hub.errors.problem import write_problem
from hub.header_fields import Headers
from hub.transports.cors import Cors
from hub.transports.fallback import open_queued_link
from hub.transports.response import (
    find_cursor,
    find_signals,
    forget_request,
    is_read,
    respond_problem,
)

__all__ = ["WebSocketEndpoint"]

#: RFC 6455 section 7.4.2: from here on libraries and applications choose.
FIRST_FREE_CODE = 3000

_decode_message = msgspec.json.Decoder(Auth | Listen | Ack).decode


class _Opening(NamedTuple):
    """A handshake that was admitted."""

    grant: Grant
    #: The cursor it gave, or the client that gave none and is remembered.
    where: Cursor | Client | None
    speaks_hub_v1: bool
    signals: frozenset[str]
    #: When it came, by the monotonic clock.
    began_s: float


class WebSocketEndpoint:
    """What is behind `/ws`: a handler that the edge calls past ASGI, and an ASGI application, which responds to all.

    The handler accepts what is accepted at once; refusals, and users that have to be looked up, are the application's.
    """

    def __init__(self, connections: Connections, cors: Cors, *, close_timeout_s: float) -> None:
        self._connections = connections
        self._cors = cors
        self._close_timeout_s = close_timeout_s

    async def ask_for_upgrade(self, scope: Scope, send: Send) -> None:
        """Respond to a plain request for `/ws`: what it is for, and how one asks for it (RFC 9110 section 15.5.22)."""
        headers = scope["headers"]
        try:
            cors = self._cors.allow(headers)
            if scope["method"] == "OPTIONS":
                await self._cors.respond_preflight(send, headers)
                return
        except OriginNotAllowed as error:
            await respond_problem(send, error, [])
            return
        await respond_problem(send, UpgradeRequired() if is_read(scope) else MethodNotAllowed(), cors)

    async def refuse_path(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a handshake with a path where there is no WebSocket."""
        await receive()
        await self._send_refusal(scope, send, NotFound(), speaks_hub_v1=False)

    def begin(
        self, headers: Headers, query: bytes, subprotocols: Sequence[str], opener: WebSocketOpener
    ) -> Listener | None:
        """Accept a handshake past ASGI; None, and nothing was done, where the application has to respond."""
        began_s = time.monotonic()
        try:
            if self._connections.waits_ahead and self._connections.is_ahead(find_cursor([], query)):
                return None
            grant = self._connections.admit_nowait(headers, query, subprotocols)
            if grant is None:
                return None
            opening = self._read(grant, headers, query, subprotocols, began_s)
            link = opener.open_link(confirmed=isinstance(opening.where, Client))
            subscriber = self._connections.register(grant, "websocket", link, speaks_hub_v1=opening.speaks_hub_v1)
        except (HubError, ConnectionError):
            return None
        try:
            self._open(opening, subscriber, link)
            self._connections.serve_nowait(subscriber)
        except BaseException:
            self._connections.leave(subscriber)
            raise
        return Listener(partial(self._hear, subscriber), partial(self._leave, subscriber))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.monotonic()
        await receive()  # websocket.connect
        headers, query, offered = scope["headers"], scope["query_string"], scope.get("subprotocols") or []
        speaks_hub_v1 = SUBPROTOCOL in offered
        opener: WebSocketOpener | None = scope.get("extensions", {}).get(LINK_EXTENSION)
        try:
            grant = await self._connections.admit(headers, query, offered)
            opening = self._read(grant, headers, query, offered, began_s)
            if isinstance(opening.where, Cursor):
                await self._connections.wait_ahead(opening.where)
            if opener is None:
                async with open_queued_link(send, events=False, close_timeout_s=self._close_timeout_s) as queued:
                    await self._serve(scope, receive, opening, queued)
            else:
                link = opener.open_link(confirmed=isinstance(opening.where, Client))
                await self._serve(scope, receive, opening, link)
        except ConnectionError:  # the peer may have left while it was looked up
            pass
        except HubError as error:
            await self._send_refusal(scope, send, error, speaks_hub_v1=speaks_hub_v1)

    def _read(
        self, grant: Grant, headers: Headers, query: bytes, subprotocols: Sequence[str], began_s: float
    ) -> _Opening:
        """Return what a client that was admitted asks for.

        Raises:
            HubError: its cursor or its signals cannot be read.
        """
        where: Cursor | Client | None = find_cursor([], query)
        if SUBPROTOCOL in subprotocols:
            return _Opening(grant, where, True, find_signals(query), began_s)
        if where is None:
            where = self._connections.identify(grant, headers)
        # Deployed frontends would show a signal as a message.
        return _Opening(grant, where, False, frozenset(), began_s)

    async def _serve(self, scope: Scope, receive: Receive, opening: _Opening, link: WebSocket) -> None:
        subscriber = self._connections.register(opening.grant, "websocket", link, speaks_hub_v1=opening.speaks_hub_v1)
        code = 1006
        try:
            self._open(opening, subscriber, link)
            forget_request(scope)
            await self._connections.serve(subscriber)
            code = await self._listen(subscriber, receive)
        finally:
            self._leave(subscriber, code)

    def _open(self, opening: _Opening, subscriber: Subscriber, link: WebSocket) -> None:
        """Accept, and tell the client where it stands, in one write."""
        subscriber.signals = opening.signals
        link.attach(
            on_connection_lost=partial(self._connections.leave, subscriber),
            on_activity=subscriber.session.note_activity,
        )
        link.cork()
        link.accept(SUBPROTOCOL if opening.speaks_hub_v1 else None)
        self._connections.greet(subscriber, opening.where)
        link.uncork()
        self._connections.observe_handshake(subscriber, opening.began_s)

    async def _listen(self, subscriber: Subscriber, receive: Receive) -> int:
        """Read until the connection has ended; return the close code."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            subscriber.session.note_activity()
            if (rest := self._hear(subscriber, message.get("text"))) is not None:
                await rest

    def _leave(self, subscriber: Subscriber, code: int) -> None:
        # Codes from 3000 are free for anybody: a peer's 4000 is not our "slow", nor a label for a metric.
        self._connections.leave(subscriber, code if code < FIRST_FREE_CODE else 1000)

    def _hear(self, subscriber: Subscriber, text: str | None) -> Coroutine[Any, Any, None] | None:
        """Do what a client says; what is returned has to be waited for before it is heard again."""
        # The deployed frontends never send; what others send without `hub.v1` means nothing here.
        if not subscriber.speaks_hub_v1 or subscriber.session.phase is Phase.CLOSED:
            return None
        try:
            said = _decode_message(text or "")
        except (msgspec.MsgspecError, RecursionError):
            self._connections.end(subscriber, 1008, "not a message of hub.v1")
            return None
        if isinstance(said, Listen):
            subscriber.signals = frozenset(said.signals)
            return None
        if isinstance(said, Ack):
            # A cursor of another log, or none at all, confirms nothing: the client may come from before a restore.
            if (cursor := parse_cursor(said.cursor)) is not None:
                self._connections.acknowledge(subscriber, cursor)
            return None
        return self._renew(subscriber, said.token)

    async def _renew(self, subscriber: Subscriber, token: str) -> None:
        try:
            await self._connections.renew(subscriber, token)
        except HubError as error:
            self._connections.end(subscriber, error.close_code, error.title)

    async def _send_refusal(self, scope: Scope, send: Send, error: HubError, *, speaks_hub_v1: bool) -> None:
        """Send the refusal: so that the client can read why where it can, before the accept where it cannot.

        The deployed frontends take an accept as success and would come back for ever.
        """
        self._connections.count_refusal(error)
        with contextlib.suppress(OSError):  # the peer may be gone already
            if speaks_hub_v1:
                await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
                await send({"type": "websocket.close", "code": error.close_code, "reason": error.title})
            elif "websocket.http.response" in scope.get("extensions", {}):
                status, headers, body = write_problem(error)
                headers = [*self._allow_origin(scope["headers"]), *headers]
                await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
                await send({"type": "websocket.http.response.body", "body": body})
            else:
                await send({"type": "websocket.close", "code": error.close_code, "reason": error.title})

    def _allow_origin(self, headers: Headers) -> Headers:
        try:
            return self._cors.allow(headers)
        except OriginNotAllowed:
            return []
