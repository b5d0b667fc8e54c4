"""What other nodes told of notifications, in any order, late, repeated or never."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.cluster.tally import Tally

NODES = ("a", "b", "c")


@given(
    positions=st.sets(st.integers(1, 6), min_size=1, max_size=6),
    told=st.lists(st.tuples(st.sampled_from(NODES), st.integers(1, 8), st.integers(0, 5)), max_size=40),
    begins=st.integers(0, 40),
    waited=st.sets(st.sampled_from(NODES)),
)
def test_a_wait_ends_when_the_last_node_told_of_the_last_position(
    positions: set[int], told: list[tuple[str, int, int]], begins: int, waited: set[str]
) -> None:
    """A wait ends once, exactly when every node that is waited for has told of every position, and the first counts."""
    tally, first = Tally(limit=1_000), dict[tuple[str, int], int]()
    awaiting, ends = None, 0
    for index, (node, position, count) in enumerate([*told, ("", 0, 0)]):
        if index == min(begins, len(told)):
            awaiting = tally.expect(positions, waited)
            missing = {(each, at) for each in waited for at in positions} - first.keys()
            assert (awaiting is None) == (not missing)
        if not node:
            break
        ended = tally.note(node, position, count)
        first.setdefault((node, position), count)
        if ended is not None:
            ends += 1
            assert ended is awaiting
            assert {(each, at) for each in waited for at in positions} <= first.keys()
    assert ends <= 1
    for position in positions:
        assert {node: count for (node, at), count in first.items() if at == position} == tally.take(position)


def test_memory_is_bounded() -> None:
    """Of positions that nobody takes the newest are kept."""
    tally = Tally(limit=3)
    for position in range(1, 10):
        tally.note("a", position, position)
    assert 3 == len(tally)
    assert ({}, {"a": 9}) == (tally.take(6), tally.take(9))
