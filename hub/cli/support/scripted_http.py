"""HTTP for a hub that plays to a client under test: one request a connection, and a response in parts or cut off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = ["Exchange", "Request", "read_request"]

#: How long a client may take for the head of its request, and how long it may be.
_HEAD_S = 10.0
HEAD_BYTES = 65_536
_SEND_BUFFER_BYTES = 65_536
#: A client under test may be a page of any origin.
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "authorization,last-event-id,cache-control,content-type",
    "access-control-allow-methods": "GET,HEAD,OPTIONS",
    "access-control-expose-headers": "retry-after",
}


class Request(NamedTuple):
    """What a client asks for; names of header fields are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the request that comes; None where none does that can be read."""
    try:
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        fields = [line.split(":", 1) for line in lines if line]
        headers = {name.strip().lower(): value.strip() for name, value in fields}
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
        return None
    parts = urlsplit(target)
    return Request(method, parts.path, parse_qs(parts.query), headers)


class Exchange:
    """One request of a client and the connection that its response goes over; nothing raises once the client left."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._reader = reader
        self._writer = writer
        # A small buffer in the kernel and none here, so that `drain` returns only while the client reads.
        peer = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        writer.transport.set_write_buffer_limits(high=0)
        #: Done once the client has ended its side.
        self.left = asyncio.create_task(self._wait_left(), name="client's side of a connection")

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended the connection."""
        return not (self.left.done() or self._writer.is_closing())

    def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a whole response, and end the connection after it."""
        self._write(_head(status, {**headers, "content-length": str(len(body))}))
        self._write(b"" if self.request.method == "HEAD" else body)
        self.end()

    def start(self, headers: Mapping[str, str], *, length: int | None = None) -> None:
        """Begin a response whose body `write` sends, of `length` bytes or in chunks."""
        framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
        self._write(_head(200, {**headers, **framing}))

    def write(self, part: bytes) -> None:
        """Send a chunk of the body."""
        self._write(b"%x\r\n%b\r\n" % (len(part), part))

    def write_raw(self, part: bytes) -> None:
        """Send a part of a body whose length was told."""
        self._write(part)

    def finish(self) -> None:
        """End a body that was sent in chunks, and the connection."""
        self._write(b"0\r\n\r\n")
        self.end()

    def end(self) -> None:
        """End the connection once everything is sent; in the middle of a body, as a broken network does."""
        self._writer.close()

    async def drain(self) -> None:
        """Wait until the kernel has taken what was written, or the client has left; it does while the client reads."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def _write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def _wait_left(self) -> None:
        try:
            while await self._reader.read(4_096):
                pass
        except OSError:
            pass
        finally:
            self._writer.close()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    fields = {**_CORS, "cache-control": "no-store", "connection": "close", **headers}
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode("latin-1")
