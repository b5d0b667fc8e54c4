"""The loss checker's clients: one user each, over WebSocket, event stream and polls, at one node or at any of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Sequence
from random import Random
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.cluster.ledger import History, read_cursor
from tests.cluster.sender import LAST

__all__ = ["FAILURES", "TRANSPORTS", "Listener", "open_websocket"]

TRANSPORTS = ("websocket", "sse", "poll")
CONNECT_DEADLINE_S = 5.0
#: How httpx says that a peer died; the last is anyio's, whose socket was gone between two of its lines.
FAILURES = (httpx.HTTPError, AttributeError)
#: And websockets; the last is of a handshake whose peer was gone between two of its lines.
WEBSOCKET_FAILURES = (OSError, TimeoutError, EOFError, WebSocketException, AssertionError)
#: Between two polls that had nothing.
POLL_PAUSE_S = 0.2
#: What these types say is no notification, and no reason to doubt.
PASSED_OVER = {"reconnect", "closing", "inbox", "preferences", "auth_accepted"}


def open_websocket(url: str, *, subprotocols: Sequence[Subprotocol] | None = None) -> connect:
    """Return a connection to enter, with the deadlines of this checker; nothing between it and the server."""
    return connect(
        url,
        subprotocols=subprotocols,
        compression=None,
        proxy=None,
        max_queue=None,
        open_timeout=CONNECT_DEADLINE_S,
        close_timeout=1,
    )


class Listener:
    """Keeps its cursor and comes back with it, until it has the last notification."""

    transports: tuple[str, ...] = TRANSPORTS

    def __init__(
        self,
        history: History,
        urls: list[str],
        token: str,
        random: Random,
        *,
        transport: str | None = None,
        away_s: float = 0.2,
    ) -> None:
        """Listen at these nodes, each time at any of them; over one transport, or each time over any.

        Between two connections it is away for up to `away_s`.
        """
        self._away_s = away_s
        self.history = history
        self._urls = urls
        self._token = token
        self._random = random
        self._transport = transport
        #: The text of the cursor, as the hub wrote it.
        self._cursor = ""
        self._heartbeat_s = 30.0
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        #: Of each connection, how long it took from its loss to the first frame of the next.
        self.returns_s: list[float] = []

    async def run(self) -> None:
        """Stay connected, with changes of node and transport in between where there are several."""
        limits = httpx.Limits(max_connections=8)
        async with httpx.AsyncClient(timeout=CONNECT_DEADLINE_S, limits=limits) as http:
            while not self.finished.is_set():
                url = self._random.choice(self._urls)
                transport = self._transport or self._random.choice(self.transports)
                is_hopping = len(self._urls) > 1 and self._random.random() < 0.7
                stay_s = self._random.uniform(0.1, 5.0) if is_hopping else None
                with contextlib.suppress(*WEBSOCKET_FAILURES, *FAILURES):
                    await self._visit(http, url, transport, stay_s)
                await asyncio.sleep(self._random.uniform(0.01, self._away_s))

    async def _visit(self, http: httpx.AsyncClient, url: str, transport: str, stay_s: float | None) -> None:
        leave_s = None if stay_s is None else time.monotonic() + stay_s
        frames = self.open(http, url, transport)
        # A connection that is silent for longer than a heartbeat is dead (R5.4).
        silence_s = 2 * CONNECT_DEADLINE_S
        is_greeted = False
        async with contextlib.aclosing(frames):
            while not self.finished.is_set():
                wait_s = silence_s
                # Nobody leaves before the first frame: a connect that is cancelled leaks its socket in uvloop.
                if leave_s is not None and is_greeted:
                    wait_s = min(silence_s, max(0.0, leave_s - time.monotonic()))
                async with asyncio.timeout(wait_s):
                    frame = await anext(frames, None)
                if frame is None:
                    return
                if not is_greeted:
                    self.history.connections[transport] += 1
                    is_greeted = True
                self._take(frame)
                silence_s = 2.5 * self._heartbeat_s + 2

    def open(self, http: httpx.AsyncClient, url: str, transport: str) -> AsyncGenerator[dict[str, Any], None]:
        """Connect with the cursor; yield frames as the hub's event stream has them, until the connection ends."""
        return {"websocket": self._websocket, "sse": self._events, "poll": self._polls}[transport](http, url)

    @property
    def cursor(self) -> str:
        """The text of the cursor; empty before the first connection."""
        return self._cursor

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "connection_established":
            data = frame["data"]
            self._heartbeat_s = data.get("heartbeatSeconds", self._heartbeat_s)
            if not self._cursor:
                self.history.begin(read_cursor(data["cursor"]))
                self._cursor = data["cursor"]
                self.started.set()
        elif kind == "gap":
            self._cursor = frame["data"]["cursor"]
            self.history.take_gap(read_cursor(self._cursor))
        elif kind == "heartbeat":
            self._move(frame["cursor"])
        elif kind not in PASSED_OVER:
            self._cursor = frame["cursor"]
            self.history.take(frame["title"], frame["id"], read_cursor(self._cursor), time.monotonic())
            if frame["title"].startswith(LAST):
                self.finished.set()

    def _move(self, cursor: str) -> None:
        self._cursor = cursor
        self.history.move(read_cursor(cursor))

    async def _websocket(self, _: httpx.AsyncClient, url: str) -> AsyncGenerator[dict[str, Any], None]:
        query = f"?token={self._token}" + (f"&cursor={self._cursor}" if self._cursor else "")
        address = f"{url.replace('http', 'ws', 1)}/ws{query}"
        async with open_websocket(address, subprotocols=[Subprotocol("hub.v1")]) as connection:
            async for text in connection:
                yield json.loads(text)

    async def _events(self, http: httpx.AsyncClient, url: str) -> AsyncGenerator[dict[str, Any], None]:
        headers = {"authorization": f"Bearer {self._token}"}
        if self._cursor:
            headers["last-event-id"] = self._cursor
        # The visit itself has the deadline between two frames.
        timeout = httpx.Timeout(CONNECT_DEADLINE_S, read=None)
        async with http.stream("GET", f"{url}/sse", headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                return
            data = identifier = ""
            async for line in response.aiter_lines():
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "data":
                    data += value
                elif name == "id":
                    identifier = value
                elif not line and data:
                    yield json.loads(data)
                    data = identifier = ""
                elif not line and identifier:  # a comment with an id: how far this connection has come
                    yield {"type": "heartbeat", "cursor": identifier}
                    identifier = ""

    async def _polls(self, http: httpx.AsyncClient, url: str) -> AsyncGenerator[dict[str, Any], None]:
        headers = {"authorization": f"Bearer {self._token}"}
        while True:
            params = {"cursor": self._cursor} if self._cursor else {}
            response = await http.get(f"{url}/poll", headers=headers, params=params)
            if response.status_code != 200:
                return
            page = response.json()
            if not self._cursor:
                yield {"type": "connection_established", "data": {"cursor": page["cursor"]}}
            for frame in page["frames"]:
                yield frame
            yield {"type": "heartbeat", "cursor": page["cursor"]}
            if not page["frames"]:
                await asyncio.sleep(POLL_PAUSE_S)
