"""One visit of a client under test: a connection over WebSocket, an event stream, or one request of a poll."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

from contracts.closing import CloseCode
from hub.cli.support.scripted_http import Exchange
from hub.delivery.envelope import event_comment, event_data, event_preamble, event_retry
from hub.errors import HubError
from hub.errors.problem import write_problem

__all__ = ["SUBPROTOCOL", "ConnectionVisit", "PollVisit", "StreamVisit", "WebSocketVisit"]

SUBPROTOCOL = Subprotocol("hub.v1")
_BEARER = "hub.bearer."
_RETRY_MS = 3_000


class ConnectionVisit(Protocol):
    """A connection that stays, whichever transport carries it."""

    token: str
    cursor: str
    #: When it came, by the monotonic clock.
    at_s: float

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended the connection."""

    async def send(self, frame: dict[str, object]) -> None:
        """Send a frame; a client that left gets none."""

    async def beat(self, cursor: str) -> None:
        """Send a heartbeat with a cursor, in the form of the transport."""

    async def wait_taken(self) -> None:
        """Wait until the client has taken what was sent, or has left."""

    async def wait_left(self) -> None:
        """Wait until the client has ended the connection."""

    async def shut_down(self, within_s: float) -> None:
        """Say that the hub restarts and when to come back, and end the connection."""

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a code."""

    def cut(self) -> None:
        """End the connection as a broken network does."""


class WebSocketVisit:
    """A connection over WebSocket."""

    def __init__(self, connection: ServerConnection, query: Mapping[str, Sequence[str]]) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        self.connection = connection
        self.token = _find_token(
            headers.get("authorization", ""), query, ",".join(headers.get_all("sec-websocket-protocol"))
        )
        self.cursor = _last(query, "cursor")
        self.at_s = time.monotonic()
        #: The types of signals that the client asks for.
        self.signals = [name for name in _last(query, "signals").split(",") if name]

    @property
    def speaks_hub_v1(self) -> bool:
        """Whether the client offered the subprotocol."""
        return self.connection.subprotocol == SUBPROTOCOL

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended the connection."""
        return self.connection.state is State.OPEN

    async def send(self, frame: dict[str, object]) -> None:
        """Send a text message."""
        with contextlib.suppress(ConnectionClosed):
            await self.connection.send(json.dumps(frame))

    async def beat(self, cursor: str) -> None:
        """Send the frame of hub.v1."""
        await self.send({"type": "heartbeat", "cursor": cursor})

    async def responds_to_ping(self, within_s: float) -> bool:
        """Send a ping; return whether its pong came in time."""
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(within_s):
                await (await self.connection.ping())
            return True
        return False

    async def wait_taken(self) -> None:
        """Wait for a pong, which comes behind all that was sent."""
        with contextlib.suppress(ConnectionClosed):
            await (await self.connection.ping())

    async def wait_left(self) -> None:
        """Wait until the connection has ended."""
        await self.connection.wait_closed()

    async def shut_down(self, within_s: float) -> None:
        """Send `reconnect`, and close with 1012."""
        await self.send({"type": "reconnect", "withinSeconds": within_s})
        await self.close(CloseCode.DRAIN, "the hub is restarting")

    async def close(self, code: int, reason: str) -> None:
        """Close the WebSocket."""
        await self.connection.close(code, reason)

    def cut(self) -> None:
        """Reset the connection."""
        self.connection.transport.abort()


class StreamVisit:
    """An event stream, with the bytes that the hub has."""

    def __init__(self, exchange: Exchange) -> None:
        request = exchange.request
        self.token = _find_token(request.headers.get("authorization", ""), request.query)
        self.cursor = request.headers.get("last-event-id") or _last(request.query, "cursor")
        self.at_s = time.monotonic()
        self._exchange = exchange
        exchange.start({"content-type": "text/event-stream; charset=utf-8"})
        exchange.write(event_preamble(retry_ms=_RETRY_MS))

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended the connection."""
        return self._exchange.is_open

    async def send(self, frame: dict[str, object]) -> None:
        """Send an event; that of a notification has its cursor as `id`."""
        cursor = frame.get("cursor")
        event = event_data(json.dumps(frame).encode(), cursor=cursor if isinstance(cursor, str) else None)
        self._exchange.write(event)
        await self._exchange.drain()

    async def beat(self, cursor: str) -> None:
        """Send a comment with an `id`."""
        self._exchange.write(event_comment("hb", cursor=cursor))

    async def wait_taken(self) -> None:
        """Wait until the kernel has taken everything, which it does while the client reads."""
        await self._exchange.drain()

    async def wait_left(self) -> None:
        """Wait until the client has ended its side."""
        await asyncio.shield(self._exchange.left)

    async def shut_down(self, within_s: float) -> None:
        """Set when to come back, and end the stream with 1012."""
        self._exchange.write(event_retry(round(within_s * 1_000)))
        await self.close(CloseCode.DRAIN, "the hub is restarting")

    async def close(self, code: int, reason: str) -> None:
        """Send the frame `closing`, and end the response."""
        await self.send({"type": "closing", "code": code, "reason": reason})
        self._exchange.finish()

    def cut(self) -> None:
        """End the connection in the middle of the response; the client still reads what was sent."""
        self._exchange.end()


class PollVisit:
    """One request of a client that polls; it gets one response."""

    def __init__(self, exchange: Exchange) -> None:
        request = exchange.request
        self.token = _find_token(request.headers.get("authorization", ""), request.query)
        self.cursor = request.headers.get("last-event-id") or _last(request.query, "cursor")
        self.at_s = time.monotonic()
        self._exchange = exchange

    def respond(self, page: dict[str, object]) -> None:
        """Send a page."""
        self._exchange.respond(200, {"content-type": "application/json"}, json.dumps(page).encode())

    def refuse(self, error: HubError) -> None:
        """Send the problem that the hub sends."""
        response = write_problem(error)
        headers = {name.decode(): value.decode() for name, value in response.headers}
        self._exchange.respond(response.status, headers, response.body)

    def cut(self, page: dict[str, object]) -> None:
        """Send half of a page, and end the connection as a broken network does."""
        body = json.dumps(page).encode()
        self._exchange.start({"content-type": "application/json"}, length=len(body))
        self._exchange.write_raw(body[: len(body) // 2])
        self._exchange.end()


def _find_token(bearer: str, query: Mapping[str, Sequence[str]], subprotocols: str = "") -> str:
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip()
    for name in subprotocols.split(","):
        if name.strip().startswith(_BEARER):
            text = name.strip().removeprefix(_BEARER)
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    return _last(query, "token")


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    return query.get(name, [""])[-1]
