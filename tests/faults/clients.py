"""Many raw connections in one process: cheap enough for a thousand, and exact about what each saw."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
from typing import cast

from tests.faults.process import HubProcess
from tests.harness import ACCOUNT

__all__ = ["Peer", "dial", "dial_many", "drop_all", "parse_frames"]

_CURSOR = re.compile(rb'"cursor":"([^"]+)"')
_ID = re.compile(rb'"id":"([^"]+)"')


class Peer(asyncio.Protocol):
    """One raw client; it counts what it sees and says how it ended."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.status = 0
        self.opened: asyncio.Future[int] = loop.create_future()
        self.closed = asyncio.Event()
        self.closed_at_s = 0.0
        self.close_code = 0
        self.cursor = ""
        self.ids: list[str] = []
        #: When each of them came, on the loop's clock.
        self.came_s: list[float] = []
        self.window_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to be able to stop reading."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        """Take what came, frame by frame."""
        self._buffer += data
        if not self.status:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.status, self._buffer = int(head[9:12]), rest
            self._websocket = self.status == 101
            if not self.opened.done():
                self.opened.set_result(self.status)
        if self._websocket:
            self._buffer = self._take_frames(self._buffer)
        else:
            *events, self._buffer = self._buffer.split(b"\r\n\r\n")
            for event in events:
                self._take(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        if not self.opened.done():
            self.opened.set_result(0)
        self.closed_at_s = self.closed_at_s or self._loop.time()
        self.closed.set()

    def stall(self) -> None:
        """Stop reading, for good."""
        assert self._transport is not None
        self._transport.pause_reading()

    def drop(self) -> None:
        """End without a word."""
        assert self._transport is not None
        self._transport.abort()

    def _take_frames(self, data: bytes) -> bytes:
        frames, rest = parse_frames(data)
        for opcode, payload in frames:
            assert self._transport is not None
            if opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.closed_at_s = self._loop.time()
                self._transport.write(b"\x88\x80\0\0\0\0" if not payload else b"\x88\x82\0\0\0\0" + payload[:2])
            elif opcode == 9:
                self._transport.write(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
            else:
                self._take(payload)
        return rest

    def _take(self, text: bytes) -> None:
        if found := _CURSOR.findall(text):
            self.cursor = found[-1].decode()
        if b'"type":"reconnect"' in text:
            self.window_s = float(text.partition(b'"withinSeconds":')[2].rstrip(b"}"))
        elif b'"type":"closing"' in text:
            self.close_code = int(text.partition(b'"code":')[2].partition(b",")[0])
        elif found := _ID.findall(text):
            self.ids += [identifier.decode() for identifier in found]
            self.came_s += [self._loop.time()] * len(found)


def parse_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole frames of an unmasked WebSocket stream, and the bytes after them."""
    frames = []
    while len(data) >= 2:
        length, at = data[1] & 127, 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            if len(data) < 2 + wide:
                break
            length, at = int.from_bytes(data[2 : 2 + wide], "big"), 2 + wide
        if len(data) < at + length:
            break
        frames.append((data[0] & 15, data[at : at + length]))
        data = data[at + length :]
    return frames, data


async def dial(
    port: int,
    token: str,
    *,
    transport: str,
    cursor: str = "",
    speaks_hub_v1: bool = True,
    receive_buffer_bytes: int | None = None,
    deadline_s: float = 30,
) -> Peer:
    """Connect over `websocket` or `sse` and wait for the answer; `Peer.status` has it."""
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setblocking(False)
    if receive_buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    await loop.sock_connect(raw, ("127.0.0.1", port))
    _, peer = await loop.create_connection(Peer, sock=raw)
    query = f"token={token}" + (f"&cursor={cursor}" if cursor else "")
    if transport == "sse":
        request = f"GET /sse?{query} HTTP/1.1\r\nHost: hub\r\nAccept: text/event-stream\r\n\r\n"
    else:
        key = base64.b64encode(os.urandom(16)).decode()
        offer = "Sec-WebSocket-Protocol: hub.v1\r\n" if speaks_hub_v1 else ""
        request = (
            f"GET /ws?{query} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}\r\n"
        )
    assert peer._transport is not None
    peer._transport.write(request.encode())
    async with asyncio.timeout(deadline_s):
        await peer.opened
    return peer


async def dial_many(
    hub: HubProcess, count: int, *, transport: str, account: str = ACCOUNT, receive_buffer_bytes: int | None = None
) -> list[Peer]:
    """Open connections of as many users, fifty at a time."""
    peers: list[Peer] = []
    for start in range(0, count, 50):
        peers += await asyncio.gather(
            *(
                dial(
                    hub.port,
                    hub.token(account, f"{transport[:1]}{number}"),
                    transport=transport,
                    receive_buffer_bytes=receive_buffer_bytes,
                )
                for number in range(start, min(start + 50, count))
            )
        )
    assert {101 if transport == "websocket" else 200} == {peer.status for peer in peers}
    return peers


async def drop_all(peers: list[Peer]) -> None:
    """End what is still open, and wait until it is."""
    for peer in peers:
        if not peer.closed.is_set():
            peer.drop()
    async with asyncio.timeout(30):
        await asyncio.gather(*(peer.closed.wait() for peer in peers))
