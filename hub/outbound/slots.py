"""How many requests are under way: in all, and to each host, so that one host that is dead delays no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

__all__ = ["Host", "Slots"]

#: Hosts that did not respond and that nothing is sent to now.
_MAX_REMEMBERED = 1000


class Host:
    """The requests to one host: those under way, and those that wait for a slot, in order."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken = 0
        self._responds = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_forgettable(self) -> bool:
        """Whether nothing is known of this host that a new one would not have."""
        return self._responds and self.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return self._taken == 0 and not self._waiting

    def note(self, *, responds: bool) -> None:
        """Note whether the last request got a response. A host that gives none gets one request at a time."""
        self._responds = responds
        self._wake()

    async def acquire(self) -> None:
        """Wait for a slot."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give the slot to the next."""
        self._taken -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._taken < (self._each if self._responds else 1):
            turn = self._waiting.popleft()
            if not turn.cancelled():
                self._taken += 1
                turn.set_result(None)


class Slots:
    """Bounds the requests under way."""

    def __init__(self, total: int, each: int) -> None:
        """Allow `total` requests at one time, and `each` to one host."""
        self._total = asyncio.Semaphore(total)
        self._each = each
        self._hosts: dict[str, Host] = {}

    @contextlib.asynccontextmanager
    async def take(self, name: str) -> AsyncIterator[Host]:
        """Hold a slot of this host, and then one of all: what waits for a dead host takes nothing from others."""
        host = self._hosts.setdefault(name, Host(self._each))
        try:
            await host.acquire()
            try:
                async with self._total:
                    yield host
            finally:
                host.release()
        finally:
            if host.is_forgettable:
                self._hosts.pop(name, None)
            elif len(self._hosts) > _MAX_REMEMBERED:
                self._hosts = {name: host for name, host in self._hosts.items() if not host.is_idle}
