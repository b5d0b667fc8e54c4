"""What uvicorn keeps for each HTTP connection, in a few bytes where it is mostly empty."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hub.edge.backlog import LOWER_MARK_BYTES, UPPER_MARK_BYTES, read_taken_bytes
from hub.edge.waiters import Signal

__all__ = ["Flow", "Pipeline", "close_unless_continued", "read_local", "read_remote"]


#: How long a peer may take nothing of an answer that waits for it.
STALL_TIMEOUT_S = 15.0


class Flow(FlowControl):
    """uvicorn's, without room for waiters that mostly never come, and with an end to waiting.

    A peer that takes nothing of its answer for `STALL_TIMEOUT_S` is aborted, as long as `watches` is set.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(UPPER_MARK_BYTES, LOWER_MARK_BYTES)
        self._loop = loop
        self.read_paused = False
        self.write_paused = False
        self.watches = True
        self._is_held = False
        self._stall_timer: asyncio.TimerHandle | None = None
        self._is_writable_event = Signal(is_set=True)

    def hold(self, is_held: bool) -> None:
        """Read nothing more, whoever asks, until this is called with False."""
        self._is_held = is_held
        if is_held:
            self.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless what was read already is held."""
        if not self._is_held:
            super().resume_reading()

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        super().pause_writing()
        if self.watches:
            self._watch(read_taken_bytes(self._transport))

    def resume_writing(self) -> None:
        """Note that the peer took most of it, or left."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _watch(self, taken_bytes: int) -> None:
        self._stall_timer = self._loop.call_later(STALL_TIMEOUT_S, self._look, taken_bytes)

    def _look(self, taken_bytes: int) -> None:
        if (taken_now_bytes := read_taken_bytes(self._transport)) == taken_bytes:
            self._transport.abort()
        else:
            self._watch(taken_now_bytes)


class Pipeline(list[tuple[RequestResponseCycle, ASGI3Application]]):
    """Requests that wait for the one before them: seldom any, and never many, since reading stops at the first."""

    __slots__ = ()

    def appendleft(self, waiting: tuple[RequestResponseCycle, ASGI3Application]) -> None:
        """Add the newest; the oldest is taken from the end."""
        self.insert(0, waiting)

    def drop(self) -> None:
        """Let go of all: none will be asked any more, and each holds the connection that holds it."""
        for cycle, _ in self:
            cycle.on_response = _nothing
        self.clear()


def _nothing() -> None:
    """Take the place of a connection's answer to the end of a response."""


def read_local(address: Any) -> tuple[str, int | None] | None:
    """Return the address a connection came to, as ASGI writes it."""
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    return (address, None) if isinstance(address, str) else None  # of a Unix socket: its path


def read_remote(address: Any) -> tuple[str, int] | None:
    """Return the address of a connection's peer, as ASGI writes it."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


def close_unless_continued(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """Return `app` for a request that waits for a `100 Continue`: answered without one, its connection ends.

    Whether the body comes after all only the client knows, so what comes next could be either (RFC 9110 10.1.1).
    """

    async def run(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_last(message: ASGISendEvent) -> None:
            if cycle.waiting_for_100_continue:
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, send_last)

    return run
