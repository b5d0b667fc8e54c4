"""From the log's tail to every live subscriber: one task, no queue and no copy per subscriber."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import TypeAlias, TypeVar

from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.envelope import Envelope
from hub.delivery.feed import Feed
from hub.delivery.mutes import read_type
from hub.delivery.ports import CatchesUp, Ends, Sockets, TakesControl, TakesState, TakesUserState
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Matched, Subscriber, Subscribers
from hub.log.port import Kind, Log, Record
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.target import CONTROL, NOBODY

__all__ = ["Dispatcher"]

logger = logging.getLogger("hub.dispatcher")

_transport = attrgetter("transport")
_Taken = TypeVar("_Taken")
#: Python 3.11 finds the member of an enum through a descriptor.
_NOTIFICATION = Kind.NOTIFICATION

#: Deliveries in one loop iteration, so that a wide fan-out holds nobody's handshake up.
SLICE = 2_000

#: When the publish came, if that is known; deliveries over WebSocket, over SSE, and over Durable Streams.
_Batch: TypeAlias = tuple[float | None, int, int, int]


class Dispatcher:
    """Hands each record of the log's tail to every subscriber of its targets, in log order.

    `control` acts on the records that the hub wrote to itself, each of `takers` on state records for the hub alone, and
    `catch_up` takes over subscribers with more unsent
    bytes than their budget, and `ends` those whose links failed or that missed records. `feed` is told what was
    dispatched, while somebody watches it; `counts` counts what becomes of each.
    """

    def __init__(
        self,
        log: Log,
        subscribers: Subscribers,
        metrics: Metrics,
        progress: Progress,
        *,
        sockets: Sockets,
        ends: Ends,
        catch_up: CatchesUp,
        control: TakesControl,
        feed: Feed,
        counts: DeliveryCounts,
        link_budget_bytes: int,
        now: Callable[[], float],
        slice_deliveries: int = SLICE,
    ) -> None:
        self._log = log
        self._subscribers = subscribers
        self._metrics = metrics
        self._progress = progress
        self._sockets = sockets
        self._ends = ends
        self._catch_up = catch_up
        self._control = control
        self._feed = feed
        self._counts = counts
        self._link_budget_bytes = link_budget_bytes
        self._now = now
        self._slice_deliveries = slice_deliveries
        #: They are told of each batch of records after its dispatch, and never block.
        self.listeners: list[Callable[[Sequence[Record]], None]] = []
        #: They act on state records that are for the hub alone, each on those it knows.
        self.takers: list[TakesState] = []
        #: They act on state records of users.
        self.user_takers: list[TakesUserState] = []
        self._lines = OperatorLog(logger)
        self._tail = log.follow()
        progress.position = log.head
        # What a batch of records brings each subscriber in this loop iteration, to leave in one write.
        self._due: dict[Subscriber, list[Envelope]] = {}
        # When the publish of each collected envelope came, and how many it is for, by transport.
        self._collected: list[_Batch] = []
        self._collecting = False
        # In this loop iteration.
        self._iteration_deliveries = 0
        self._iteration_bytes = 0

    async def run(self) -> None:
        """Dispatch until cancelled."""
        async for records in self._tail:
            self._collecting = len(records) > 1
            for record in records:
                await self._dispatch(record)
            self._flush()
            self._progress.on_advance()
            if self._feed.is_watched:
                self._feed.note(records)
            for listener in self.listeners:
                listener(records)

    async def _dispatch(self, record: Record) -> None:
        next_position = self._progress.position + 1
        if record.is_damaged:
            self._announce_gap_to_all("a stretch of the log is damaged")
        elif record.position > next_position and self._log.first > next_position:
            self._announce_gap_to_all("retention passed the dispatcher")
        if record.kind is not _NOTIFICATION:
            self._dispatch_own(record)
        elif matched := self._subscribers.find(record.targets):
            if self._subscribers.muting:
                matched = self._subscribers.find_unmuted(record.targets, read_type(record.payload))
            envelope = Envelope(record.payload, self._log.epoch, record.position, record.expires_at_s)
            await self._fan_out(envelope, matched, record.received_s)
        self._progress.position = record.position

    async def _fan_out(self, envelope: Envelope, matched: Matched, received_s: float | None) -> None:
        size = self._slice_deliveries
        for part in [matched] if len(matched) <= size else _split(matched, size):
            self._iteration_deliveries += len(part)
            self._iteration_bytes += len(envelope.json)
            # What a socket does not take at once is sent only in another loop iteration. Without one, a long batch
            # would fill the budget of peers that read as fast as they can, and let them fall behind.
            if self._iteration_deliveries > size or self._iteration_bytes > self._link_budget_bytes // 4:
                self._flush()
                await asyncio.sleep(0)
                self._iteration_deliveries, self._iteration_bytes = len(part), len(envelope.json)
            if envelope.expires_at_s is None or envelope.expires_at_s > self._now():
                self._offer(envelope, part, received_s)
            else:
                self._counts.expire(envelope.position)

    def _announce_gap_to_all(self, cause: str) -> None:
        # Retention deleted records before they were dispatched, or they are damaged. Only a return with the cursor
        # tells every client of the gap, and of what the log still has. What was collected is theirs before that.
        self._flush()
        logger.error("%s: every connection has to come back with its cursor", cause)
        for subscriber in self._subscribers.everyone():
            self._ends.end_slow(subscriber)

    def _dispatch_own(self, record: Record) -> None:
        if record.targets == (NOBODY,):
            return
        # A control record may end connections, and what came before it in the log is theirs.
        self._flush()
        if record.kind is Kind.CONTROL:
            self._act(self._control.take, record.payload)
            return
        if CONTROL in record.targets:
            for taker in self.takers:
                self._act(taker.take_state, record.payload)
        for user_taker in self.user_takers:
            self._act(partial(user_taker.take_user_state, record.targets, record.payload), record.position)
        envelope = None
        for subscriber in self._subscribers.match(record.targets):
            if subscriber.speaks_hub_v1:
                envelope = envelope or Envelope(record.payload, self._log.epoch, record.position)
                self._hand_over(envelope, subscriber)

    def _act(self, take: Callable[[_Taken], None], taken: _Taken) -> None:
        try:
            take(taken)
        except Exception as error:  # whatever one record makes of the hub, the others are dispatched
            logger.error("a control record failed: %s", type(error).__name__)

    def _hand_over(self, envelope: Envelope, subscriber: Subscriber) -> None:
        # Through the link, which alone sees whether the session is live; a person has few connections.
        if subscriber.session.offer(envelope):
            try:
                if subscriber.link.write(envelope) > self._link_budget_bytes:
                    self._catch_up.fall_behind(subscriber)
            except Exception as error:
                self._break(subscriber, error)

    def _offer(self, envelope: Envelope, matched: Matched, received_s: float | None) -> None:
        if self._collecting:
            left, websocket, sse = list(matched), 0, 0
        else:
            left, websocket, sse = self._sockets.write_clear(envelope, matched)
        taking = [subscriber for subscriber in left if subscriber.session.offer(envelope)]
        # One count and one observation for all of them, not one each.
        transports = list(map(_transport, taking))
        of_links = transports.count("websocket")
        others = len(taking) - of_links
        more_sse = transports.count("sse") if others else 0
        batch = received_s, websocket + of_links, sse + more_sse, others - more_sse
        self._count(batch)
        self._counts.dispatch(envelope.position, *batch[1:], len(left) - len(taking))
        if self._collecting:
            self._collected.append(batch)
            for subscriber in taking:
                self._due.setdefault(subscriber, []).append(envelope)
            return
        for subscriber in self._sockets.write_at_once(envelope, taking) if taking else ():
            try:
                if subscriber.link.write(envelope) > self._link_budget_bytes:
                    self._catch_up.fall_behind(subscriber)
            except Exception as error:
                self._break(subscriber, error)
        self._observe([batch])

    def _flush(self) -> None:
        """Write what was collected; nothing may await between an offer and this."""
        if not self._collected:
            return
        due, self._due = self._due, {}
        collected, self._collected = self._collected, []
        for subscriber in self._sockets.write_collected(due):
            try:
                if subscriber.link.write_many(due[subscriber]) > self._link_budget_bytes:
                    self._catch_up.fall_behind(subscriber)
            except Exception as error:
                self._break(subscriber, error)
        self._observe(collected)

    def _count(self, batch: _Batch) -> None:
        _, websocket, sse, durable = batch
        if websocket:
            self._metrics.deliveries["websocket"] += websocket
        if sse:
            self._metrics.deliveries["sse"] += sse
        if durable:
            self._metrics.deliveries["durable-streams"] += durable

    def _observe(self, written: list[_Batch]) -> None:
        now_s, durations = time.monotonic(), self._metrics.publish_to_socket
        for received_s, websocket, sse, durable in written:
            if received_s is None:
                continue
            if websocket:
                durations["websocket"].observe(now_s - received_s, websocket)
            if sse:
                durations["sse"].observe(now_s - received_s, sse)
            if durable:
                durations["durable-streams"].observe(now_s - received_s, durable)

    def _break(self, subscriber: Subscriber, error: Exception) -> None:
        # Whatever one link does, the others get their notification.
        self._lines.write_limited(logging.ERROR, "link_failed", f"a link failed: {type(error).__name__}")
        self._ends.end_dead(subscriber)


def _split(matched: Matched, size: int) -> Iterator[Matched]:
    """Yield slices of those that there are now: what is yielded between them may change the whole."""
    items = iter(list(matched.items()))
    while part := dict(islice(items, size)):
        yield part
