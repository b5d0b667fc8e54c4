"""Heartbeats, dead peers and expiry of every connection: one task for all, and no timer of their own."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from contracts.frame import Heartbeat as HeartbeatFrame
from hub.cursor import Cursor
from hub.delivery.ports import Ends
from hub.delivery.progress import Progress
from hub.delivery.session import PeerState, Phase
from hub.delivery.subscribers import Subscriber
from hub.histogram import Histogram
from hub.log.port import Log
from hub.operator_log import OperatorLog

__all__ = ["Heartbeat"]

logger = logging.getLogger("hub.dispatcher")

#: How often the clock looks while there is something to do: a connection ends at most this long after its token.
TICK_S = 0.25
#: The longest pause of a hub with nothing to do: so often the loop's lag is observed at least.
IDLE_S = 5.0
#: Connections served in one loop iteration.
SLICE = 500


class Heartbeat:
    """Gives each subscriber a heartbeat every `interval_s` and ends those that are dead or expired.

    A dead peer is ended within two intervals: it misses one beat, and is judged at the next.
    """

    def __init__(
        self,
        progress: Progress,
        log: Log,
        *,
        interval_s: float,
        lags: Histogram,
        now: Callable[[], float],
    ) -> None:
        """Make a heartbeat that observes in `lags` how late the event loop runs it."""
        self._progress = progress
        self._log = log
        self.interval_s = interval_s
        self._lags = lags
        self._now = now
        # All have the same interval, so it is in order of time without sorting. One that leaves is taken out of the
        # middle at once (a plain dict would walk over the holes at its front, again and again).
        self._due: OrderedDict[Subscriber, float] = OrderedDict()
        # Only those that expire before the beat after next are looked at every tick, each once.
        self._expiring: dict[Subscriber, None] = {}
        self._latest: tuple[int, str, bytes] = (-1, "", b"")
        #: Set where something is due before the pause ends.
        self._news = asyncio.Event()
        self._seen_position = progress.position
        self._lines = OperatorLog(logger)

    def watch(self, subscriber: Subscriber, monotonic_s: float) -> None:
        """Begin the heartbeats of a subscriber."""
        if not self._due:
            self._news.set()
        self._due[subscriber] = monotonic_s + self.interval_s
        self._watch_expiry(subscriber, self._now())

    def forget(self, subscriber: Subscriber) -> None:
        """Drop a subscriber that has left; harmless where it was never watched."""
        self._due.pop(subscriber, None)
        self._expiring.pop(subscriber, None)

    def update_expiry(self, subscriber: Subscriber) -> None:
        """Use the new expiry of a subscriber that presented another token."""
        self._watch_expiry(subscriber, self._now())

    async def run(self, ends: Ends) -> None:
        """Beat until cancelled; `ends` ends those that are dead or expired."""
        loop = asyncio.get_running_loop()
        while True:
            if self.beat(loop.time(), ends, limit=SLICE):
                await asyncio.sleep(0)
                continue
            self._news.clear()
            due_s = loop.time() + self.find_pause_s(loop.time())
            try:
                async with asyncio.timeout_at(due_s):
                    await self._news.wait()
            except TimeoutError:
                self._lags.observe(max(0.0, loop.time() - due_s))

    def find_pause_s(self, monotonic_s: float) -> float:
        """Return how long nothing is due: a tick while something happens, otherwise up to the next heartbeat."""
        tick_s = min(TICK_S, self.interval_s / 4)
        moved, self._seen_position = self._seen_position != self._progress.position, self._progress.position
        if moved or self._expiring:
            return tick_s
        due_s = next(iter(self._due.values()), monotonic_s + IDLE_S)
        return min(max(tick_s, due_s - monotonic_s), IDLE_S)

    def beat(self, monotonic_s: float, ends: Ends, *, limit: int) -> bool:
        """Serve at most `limit` connections that are due; True where more may be.

        Two clocks on purpose: heartbeats must not stop when the wall clock is set back, expiry follows it.
        """
        now_s = self._now()
        expired = [subscriber for subscriber in self._expiring if subscriber.session.expires_at_s <= now_s][:limit]
        for subscriber in expired:
            self._expiring.pop(subscriber, None)
            if subscriber.session.phase is not Phase.CLOSED:
                try:
                    ends.end_expired(subscriber)
                except Exception as error:
                    self._end_broken(subscriber, ends, error)
        for _ in range(limit - len(expired)):
            if not self._due or next(iter(self._due.values())) > monotonic_s:
                return False
            subscriber, _ = self._due.popitem(last=False)
            if subscriber.session.phase is not Phase.CLOSED:
                try:
                    self._beat_one(subscriber, ends)
                except Exception as error:
                    self._end_broken(subscriber, ends, error)
            if subscriber.session.phase is Phase.CLOSED:
                self._expiring.pop(subscriber, None)
            else:
                self._due[subscriber] = monotonic_s + self.interval_s
                self._watch_expiry(subscriber, now_s)
        return True

    def _beat_one(self, subscriber: Subscriber, ends: Ends) -> None:
        session, link = subscriber.session, subscriber.link
        state = session.beat(
            self._now(), can_pong=link.can_pong, waiting_bytes=link.waiting_bytes, taken_bytes=link.taken_bytes
        )
        if state is PeerState.EXPIRED:
            ends.end_expired(subscriber)
        elif state is PeerState.DEAD:
            self._lines.write_limited(
                logging.INFO, "unresponsive", "dropped a connection whose client took and sent nothing for a heartbeat"
            )
            ends.end_dead(subscriber)
        else:
            cursor, frame = self._frame(self._progress.place(subscriber))
            link.write_heartbeat(frame if subscriber.speaks_hub_v1 else None, cursor)

    def _frame(self, position: int) -> tuple[str, bytes]:
        if self._latest[0] != position:
            cursor = str(Cursor(self._log.epoch, position))
            self._latest = (position, cursor, msgspec.json.encode(HeartbeatFrame(cursor=cursor)))
        return self._latest[1], self._latest[2]

    def _watch_expiry(self, subscriber: Subscriber, now_s: float) -> None:
        if subscriber.session.expires_at_s <= now_s + 2 * self.interval_s:
            if not self._expiring:
                self._news.set()
            self._expiring[subscriber] = None
        else:
            self._expiring.pop(subscriber, None)

    def _end_broken(self, subscriber: Subscriber, ends: Ends, error: Exception) -> None:
        # Whatever one link does, the others get their heartbeats.
        self._lines.write_limited(logging.ERROR, "link_failed", f"a link failed: {type(error).__name__}")
        ends.end_dead(subscriber)
