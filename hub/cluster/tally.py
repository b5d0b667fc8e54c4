"""What other nodes told of notifications of this one, by position. Pure: it says when a wait is over, and waits for
nothing itself.

A node may tell before this one knows the position: the acknowledgement of the log is slower at times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

__all__ = ["Awaiting", "Tally"]


class Awaiting:
    """Positions of which some nodes have not told; `missing` falls to 0."""

    __slots__ = ("missing", "nodes", "positions")

    def __init__(self, positions: frozenset[int], nodes: frozenset[str]) -> None:
        self.positions = positions
        self.nodes = nodes
        self.missing = 0


class Tally:
    """Counts of the newest `limit` positions that were told and not taken."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._told: OrderedDict[int, dict[str, int]] = OrderedDict()
        self._awaiting: dict[int, Awaiting] = {}

    def __len__(self) -> int:
        return len(self._told)

    def note(self, node: str, position: int, count: int) -> Awaiting | None:
        """Note what a node told, the first time; return the wait that this ends, if it does."""
        told = self._told.setdefault(position, {})
        if node in told:
            return None
        told[node] = count
        while len(self._told) > self._limit:
            self._told.popitem(last=False)
        awaiting = self._awaiting.get(position)
        if awaiting is None or node not in awaiting.nodes:
            return None
        awaiting.missing -= 1
        return None if awaiting.missing else awaiting

    def expect(self, positions: Iterable[int], nodes: Collection[str]) -> Awaiting | None:
        """Begin to wait for these nodes to tell of these positions; None where they have already. `forget` ends it."""
        awaiting = Awaiting(frozenset(positions), frozenset(nodes))
        for position in awaiting.positions:
            told = self._told.get(position, {})
            awaiting.missing += sum(node not in told for node in awaiting.nodes)
        if not awaiting.missing:
            return None
        for position in awaiting.positions:
            self._awaiting[position] = awaiting
        return awaiting

    def forget(self, awaiting: Awaiting) -> None:
        """End a wait."""
        for position in awaiting.positions:
            if self._awaiting.get(position) is awaiting:
                del self._awaiting[position]

    def take(self, position: int) -> dict[str, int]:
        """Return what nodes told of a position, and forget it."""
        return self._told.pop(position, {})
