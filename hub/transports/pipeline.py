"""What uvicorn keeps for each HTTP connection, in a few bytes where it is mostly empty."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hub.transports.signal import Signal

__all__ = ["Flow", "Pipeline", "read_local", "read_remote"]


class Flow(FlowControl):
    """uvicorn's, without room for waiters that mostly never come."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._is_writable_event = Signal(is_set=True)


class Pipeline(list[tuple[RequestResponseCycle, ASGI3Application]]):
    """Requests that wait for the one before them: seldom any, and never many, since reading stops at the first."""

    __slots__ = ()

    def appendleft(self, waiting: tuple[RequestResponseCycle, ASGI3Application]) -> None:
        """Add the newest; the oldest is taken from the end."""
        self.insert(0, waiting)


def read_local(address: Any) -> tuple[str, int | None] | None:
    """Return the address a connection came to, as ASGI writes it."""
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    return (address, None) if isinstance(address, str) else None  # of a Unix socket: its path


def read_remote(address: Any) -> tuple[str, int] | None:
    """Return the address of a connection's peer, as ASGI writes it."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
