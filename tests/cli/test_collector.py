"""The garbage collector of the process: short passes, and what stays is looked at twice at most."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Mapping

import pytest

from hub.cli.support.collector import THRESHOLDS, freeze_survivors, settle_collector

#: More than any bound here, and than a hub makes for a thousand connections.
MANY = 200_000
#: What one pass may look at: the new objects of all passes up to the last one, and what these tests add themselves.
MOST = 2 * THRESHOLDS[0] * (THRESHOLDS[1] + 2)


class Node:
    """Something that may refer to itself."""

    def __init__(self) -> None:
        self.me: Node | None = None


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector as the hub settles it; afterwards it is as it was."""
    before = gc.get_threshold()
    settle_collector()
    yield
    gc.callbacks.remove(freeze_survivors)
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_no_pass_grows_with_what_stays() -> None:
    """However many objects live, a pass looks at those made since the last ones; the rest is frozen."""
    looked_at: list[int] = []

    def count(phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            looked_at.append(len(gc.get_objects()))

    gc.callbacks.append(count)
    try:
        kept = [[number] for number in range(MANY)]
    finally:
        gc.callbacks.remove(count)
    assert MANY == len(kept)
    assert len(looked_at) > MANY // MOST
    assert max(looked_at) < MOST


@pytest.mark.usefixtures("collector")
def test_a_new_cycle_is_still_found() -> None:
    """A library that makes one for each request does not fill the memory."""
    node = Node()
    node.me, gone = node, weakref.ref(node)
    del node
    assert gone() is not None
    kept = [[number] for number in range(MOST)]
    assert gone() is None
    assert MOST == len(kept)
