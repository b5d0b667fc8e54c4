"""How often and how fast a request is repeated."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from notification_hub.failure import HubFailure

__all__ = ["Attempts", "RetryPolicy", "choose_delay_s", "read_retry_after_s"]

#: A year; a server that asks for more means never.
_MAX_RETRY_AFTER_S = 31_536_000.0

#: No wait is shorter, whatever the policy, the hub and chance say.
_SHORTEST_S = 0.05
#: The longest that a server can make this client wait: shorter than a queued notification is kept.
_LONGEST_ASKED_S = 300.0


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` counts the first one too; the first wait is at most `base_s`, each later one twice as long.

    `attempts` is for calls that are waited for. What is queued is repeated until it is too old.
    """

    attempts: int = 4
    base_s: float = 0.2
    cap_s: float = 10.0


class Attempts:
    """The attempts of one call that is waited for: how long the next may take, and whether there is a next."""

    def __init__(self, policy: RetryPolicy, *, timeout_s: float, deadline_s: float, now: Callable[[], float]) -> None:
        """Begin now: an attempt may take `timeout_s`, all of them and the waits between them `deadline_s`."""
        self._policy = policy
        self._timeout_s = timeout_s
        self._now = now
        self._ends_at_s = now() + deadline_s
        self._failures = 0

    @property
    def timeout_s(self) -> float:
        """How long an attempt that starts now may take."""
        return min(self._timeout_s, self._ends_at_s - self._now())

    def choose_delay_s(self, failure: HubFailure) -> float:
        """Return how long to wait before the next attempt, after one that failed.

        Raises:
            HubFailure: this very failure, where there is no next attempt.
        """
        self._failures += 1
        delay_s = choose_delay_s(self._policy, self._failures, failure.retry_after_s)
        is_over = self._failures >= self._policy.attempts or self._now() + delay_s >= self._ends_at_s
        if is_over or not failure.retryable:
            raise failure
        return delay_s


def choose_delay_s(
    policy: RetryPolicy,
    failures: int,
    retry_after_s: float | None,
    # Spreads the clients of a hub that came back; it protects no secret.
    draw: Callable[[], float] = random.random,
) -> float:
    """Return how long to wait before repeating a request that failed `failures` times (1 or more).

    Full jitter: anything between 0.05 s and the doubled base, on top of what the hub asked for (`Retry-After`), of
    which five minutes count at most.
    """
    # The exponent is bounded too: a float would overflow where a hub stays away for long.
    ceiling_s = min(policy.cap_s, policy.base_s * 2.0 ** min(failures - 1, 60))
    return _bound(retry_after_s or 0.0, 0.0) + _bound(draw() * ceiling_s, _SHORTEST_S)


def _bound(wait_s: float, least_s: float) -> float:
    # Not `max`, which gives a NaN back; a timer that is told one fires at once.
    return min(wait_s, _LONGEST_ASKED_S) if wait_s > least_s else least_s


def read_retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for (RFC 9110 section 10.2.3), or None if it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _MAX_RETRY_AFTER_S)
