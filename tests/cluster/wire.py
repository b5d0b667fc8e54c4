"""A network cable on this machine: passes on to a port, until it is cut, and again when it is mended."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["Wire", "pass_on"]

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536


class Wire:
    """Listens on a port; an async context manager, and leaving it ends every connection."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._is_cut = False
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._take, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End what is open, without a word, and take nothing new."""
        self._is_cut = True
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            if not self._is_cut:
                with contextlib.suppress(OSError):
                    await pass_on(reader, writer, *await asyncio.open_connection(HOST, self._to_port))
        finally:
            writer.transport.abort()


async def pass_on(
    from_client: asyncio.StreamReader,
    to_client: asyncio.StreamWriter,
    from_server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> None:
    """Pass bytes on in both directions until one of the two ends, and end both."""
    directions = [
        asyncio.create_task(_copy(from_client, to_server)),
        asyncio.create_task(_copy(from_server, to_client)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        # What a server said last is still on its way.
        with contextlib.suppress(OSError):
            to_client.close()
            await to_client.wait_closed()
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        to_server.transport.abort()
        to_client.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
