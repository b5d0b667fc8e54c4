"""The connections that are kept: a pool for each host.

httpcore looks at every connection of a pool at each request, several times at each idle one. With the connections of
all hosts in one pool that would be most of what a request costs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable

import httpcore

__all__ = ["Pools"]

#: How long a connection is kept that nothing is sent on.
KEEP_ALIVE_S = 30.0
#: Hosts whose connections are kept beside those that requests are on.
MOST_KEPT = 16


class _Entry:
    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self.pool = pool
        self.users = 0
        self.used_at_s = 0.0


class Pools:
    """Keeps the pools of the hosts that were used lately."""

    def __init__(
        self, make_pool: Callable[[], httpcore.AsyncConnectionPool], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`make_pool` returns the pool of one host, whose connections live for `KEEP_ALIVE_S`."""
        self._make_pool = make_pool
        self._now_s = now_s
        # The one that was used last comes last.
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @contextlib.asynccontextmanager
    async def take(self, name: str) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """Hold the pool of a host; those that nobody has used for a while are closed meanwhile."""
        entry = self._entries.pop(name, None) or _Entry(self._make_pool())
        self._entries[name] = entry
        entry.users += 1
        try:
            yield entry.pool
        finally:
            entry.users -= 1
            entry.used_at_s = self._now_s()
            await self._close_unused()

    async def close(self) -> None:
        """Close all connections."""
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            await entry.pool.aclose()

    async def _close_unused(self) -> None:
        before_s = self._now_s() - KEEP_ALIVE_S
        while (name := self._find_unused(before_s)) is not None:
            await self._entries.pop(name).pool.aclose()

    def _find_unused(self, before_s: float) -> str | None:
        surplus = len(self._entries) - MOST_KEPT
        for name, entry in self._entries.items():
            if not entry.users and (surplus > 0 or entry.used_at_s < before_s):
                return name
            if surplus <= 0:
                break
        return None
