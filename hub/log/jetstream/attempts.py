"""Which publishes are to be sent to the stream now, and which have failed. No I/O; time is an argument.

A publish is sent again, unchanged and so with the same message id, until it is acknowledged or its deadline passes.
While the stream elects a leader nothing is acknowledged. Then one publish at a time is tried, and the others wait.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from hub.backoff import choose_delay_s

__all__ = ["Attempt", "Attempts"]

T = TypeVar("T")


class Attempt(NamedTuple, Generic[T]):
    """A publish that is to be sent now: `key` says which, and `number` how often it was sent, this time included."""

    key: int
    number: int
    item: T


class _Publish(Generic[T]):
    __slots__ = ("ends_s", "first_s", "in_flight", "item", "last_s", "number", "size_bytes")

    def __init__(self, item: T, size_bytes: int, ends_s: float) -> None:
        self.item = item
        self.size_bytes = size_bytes
        self.ends_s = ends_s
        self.number = 0
        self.in_flight = False
        #: When it was sent first, and last.
        self.first_s = self.last_s = 0.0


#: A stream may take so many times what it took lately, and so much of the deadline, before an attempt has failed.
_PATIENCE, _PATIENT_PART = 3.0, 1 / 3
#: What each acknowledgement counts in what the stream took lately.
_SMOOTHING = 1 / 8


class Attempts(Generic[T]):
    """Publishes that wait for their acknowledgement: at most `max_count`, of `max_bytes` together.

    At most `max_in_flight` are sent and not acknowledged at one time. One that is not within `timeout_s`, or three
    times as long as acknowledgements took lately, has failed, and is sent again after a back-off between nothing and
    `base_s`, doubled up to `cap_s` with each failure in a row. Without the second, everything would be sent again and
    again to a stream that is slow, and make it slower. A publish that was not acknowledged `deadline_s` after it was
    added is given up.

    Call `take_due` after every other call and at `next_at_s`, and `take_over` at `next_at_s`.
    """

    def __init__(
        self,
        *,
        max_count: int,
        max_bytes: int,
        max_in_flight: int,
        deadline_s: float,
        timeout_s: float,
        base_s: float,
        cap_s: float,
        random: Callable[[], float],
    ) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._max_in_flight = max_in_flight
        self._deadline_s = deadline_s
        self._timeout_s = timeout_s
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random
        self.waiting_bytes = 0
        self._newest = 0
        #: In the order of their deadlines, which is that of their keys.
        self._waiting: dict[int, _Publish[T]] = {}
        #: A heap: the oldest is sent first.
        self._ready: list[int] = []
        #: When each attempt was sent, in this order.
        self._sent: deque[tuple[float, int, int]] = deque()
        #: A heap: publishes that wait by themselves.
        self._postponed: list[tuple[float, int]] = []
        self._in_flight = 0
        self._window = max_in_flight
        self._failures = 0
        self._paused_until_s = 0.0
        #: How long an acknowledgement took lately.
        self._took_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room(self, count: int, size_bytes: int) -> bool:
        """Whether so many more publishes, of so many bytes together, may be added."""
        return len(self._waiting) + count <= self._max_count and self.waiting_bytes + size_bytes <= self._max_bytes

    def add(self, item: T, size_bytes: int, now_s: float) -> int | None:
        """Take a publish and return its key; None where too many wait, or too much."""
        if not self.has_room(1, size_bytes):
            return None
        self._newest += 1
        self._waiting[self._newest] = _Publish(item, size_bytes, now_s + self._deadline_s)
        self.waiting_bytes += size_bytes
        heapq.heappush(self._ready, self._newest)
        return self._newest

    def take_due(self, now_s: float) -> list[Attempt[T]]:
        """Return what is to be sent now, the oldest first."""
        while self._sent and self._sent[0][0] + self._patience_s <= now_s:
            _, key, number = self._sent.popleft()
            self.fail(key, number, now_s)
        while self._postponed and self._postponed[0][0] <= now_s:
            _, key = heapq.heappop(self._postponed)
            if key in self._waiting:
                heapq.heappush(self._ready, key)
        due: list[Attempt[T]] = []
        while self._ready and self._in_flight < self._window and now_s >= self._paused_until_s:
            key = heapq.heappop(self._ready)
            publish = self._waiting.get(key)
            if publish is None:
                continue
            publish.number += 1
            publish.in_flight = True
            publish.last_s = now_s
            if publish.number == 1:
                publish.first_s = now_s
            self._in_flight += 1
            self._sent.append((now_s, key, publish.number))
            due.append(Attempt(key, publish.number, publish.item))
        return due

    def fail(self, key: int, number: int, now_s: float) -> None:
        """Take note that the stream did not take this attempt: no leader, too busy, or the connection was lost."""
        if not self._land(key, number):
            return
        heapq.heappush(self._ready, key)
        self._window = 1
        # Attempts that fail together are one failure.
        if now_s >= self._paused_until_s:
            self._failures += 1
            self._paused_until_s = now_s + self._choose_delay_s(self._failures)

    def postpone(self, key: int, number: int, now_s: float) -> None:
        """Take note that this publish alone has to wait: another with its message id is being stored."""
        if self._land(key, number):
            heapq.heappush(self._postponed, (now_s + self._choose_delay_s(number), key))

    def acknowledge(self, key: int, number: int, now_s: float) -> T | None:
        """Take a publish out, of which this attempt was acknowledged; None where it was given up before.

        An acknowledgement of an earlier attempt is as good as one of the last.
        """
        publish = self._waiting.get(key)
        if publish is not None:
            # An earlier attempt than the last was sent at the first one's time at the earliest.
            sent_s = publish.last_s if number == publish.number else publish.first_s
            self._took_s += (now_s - sent_s - self._took_s) * _SMOOTHING
        return self.finish(key)

    def finish(self, key: int) -> T | None:
        """Take a publish out whose end is known; None where it was given up before."""
        self._failures = 0
        self._paused_until_s = 0.0
        self._window = min(2 * self._window, self._max_in_flight)
        return self._remove(key)

    def take_over(self, now_s: float) -> list[tuple[int, T]]:
        """Return, once, the publishes whose deadline has passed; the stream may store them still."""
        over: list[tuple[int, T]] = []
        for key, publish in self._waiting.items():
            if publish.ends_s > now_s:
                break
            over.append((key, publish.item))
        for key, _ in over:
            self._remove(key)
        return over

    def next_at_s(self) -> float | None:
        """Return when something is due next, if nothing else happens; None where nothing waits."""
        while self._sent and not self._is_in_flight(*self._sent[0][1:]):
            self._sent.popleft()
        if not self._waiting:
            return None
        times_s = [next(iter(self._waiting.values())).ends_s]
        if self._sent:
            times_s.append(self._sent[0][0] + self._patience_s)
        if self._postponed:
            times_s.append(self._postponed[0][0])
        if self._ready and self._in_flight < self._window:
            times_s.append(self._paused_until_s)
        return min(times_s)

    @property
    def _patience_s(self) -> float:
        return max(self._timeout_s, min(_PATIENCE * self._took_s, _PATIENT_PART * self._deadline_s))

    def _choose_delay_s(self, failures: int) -> float:
        return choose_delay_s(failures, base_s=self._base_s, cap_s=self._cap_s, retry_after_s=None, random=self._random)

    def _is_in_flight(self, key: int, number: int) -> bool:
        publish = self._waiting.get(key)
        return publish is not None and publish.in_flight and publish.number == number

    def _land(self, key: int, number: int) -> bool:
        """Take an attempt out of flight; False where it is over, or a later one is on its way."""
        if not self._is_in_flight(key, number):
            return False
        self._waiting[key].in_flight = False
        self._in_flight -= 1
        return True

    def _remove(self, key: int) -> T | None:
        publish = self._waiting.pop(key, None)
        if publish is None:
            return None
        self.waiting_bytes -= publish.size_bytes
        self._in_flight -= publish.in_flight
        return publish.item
