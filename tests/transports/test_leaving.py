"""Clients that leave early, at any moment and in any manner: no error is logged for them, and real faults still are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

NOTIFICATION = {"type": "cart_updated", "title": "t", "message": "m" * 2_000, "user_id": USER, "account_id": ACCOUNT}
#: How they leave: with a reset or in order, at once or once they were heard; or they say no more and listen.
MANNERS = ("reset", "reset later", "close", "close later", "half")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with something to replay, whose look-ups take their time."""
    async with run_hub(tmp_path) as hub:
        for _ in range(100):
            await hub.publish()
        admit = hub.hub.connections.admit

        async def admit_late(*arguments: Any, **named: Any) -> Any:
            grant = await admit(*arguments, **named)
            await asyncio.sleep(random.choice((0.0, 0.001, 0.01)))
            return grant

        hub.hub.connections.admit = admit_late  # type: ignore[method-assign]  # a directory that is far away
        yield hub


def requests_of(hub: RunningHub) -> list[bytes]:
    """Return a request of every kind that takes a while."""
    key, token = hub.key.encode(), hub.token().encode()

    def post(path: bytes, body: object, *lines: bytes) -> bytes:
        content = json.dumps(body).encode()
        head = (b"Host: hub", b"Content-Type: application/json", b"Authorization: Bearer " + key, *lines)
        length = b"Content-Length: %d" % len(content)
        return b"\r\n".join((b"POST %b HTTP/1.1" % path, *head, length, b"", content))

    def get(path: bytes, *lines: bytes, version: bytes = b"HTTP/1.1") -> bytes:
        return b"\r\n".join((b"GET %b?token=%b %b" % (path, token, version), b"Host: hub", *lines, b"", b""))

    key_line = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", key_line)
    current = b"Sec-WebSocket-Protocol: hub.v1"
    gone = b"Last-Event-ID: aaaaaaaaaa-1"
    return [
        post(b"/api/internal/notify", NOTIFICATION),
        post(b"/api/internal/notify", NOTIFICATION, b"Expect: 100-continue"),
        post(b"/api/internal/notify", NOTIFICATION, b"Connection: Upgrade", b"Upgrade: h2c"),
        post(b"/api/internal/notify/batch", {"notifications": [NOTIFICATION] * 100}),
        get(b"/sse"),
        get(b"/sse", gone),
        get(b"/sse", version=b"HTTP/1.0"),
        get(b"/poll"),
        get(b"/ws", *upgrade),
        get(b"/ws", *upgrade, current),
        get(b"/ws", *upgrade, current).replace(token, b"bad"),
        get(b"/ws", *upgrade).replace(token, b"bad"),
        get(b"/schema/openapi.json") * 20,
    ]


async def visit(port: int, sent: bytes, manner: str) -> None:
    """Connect, send and leave."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer, contextlib.suppress(ConnectionError):
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_sendall(peer, sent)
        if "later" in manner:
            await asyncio.sleep(random.choice((0.0, 0.002, 0.02)))
        if manner == "half":
            peer.shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.01)
        if "reset" in manner:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_nobody_who_leaves_is_an_error(hub: RunningHub, caplog: pytest.LogCaptureFixture) -> None:
    """Requests of every kind, whole or cut, left in every manner: nothing at ERROR, nothing kept."""
    for name in ("hub", "uvicorn", "litestar", "asyncio"):
        caplog.set_level(logging.INFO, logger=name)
    before = len(hub.server.server_state.connections)
    for _ in range(6):
        visits = []
        for request in requests_of(hub):
            for manner in MANNERS:
                cut = random.choice((len(request), random.randrange(1, len(request))))
                visits.append(visit(hub.port, request[:cut], manner))
        random.shuffle(visits)
        await asyncio.gather(*visits)
        await hub.publish()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    await hub.wait_until(lambda: len(hub.server.server_state.connections) <= before)
    errors = {record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info}
    assert set() == errors


async def test_whoever_only_listens_is_answered(hub: RunningHub) -> None:
    """A client that closes its sending half after the request gets its answer, and then the end (RFC 9112 9.6)."""
    publish, *_, document = requests_of(hub)
    for request, count in ((publish, 1), (publish + document, 21)):
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(DEADLINE_S):
            answers = await reader.read()
        writer.close()
        assert answers.startswith(b"HTTP/1.1 202 ")
        assert count == answers.count(b"HTTP/1.1 2")


async def test_a_fault_of_ours_is_still_logged(hub: RunningHub, caplog: pytest.LogCaptureFixture) -> None:
    """What fails while the client is there is an error in the log and a problem for the client."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    hub.hub.connections.register = fail  # type: ignore[assignment,method-assign]
    answer = await hub.http.get("/sse", headers={"authorization": f"Bearer {hub.token()}"})
    assert (500, "internal") == (answer.status_code, answer.json()["code"])
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.startswith(f"unforeseen ZeroDivisionError at {__name__}:")
