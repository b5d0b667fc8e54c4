"""The counters, and the one number that is read out of another."""

from __future__ import annotations

from collections import Counter

from hub.metrics import Metrics
from tests.fakes import NOW_S


def test_everything_begins_at_zero() -> None:
    """A hub that just started has counted nothing, and knows when it started."""
    metrics = Metrics(started_at_s=NOW_S)
    assert NOW_S == metrics.started_at_s
    assert 0 == metrics.duplicates == metrics.replayed == metrics.drops
    counters = [value for value in vars(metrics).values() if isinstance(value, Counter)]
    assert counters
    assert not any(counters)


def test_drops() -> None:
    """Only connections that were closed as slow count as dropped."""
    metrics = Metrics(started_at_s=NOW_S)
    metrics.closes.update([1000, 4000, 4001, 4000])
    assert 2 == metrics.drops
