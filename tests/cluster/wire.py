"""A network cable on this machine: passes on to a port, until it is cut, and again when it is mended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

__all__ = ["Wire", "dial", "pass_on"]

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536


#: Takes bytes and returns those that go on.
Filter = Callable[[bytes], bytes]


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
#: Connects that nobody waits for any more.
_left: set[asyncio.Task[Streams]] = set()


class Wire:
    """Listens on a port; an async context manager, and leaving it ends every connection."""

    def __init__(self, to_port: int, *, make_filter: Callable[[], Filter] | None = None) -> None:
        """`make_filter` makes one for each connection, for what comes from the server."""
        self._to_port = to_port
        self._make_filter = make_filter
        self._is_cut = False
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._begin, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End what is open, without a word, and take nothing new."""
        self._is_cut = True
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task that asyncio's streams own cannot be cancelled without an error in their log.
        task = asyncio.create_task(self._take(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # Also where it is cancelled before it has begun.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_cut:
            with contextlib.suppress(OSError):
                found = None if self._make_filter is None else self._make_filter()
                await pass_on(reader, writer, *await dial(self._to_port), from_server_filter=found)


async def dial(port: int, host: str = HOST) -> Streams:
    """Connect to a port, of this machine where no other is named.

    A connect of uvloop's that is cancelled leaks its socket: it is let finish.
    """
    connecting = asyncio.create_task(asyncio.open_connection(host, port))
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        _left.add(connecting)
        connecting.add_done_callback(_drop)
        raise


def _drop(connecting: asyncio.Task[Streams]) -> None:
    _left.discard(connecting)
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[1].transport.abort()


async def pass_on(
    from_client: asyncio.StreamReader,
    to_client: asyncio.StreamWriter,
    from_server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
    *,
    from_server_filter: Filter | None = None,
) -> None:
    """Pass bytes on in both directions until one of the two ends, and end both."""
    directions = [
        asyncio.create_task(_copy(from_client, to_server)),
        asyncio.create_task(_copy(from_server, to_client, from_server_filter)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        # What a server said last is still on its way.
        with contextlib.suppress(OSError):
            to_client.close()
            await to_client.wait_closed()
    finally:
        # Before anything is waited for, where a cancellation would end this too early.
        to_server.transport.abort()
        to_client.transport.abort()
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, filter_: Filter | None = None) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data if filter_ is None else filter_(data))
            await writer.drain()
