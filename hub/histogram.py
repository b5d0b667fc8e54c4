"""How long things take, as a Prometheus histogram has it: counters of fixed ranges, made once."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["BOUNDS_S", "Histogram"]

#: From half a millisecond, which a publish takes on a fast disk, to ten seconds, where every client has given up.
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Counts durations by range; an observation is two additions. One thread observes, any may read."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        #: How many were at most each of `BOUNDS_S` and above the one before it; the last count is of what is longer.
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def observe(self, duration_s: float, count: int = 1) -> None:
        """Count `count` durations of `duration_s`."""
        self.counts[bisect_left(BOUNDS_S, duration_s)] += count
        self.sum_s += duration_s * count
