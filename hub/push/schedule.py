"""Which notifications may have to be pushed, and when; up to where all of that is done. Pure.

Everything here is in memory and can be found again in the log: after a restart, and after more than there is room for.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from hub.target import Target

__all__ = ["Due", "Schedule"]

#: What one entry takes, and each of its users.
_ENTRY_BYTES, _USER_BYTES = 200, 8


class Due(NamedTuple):
    """A notification, who of its users has subscriptions, and when it is looked at, by the event loop's clock."""

    due_s: float
    position: int
    users: tuple[Target, ...]


class Schedule:
    """Notifications in the order of their positions, at most `limit_bytes` of them."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: deque[Due] = deque()
        self._bytes = 0
        #: How much of each position is under way: its entry, and the messages that became of it.
        self._open: Counter[int] = Counter()
        #: Whether anything was finished since somebody set this to False.
        self.has_finished = False

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Due) -> bool:
        """Take an entry, whose position is above all others; False where there is no room."""
        size = _size(entry)
        if self._entries and self._bytes + size > self._limit_bytes:
            return False
        self._entries.append(entry)
        self._bytes += size
        self.begin(entry.position)
        return True

    def take(self, now_s: float) -> Due | None:
        """Return the first entry if it is due; its position stays open until `finish`."""
        if not self._entries or self._entries[0].due_s > now_s:
            return None
        entry = self._entries.popleft()
        self._bytes -= _size(entry)
        return entry

    def is_open(self, position: int) -> bool:
        """Whether anything of this position is waiting or under way."""
        return position in self._open

    def begin(self, position: int) -> None:
        """Note that something of this position is under way."""
        self._open[position] += 1

    def finish(self, position: int) -> None:
        """Note that it is done, or written down elsewhere."""
        self.has_finished = True
        self._open[position] -= 1
        if not self._open[position]:
            del self._open[position]

    def done_upto(self, seen: int) -> int:
        """Return the position up to which nothing is left to do, where everything up to `seen` was looked at."""
        return min(min(self._open, default=seen + 1) - 1, seen)


def _size(entry: Due) -> int:
    return _ENTRY_BYTES + _USER_BYTES * len(entry.users)
