"""From the log to one subscriber that was away, up to the seam where the live dispatch takes over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.cursor import Cursor
from hub.delivery.ahead import AheadWatch
from hub.delivery.envelope import Envelope
from hub.delivery.session import Phase, ResumeResult
from hub.delivery.subscribers import Subscriber
from hub.log.port import Log
from hub.metrics import Metrics

__all__ = ["Replay"]

logger = logging.getLogger("hub.dispatcher")

#: Records read at once, and what they may weigh; the next page waits until the peer has taken most of this one.
PAGE = 200
PAGE_BYTES = 65_536
#: Pages read at the same time: a reconnect storm must not bury the log's readers.
READERS = 16


class Replay:
    """Brings subscribers from their cursor to the live phase: no gap unannounced, nothing twice.

    `write_gap` tells a subscriber, in the stream, that what was due up to a position is gone or damaged.
    """

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        *,
        link_budget_bytes: int,
        take_timeout_s: float,
        now: Callable[[], float],
        on_slow: Callable[[Subscriber], None],
        write_gap: Callable[[Subscriber, Cursor], None],
    ) -> None:
        self._log = log
        self._metrics = metrics
        #: What may be written at once, without a look at what the peer takes. A peer that reads has this much unsent
        #: from the pace, as much from the end of the replay, and as much from the dispatcher's next turn.
        self.room_bytes = link_budget_bytes // 4
        self._take_timeout_s = take_timeout_s
        self._now = now
        self._on_slow = on_slow
        self._write_gap = write_gap
        self._ahead = AheadWatch(log)
        self._readers = asyncio.Semaphore(READERS)

    def begin(self, subscriber: Subscriber, cursor: Cursor | None) -> ResumeResult:
        """Fix where the session starts; the subscriber must be registered already.

        Registered first, head second: a record stored in between is offered live or read from the log,
        and what both bring is handed over once.
        """
        self._ahead.look(cursor)
        resume = subscriber.session.begin(cursor, epoch=self._log.epoch, first=self._log.first, head=self._log.head)
        self._metrics.resumes[resume.kind] += 1
        return resume

    def fall_behind(self, subscriber: Subscriber) -> bool:
        """Let a live session replay from the log what its peer is too slow for; `run` must follow where True."""
        behind = subscriber.session.fall_behind(self._log.head)
        self._metrics.fallen_behind += behind
        return behind

    @property
    def head(self) -> int:
        """The newest position of the log."""
        return self._log.head

    def resume(self, position: int) -> Cursor:
        """Return the cursor of a client that gave none and has seen everything up to `position`.

        Where the log has lost some of what came since, it is that of the oldest which is left: such a client cannot
        be told of a gap.
        """
        first = self._log.first
        if position < first - 1:
            logger.warning("retention passed a client that gives no cursor")
        return self.cursor(min(max(position, first - 1), self._log.head))

    def cursor(self, position: int) -> Cursor:
        """Return the cursor that stands at `position` in this log."""
        return Cursor(self._log.epoch, position)

    async def run(self, subscriber: Subscriber) -> None:
        """Replay until the session is live, or closed.

        Raises:
            StorageUnavailable: the log cannot be read; the client keeps its cursor and comes back.
        """
        session = subscriber.session
        while session.phase is Phase.REPLAYING:
            await self._pace(subscriber, subscriber.link.unsent_bytes)
            if session.last < session.upto:
                await self._write_page(subscriber)
            else:
                self._release(subscriber)

    def _release(self, subscriber: Subscriber) -> None:
        for envelope in subscriber.session.go_live(self._log.head, room_bytes=self.room_bytes) or ():
            if self._is_due(envelope.expires_at_s):
                self._metrics.deliveries[subscriber.transport] += 1
                subscriber.link.write(envelope)

    async def _write_page(self, subscriber: Subscriber) -> None:
        session, log = subscriber.session, self._log
        async with self._readers:
            if session.phase is Phase.CLOSED:
                return
            # Here, and not when the wait for this began: what was offered meanwhile is not held by thousands of them.
            session.aim(log.head)
            after, upto = session.last, session.upto
            reading = await log.read(subscriber.targets, after=after, upto=upto, limit=PAGE, limit_bytes=PAGE_BYTES)
        if log.first > after + 1:
            # Retention passed the cursor while the page was read: part of it may be missing.
            # Who cannot be told of it gets what is left.
            if session.mark_gap(log.head if subscriber.point is None else log.first - 1):
                self._write_gap(subscriber, self.cursor(session.last))
            return
        # Taken out one by one: what was written waits in the link, and is not held here a second time.
        waiting, reached = reading.records[::-1], reading.upto
        del reading
        while waiting:
            record = waiting.pop()
            if record.is_damaged:
                # One gap for damage side by side; what is whole after it is replayed all the same.
                if not (waiting and waiting[-1].is_damaged) and session.mark_gap(record.position):
                    self._write_gap(subscriber, self.cursor(session.last))
                continue
            # Not due any more where the record expired, and not taken once the session was closed, while
            # this waited for the peer.
            if self._is_due(record.expires_at_s) and session.replay(record.position):
                self._metrics.replayed += 1
                self._metrics.deliveries[subscriber.transport] += 1
                unsent_bytes = subscriber.link.write(Envelope(record.payload, log.epoch, record.position))
                del record
                await self._pace(subscriber, unsent_bytes)
        session.reach(reached)

    def _is_due(self, expires_at_s: float | None) -> bool:
        return expires_at_s is None or expires_at_s > self._now()

    async def _pace(self, subscriber: Subscriber, unsent_bytes: int) -> None:
        # Replay reads as fast as the peer takes; only a peer that takes nothing at all is slow.
        link = subscriber.link
        while unsent_bytes > self.room_bytes:
            subscriber.session.drop_held()
            taken_bytes = link.taken_bytes
            if await link.wait_writable(timeout_s=self._take_timeout_s):
                return
            if link.taken_bytes == taken_bytes:
                self._on_slow(subscriber)
                return
            unsent_bytes = link.unsent_bytes
