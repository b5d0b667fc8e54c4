"""From the log's tail to every live subscriber: one task, no queue and no copy per subscriber."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from operator import attrgetter

from hub.delivery.envelope import Envelope
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.log.port import Log, Record
from hub.metrics import Metrics
from hub.target import CONTROL

__all__ = ["Dispatcher"]

logger = logging.getLogger("hub.dispatcher")

_transport = attrgetter("transport")

#: Deliveries before the loop gets its turn, so that a wide fan-out holds nobody's handshake up.
SLICE = 2_000


class Dispatcher:
    """Hands each record of the log's tail to every subscriber of its targets, in log order.

    `write_at_once` and `write_collected` write to those they can and return the others, who are written to through
    their links.
    `on_control` gets the payload of each record the hub wrote to itself, `on_behind` each subscriber that
    has more unsent bytes than its budget, `on_broken` one whose link failed, `on_missed` each one that the
    dispatcher itself has nothing for any more, since retention passed it; none may block.
    """

    def __init__(
        self,
        log: Log,
        subscribers: Subscribers,
        metrics: Metrics,
        *,
        link_budget_bytes: int,
        now: Callable[[], float],
        write_at_once: Callable[[Envelope, list[Subscriber]], list[Subscriber]],
        write_collected: Callable[[dict[Subscriber, list[Envelope]]], list[Subscriber]] = list,
        on_control: Callable[[bytes], None],
        on_behind: Callable[[Subscriber], None],
        on_missed: Callable[[Subscriber], None],
        on_broken: Callable[[Subscriber], None],
    ) -> None:
        self._log = log
        self._subscribers = subscribers
        self._metrics = metrics
        self._link_budget_bytes = link_budget_bytes
        self._now = now
        self._write_at_once = write_at_once
        self._write_collected = write_collected
        self._on_control = on_control
        self._on_behind = on_behind
        self._on_missed = on_missed
        self._on_broken = on_broken
        self._tail = log.follow()
        # What a batch of records brings each subscriber in this turn of the loop, to leave in one write.
        self._due: dict[Subscriber, list[Envelope]] = {}
        self._collecting = False
        # Since the loop had its turn.
        self._turn_deliveries = 0
        self._turn_bytes = 0
        #: Every record up to here was offered to every subscriber of its targets.
        self.position = log.head

    def place(self, subscriber: Subscriber) -> int:
        """Return the position up to which everything due to this subscriber was written.

        While it replays, only what was replayed is behind it; live, all that was dispatched.
        """
        session = subscriber.session
        return max(session.last, self.position) if session.phase is Phase.LIVE else session.last

    async def run(self) -> None:
        """Dispatch until cancelled."""
        async for records in self._tail:
            self._collecting = len(records) > 1
            for record in records:
                await self._dispatch(record)
            self._flush()

    async def _dispatch(self, record: Record) -> None:
        if record.is_damaged:
            self._announce_gap_to_all("a stretch of the log is damaged")
        elif record.position > self.position + 1 and self._log.first > self.position + 1:
            self._announce_gap_to_all("retention passed the dispatcher")
        if CONTROL in record.targets:
            self._control(record.payload)
        elif matched := self._subscribers.match(record.targets):
            envelope = Envelope(record.payload, self._log.epoch, record.position, record.expires_at_s)
            await self._fan_out(envelope, matched)
        self.position = record.position

    async def _fan_out(self, envelope: Envelope, matched: list[Subscriber]) -> None:
        for start in range(0, len(matched), SLICE):
            part = matched[start : start + SLICE] if len(matched) > SLICE else matched
            self._turn_deliveries += len(part)
            self._turn_bytes += len(envelope.json)
            # What a socket does not take at once is sent only when the loop has its turn. Without one, a long batch
            # would fill the budget of peers that read as fast as they can, and let them fall behind.
            if self._turn_deliveries > SLICE or self._turn_bytes > self._link_budget_bytes // 4:
                self._flush()
                await asyncio.sleep(0)
                self._turn_deliveries, self._turn_bytes = len(part), len(envelope.json)
            if envelope.expires_at_s is None or envelope.expires_at_s > self._now():
                self._offer(envelope, part)

    def _announce_gap_to_all(self, cause: str) -> None:
        # The tail fell so far behind that retention passed it, or it met damage. Only a return with the cursor tells
        # every client of the gap, and of what the log still has. What was collected is theirs before that.
        self._flush()
        logger.error("%s: every connection has to come back with its cursor", cause)
        for subscriber in self._subscribers.everyone():
            self._on_missed(subscriber)

    def _control(self, payload: bytes) -> None:
        # It may end connections, and what came before it in the log is theirs.
        self._flush()
        try:
            self._on_control(payload)
        except Exception as error:  # whatever one record makes of the hub, the others are dispatched
            logger.error("a control record failed: %s", type(error).__name__)

    def _offer(self, envelope: Envelope, matched: list[Subscriber]) -> None:
        taking = [subscriber for subscriber in matched if subscriber.session.offer(envelope)]
        self._metrics.deliveries.update(map(_transport, taking))
        if self._collecting:
            for subscriber in taking:
                self._due.setdefault(subscriber, []).append(envelope)
            return
        for subscriber in self._write_at_once(envelope, taking):
            try:
                if subscriber.link.write(envelope) > self._link_budget_bytes:
                    self._on_behind(subscriber)
            except Exception as error:
                self._break(subscriber, error)

    def _flush(self) -> None:
        """Write what was collected; nothing may await between an offer and this."""
        due, self._due = self._due, {}
        for subscriber in self._write_collected(due):
            try:
                if subscriber.link.write_many(due[subscriber]) > self._link_budget_bytes:
                    self._on_behind(subscriber)
            except Exception as error:
                self._break(subscriber, error)

    def _break(self, subscriber: Subscriber, error: Exception) -> None:
        # Whatever one link does, the others get their notification.
        logger.error("a link failed: %s", type(error).__name__)
        self._on_broken(subscriber)
