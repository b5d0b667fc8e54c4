"""What became of the push messages of the newest notifications, counted in memory of a fixed size. Pure."""

from __future__ import annotations

from collections import Counter, OrderedDict

__all__ = ["PushCounts"]


class PushCounts:
    """Counts messages by outcome, for notifications whose messages this life of the hub has made."""

    def __init__(self, *, start: int, notifications: int) -> None:
        """Take the log's head at the start, and of how many notifications counts are kept."""
        self._start = start
        self._notifications = notifications
        self._counts: OrderedDict[int, Counter[str]] = OrderedDict()
        self._forgotten_upto = start

    def begin(self, position: int, messages: int) -> None:
        """Note how many messages were made of the notification at `position`."""
        if position > self._start:
            self._find(position)["pending"] += messages

    def end(self, position: int, outcome: str) -> None:
        """Note how one of these messages ended; nothing where they were made by an earlier life of the hub."""
        if (counts := self._counts.get(position)) is not None:
            counts["pending"] -= 1
            counts[outcome] += 1

    def skip(self, position: int, outcome: str) -> None:
        """Note why there was no message for one of its users."""
        if position > self._start:
            self._find(position)[outcome] += 1

    def find(self, position: int) -> tuple[dict[str, int], int] | None:
        """Return the messages that ended, by outcome, and how many have not; None where that is not known (any more).

        What is pushed to nobody has none.
        """
        counts = self._counts.get(position)
        if counts is None:
            return None if position <= self._forgotten_upto else ({}, 0)
        return {outcome: count for outcome, count in counts.items() if outcome != "pending"}, counts["pending"]

    def _find(self, position: int) -> Counter[str]:
        if (counts := self._counts.get(position)) is None:
            counts = self._counts[position] = Counter()
            while len(self._counts) > self._notifications:
                oldest, _ = self._counts.popitem(last=False)
                self._forgotten_upto = max(self._forgotten_upto, oldest)
        return counts
