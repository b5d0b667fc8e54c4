"""What uvicorn keeps for each HTTP connection, in a few bytes where it is mostly empty."""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hub.transports.signal import Signal

__all__ = ["Flow", "Pipeline"]


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
