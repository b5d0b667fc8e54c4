"""What clients acknowledge: that their handlers took everything up to a cursor, of what they were handed.

An acknowledgement counts for what its connection was handed and for nothing before: a client that connects without a
cursor has got nothing of what was published until then. A cursor that a client comes back with is an acknowledgement
of what earlier connections of this user were handed. Of those this hub remembers where they began and how far they
came, for users of whom a confirmation is awaited.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from hub.cursor import Cursor, Epoch
from hub.delivery.ports import TakesAcknowledgements
from hub.delivery.progress import Progress
from hub.delivery.session import ResumeResult
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.delivery.taken import Taken
from hub.target import Target

__all__ = ["Acknowledgements"]

#: Users whose ended connections are remembered, and how many of each.
_MAX_USERS = 10_000
_MAX_RANGES = 8

_Ranges = list[tuple[int, int]]


class Acknowledgements:
    """Checks what clients acknowledge, and passes on what they may have got; everything else confirms nothing."""

    def __init__(
        self,
        subscribers: Subscribers,
        progress: Progress,
        taker: TakesAcknowledgements,
        taken: Taken,
        *,
        tell: Callable[[Target, Cursor], None],
        epoch: Epoch,
        start: int,
    ) -> None:
        """Take who wants to know; `start` is the log's head at the start of this hub.

        `tell` passes on to other nodes what a client acknowledges that they may have handed over.
        """
        self._subscribers = subscribers
        self._progress = progress
        self._taker = taker
        self._taken = taken
        self._tell = tell
        self._epoch = epoch
        self._start = start
        self._handed: OrderedDict[Target, _Ranges] = OrderedDict()

    def begin(self, subscriber: Subscriber, cursor: Cursor | None, resume: ResumeResult) -> None:
        """Note where a connection begins, and take the cursor that its client came back with."""
        subscriber.began = resume.position
        if cursor is not None and resume.kind == "replayed":
            self.take_cursor(subscriber.targets[0], cursor)

    def end(self, subscriber: Subscriber) -> None:
        """Note how far a connection came that has ended; for one that had ended before it changes nothing."""
        self.hand_over(subscriber.targets[0], subscriber.began, self._progress.place(subscriber))

    def acknowledge(self, subscriber: Subscriber, cursor: Cursor) -> bool:
        """Take what a connection's client says it has got; False where it cannot have got that."""
        if cursor.epoch != self._epoch or cursor.position > self._progress.place(subscriber):
            return False
        subscriber.acknowledged = cursor.position
        self._note(subscriber.targets[0], cursor)
        self._take(subscriber.targets[0], subscriber.began, cursor.position)
        return True

    def acknowledge_all(self, target: Target, cursor: Cursor) -> None:
        """Take what a client says that names no connection; it confirms nothing that no client of this user got."""
        self._note(target, cursor)
        if cursor.epoch == self._epoch and self._taker.is_awaited(target):
            self._tell(target, cursor)
            self.take_told(target, cursor)

    def take_told(self, target: Target, cursor: Cursor) -> None:
        """Take what a client has said, here or to another node, as far as this one can have handed it over."""
        if cursor.epoch == self._epoch and self._taker.is_awaited(target):
            ranges = self._find_ranges(target)
            if cursor.position <= max(upto for _, upto in ranges):
                self._take_ranges(target, ranges, cursor)

    def take_cursor(self, target: Target, cursor: Cursor) -> None:
        """Take the cursor that a client of this user came back with, which the log has.

        What was handed over before the start of this hub is not known; such a cursor counts for all of it.
        """
        self._note(target, cursor)
        if cursor.epoch == self._epoch and self._taker.is_awaited(target):
            self._tell(target, cursor)
            self._take_ranges(target, self._find_ranges(target), cursor)

    def hand_over(self, target: Target, after: int, upto: int) -> None:
        """Note that a client of this user was handed everything in `(after, upto]`, where that may matter."""
        if upto <= after or not self._taker.is_awaited(target):
            return
        ranges = self._handed.setdefault(target, [])
        self._handed.move_to_end(target)
        ranges.append((after, upto))
        self._handed[target] = _merge(ranges)[-_MAX_RANGES:]
        while len(self._handed) > _MAX_USERS:
            self._handed.popitem(last=False)

    def _note(self, target: Target, cursor: Cursor) -> None:
        if cursor.epoch == self._epoch and cursor.position <= self._progress.position:
            self._taken.note(target, cursor.position)

    def _find_ranges(self, target: Target) -> _Ranges:
        """Return what this user's clients were handed: before the start of this hub, until they left, and until now."""
        live = [(each.began, self._progress.place(each)) for each in self._subscribers.match([target])]
        return [(0, self._start), *self._handed.get(target, ()), *live]

    def _take_ranges(self, target: Target, ranges: _Ranges, cursor: Cursor) -> None:
        for after, upto in ranges:
            self._take(target, after, min(upto, cursor.position))

    def _take(self, target: Target, after: int, upto: int) -> None:
        if upto > after and self._taker.is_awaited(target):
            self._taker.take_acknowledged(target, after, upto)


def _merge(ranges: _Ranges) -> _Ranges:
    merged: _Ranges = []
    for after, upto in sorted(ranges):
        if merged and after <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], upto)
        else:
            merged.append((after, upto))
    return merged
