"""A hub of a hundred lines for the proof of the loss checker: honest, or with one fault of which it says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import jwt
import uvicorn

from tests.cluster.checker import Target

__all__ = ["FAULTS", "run_lossy_hub"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

KEY = "a service key"
SECRET = "a secret of thirty-two bytes, at least"
EPOCH = "e"
#: Each fault strikes at every so-manieth record, or connection.
EVERY = 7
#: Then it ends, so that listeners come back.
RECORDS_A_CONNECTION = 25
#: Fault -> the kind of violation that the checker has to find.
FAULTS = {
    "loses a record for everybody": "missing",
    "loses a record for one listener": "missing",
    "skips a record in a replay": "missing",
    "sends a record twice": "twice",
    "sends two records in the wrong order": "out of order",
    "stores a repeated key again": "stored twice",
    "numbers a record otherwise at one transport": "stored twice",
    "sends a record to another user": "foreign",
    "sends what nobody published": "foreign",
    "says that there was a gap": "gap",
    "refuses a publish": "refused",
}


class LossyHub:
    """An ASGI application that keeps its records in a list; a connection ends after some of them."""

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        self._records: list[dict[str, Any]] = []
        self._by_key: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Condition()
        self.is_closing = False
        self._connections = 0
        self._publishes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return
        if scope["path"] == "/api/internal/notify":
            await self._notify(scope, receive, send)
        elif scope["path"] == "/ws":
            await self._websocket(scope, receive, send)
        elif scope["path"] == "/sse":
            await self._events(scope, send)
        else:
            await self._poll(scope, send)

    async def close(self) -> None:
        """End every stream."""
        self.is_closing = True
        async with self._changed:
            self._changed.notify_all()

    async def _notify(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = json.loads((await receive())["body"])
        self._publishes += 1
        if self._is("refuses a publish") and self._publishes % EVERY == 0:
            await _respond(send, 422, b"{}")
            return
        key = dict(scope["headers"])[b"idempotency-key"].decode()
        known = self._by_key.get(key)
        if known is not None and not self._is("stores a repeated key again"):
            await _respond(send, 202, _receipt(known))
            return
        record = {"key": key, "body": body, "position": len(self._records) + 1}
        self._by_key[key] = record
        self._records.append(record)
        async with self._changed:
            self._changed.notify_all()
        await _respond(send, 202, _receipt(record))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "hub.v1"})
        with contextlib.suppress(OSError, RuntimeError):
            async for frame in self._frames(scope, "websocket"):
                await send({"type": "websocket.send", "text": json.dumps(frame)})
            await send({"type": "websocket.close", "code": 1012})

    async def _events(self, scope: Scope, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for frame in self._frames(scope, "sse"):
            body = f"data: {json.dumps(frame)}\nid: {frame.get('cursor', '')}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _poll(self, scope: Scope, send: Send) -> None:
        user, after = self._read(scope)
        head = len(self._records)
        frames = [] if after is None else [f for p in range(after, head) for f in self._shown(p, user, "poll")]
        page = {"frames": frames, "cursor": _cursor(head), "resume": "live"}
        await _respond(send, 200, json.dumps(page).encode())

    async def _frames(self, scope: Scope, transport: str) -> AsyncIterator[dict[str, Any]]:
        user, after = self._read(scope)
        self._connections += 1
        sent = len(self._records) if after is None else after
        yield {"type": "connection_established", "data": {"cursor": _cursor(sent), "heartbeatSeconds": 5}}
        if after is not None and self._is("says that there was a gap"):
            sent = len(self._records)
            yield {"type": "gap", "data": {"cursor": _cursor(sent)}}
        elif after is not None and self._is("skips a record in a replay"):
            sent = min(sent + EVERY, len(self._records))
        upto = sent + RECORDS_A_CONNECTION
        while sent < upto:
            async with self._changed:
                while len(self._records) <= sent and not self.is_closing:
                    await self._changed.wait()
            if self.is_closing:
                return
            pair = self._is("sends two records in the wrong order") and len(self._records) - sent > 1
            places = [sent + 1, sent] if pair else [sent]
            sent += len(places)
            for place in places:
                for frame in self._shown(place, user, transport):
                    yield frame

    def _shown(self, place: int, user: tuple[str, str], transport: str) -> list[dict[str, Any]]:
        """Return what a user gets of one record."""
        record = self._records[place]
        body, position = record["body"], record["position"]
        is_struck = position % EVERY == 0
        if is_struck and self._is("numbers a record otherwise at one transport") and transport == "sse":
            position -= 1
        is_for = body.get("everyone") or (body["account_id"], body.get("user_id", user[1])) == user
        if is_struck and self._is("sends a record to another user"):
            is_for = True
        frame = {
            "type": body["type"],
            "title": body["title"],
            "id": f"n{record['position']}",
            "cursor": _cursor(position),
        }
        if is_struck and self._is("loses a record for everybody"):
            return []
        if is_struck and self._is("loses a record for one listener") and transport == "websocket":
            return []
        if not is_for:
            return []
        if is_struck and self._is("sends a record twice"):
            return [frame, frame]
        if is_struck and self._is("sends what nobody published"):
            return [frame | {"title": f"another {position}"}]
        return [frame]

    def _is(self, fault: str) -> bool:
        assert fault in FAULTS
        return fault == self._fault

    def _read(self, scope: Scope) -> tuple[tuple[str, str], int | None]:
        headers, query = dict(scope["headers"]), parse_qs(scope["query_string"].decode())
        token = query.get("token", [headers.get(b"authorization", b"").decode().removeprefix("Bearer ")])[0]
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        cursor = query.get("cursor", [headers.get(b"last-event-id", b"").decode()])[0]
        after = int(cursor.rpartition("-")[2], 36) if cursor else None
        return (claims["account_id"], claims["user_id"]), after


def _cursor(position: int) -> str:
    digits = ""
    while position:
        position, digit = divmod(position, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{EPOCH}-{digits or '0'}"


def _receipt(record: dict[str, Any]) -> bytes:
    return json.dumps({"id": f"n{record['position']}", "cursor": _cursor(record["position"])}).encode()


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def run_lossy_hub(fault: str = "") -> AsyncIterator[Target]:
    """Run a hub with this fault, or with none; yield where it is."""
    app = LossyHub(fault)
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await server.startup(sockets=[listening])
        try:
            yield Target([f"http://127.0.0.1:{listening.getsockname()[1]}"] * 2, KEY, SECRET)
        finally:
            await app.close()
            await server.shutdown(sockets=[listening])
