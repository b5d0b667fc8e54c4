"""Waiting for one thing at a time, for a few bytes of memory while nothing waits.

asyncio's `Event` and `Queue` keep deques for their waiters: 600 bytes each before the first one comes, and four of
them for a queue. A connection that lives for days seldom has more than one waiter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["CompactEvent", "CompactQueue"]

T = TypeVar("T")


class CompactEvent:
    """As `asyncio.Event`, but that it makes room for waiters when they come."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self, *, is_set: bool = False) -> None:
        self._is_set = is_set
        self._waiting: list[asyncio.Future[None]] | None = None

    def __repr__(self) -> str:
        state = "set" if self._is_set else "unset"
        return f"<CompactEvent {state}, {len(self._waiting or ())} waiting>"

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake all waiters."""
        self._is_set = True
        waiting, self._waiting = self._waiting, None
        for waiter in waiting or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Let later waiters wait again."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set; the caller brings the deadline."""
        if not self._is_set:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = self._waiting = self._waiting or []
            waiting.append(waiter)
            try:
                await waiter
            finally:
                waiting.remove(waiter)


class CompactQueue(Generic[T]):
    """Items for one reader, in order; the caller that puts them bounds them."""

    __slots__ = ("_items", "_news")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._news = CompactEvent()

    def __repr__(self) -> str:
        return f"<CompactQueue of {len(self._items)}>"

    def put(self, item: T) -> None:
        """Add an item."""
        self._items.append(item)
        self._news.set()

    async def get(self) -> T:
        """Wait for the oldest item and take it; the caller brings the deadline."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        return self._items.pop(0)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
