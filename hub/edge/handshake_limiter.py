"""A limit of new handshakes per loop iteration, so that connections are served during a reconnect storm."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["HandshakeLimiter"]

#: Handshakes that begin in one loop iteration; each takes about half a millisecond.
PER_ITERATION = 16


class HandshakeLimiter:
    """Lets `PER_ITERATION` handshakes begin per loop iteration, in the order of their arrival.

    Without it a thousand handshakes that arrive together are one iteration, and every publish waits for its end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._room = PER_ITERATION
        self._is_scheduled = False

    def enter(self) -> bool:
        """Let one begin now; False where others are waiting or this iteration has had its share."""
        if self._room <= 0 or self._waiting:
            return False
        self._room -= 1
        self._schedule()
        return True

    def wait(self, begin: Callable[[], None]) -> None:
        """Call `begin` when its turn has come; nothing withdraws it, so it must cope with a peer that left."""
        self._waiting.append(begin)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._begin_next)

    def _begin_next(self) -> None:
        self._is_scheduled = False
        self._room = PER_ITERATION
        while self._waiting and self._room > 0:
            self._room -= 1
            # First, so that the next iteration is scheduled whatever this one does.
            self._schedule()
            self._waiting.popleft()()
