"""POST over connections that stay open, with little work: what the publisher takes, the hubs do not have."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from json import dumps, loads
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.cluster.wire import dial

__all__ = ["Poster", "Response"]

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Response(NamedTuple):
    """What came back."""

    status_code: int
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the body as JSON."""
        return loads(self.content)


class Poster:
    """Keeps connections; each is used for one request at a time."""

    def __init__(self, *, deadline_s: float, headers: Mapping[str, str]) -> None:
        self._deadline_s = deadline_s
        self._headers = headers
        self._idle: defaultdict[tuple[str, int], list[Connection]] = defaultdict(list)

    async def post(self, url: str, *, json: object, headers: Mapping[str, str]) -> Response:
        """Send a request and return the response.

        Raises:
            OSError, EOFError, TimeoutError: there was none.
        """
        address, body = urlsplit(url), dumps(json).encode()
        assert address.hostname is not None
        assert address.port is not None
        place = address.hostname, address.port
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**self._headers, **headers}.items())
        head = f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: application/json\r\n{lines}"
        async with asyncio.timeout(self._deadline_s):
            reader, writer = await self._take(place)
            try:
                writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
                said = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = said.partition(b"content-length:")[2].partition(b"\r\n")[0]
                response = Response(int(said[9:12]), await reader.readexactly(int(length)))
            except BaseException:
                writer.transport.abort()
                raise
        if b"connection: close" in said:
            writer.transport.abort()
        else:
            self._idle[place].append((reader, writer))
        return response

    def close(self) -> None:
        """End every connection."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.transport.abort()

    async def _take(self, place: tuple[str, int]) -> Connection:
        idle = self._idle[place]
        while idle:
            reader, writer = idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        host, port = place
        return await dial(port, host)
