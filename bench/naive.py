"""The straightforward way with the same stack: a Litestar app that awaits a send to each client in turn.

It has no tokens, no directory and no replay, and stores nothing unless asked to (`/store`): what the hub
does on top of it is in the hub's figures, not in these.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, Request, WebSocket, asgi, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.response import ServerSentEvent
from litestar.types import Receive, Scope, Send
from sse_starlette import EventSourceResponse

sockets: set[WebSocket[Any, Any, Any]] = set()
queues: set[asyncio.Queue[str]] = set()
database = sqlite3.connect(os.environ.get("NAIVE_DATABASE", ":memory:"), isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE IF NOT EXISTS record (position INTEGER PRIMARY KEY, payload TEXT)")


@websocket("/ws")
async def serve_socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        sockets.discard(socket)


async def listen() -> AsyncIterator[str]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        queues.discard(queue)


@get("/sse", sync_to_thread=False)
def serve_events() -> ServerSentEvent:
    return ServerSentEvent(listen())


@asgi("/sse-starlette")
async def serve_starlette_events(scope: Scope, receive: Receive, send: Send) -> None:
    response = EventSourceResponse(listen())
    await response(scope, receive, send)  # type: ignore[arg-type]  # Starlette's own names for the same


@post("/notify", status_code=202)
async def notify(request: Request[Any, Any, Any]) -> None:
    text = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(text)
    for socket in list(sockets):
        await socket.send_text(text)


@post("/store", status_code=202)
async def store(request: Request[Any, Any, Any]) -> None:
    text = (await request.body()).decode()
    database.execute("INSERT INTO record (payload) VALUES (?)", (text,))


app = Litestar(
    [serve_socket, serve_events, serve_starlette_events, notify, store], openapi_config=None, logging_config=None
)
