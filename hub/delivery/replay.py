"""From the log to one subscriber that was away, up to the seam where the live dispatch takes over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from hub.cursor import Cursor
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.envelope_cache import EnvelopeCache
from hub.delivery.mutes import read_type
from hub.delivery.page_reader import PageReader
from hub.delivery.ports import Ends
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber
from hub.errors import StorageUnavailable
from hub.log.port import Log, Record
from hub.metrics import Metrics
from hub.operator_log import OperatorLog

__all__ = ["Replay"]

logger = logging.getLogger("hub.connections")


class Replay:
    """Brings subscribers from where they started to the live phase: no gap unannounced, nothing twice."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        ends: Ends,
        *,
        counts: DeliveryCounts,
        link_budget_bytes: int,
        take_timeout_s: float,
        now: Callable[[], float],
        cache_bytes: int,
        pages: PageReader | None = None,
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._ends = ends
        self._counts = counts
        #: What may be written at once, without a look at what the peer takes. A peer that reads has this much unsent
        #: from the pace, as much from the end of the replay, and as much from the dispatcher's next loop iteration.
        self.room_bytes = link_budget_bytes // 4
        self._take_timeout_s = take_timeout_s
        self._now = now
        self._envelopes = EnvelopeCache(log.epoch, limit_bytes=cache_bytes)
        self._pages = PageReader(log) if pages is None else pages
        self._lines = OperatorLog(logger)

    def fall_behind(self, subscriber: Subscriber) -> bool:
        """Let a live session replay from the log what its peer is too slow for; `run` must follow where True."""
        behind = subscriber.session.fall_behind(self._log.head)
        self._metrics.fallen_behind += behind
        if behind:
            self._lines.write_limited(
                logging.INFO, "fallen_behind", "a client takes less than is due and gets the rest from the log"
            )
        return behind

    def run_nowait(self, subscriber: Subscriber) -> bool:
        """Do as `run`, where nothing was missed and little is unsent; False means: ask `run`."""
        session = subscriber.session
        if session.phase is not Phase.REPLAYING or session.last < session.upto:
            return session.phase is not Phase.REPLAYING
        if subscriber.link.unsent_bytes > self.room_bytes:
            return False
        self._release(subscriber)
        return session.phase is not Phase.REPLAYING

    async def run(self, subscriber: Subscriber) -> None:
        """Replay until the session is live, or closed.

        Where the log cannot be read, the connection ends: the client keeps its cursor and comes back.
        """
        session = subscriber.session
        began_s = time.monotonic()
        has_missed = session.phase is Phase.REPLAYING and session.last < session.upto
        try:
            while session.phase is Phase.REPLAYING:
                await self._pace(subscriber, subscriber.link.unsent_bytes)
                if session.last < session.upto:
                    await self._write_page(subscriber)
                else:
                    self._release(subscriber)
            if has_missed and session.phase is Phase.LIVE:
                self._metrics.replay.observe(time.monotonic() - began_s)
        except StorageUnavailable as error:
            self._ends.end(subscriber, error.close_code, error.title)

    def _release(self, subscriber: Subscriber) -> None:
        for envelope in subscriber.session.go_live(self._log.head, room_bytes=self.room_bytes) or ():
            if envelope.expires_at_s is None or envelope.expires_at_s > self._now():
                self._metrics.deliveries[subscriber.transport] += 1
                self._counts.replay([envelope.position])
                subscriber.link.write(envelope)

    async def _write_page(self, subscriber: Subscriber) -> None:
        session, log = subscriber.session, self._log
        async with self._pages as pages:
            if session.phase is Phase.CLOSED:
                return
            # Not before the wait for a reader: thousands of waiting sessions would hold what is offered meanwhile.
            session.aim(log.head)
            reading = await pages.read(
                subscriber.targets,
                after=session.last,
                upto=session.upto,
                with_states=subscriber.speaks_hub_v1,
            )
        if reading is None:
            # Retention passed the cursor. A client that cannot be told of it gets what is left.
            self._announce_gap(subscriber, log.head if subscriber.point is None else log.first - 1)
            return
        # The next one last. What was written waits in the link, and is not held here as well.
        waiting, reached = reading.records[::-1], reading.upto
        del reading
        while waiting:
            position = waiting[-1].position
            if waiting[-1].is_damaged:
                waiting.pop()
                # One gap for damage side by side; what is whole after it is replayed all the same.
                if not (waiting and waiting[-1].is_damaged):
                    self._announce_gap(subscriber, position)
            else:
                self._write_whole(subscriber, waiting)
                await self._pace(subscriber, subscriber.link.unsent_bytes)
        session.reach(reached)

    def _write_whole(self, subscriber: Subscriber, waiting: list[Record]) -> None:
        """Write what is due up to the next damaged record as far as the peer takes it; take it out of `waiting`."""
        session, muted, due = subscriber.session, subscriber.muted, list[Record]()
        last, now_s = session.last, self._now()
        while waiting and not waiting[-1].is_damaged:
            record = waiting.pop()
            # While this waited for the peer, the record may have expired.
            if record.position > last and (record.expires_at_s is None or record.expires_at_s > now_s):
                due.append(record)
        if muted:
            due = [record for record in due if read_type(record.payload) not in muted]
        # Meanwhile the session may have been closed, too.
        if not due or not session.replay(due[0].position):
            return
        find = self._envelopes.find
        count = subscriber.link.write_page([find(record) for record in due], room_bytes=self.room_bytes)
        waiting += due[: count - 1 : -1]
        session.reach(due[count - 1].position)
        self._counts.replay([record.position for record in due[:count]])
        self._metrics.replayed += count
        self._metrics.deliveries[subscriber.transport] += count

    def _announce_gap(self, subscriber: Subscriber, upto: int) -> None:
        if subscriber.session.mark_gap(upto):
            self._ends.announce_gap(subscriber, Cursor(self._log.epoch, subscriber.session.last))

    async def _pace(self, subscriber: Subscriber, unsent_bytes: int) -> None:
        # A replay is as fast as its peer; only a peer that takes nothing at all is slow.
        link = subscriber.link
        while unsent_bytes > self.room_bytes:
            subscriber.session.drop_held()
            taken_bytes = link.taken_bytes
            if await link.wait_writable(timeout_s=self._take_timeout_s):
                return
            if link.taken_bytes == taken_bytes:
                self._lines.write_limited(
                    logging.WARNING, "slow", "ended a connection whose client took nothing for a heartbeat (4000)"
                )
                self._ends.end_slow(subscriber)
                return
            unsent_bytes = link.unsent_bytes
