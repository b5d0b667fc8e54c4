"""What waits to be sent: bounded, in order, counted. No threads and no tasks; time is passed in."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import msgspec

from contracts.receipt import Receipt
from notification_hub.address import Addressed, encode_addressed
from notification_hub.failure import HubFailure, LossReason, NotificationLost
from notification_hub.retry import RetryPolicy, choose_delay_s
from notification_hub.wire import new_idempotency_key

__all__ = ["Entry", "OnError", "Outbox", "QueueCounts", "QueueLimits", "report"]

logger = logging.getLogger("notification_hub")

#: How many different warnings are logged; paths may hold an index, and so be many.
_MOST_WARNINGS = 100

#: Hears of every queued notification that was given up.
OnError = Callable[[HubFailure, Addressed], None]


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many notifications and bytes may wait, and how old (seconds) one may get before it is given up."""

    notifications: int = 1000
    bytes: int = 8 * 2**20
    max_age_s: float = 600.0


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what was queued.

    `queued` wait now, the one on its way included. `sent` were acknowledged by the hub. `failed` were given up:
    refused, too old, not JSON, or there when the client was closed. `dropped` were not taken: the queue was full.
    """

    queued: int
    sent: int
    failed: int
    dropped: int


class Entry(msgspec.Struct, frozen=True):
    """One notification with the body and the key it keeps at every attempt."""

    addressed: Addressed
    body: bytes
    idempotency_key: str
    queued_at_s: float


class Outbox:
    """The notifications of one client on their way."""

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
        #: Once set, nothing more is taken.
        self.closed = False

    @property
    def head(self) -> Entry | None:
        """The one to send next."""
        return self._entries[0] if self._entries else None

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued so far."""
        return QueueCounts(queued=len(self._entries), sent=self._sent, failed=self._failed, dropped=self._dropped)

    def add(self, addressed: Addressed) -> NotificationLost | None:
        """Take a notification as it is now, or return why not; what does not fit is not taken."""
        try:
            body = encode_addressed(addressed)
        except Exception:  # whatever a company's own type raises must not reach an order
            return self.refuse("not_json")
        if self.closed:
            return self.refuse("closed")
        if len(self._entries) >= self._limits.notifications or self._bytes + len(body) > self._limits.bytes:
            self._dropped += 1
            return NotificationLost("queue_full")
        self._entries.append(Entry(addressed, body, new_idempotency_key(), self._now()))
        self._bytes += len(body)
        return None

    def refuse(self, reason: LossReason) -> NotificationLost:
        """Count a notification that is not taken, and return why."""
        self._failed += 1
        return NotificationLost(reason)

    def settle(self, entry: Entry, failure: HubFailure | None) -> None:
        """Take the head out, which was sent or given up."""
        assert self._entries[0] is entry, "only the head is ever sent"
        self._entries.popleft()
        self._bytes -= len(entry.body)
        if failure is None:
            self._sent += 1
        else:
            self._failed += 1

    def note(self, entry: Entry, answer: object) -> None:
        """Log, once for each type and field, what the hub passed on in another shape than declared."""
        if not isinstance(answer, Receipt) or not isinstance(answer.warnings, list):
            return
        tag = _tag_of(entry.addressed)
        for warning in answer.warnings:
            if (tag, warning.field) not in self._warned and len(self._warned) < _MOST_WARNINGS:
                self._warned.add((tag, warning.field))
                logger.warning("%s: %s is not as declared: %s", tag, warning.field, warning.detail)

    def give_up(self) -> list[Entry]:
        """Take everything out, unsent."""
        entries = list(self._entries)
        self._entries.clear()
        self._bytes = 0
        self._failed += len(entries)
        return entries

    def choose_delay_s(self, entry: Entry, failures: int, failure: HubFailure) -> float | HubFailure:
        """Return how long to wait before the next attempt, or the failure to give the entry up with."""
        if not failure.retryable:
            return failure
        delay_s = choose_delay_s(self._retry, failures, failure.retry_after_s)
        if self._now() + delay_s - entry.queued_at_s > self._limits.max_age_s:
            return NotificationLost("too_old")
        return delay_s


def report(on_error: OnError | None, failure: HubFailure, addressed: Addressed) -> None:
    """Tell the hook that a notification was given up, or the log if there is none; never raises."""
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
