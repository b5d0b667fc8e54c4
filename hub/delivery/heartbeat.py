"""The shared clock: heartbeats, dead peers and expiry of every connection, with no timer of their own."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from contracts.frame import Heartbeat as HeartbeatFrame
from hub.cursor import Cursor
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.session import PeerState, Phase
from hub.delivery.subscribers import Subscriber
from hub.log.port import Log

__all__ = ["Heartbeat"]

logger = logging.getLogger("hub.dispatcher")

#: How often the clock looks: a connection ends at most this long after its token.
TICK_S = 0.25
#: Connections served before the loop gets its turn.
SLICE = 500


class Heartbeat:
    """Gives each subscriber a heartbeat every `interval_s` and ends those that are dead or expired.

    A dead peer is gone within two intervals: it misses one beat, and is judged at the next.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        log: Log,
        *,
        interval_s: float,
        now: Callable[[], float],
        on_dead: Callable[[Subscriber], None],
        on_expired: Callable[[Subscriber], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._log = log
        self._interval_s = interval_s
        self._now = now
        self._on_dead = on_dead
        self._on_expired = on_expired
        # All have the same interval, so it is in order of time without sorting; whoever leaves is taken out of its
        # middle at once (a plain dict would walk over the holes at its front, again and again).
        self._due: OrderedDict[Subscriber, float] = OrderedDict()
        # Only who expires before the beat after next is looked at every tick, each once.
        self._expiring: dict[Subscriber, None] = {}
        self._latest: tuple[int, str, bytes] = (-1, "", b"")

    def watch(self, subscriber: Subscriber, monotonic_s: float) -> None:
        """Begin to look after a subscriber."""
        self._due[subscriber] = monotonic_s + self._interval_s
        self._watch_expiry(subscriber, self._now())

    def forget(self, subscriber: Subscriber) -> None:
        """Let go of a subscriber that has left; harmless where it was never watched."""
        self._due.pop(subscriber, None)
        self._expiring.pop(subscriber, None)

    def update_expiry(self, subscriber: Subscriber) -> None:
        """Take over a new expiry of a subscriber that presented another token."""
        self._watch_expiry(subscriber, self._now())

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            more = self.beat(loop.time(), limit=SLICE)
            await asyncio.sleep(0 if more else min(TICK_S, self._interval_s / 4))

    def beat(self, monotonic_s: float, *, limit: int) -> bool:
        """Serve at most `limit` connections that are due; True where more may be.

        Two clocks on purpose: heartbeats must not stop when the wall clock is set back, expiry follows it.
        """
        now_s = self._now()
        expired = [subscriber for subscriber in self._expiring if subscriber.session.expires_at_s <= now_s][:limit]
        for subscriber in expired:
            self._expiring.pop(subscriber, None)
            if subscriber.session.phase is not Phase.CLOSED:
                self._guard(self._on_expired, subscriber)
        for _ in range(limit - len(expired)):
            if not self._due or next(iter(self._due.values())) > monotonic_s:
                return False
            subscriber, _ = self._due.popitem(last=False)
            if subscriber.session.phase is not Phase.CLOSED:
                self._guard(self._beat_one, subscriber)
            if subscriber.session.phase is Phase.CLOSED:
                self._expiring.pop(subscriber, None)
            else:
                self._due[subscriber] = monotonic_s + self._interval_s
                self._watch_expiry(subscriber, now_s)
        return True

    def _guard(self, act: Callable[[Subscriber], None], subscriber: Subscriber) -> None:
        try:
            act(subscriber)
        except Exception as error:  # whatever one link does, the clock goes on for the others
            logger.error("a link failed: %s", type(error).__name__)
            self._on_dead(subscriber)

    def _beat_one(self, subscriber: Subscriber) -> None:
        session, link = subscriber.session, subscriber.link
        state = session.beat(
            self._now(), can_pong=link.can_pong, waiting_bytes=link.waiting_bytes, taken_bytes=link.taken_bytes
        )
        if state is PeerState.EXPIRED:
            self._on_expired(subscriber)
        elif state is PeerState.DEAD:
            self._on_dead(subscriber)
        else:
            cursor, frame = self._frame(self._dispatcher.place(subscriber))
            link.write_heartbeat(frame if subscriber.speaks_hub_v1 else None, cursor)

    def _frame(self, position: int) -> tuple[str, bytes]:
        if self._latest[0] != position:
            cursor = str(Cursor(self._log.epoch, position))
            self._latest = (position, cursor, msgspec.json.encode(HeartbeatFrame(cursor=cursor)))
        return self._latest[1], self._latest[2]

    def _watch_expiry(self, subscriber: Subscriber, now_s: float) -> None:
        if subscriber.session.expires_at_s <= now_s + 2 * self._interval_s:
            self._expiring[subscriber] = None
        else:
            self._expiring.pop(subscriber, None)
