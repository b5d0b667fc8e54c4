"""One WebSocket as ASGI has it: what the app receives and sends."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hub.asgi import Application, Message, Scope
from hub.edge.flow import Flow
from hub.edge.waiters import CompactQueue
from hub.errors import Draining, Forbidden, Internal
from hub.errors.problem import ProblemResponse, write_problem
from hub.header_fields import Headers

__all__ = ["ClientDisconnected", "WebSocketConnection", "WebSocketExchange"]

logger = logging.getLogger("hub.edge")

#: Messages that may wait for the app. It is busy while it replays, and a peer whose pongs are not read meanwhile
#: would be taken for dead.
MAX_WAITING_MESSAGES = 8


class ClientDisconnected(ConnectionResetError):
    """The app sends something, and its client has left (ASGI 2.4 wants an OSError)."""


class WebSocketConnection(Protocol):
    """What an exchange needs of the connection it is on."""

    flow: Flow
    is_accepted: bool
    is_closed: bool
    is_lost: bool
    is_ending: bool

    def accept(self, subprotocol: str | None, headers: Headers) -> None:
        """Accept the handshake."""

    def send_refusal(self, response: ProblemResponse) -> None:
        """Refuse the handshake; the connection ends with it."""

    def send_message(self, message: bytes, *, is_text: bool) -> None:
        """Send one message."""

    def send_close(self, code: int, reason: str) -> None:
        """Send the close frame."""

    def end_app(self) -> None:
        """End the connection, unless a close is under way: the app has ended."""


class WebSocketExchange:
    """Hands the client's messages to the app, and does what the app says."""

    __slots__ = ("_connection", "_max_waiting_bytes", "_queue", "_refusal")

    def __init__(self, connection: WebSocketConnection, *, max_waiting_bytes: int) -> None:
        self._max_waiting_bytes = max_waiting_bytes
        self._connection = connection
        self._queue: CompactQueue[Message] = CompactQueue()
        self._queue.put({"type": "websocket.connect"})
        #: The head of the app's own response to a handshake.
        self._refusal: tuple[int, Headers] | None = None

    async def run(self, app: Application, scope: Scope) -> None:
        """Let the app serve the connection; it ends with the app."""
        connection = self._connection
        try:
            await app(scope, self.receive, self.send)
        except (ClientDisconnected, asyncio.CancelledError):  # only the end of a shutdown cancels
            pass
        except BaseException as error:
            logger.error("the app failed", exc_info=error)
        else:
            if not (connection.is_accepted or connection.is_closed or connection.is_lost):
                logger.error("the app ended before it answered a handshake")
        self.end_handshake()
        connection.end_app()

    def end_handshake(self) -> None:
        """Refuse a handshake whose app failed, or that the shutdown overtook; else nothing."""
        connection = self._connection
        if not (connection.is_accepted or connection.is_closed or connection.is_lost):
            connection.send_refusal(write_problem(Draining() if connection.is_ending else Internal()))

    def disconnect(self, code: int, reason: str = "") -> None:
        """Tell the app that the connection has ended."""
        self._queue.put({"type": "websocket.disconnect", "code": code, "reason": reason})

    def take_message(self, message: bytes | str) -> bool:
        """Keep a message until the app asks for it; False where too much waits already."""
        kind = "text" if isinstance(message, str) else "bytes"
        self._queue.put({"type": "websocket.receive", kind: message})
        if len(self._queue) >= MAX_WAITING_MESSAGES:
            self._connection.flow.pause_reading()
        return len(self._queue) == 1 or sum(map(_weigh, self._queue)) <= self._max_waiting_bytes

    async def receive(self) -> Message:
        """Wait for a message of the client, or for the end."""
        message = await self._queue.get()
        if not self._queue:
            self._connection.flow.resume_reading()
        return message

    async def send(self, message: Message) -> None:
        """Do what the app says; until the handshake is answered, that is how it is answered.

        Raises:
            ClientDisconnected: it has.
            RuntimeError: this cannot be said here.
        """
        connection, kind = self._connection, message["type"]
        if connection.is_accepted:
            await connection.flow.drain()
        if connection.is_lost:
            raise ClientDisconnected
        if connection.is_closed:
            raise RuntimeError(f"{kind} cannot come here: the connection was closed")
        if connection.is_accepted:
            self._send(kind, message)
        else:
            self._respond(kind, message)

    def _send(self, kind: str, message: Message) -> None:
        if kind == "websocket.send" and (text := message.get("text")) is not None:
            self._connection.send_message(text.encode(), is_text=True)
        elif kind == "websocket.send":
            self._connection.send_message(message["bytes"], is_text=False)
        elif kind == "websocket.close":
            self._connection.send_close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"{kind} cannot come here: the handshake was accepted")

    def _respond(self, kind: str, message: Message) -> None:
        if kind == "websocket.accept":
            self._connection.accept(message.get("subprotocol"), list(message.get("headers", ())))
        elif kind == "websocket.close":
            # How an app without ASGI's denial response refuses; ours gives its reasons.
            self._connection.send_refusal(write_problem(Forbidden()))
        elif kind == "websocket.http.response.start":
            self._refusal = (message["status"], list(message.get("headers", ())))
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._connection.send_refusal(ProblemResponse(*self._refusal, message["body"]))
        else:
            raise RuntimeError(f"a handshake cannot be answered with {kind}")


def _weigh(message: Message) -> int:
    return len(message.get("text") or message.get("bytes") or b"") if message["type"] == "websocket.receive" else 0
