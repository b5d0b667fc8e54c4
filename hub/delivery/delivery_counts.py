"""What became of the newest notifications, counted in memory of a fixed size; nothing here may slow a delivery.

The counts of one position are kept in one slot of several arrays. A newer position that needs the slot takes it, so
the newest `records` positions have one, whatever the traffic is. After a restart all slots are empty.
"""

from __future__ import annotations

from array import array

import msgspec

__all__ = ["DeliveryCounts", "NotificationCounts"]


class NotificationCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of one position; `service` is None where another life of the hub accepted it.

    `received_s` is when its publish came, by the monotonic clock. `dispatched` is False where the dispatcher has not
    come to it, or an earlier life of the hub did.
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
        """Keep the counts of the newest `records` positions, in about 50 bytes each."""
        self._records = records
        self._start = start
        self._positions = array("q", bytes(8 * records))
        self._received_s = array("d", bytes(8 * records))
        self._services: list[str | None] = [None] * records
        self._dispatched = bytearray(records)
        self._expired = bytearray(records)
        self._websocket = array("I", bytes(4 * records))
        self._sse = array("I", bytes(4 * records))
        self._durable_streams = array("I", bytes(4 * records))
        self._deferred = array("I", bytes(4 * records))
        self._replayed = array("I", bytes(4 * records))
        self._polled = array("I", bytes(4 * records))

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
            self._dispatched[slot] = 1
            self._websocket[slot] += websocket
            self._sse[slot] += sse
            self._durable_streams[slot] += durable_streams
            self._deferred[slot] += deferred

    def expire(self, position: int) -> None:
        """Note that it had expired before the dispatch."""
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            self._dispatched[slot] = self._expired[slot] = 1

    def replay(self, position: int) -> None:
        """Note that one connection got it from the log."""
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            self._replayed[slot] += 1

    def poll(self, position: int) -> None:
        """Note that one page had it."""
        slot = position % self._records
        if self._positions[slot] == position or self._take(slot, position):
            self._polled[slot] += 1

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
        return NotificationCounts(
            service=self._services[slot] if mine else None,
            received_s=self._received_s[slot] if mine else 0.0,
            dispatched=bool(mine and self._dispatched[slot]) or self._start < position <= dispatched_upto,
            websocket=self._websocket[slot] if mine else 0,
            sse=self._sse[slot] if mine else 0,
            durable_streams=self._durable_streams[slot] if mine else 0,
            deferred=self._deferred[slot] if mine else 0,
            expired=bool(mine and self._expired[slot]),
            replayed=self._replayed[slot] if mine else 0,
            polled=self._polled[slot] if mine else 0,
        )

    def _take(self, slot: int, position: int) -> bool:
        """Give the slot to `position`; False where a newer one has it."""
        if self._positions[slot] > position:
            return False
        self._positions[slot] = position
        self._services[slot] = None
        self._received_s[slot] = 0.0
        self._dispatched[slot] = self._expired[slot] = 0
        self._websocket[slot] = self._sse[slot] = self._durable_streams[slot] = self._deferred[slot] = 0
        self._replayed[slot] = self._polled[slot] = 0
        return True
