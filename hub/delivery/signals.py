"""Signals on their way out: handed to the connections that asked for them, never stored.

A connection whose peer takes too little gets no more bytes written to it. What is due is held, the newest of each key,
up to a bound; once the peer takes more, it gets what is held, and how many it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from hub.delivery.ports import Ends
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.target import Target

__all__ = ["Signals"]

logger = logging.getLogger("hub.dispatcher")

#: Deliveries in one loop iteration, as in the dispatcher.
SLICE = 2_000


class _Held:
    """What one connection has not been sent: the frames up to `missed`, by type and key, oldest first."""

    __slots__ = ("frames", "missed", "size_bytes")

    def __init__(self) -> None:
        self.frames: dict[tuple[str, str], bytes] = {}
        self.missed = 0
        self.size_bytes = 0

    def add(self, name: tuple[str, str], prefix: bytes, *, limit_bytes: int) -> int:
        """Keep the newest frame of each name, within the limit; return how many have to go for it."""
        before = self.missed
        older = self.frames.pop(name, None)
        if older is not None:
            self.size_bytes -= len(older)
            self.missed += 1
        self.frames[name] = prefix
        self.size_bytes += len(prefix)
        while self.size_bytes > limit_bytes and len(self.frames) > 1:
            self.size_bytes -= len(self.frames.pop(next(iter(self.frames))))
            self.missed += 1
        return self.missed - before


class Signals:
    """Sends signals, and owns what is held for slow connections."""

    def __init__(
        self,
        subscribers: Subscribers,
        metrics: Metrics,
        ends: Ends,
        *,
        room_bytes: int,
        held_bytes: int,
        tick_s: float,
        slice_deliveries: int = SLICE,
    ) -> None:
        """Write to connections with at most `room_bytes` unsent, and hold `held_bytes` for each of the others."""
        self._subscribers = subscribers
        self._metrics = metrics
        self._ends = ends
        self._room_bytes = room_bytes
        self._held_bytes = held_bytes
        self._tick_s = tick_s
        self._slice_deliveries = slice_deliveries
        self._lines = OperatorLog(logger)
        self._held: dict[Subscriber, _Held] = {}
        self._news = asyncio.Event()

    async def send(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> int:
        """Hand a signal to every connection of the targets that asked for `kind`; return how many these are.

        `prefix` is its frame up to `missed`. Of several signals of one kind and key a slow connection gets the newest.
        """
        self._metrics.signals[kind] += 1
        asking = [subscriber for subscriber in self._subscribers.match(targets) if kind in subscriber.signals]
        frame = _finish(prefix, 0)
        for start in range(0, len(asking), self._slice_deliveries):
            if start:
                await asyncio.sleep(0)
            for subscriber in asking[start : start + self._slice_deliveries]:
                self._offer(subscriber, (kind, key), prefix, frame)
        return len(asking)

    async def run(self) -> None:
        """Send what is held to connections that take it by now, until cancelled."""
        while True:
            # No deadline: without a signal that is held there is nothing to do.
            await self._news.wait()
            await asyncio.sleep(self._tick_s)
            self.look()

    def look(self) -> None:
        """Send what is held to every connection that takes it now, and forget those that have ended."""
        for subscriber, held in list(self._held.items()):
            if subscriber.session.phase is Phase.CLOSED:
                del self._held[subscriber]
            elif self._has_room(subscriber):
                del self._held[subscriber]
                missed = held.missed
                for prefix in held.frames.values():
                    self._write(subscriber, _finish(prefix, missed))
                    missed = 0
        if not self._held:
            self._news.clear()

    def _offer(self, subscriber: Subscriber, name: tuple[str, str], prefix: bytes, frame: bytes) -> None:
        if subscriber.session.phase is Phase.CLOSED:
            return
        held = self._held.get(subscriber)
        if held is None and self._has_room(subscriber):
            self._write(subscriber, frame)
            return
        if held is None:
            held = self._held[subscriber] = _Held()
            self._news.set()
        self._metrics.signals_missed += held.add(name, prefix, limit_bytes=self._held_bytes)

    def _has_room(self, subscriber: Subscriber) -> bool:
        return subscriber.link.unsent_bytes <= self._room_bytes

    def _write(self, subscriber: Subscriber, frame: bytes) -> None:
        try:
            subscriber.link.write_control(frame)
        except Exception as error:  # as in the dispatcher: whatever one link does, the others get theirs
            self._lines.write_limited(logging.ERROR, "link_failed", f"a link failed: {type(error).__name__}")
            self._ends.end_dead(subscriber)


def _finish(prefix: bytes, missed: int) -> bytes:
    return b'%b,"missed":%d}' % (prefix, missed)
