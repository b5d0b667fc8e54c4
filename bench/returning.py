"""Clients that come back: many WebSocket connections to one node of several, which is killed under them.

Each waits a random moment, as a browser does, goes to another node with its cursor, and is back once it has what was
published meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import struct
import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

__all__ = ["Place", "Return", "ReturningClient", "connect_all", "wait_back"]

HOST = "127.0.0.1"
#: What a client waits before it comes back: anything up to this.
WAIT_S = 1.0
#: Between two attempts that failed.
RETRY_S = 0.3
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Return(NamedTuple):
    """How the way back went, in seconds after the kill: of the middle one, and of the last."""

    p50_s: float
    last_s: float


class Place(Protocol):
    """How far one client has come, in its server's words."""

    def note(self, text: str) -> bool:
        """Take a message; say whether it told of a place."""

    def path(self) -> str:
        """Return where to connect to go on from there."""


class ReturningClient(asyncio.Protocol):
    """One client; `mark` is what it seeks after its return to one of `ports`."""

    def __init__(self, ports: Sequence[int], place: Place, seed: int) -> None:
        self._ports = list(ports)
        self._place = place
        self._random = Random(seed)
        self._buffer = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.mark = ""
        self.connections = 0
        self.greeted = asyncio.Event()
        #: When it had `mark`.
        self.back_at_s: float | None = None

    async def connect(self, port: int) -> None:
        """Connect to a node."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, HOST, port)

    def leave(self) -> None:
        """End, and do not come back."""
        self._leaving = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer, self._is_open = transport, b"", False
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        transport.write(
            f"GET {self._place.path()} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take the response, then whole frames."""
        self._buffer += data
        if not self._is_open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                assert self._transport is not None
                self._transport.abort()
                return
            self._buffer, self._is_open = rest, True
            self.connections += 1
        while (frame := self._read_frame()) is not None:
            self._take(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Come back in a moment, to another node."""
        self._transport = None
        if not self._leaving:
            wait_s = self._random.uniform(0.0, WAIT_S) if self._is_open else RETRY_S
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._come_back)

    def _come_back(self) -> None:
        task = asyncio.create_task(self._reconnect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reconnect(self) -> None:
        while not self._leaving:
            try:
                await self.connect(self._random.choice(self._ports))
            except OSError:
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _read_frame(self) -> tuple[int, bytes] | None:
        """Return the next frame's kind and payload; servers mask nothing."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            (size,), start = struct.unpack(">H", buffer[2:4]), 4
        elif size == 127:
            if len(buffer) < 10:
                return None
            (size,), start = struct.unpack(">Q", buffer[2:10]), 10
        if len(buffer) < start + size:
            return None
        self._buffer = buffer[start + size :]
        return buffer[0] & 0x0F, buffer[start : start + size]

    def _take(self, kind: int, payload: bytes) -> None:
        assert self._transport is not None
        if kind == _PING:
            self._transport.write(bytes([0x80 | _PONG, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        elif kind == _TEXT:
            text = payload.decode()
            if self._place.note(text):
                self.greeted.set()
            if self.mark and self.back_at_s is None and self.mark in text:
                self.back_at_s = time.monotonic()


async def connect_all(clients: Sequence[ReturningClient], port: int, *, timeout_s: float = 60.0) -> None:
    """Connect all of them to one node; return when each has its place."""
    async with asyncio.timeout(timeout_s):
        for start in range(0, len(clients), 50):
            part = clients[start : start + 50]
            await asyncio.gather(*(client.connect(port) for client in part))
            await asyncio.gather(*(client.greeted.wait() for client in part))


async def wait_back(clients: Sequence[ReturningClient], killed_at_s: float, *, timeout_s: float = 60.0) -> Return:
    """Return how long they took until each had its mark.

    Raises:
        TimeoutError: one did not get it.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while any(client.back_at_s is None for client in clients):
                await asyncio.sleep(0.02)
    except TimeoutError:
        missing = sum(client.back_at_s is None for client in clients)
        raise TimeoutError(f"{missing} of {len(clients)} clients did not come back with everything") from None
    times_s = sorted(client.back_at_s - killed_at_s for client in clients if client.back_at_s is not None)
    return Return(times_s[len(times_s) // 2], times_s[-1])
