"""The least that a client of NATS can be: the cluster's publish is compared with it, and tests try rights with it."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from typing import Any, cast

__all__ = ["RawNats", "connect_raw"]

_CONNECT = {"verbose": False, "pedantic": False, "lang": "raw", "version": "0", "headers": True, "protocol": 1}


class RawNats(asyncio.Protocol):
    """One connection; `errors` is what the server refused, `messages` what came to subscriptions."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._pongs: list[asyncio.Future[None]] = []
        self._replies: dict[bytes, asyncio.Future[bytes]] = {}
        self._next = 0
        self.inbox = b"_INBOX.%b" % secrets.token_hex(8).encode()
        #: The server has said what it is.
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.errors: list[str] = []
        self.messages: list[tuple[str, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take whole lines and payloads, in either order of arrival."""
        buffer = self._buffer + data
        while (end := buffer.find(b"\r\n")) >= 0:
            line = buffer[:end]
            if line.startswith((b"MSG ", b"HMSG ")):
                words = line.split()
                size = int(words[-1])
                if len(buffer) < end + 2 + size + 2:
                    break
                skipped = int(words[-2]) if line.startswith(b"HMSG") else 0
                payload = buffer[end + 2 + skipped : end + 2 + size]
                buffer = buffer[end + 2 + size + 2 :]
                self._take(words[1], payload)
                continue
            buffer = buffer[end + 2 :]
            if line == b"PING":
                self.write(b"PONG\r\n")
            elif line == b"PONG":
                self._pongs.pop(0).set_result(None)
            elif line.startswith(b"INFO") and not self.greeted.done():
                self.greeted.set_result(None)
            elif line.startswith(b"-ERR"):
                self.errors.append(line[5:].decode().strip("'"))
        self._buffer = buffer

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits."""
        waits: list[asyncio.Future[Any]] = [self.greeted, *self._pongs, *self._replies.values()]
        for waiting in waits:
            if not waiting.done():
                waiting.set_exception(ConnectionError(self.errors[-1] if self.errors else "the server closed"))

    def write(self, data: bytes) -> None:
        """Send bytes of the protocol."""
        assert self._transport is not None
        self._transport.write(data)

    def subscribe(self, subject: str, number: int) -> None:
        """Subscribe; `messages` gets what comes."""
        self.write(f"SUB {subject} {number}\r\n".encode())

    def publish(self, subject: str, payload: bytes) -> None:
        """Publish without waiting."""
        self.write(f"PUB {subject} {len(payload)}\r\n".encode() + payload + b"\r\n")

    async def flush(self) -> None:
        """Wait until the server has taken everything before this."""
        pong = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        self.write(b"PING\r\n")
        await pong

    async def request(self, subject: str, payload: bytes, headers: bytes = b"") -> bytes:
        """Publish with a reply subject; return the reply. `headers`: NATS/1.0 lines, each with its CRLF."""
        self._next += 1
        to = b"%b.%d" % (self.inbox, self._next)
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._replies[to] = reply
        try:
            if headers:
                head = b"NATS/1.0\r\n" + headers + b"\r\n"
                sizes = b"%d %d" % (len(head), len(head) + len(payload))
                self.write(b"HPUB %b %b %b\r\n%b%b\r\n" % (subject.encode(), to, sizes, head, payload))
            else:
                self.write(b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), to, len(payload), payload))
            return await reply
        finally:
            del self._replies[to]

    def close(self) -> None:
        """Close without a word."""
        assert self._transport is not None
        self._transport.abort()

    def _take(self, subject: bytes, payload: bytes) -> None:
        waiting = self._replies.get(subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(payload)
        elif waiting is None:
            self.messages.append((subject.decode(), payload))


async def connect_raw(
    port: int, user: str, password: str, *, tls: ssl.SSLContext | None = None, server_hostname: str | None = None
) -> RawNats:
    """Connect to a server of this machine and subscribe to the replies.

    Raises:
        ConnectionError: it refused, or closed.
    """
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(RawNats, "127.0.0.1", port)
    # It says so in clear, and then waits for a handshake if there is to be one.
    await client.greeted
    if tls is not None:
        secured = await loop.start_tls(transport, client, tls, server_hostname=server_hostname)
        client._transport = secured
    options: dict[str, Any] = {**_CONNECT, "user": user, "pass": password}
    client.write(b"CONNECT %b\r\n" % json.dumps(options).encode())
    client.subscribe(f"{client.inbox.decode()}.*", 1)
    await client.flush()
    return client
