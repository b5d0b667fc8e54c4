"""A hub that plays to one client everything a client has to be ready for, over one transport.

It serves that transport, and tokens. The acts are in `scripted_connections` and `scripted_polls`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hub import routes
from hub.cli.support.conformance_report import Report
from hub.cli.support.conformance_script import Absent, Pace, Script
from hub.cli.support.scripted_connections import play_connections
from hub.cli.support.scripted_http import HEAD_BYTES, Exchange, read_request
from hub.cli.support.scripted_polls import play_polls
from hub.cli.support.scripted_visit import SUBPROTOCOL, PollVisit, StreamVisit, WebSocketVisit
from hub.timestamp import format_time

__all__ = ["ISSUER_PATH", "ScriptedHub"]

#: Where a client gets a token, a new one each time.
ISSUER_PATH = "/token"
_PATHS = {"websocket": routes.WEBSOCKET, "sse": routes.EVENT_STREAM, "poll": routes.POLL}


class ScriptedHub:
    """Serves one client on a port, over the transport of the report; `play` goes through all acts."""

    def __init__(self, report: Report, *, host: str, port: int, pace: Pace) -> None:
        """Note in `report` what the client does. Port 0 takes a free one."""
        self._report = report
        self._host = host
        self._port = port
        self._secret = secrets.token_hex(32)
        self._script: Script[Any] = Script(report, pace)
        self._server: asyncio.Server | Any
        self._exchanges: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._report.transport == "websocket":
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
        else:
            self._server = await asyncio.start_server(self._accept, self._host, self._port, limit=HEAD_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The address of this hub."""
        return f"http://{self._host}:{self._port}"

    @property
    def sent(self) -> list[str]:
        """The ids of the notifications, in the order in which they were sent first."""
        return self._script.sent

    def make_token(self) -> str:
        """Return a token that no other call returns."""
        self._script.tokens += 1
        claims = {"sub": "1", "user_id": "1", "account_id": "1", "role": "user", "jti": str(self._script.tokens)}
        return jwt.encode({**claims, "exp": time.time() + 3600}, self._secret, algorithm="HS256")

    async def play(self) -> None:
        """Play every act; where the client does not come back, the rest is not seen."""
        acts = play_polls if self._report.transport == "poll" else play_connections
        try:
            await acts(self._script)
        except Absent as absent:
            for rule in absent.args:
                patience_s = self._script.pace.patience_s
                self._report.see(rule, False, f"the client did not come back within {patience_s:g} s")

    async def _receive(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self._script.visits.put_nowait(WebSocketVisit(connection, query))
        try:
            async for message in connection:
                match _read_message(message):
                    case {"type": "auth"}:
                        accepted = {"type": "auth_accepted", "expiresAt": format_time(time.time() + 3600)}
                        await connection.send(msgspec.json.encode(accepted).decode())
                    case {"type": "ack", "cursor": cursor}:
                        self._script.take_ack(cursor)
        except ConnectionClosed:
            pass

    def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path == routes.WEBSOCKET:
            return None
        if path == ISSUER_PATH:
            return connection.respond(200, self.make_token())
        return connection.respond(404, self._describe_paths())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if request is None:
            writer.close()
            return
        exchange = Exchange(request, reader, writer)
        self._exchanges.add(exchange.left)
        exchange.left.add_done_callback(self._exchanges.discard)
        if request.method == "OPTIONS":
            exchange.respond(HTTPStatus.NO_CONTENT, {}, b"")
        elif request.path == ISSUER_PATH:
            exchange.respond(HTTPStatus.OK, {"content-type": "text/plain"}, self.make_token().encode())
        elif request.path != _PATHS[self._report.transport]:
            exchange.respond(HTTPStatus.NOT_FOUND, {"content-type": "text/plain"}, self._describe_paths().encode())
        else:
            kind = PollVisit if self._report.transport == "poll" else StreamVisit
            self._script.visits.put_nowait(kind(exchange))

    def _describe_paths(self) -> str:
        return f"this hub has {_PATHS[self._report.transport]} alone"


def _select(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _read_message(message: str | bytes) -> object:
    try:
        return msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError):
        return None
