"""A hub that plays to one client everything a client has to be ready for, and notes what the client does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from contracts.closing import CloseCode
from hub import routes
from hub.cli.support.conformance_report import Report
from hub.cursor import Cursor, new_epoch, parse_cursor
from hub.timestamp import format_time

__all__ = ["ISSUER_PATH", "Pace", "ScriptedHub"]

#: Where a client gets a token, a new one each time.
ISSUER_PATH = "/token"
_HUB_V1 = Subprotocol("hub.v1")
_BEARER = "hub.bearer."
#: How often a client is sent away at once, to see its waits; and the least that one of them may be.
DEPARTURES = 2
LEAST_WAIT_S = 0.02
#: A burst is more than the kernel's buffers hold.
BURST, BURST_BYTES = 250, 8_192


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the hub waits for what. Units are in the names."""

    #: Between two frames, as the hub promises it.
    heartbeat_s: float = 1.0
    #: For a client that has to come.
    patience_s: float = 30.0
    #: What a client may take longer than a rule says, for the network and a busy machine.
    slack_s: float = 5.0
    #: What an application has for the frames that its client has read.
    process_s: float = 0.2
    #: For a client that reads a burst.
    burst_s: float = 20.0


class _Absent(Exception):
    """The client did not come."""


class _Visit:
    """One connection of the client."""

    def __init__(self, connection: ServerConnection, token: str, cursor: str) -> None:
        self.connection = connection
        self.token = token
        self.cursor = cursor
        self.at_s = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended the connection."""
        return self.connection.state is State.OPEN

    async def send(self, frame: dict[str, object]) -> None:
        """Send a frame; a client that left gets none."""
        with contextlib.suppress(ConnectionClosed):
            await self.connection.send(json.dumps(frame))

    def cut(self) -> None:
        """End the connection as a broken network does."""
        self.connection.transport.abort()


class ScriptedHub:
    """Serves one client on a free port; `play` goes through all acts, each a connection or several."""

    def __init__(self, report: Report, *, host: str, port: int, pace: Pace) -> None:
        """Note in `report` what the client does."""
        self._report = report
        self._host = host
        self._port = port
        self._pace = pace
        self._secret = secrets.token_hex(32)
        self._epoch = new_epoch()
        self._position = 0
        #: Before the burst.
        self._least = 0
        self._visits: asyncio.Queue[_Visit] = asyncio.Queue()
        self._tokens = 0
        self._server: Server
        #: The notifications by their positions, for a client that comes back with an older cursor.
        self._log: list[tuple[int, dict[str, Any]]] = []
        #: The ids of the notifications, in the order in which they were sent first.
        self.sent: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._receive,
            self._host,
            self._port,
            process_request=self._respond,
            select_subprotocol=_select,
            compression=None,
            ping_interval=None,
            close_timeout=1,
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The address of this hub."""
        return f"http://{self._host}:{self._port}"

    def make_token(self) -> str:
        """Return a token that no other call returns."""
        self._tokens += 1
        claims = {"sub": "1", "user_id": "1", "account_id": "1", "role": "user", "jti": str(self._tokens)}
        return jwt.encode({**claims, "exp": time.time() + 3600}, self._secret, algorithm="HS256")

    async def play(self) -> None:
        """Play every act; where the client does not come back, the rest is not seen."""
        try:
            await self._play_first_visit()
            await self._play_resume()
            # Before what lets a careful client wait for longer each time.
            await self._play_drain()
            await self._play_gap()
            await self._play_departures()
            await self._play_silence()
            await self._play_burst()
            await self._play_end()
        except _Absent as absent:
            for rule in absent.args:
                self._report.see(rule, False, f"the client did not come back within {self._pace.patience_s:g} s")

    async def _play_first_visit(self) -> None:
        visit = await self._wait_visit()
        self._report.see("R1.3", bool(visit.token), "there was no credential")
        self._report.see("R1.4", visit.connection.subprotocol == _HUB_V1, "hub.v1 was not offered")
        self._report.see("R3.4", not visit.cursor, "the first connection had a cursor")
        await self._greet(visit, "live")
        await self._notify(visit)
        await visit.send({"type": "conformance_of_tomorrow", "data": {"nested": [1, {"deep": None}]}})
        await self._notify(visit, field_of_tomorrow={"x": 1})
        try:
            async with asyncio.timeout(self._pace.slack_s):
                await (await visit.connection.ping())
            self._report.see("R5.3", True)
        except (TimeoutError, ConnectionClosed):
            self._report.see("R5.3", False, f"there was no pong within {self._pace.slack_s:g} s")
        self._report.see("R1.7", visit.is_open, "the client left when it got a frame that it does not know")
        visit.cut()

    async def _play_resume(self) -> None:
        visit = await self._wait_return("R8.3")
        self._expect_cursor(visit, "R3.2")
        await self._greet(visit, "replayed")
        await self._notify(visit)
        self._position += 5
        await visit.send({"type": "heartbeat", "cursor": self._cursor})
        await self._settle(visit)
        await visit.connection.close(CloseCode.SLOW, "too slow")

    async def _play_departures(self) -> None:
        for number in range(DEPARTURES):
            visit = await self._wait_return("R8.3")
            self._expect_cursor(visit, "R4.3")
            await visit.connection.close(1013, "try again later")
            left_s = time.monotonic()
            if number + 1 < DEPARTURES:
                following = await self._wait_return("R8.3")
                waited_s = following.at_s - left_s
                self._report.see("R7.5", waited_s >= LEAST_WAIT_S, f"it came back after {waited_s * 1000:.0f} ms")
                self._visits.put_nowait(following)

    async def _play_gap(self) -> None:
        visit = await self._wait_return("R8.3")
        self._position += 1_000
        await self._greet(visit, "gap")
        gap = {"type": "gap", "title": "Gap", "message": "What was missed is gone", "timestamp": _now()}
        await visit.send({**gap, "data": {"cursor": self._cursor}})
        await self._settle(visit)
        visit.cut()

    async def _play_drain(self) -> None:
        visit = await self._wait_return("R8.3")
        self._expect_cursor(visit, "R3.3")
        await self._greet(visit, "replayed")
        await self._notify(visit)
        await self._settle(visit)
        within_s = 1.0
        await visit.send({"type": "reconnect", "withinSeconds": within_s})
        await visit.connection.close(CloseCode.DRAIN, "the hub is restarting")
        left_s = time.monotonic()
        visit = await self._wait_return("R7.2")
        took_s = visit.at_s - left_s
        self._report.see("R7.2", took_s <= within_s + self._pace.slack_s, f"it came back after {took_s:.1f} s")
        self._expect_cursor(visit, "R3.2")
        self._visits.put_nowait(visit)

    async def _play_silence(self) -> None:
        visit = await self._wait_return("R8.3")
        await self._greet(visit, "replayed")
        began_s = time.monotonic()
        limit_s = 2.5 * self._pace.heartbeat_s + self._pace.slack_s
        try:
            async with asyncio.timeout(limit_s):
                await visit.connection.wait_closed()
        except TimeoutError:
            self._report.see("R5.4", False, f"it was still there after {limit_s:g} s of silence")
            visit.cut()
        else:
            silent_s = time.monotonic() - began_s
            early = f"it left after {silent_s:.1f} s, before a heartbeat was late"
            self._report.see("R5.4", silent_s >= self._pace.heartbeat_s, early)

    async def _play_burst(self) -> None:
        visit = await self._wait_return("R5.4")
        await self._greet(visit, "replayed", heartbeat_s=60.0)
        self._least = self._position
        took_all = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.burst_s):
                for _ in range(BURST):
                    await self._notify(visit, padding="x" * BURST_BYTES)
                took_all = await self._settle(visit, within_s=self._pace.burst_s)
        unread = f"{BURST} notifications were not read within {self._pace.burst_s:g} s"
        self._report.see("R7.4", took_all, unread)
        visit.cut()

    async def _play_end(self) -> None:
        visit = await self._wait_return("R8.3")
        # Its application may not have come to the end of the burst.
        self._expect_cursor(visit, "R3.2", least=self._least)
        if self._tokens > 1:  # it has a way to get another one
            await self._greet(visit, "replayed", heartbeat_s=60.0)
            await self._settle(visit)
            await visit.connection.close(CloseCode.TOKEN_EXPIRED, "the token expired")
            following = await self._wait_return("R6.4")
            self._report.see("R6.4", following.token != visit.token, "it came back with the same token")
            visit = following
        await self._greet(visit, "replayed", heartbeat_s=60.0)
        await self._notify(visit)
        await self._settle(visit)
        await visit.connection.close(CloseCode.DISCONNECTED, "disconnected by an operator")
        try:
            await self._wait_visit(within_s=self._pace.slack_s)
        except _Absent:
            self._report.see("R8.4", True)
        else:
            self._report.see("R8.4", False, "it came back after 4502")

    @property
    def _cursor(self) -> str:
        return str(Cursor(self._epoch, self._position))

    def _expect_cursor(self, visit: _Visit, rule: str, *, least: int | None = None) -> None:
        least = self._position if least is None else least
        told = "no cursor" if not visit.cursor else "another cursor"
        place = parse_cursor(visit.cursor)
        kept = place is not None and place.epoch == self._epoch and least <= place.position <= self._position
        self._report.see(rule, kept, f"it came back with {told}")

    async def _wait_visit(self, *rules: str, within_s: float | None = None) -> _Visit:
        try:
            async with asyncio.timeout(within_s or self._pace.patience_s):
                return await self._visits.get()
        except TimeoutError:
            raise _Absent(*rules) from None

    async def _wait_return(self, rule: str) -> _Visit:
        visit = await self._wait_visit(rule)
        if rule == "R8.3":
            self._report.see(rule, True)
        return visit

    async def _greet(self, visit: _Visit, resume: str, *, heartbeat_s: float | None = None) -> None:
        data = {
            "connectionId": secrets.token_urlsafe(9),
            "resume": resume,
            "cursor": self._cursor,
            "heartbeatSeconds": heartbeat_s or self._pace.heartbeat_s,
        }
        greeting = {"type": "connection_established", "title": "Connected", "message": "Connected"}
        await visit.send({**greeting, "data": data, "timestamp": _now()})
        place = parse_cursor(visit.cursor)
        if resume == "replayed" and place is not None:
            for position, frame in self._log:
                if position > place.position:
                    await visit.send(frame)

    async def _notify(self, visit: _Visit, **further: object) -> None:
        self._position += 1
        frame = {
            "id": f"conformance-{self._position}",
            "type": "stock_alert",
            "title": f"Notification {self._position}",
            "message": "m",
            "data": {},
            "timestamp": _now(),
            **further,
            "cursor": self._cursor,
        }
        self.sent.append(str(frame["id"]))
        self._log.append((self._position, frame))
        await visit.send(frame)

    async def _settle(self, visit: _Visit, *, within_s: float | None = None) -> bool:
        """Wait until the client has read what it was sent, as its pong says, and its application has processed it."""
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(within_s or self._pace.slack_s):
                await (await visit.connection.ping())
            await asyncio.sleep(self._pace.process_s)
            return True
        return False

    async def _receive(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        token = _find_token(connection.request.headers, query)
        self._visits.put_nowait(_Visit(connection, token, query.get("cursor", [""])[-1]))
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                if isinstance(message, str) and '"auth"' in message:
                    accepted = {"type": "auth_accepted", "expiresAt": format_time(time.time() + 3600)}
                    await connection.send(json.dumps(accepted))

    def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path == routes.WEBSOCKET:
            return None
        if path == ISSUER_PATH:
            return connection.respond(200, self.make_token())
        return connection.respond(404, "this hub has /ws alone")


def _select(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return _HUB_V1 if _HUB_V1 in offered else None


def _find_token(headers: Headers, query: dict[str, list[str]]) -> str:
    bearer = headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip()
    for name in ",".join(headers.get_all("sec-websocket-protocol")).split(","):
        if name.strip().startswith(_BEARER):
            text = name.strip().removeprefix(_BEARER)
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    return query.get("token", [""])[-1]


def _now() -> str:
    return format_time(time.time())
