"""What is counted of each notification, in memory of a fixed size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.delivery.delivery_counts import DeliveryCounts, NotificationCounts

STEPS = st.tuples(st.sampled_from(["accept", "dispatch", "expire", "replay", "poll"]), st.integers(1, 40))


def count(steps: list[tuple[str, int]], position: int) -> dict[str, int]:
    """Return how often each step happened to `position`."""
    return {name: steps.count((name, position)) for name in ("accept", "dispatch", "expire", "replay", "poll")}


def apply(counts: DeliveryCounts, name: str, position: int) -> None:
    """Let one step happen."""
    if name == "accept":
        counts.accept(position, f"service {position}", float(position))
    elif name == "dispatch":
        counts.dispatch(position, 3, 2, 4, 1)
    elif name == "replay":
        counts.replay([position])
    else:
        getattr(counts, name)(position)


@given(st.lists(STEPS, max_size=60), st.integers(1, 8))
def test_counts_are_those_since_the_slot_was_taken(steps: list[tuple[str, int]], records: int) -> None:
    """A position has the counts of all its steps, or none where a newer one has its slot; nobody has another's."""
    counts = DeliveryCounts(start=0, records=records)
    for name, position in steps:
        apply(counts, name, position)
    for position in range(1, 41):
        newer = [each for _, each in steps if each % records == position % records and each > position]
        found = counts.find(position, dispatched_upto=0)
        if newer:
            assert found is None
            continue
        assert found is not None
        told = count(steps, position)
        assert (told["replay"], told["poll"]) == (found.replayed, found.polled)
        assert (3 * told["dispatch"], 2 * told["dispatch"], 4 * told["dispatch"], told["dispatch"]) == (
            found.websocket,
            found.sse,
            found.durable_streams,
            found.deferred,
        )
        assert (f"service {position}" if told["accept"] else None) == found.service
        assert bool(told["expire"]) == found.expired
        assert bool(told["expire"] or told["dispatch"]) == found.dispatched


def test_dispatched_to_nobody_is_known() -> None:
    """A notification for nobody who is connected counts as dispatched once the dispatcher has passed it."""
    counts = DeliveryCounts(start=10, records=4)

    def is_dispatched(position: int) -> bool:
        found = counts.find(position, dispatched_upto=12)
        assert isinstance(found, NotificationCounts)
        return found.dispatched

    assert [False, True, True, False] == [is_dispatched(position) for position in (10, 11, 12, 13)]
