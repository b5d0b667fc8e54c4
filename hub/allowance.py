"""What the hub may hold for others at one time, in bytes: of all together, and of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Self

from hub.errors import Overloaded

__all__ = ["Allowance", "Share"]


class Allowance:
    """At most `total_bytes` are held, and `each_bytes` for one owner.

    An owner that holds nothing may take its first bytes even if they are more than its own bound, and the first owner
    of all even if they are more than the total: so nothing is refused for ever because of its size.
    """

    def __init__(self, total_bytes: int, *, each_bytes: int | None = None) -> None:
        self._total_bytes = total_bytes
        self._each_bytes = total_bytes if each_bytes is None else each_bytes
        self._held: Counter[Hashable] = Counter()
        self.held_bytes = 0

    def share(self, owner: Hashable = None) -> Share:
        """Return a context in which `owner` may hold something; at its end it holds nothing of that."""
        return Share(self, owner)

    def _take(self, owner: Hashable, size_bytes: int) -> None:
        held_bytes = self._held[owner]
        too_much = self.held_bytes and self.held_bytes + size_bytes > self._total_bytes
        too_much_of_one = held_bytes and held_bytes + size_bytes > self._each_bytes
        if size_bytes > 0 and (too_much or too_much_of_one):
            if not held_bytes:
                del self._held[owner]
            raise Overloaded("Too much is under way; come back in a moment", retry_after_s=1)
        self.held_bytes += size_bytes
        self._held[owner] += size_bytes
        if not self._held[owner]:
            del self._held[owner]  # an entry for each owner ever seen would grow for ever


class Share:
    """What one owner holds for one operation, released at the end of the context."""

    __slots__ = ("_allowance", "_owner", "size_bytes")

    def __init__(self, allowance: Allowance, owner: Hashable) -> None:
        self._allowance = allowance
        self._owner = owner
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Hold nothing any more."""
        self.take(-self.size_bytes)

    def take(self, size_bytes: int) -> None:
        """Hold so many bytes more; a negative number releases them.

        Raises:
            Overloaded: that would be more than may be held.
        """
        self._allowance._take(self._owner, size_bytes)
        self.size_bytes += size_bytes
