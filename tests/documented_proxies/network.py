"""A network that takes its time: what one side sends, its end included, reaches the other a moment later."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["SlowNetwork"]

_LEAVE_DEADLINE_S = 10.0


class SlowNetwork:
    """Listens on a free port and passes on to another, everything `delay_s` later, in order and in both directions.

    An async context manager: leaving it ends every connection.
    """

    def __init__(self, to_port: int, *, delay_s: float) -> None:
        self.port = 0
        self._to_port = to_port
        self._delay_s = delay_s
        self._ends: set[_End] = set()
        self._dialling: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.close()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        for end in list(self._ends):
            end.transport.abort()
        async with asyncio.timeout(_LEAVE_DEADLINE_S):
            while self._ends:
                await asyncio.sleep(0.01)

    def _accept(self) -> _End:
        near, far = _End(self._ends, self._delay_s), _End(self._ends, self._delay_s)
        near.other, far.other = far, near
        loop = asyncio.get_running_loop()
        dialling = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", self._to_port))
        self._dialling.add(dialling)
        dialling.add_done_callback(self._dialling.discard)
        return near


class _End(asyncio.Protocol):
    """One end of a connection; hands what it reads to the other end, late."""

    other: _End
    transport: asyncio.Transport

    def __init__(self, ends: set[_End], delay_s: float) -> None:
        self._ends = ends
        self._delay_s = delay_s
        self._early: list[bytes] = []
        self._open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvloop calls it
        self.transport = transport
        self._ends.add(self)
        self._open = True
        for data in self._early:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._delay_s, self.other.take, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._ends.discard(self)
        self._open = False
        asyncio.get_running_loop().call_later(self._delay_s, self.other.leave)

    def take(self, data: bytes) -> None:
        """Write what the other end read."""
        if self._open:
            self.transport.write(data)
        elif not hasattr(self, "transport"):
            self._early.append(data)

    def leave(self) -> None:
        """End, as the other end did."""
        if self._open:
            self.transport.close()
