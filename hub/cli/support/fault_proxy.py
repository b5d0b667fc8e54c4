"""A proxy that breaks what passes through it, on cue and the same way for the same seed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from asyncio import StreamReader, StreamWriter
from random import Random
from types import TracebackType
from typing import Self

from hub.cli.support.address import address_of
from hub.cli.support.connection_faults import CLEAN, Ending, Faults, Plan

__all__ = ["FaultProxy"]

_READ_BYTES = 65_536
_HEAD_DEADLINE_S = 10.0
_CLOSE_DEADLINE_S = 1.0
_LEAVE_DEADLINE_S = 10.0
_LONGEST_SLICE_BYTES = 7
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class FaultProxy:
    """Listens on a port and passes on to another; `plan` draws each connection's faults.

    `to_host`, `to_port`: the hub. `host`, `port`: where clients connect; port 0 takes a free one.

    An async context manager: leaving it ends every connection. Connections draw in the order in which they come, each
    with a generator of its own, so what one draws while it lives changes nothing for the next.
    """

    def __init__(
        self,
        to_port: int,
        *,
        to_host: str = "127.0.0.1",
        host: str = "127.0.0.1",
        port: int = 0,
        plan: Plan = lambda random: CLEAN,
        seed: object = 0,
    ) -> None:
        #: May be replaced at any time, for the connections that follow.
        self.plan = plan
        self.to_host = to_host
        self.to_port = to_port
        self.host = host
        self.port = port
        #: The faults of every connection so far, for a message.
        self.drawn: list[Faults] = []
        # To be drawn again, not to be kept from anybody.
        self._random = Random(str(seed))  # noqa: S311
        self._leaving = False
        self._open: dict[_Connection, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        """The address that clients are given instead of the hub's."""
        return address_of(self.host, self.port)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.close()
        self._leaving = True
        # Not cancelled: that would leave a connection to the hub that is just being made to nobody.
        self.end("reset")
        async with asyncio.timeout(_LEAVE_DEADLINE_S):
            await asyncio.gather(*self._open.values())

    def end(self, ending: Ending) -> None:
        """Do this to every connection that is open now."""
        for connection in list(self._open):
            connection.end(ending)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        random = Random(self._random.random())  # noqa: S311  # as above
        faults = self.plan(random)
        self.drawn.append(faults)
        connection = _Connection(faults, random, writer)
        task = asyncio.current_task()
        assert task is not None
        self._open[connection] = task
        try:
            if not self._leaving:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                    await connection.run(reader, self.to_host, self.to_port)
        finally:
            await connection.close()
            del self._open[connection]


class _Connection:
    """One client's connection and the one to the hub behind it."""

    def __init__(self, faults: Faults, random: Random, client: StreamWriter) -> None:
        self._faults = faults
        self._random = random
        self._writers = [client]
        self._stalled = False
        self._ended = False

    async def run(self, reader: StreamReader, to_host: str, to_port: int) -> None:
        """Pass on until one side ends."""
        loop = asyncio.get_running_loop()
        later = [loop.call_later(after_s, self.end, ending) for after_s, ending in self._faults.later]
        try:
            await self._pass(reader, to_host, to_port)
        finally:
            for handle in later:
                handle.cancel()

    async def _pass(self, reader: StreamReader, to_host: str, to_port: int) -> None:
        client = self._writers[0]
        async with asyncio.timeout(_HEAD_DEADLINE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        if b"\r\nupgrade: websocket" in head.lower():
            if self._faults.upgrade == "refuse":
                client.write(_REFUSAL)
                await client.drain()
                return
            if self._faults.upgrade == "silence":
                await reader.read()
                return
        elif self._faults.holds:
            # Then the end of the response is the end of the connection.
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        hub_reader, hub = await asyncio.open_connection(to_host, to_port)
        self._writers.append(hub)
        if self._ended:
            return
        pumps = [
            asyncio.create_task(self._pass_down(hub_reader, client)),
            asyncio.create_task(self._pass_up(head, reader, hub)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def end(self, ending: Ending) -> None:
        """End both sides."""
        if ending == "stall":
            self._stalled = True
            return
        self._ended = True
        for writer in self._writers:
            if ending == "reset":
                _reset(writer)
            else:
                writer.close()

    async def close(self) -> None:
        """Release both sides, in order as far as they take what is left for them."""
        for writer in self._writers:
            writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_DEADLINE_S):
                await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_up(self, head: bytes, reader: StreamReader, hub: StreamWriter) -> None:
        await self._write(hub, head)
        while data := await reader.read(_READ_BYTES):
            await self._write(hub, data)

    async def _pass_down(self, reader: StreamReader, client: StreamWriter) -> None:
        if self._faults.holds:
            await self._write(client, await reader.readuntil(b"\r\n\r\n"))
            await self._write(client, await reader.read())
            return
        left_bytes = self._faults.ending_bytes
        while data := await reader.read(_READ_BYTES):
            if self._faults.ending is None or len(data) < left_bytes:
                await self._write(client, data)
                left_bytes -= len(data)
            elif not self._stalled:
                await self._write(client, data[:left_bytes])
                self.end(self._faults.ending)

    async def _write(self, writer: StreamWriter, data: bytes) -> None:
        if self._faults.delay_s[1]:
            await asyncio.sleep(self._random.uniform(*self._faults.delay_s))
        while data and not self._stalled:
            size = self._random.randint(1, _LONGEST_SLICE_BYTES) if self._faults.slices else len(data)
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            if data:
                # The other side shall see this piece by itself.
                await asyncio.sleep(0)


def _reset(writer: StreamWriter) -> None:
    # Closed with a linger of zero, a socket says RST instead of FIN.
    if not writer.transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
