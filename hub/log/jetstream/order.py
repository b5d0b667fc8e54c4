"""What of a stream may be applied now: each record once, in order, and nothing left out. No I/O and no clock.

Records come from two sides. The live ones come once at most, with luck in order. A repair reads pages of the stream,
which have everything that the stream still has between their ends. Whatever was lost of the live ones, a page brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

__all__ = ["Order"]

T = TypeVar("T")


class Order(Generic[T]):
    """Puts what arrives in order, beginning after `applied`; what came too early is held, up to `max_held_bytes`.

    What a method returns is to be applied at once, in that order. It never returns a position again, and leaves one
    out only where the stream itself no longer has it.
    """

    def __init__(self, applied: int, *, max_held_bytes: int) -> None:
        #: Up to here everything was returned, in order to be applied.
        self.applied = applied
        #: The highest position that anybody has told of.
        self.head = applied
        self.held_bytes = 0
        self._max_held_bytes = max_held_bytes
        self._held: dict[int, tuple[T, int]] = {}

    def receive(self, position: int, item: T, size_bytes: int) -> list[tuple[int, T]]:
        """Take a live record, which may be a duplicate, or ahead of others, and return what may be applied now."""
        self.learn_head(position)
        if position <= self.applied:
            return []
        if position > self.applied + 1:
            # One for which there is no room comes back with a page: the head is known.
            if position not in self._held and self.held_bytes + size_bytes <= self._max_held_bytes:
                self._held[position] = (item, size_bytes)
                self.held_bytes += size_bytes
            return []
        self.applied = position
        return [(position, item), *self._release()]

    def receive_page(self, items: Sequence[tuple[int, T]], *, after: int) -> list[tuple[int, T]]:
        """Take a page that was asked for `after`, and return what may be applied now.

        The page has to have everything that the stream has between `after` and its last record, in order: a position
        that is missing inside is taken as one that retention has passed. A page may end before the head; the replica
        that it came from may be behind.
        """
        if after > self.applied:
            # Nothing says what is between. It was asked for before a reset.
            return []
        ready = [(position, item) for position, item in items if position > self.applied]
        if ready:
            self.applied = ready[-1][0]
            self.learn_head(self.applied)
        return ready + self._release()

    def learn_head(self, position: int) -> None:
        """Take note that the stream reaches this position: somebody was told so."""
        self.head = max(self.head, position)

    def learn_first(self, position: int) -> list[tuple[int, T]]:
        """Take note that the stream keeps nothing below this position, and return what may be applied now.

        It has to come from the stream's leader. Without it a repair never ends where retention has taken all that was
        missing, since no page says so.
        """
        if position - 1 > self.applied:
            self.applied = position - 1
            self.learn_head(self.applied)
        return self._release()

    def missing_after(self) -> int | None:
        """Return after which position a repair has to read; None where nothing is missing."""
        return self.applied if self.applied < self.head else None

    def reset(self, applied: int) -> None:
        """Forget everything: the stream has begun another life."""
        self.applied = self.head = applied
        self._held.clear()
        self.held_bytes = 0

    def _release(self) -> list[tuple[int, T]]:
        """Return what was held and follows now, and drop what was held and has come another way."""
        ready = []
        while (held := self._held.pop(self.applied + 1, None)) is not None:
            self.applied += 1
            self.held_bytes -= held[1]
            ready.append((self.applied, held[0]))
        if self._held and min(self._held) <= self.applied:
            for position in [position for position in self._held if position <= self.applied]:
                self.held_bytes -= self._held.pop(position)[1]
        return ready
