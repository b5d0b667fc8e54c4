"""What became of the newest notifications, counted in memory of a fixed size; nothing here may slow a delivery.

The counts of one position are kept in one slot of several arrays. A newer position that needs the slot takes it, so
the newest `records` positions have one, whatever the traffic is. After a restart all slots are empty.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

__all__ = ["DeliveryCounts", "NotificationCounts"]

#: The columns of a row; the first says whether the dispatcher handed it to anybody.
_WEBSOCKET, _SSE, _DURABLE_STREAMS, _DEFERRED, _EXPIRED, _REPLAYED, _POLLED = range(1, 8)
_COLUMNS = 8
_ZEROS = array("I", bytes(4 * _COLUMNS))


class NotificationCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of one position; `service` is None where another life of the hub accepted it.

    `received_s` is when its publish came, by the monotonic clock; it means nothing without `service`. `dispatched` is
    False where the dispatcher has not come to it, or an earlier life of the hub did.
    """

    service: str | None
    received_s: float
    dispatched: bool
    websocket: int
    sse: int
    durable_streams: int
    deferred: int
    expired: bool
    replayed: int
    polled: int


class DeliveryCounts:
    """Counts what happens to each notification from `start`, the log's head at the start, on."""

    def __init__(self, *, start: int, records: int) -> None:
        """Keep the counts of the newest `records` positions, in 56 bytes each."""
        self._records = records
        self._start = start
        self._positions = array("q", bytes(8 * records))
        self._received_s = array("d", bytes(8 * records))
        self._services: list[str | None] = [None] * records
        # One row for each slot; see the names of its columns.
        self._rows = array("I", bytes(4 * _COLUMNS * records))

    def accept(self, position: int, service: str, received_s: float) -> None:
        """Note whose publish was stored at `position`."""
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            self._services[slot] = service
            self._received_s[slot] = received_s

    def dispatch(self, position: int, websocket: int, sse: int, durable_streams: int, deferred: int) -> None:
        """Note how many connections the dispatcher handed it to, and how many get it after older ones."""
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            rows, row = self._rows, slot * _COLUMNS
            rows[row] = 1
            if websocket:
                rows[row + _WEBSOCKET] += websocket
            if sse:
                rows[row + _SSE] += sse
            if durable_streams:
                rows[row + _DURABLE_STREAMS] += durable_streams
            if deferred:
                rows[row + _DEFERRED] += deferred

    def expire(self, position: int) -> None:
        """Note that it had expired before the dispatch."""
        self._count(position, _EXPIRED)

    def replay(self, positions: Sequence[int]) -> None:
        """Note that one connection got these from the log."""
        # At once, because a replay brings thousands.
        records, known, rows = self._records, self._positions, self._rows
        for position in positions:
            slot = position % records
            if known[slot] == position or self._take(slot, position):
                rows[slot * _COLUMNS + _REPLAYED] += 1

    def poll(self, position: int) -> None:
        """Note that one page had it."""
        self._count(position, _POLLED)

    def find(self, position: int, *, dispatched_upto: int) -> NotificationCounts | None:
        """Return what was counted of `position`; None where its slot is another's by now.

        `dispatched_upto`: the dispatcher has come so far. A notification for nobody who is connected is not handed to
        anybody, and counts as dispatched.
        """
        slot = position % self._records
        known = self._positions[slot]
        if known > position:
            return None
        mine = known == position
        row = self._rows[slot * _COLUMNS : (slot + 1) * _COLUMNS] if mine else _ZEROS
        return NotificationCounts(
            service=self._services[slot] if mine else None,
            received_s=self._received_s[slot],
            dispatched=bool(row[0] or row[_EXPIRED]) or self._start < position <= dispatched_upto,
            websocket=row[_WEBSOCKET],
            sse=row[_SSE],
            durable_streams=row[_DURABLE_STREAMS],
            deferred=row[_DEFERRED],
            expired=row[_EXPIRED] > 0,
            replayed=row[_REPLAYED],
            polled=row[_POLLED],
        )

    def _count(self, position: int, column: int) -> None:
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            self._rows[slot * _COLUMNS + column] += 1

    def _take(self, slot: int, position: int) -> bool:
        """Give the slot to `position`; False where a newer one has it."""
        if self._positions[slot] > position:
            return False
        self._positions[slot] = position
        self._services[slot] = None
        row = slot * _COLUMNS
        self._rows[row : row + _COLUMNS] = _ZEROS
        return True
