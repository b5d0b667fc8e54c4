"""What waits to be sent: bounded, in order, counted; what to send next, and what follows from a response.

No threads and no tasks; time is passed in.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from contracts.receipt import BatchReceipt, Receipt
from notification_hub.address import Addressed, encode_addressed
from notification_hub.batch import Batch, Entry, is_of_the_batch, read_outcomes, take_many, take_one
from notification_hub.failure import HubFailure, LossReason, NotificationLost
from notification_hub.retry import RetryPolicy, choose_delay_s
from notification_hub.wire import new_idempotency_key

__all__ = ["OnError", "Outbox", "QueueCounts", "QueueLimits", "Step", "report"]

logger = logging.getLogger("notification_hub")

#: How many different warnings are logged; paths may hold an index, and so be many.
_MOST_WARNINGS = 100

#: Is called for every queued notification that was given up.
OnError = Callable[[HubFailure, Addressed], None]


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many notifications and bytes may wait, and how old (seconds) one may get before it is given up."""

    notifications: int = 1000
    bytes: int = 8 * 2**20
    max_age_s: float = 600.0


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was queued.

    `queued` wait now, what is being sent included. `sent` were acknowledged by the hub. `failed` were given up:
    refused, too old, not JSON, or there when the client was closed. `dropped` were not taken: the queue was full.
    """

    queued: int
    sent: int
    failed: int
    dropped: int


class Step(NamedTuple):
    """What follows from a response: what was given up, and how long to wait before the batch is sent again.

    `delay_s` is None where the outcome of each of its notifications is known.
    """

    lost: list[tuple[HubFailure, Addressed]]
    delay_s: float | None


class Outbox:
    """The notifications of one client on their way: one a request until it is closed, and then as many as fit."""

    def __init__(self, limits: QueueLimits, retry: RetryPolicy, *, now: Callable[[], float]) -> None:
        self._limits = limits
        self._retry = retry
        self._now = now
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._sent = 0
        self._failed = 0
        self._dropped = 0
        self._warned: set[tuple[str, str]] = set()
        self._closed = False
        #: How many of the next notifications are sent alone though the outbox is closed.
        self._alone = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being sent."""
        return not self._entries

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued so far."""
        return QueueCounts(queued=len(self._entries), sent=self._sent, failed=self._failed, dropped=self._dropped)

    def add(self, addressed: Addressed) -> NotificationLost | None:
        """Take a notification as it is now, or return why not; what does not fit is not taken."""
        try:
            body = encode_addressed(addressed)
        except Exception:  # whatever a company's own type raises must not reach an order
            return self.count_loss("not_json")
        if self._closed:
            return self.count_loss("closed")
        if len(self._entries) >= self._limits.notifications or self._bytes + len(body) > self._limits.bytes:
            self._dropped += 1
            return NotificationLost("queue_full")
        self._entries.append(Entry(addressed, body, new_idempotency_key(), self._now()))
        self._bytes += len(body)
        return None

    def count_loss(self, reason: LossReason) -> NotificationLost:
        """Count a notification that is not taken, and return why."""
        self._failed += 1
        return NotificationLost(reason)

    def close(self) -> None:
        """Take nothing more; what waits goes out in batches."""
        self._closed = True

    def take(self) -> Batch | None:
        """Return what to send next; it stays queued until `settle`."""
        if not self._entries:
            return None
        if self._closed and self._alone == 0:
            return take_many(self._entries)
        self._alone = max(0, self._alone - 1)
        return take_one(self._entries[0])

    def settle(self, batch: Batch, response: Receipt | BatchReceipt | HubFailure) -> Step:
        """Take the notifications out whose outcome is known by this response, and say what follows."""
        # Not after an earlier attempt, which may have been stored under the batch's key.
        is_first = batch.failures == 0
        if isinstance(response, HubFailure) and is_first and len(batch.pending) > 1 and is_of_the_batch(response):
            self._alone = len(batch.pending)
            return Step([], None)
        lost: list[tuple[HubFailure, Addressed]] = []
        retryable: HubFailure | None = None
        outcomes = read_outcomes(batch, response)
        for index, entry in list(batch.pending.items()):
            outcome = outcomes[index]
            if isinstance(outcome, Receipt):
                self._note_warnings(entry, outcome)
                self._remove(batch, index)
                self._sent += 1
            elif outcome.retryable:
                retryable = outcome
            else:
                lost.append(self._give_up(batch, index, outcome))
        if retryable is None:
            return Step(lost, None)
        batch.failures += 1
        delay_s = choose_delay_s(self._retry, batch.failures, retryable.retry_after_s)
        for index, entry in list(batch.pending.items()):
            if self._now() + delay_s - entry.queued_at_s > self._limits.max_age_s:
                lost.append(self._give_up(batch, index, NotificationLost("too_old")))
        return Step(lost, delay_s if batch.pending else None)

    def give_up(self) -> list[Addressed]:
        """Take everything out, unsent."""
        unsent = [entry.addressed for entry in self._entries]
        self._entries.clear()
        self._bytes = 0
        self._failed += len(unsent)
        return unsent

    def forget(self) -> None:
        """Take everything out without counting it: another process sends it."""
        self._entries.clear()
        self._bytes = 0

    def _give_up(self, batch: Batch, index: int, failure: HubFailure) -> tuple[HubFailure, Addressed]:
        self._failed += 1
        return failure, self._remove(batch, index).addressed

    def _remove(self, batch: Batch, index: int) -> Entry:
        entry = batch.pending.pop(index)
        # A batch is the beginning of the queue: the one that is meant is found at once.
        self._entries.remove(entry)
        self._bytes -= len(entry.body)
        return entry

    def _note_warnings(self, entry: Entry, receipt: Receipt) -> None:
        """Log, once for each type and field, what the hub passed on in another shape than declared."""
        if not isinstance(receipt.warnings, list):
            return
        tag = _tag_of(entry.addressed)
        for warning in receipt.warnings:
            if (tag, warning.field) not in self._warned and len(self._warned) < _MOST_WARNINGS:
                self._warned.add((tag, warning.field))
                logger.warning("%s: %s is not as declared: %s", tag, warning.field, warning.detail)


def report(on_error: OnError | None, failure: HubFailure, addressed: Addressed) -> None:
    """Call the hook for a notification that was given up, or log it if there is none; never raises."""
    try:
        if on_error is not None:
            on_error(failure, addressed)
        else:
            # The type alone: whom it was for is a person's number.
            logger.warning("%s was not sent: %s", _tag_of(addressed), failure)
    except Exception:
        logger.exception("the on_error hook failed")


def _tag_of(addressed: Addressed) -> str:
    config = getattr(type(addressed.notification), "__struct_config__", None)
    return str(getattr(config, "tag", "a notification"))
