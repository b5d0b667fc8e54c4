"""What time it is for deadlines. A wall clock that jumps neither ends a deadline early nor puts it off.

A deadline that was set while this hub runs ends when as much time has passed by the monotonic clock. One that an
earlier hub set can be judged by the wall clock alone, which was perhaps wrong then, or is now: it ends when either
clock says so, so that it is not put off.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["SteadyClock"]


class SteadyClock:
    """Unix time that began with the wall clock's at the start and goes on by the monotonic clock."""

    def __init__(self, wall_s: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._monotonic = monotonic
        self._offset_s = wall_s() - monotonic()

    def now_s(self) -> float:
        """Return the time that never jumps."""
        return self._offset_s + self._monotonic()

    def latest_s(self) -> float:
        """Return the later one of both clocks."""
        return max(self.now_s(), self._wall_s())
