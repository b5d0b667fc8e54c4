"""A bare TCP connection to the hub, for requests that no client library would send."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Self

from tests.harness import DEADLINE_S

__all__ = ["Answer", "Wire"]


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """Sends bytes as they are and reads HTTP responses, or nothing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**21)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def send(self, data: bytes) -> bool:
        """Send; False where the peer has closed already."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                self._writer.write(data)
                await self._writer.drain()
            except (ConnectionError, RuntimeError):  # uvloop's word for a transport that was closed meanwhile
                return False
        return True

    async def read(self, count: int) -> bytes:
        """Read at most `count` bytes; nothing at the end of the connection."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self._reader.read(count)
            except ConnectionError:
                return b""

    async def rest(self) -> bytes:
        """Read up to the end of the connection."""
        data = b""
        while part := await self.read(2**16):
            data += part
        return data

    async def response(self, *, head: bool = False) -> Answer:
        """Read one response (`head`: to a HEAD request); a connection closed without one counts as status 0."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                text = await self._reader.readuntil(b"\r\n\r\n")
                status_line, *lines = text.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = b"" if head else await self._body(headers)
                return Answer(int(status_line.split()[1]), headers, body)
            except (asyncio.IncompleteReadError, ConnectionError):
                return Answer(0, {}, b"")

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()
        return body
