"""One round of publishing: which row may be sent next, and what follows from each outcome. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from hub.relay.row import TIMEOUT, Dead, Failed, HubAway, Outcome, Published, Row

__all__ = ["Round"]


class Round:
    """The rows of one claim, which come in the order of their positions within each key.

    The rule of order: a row is sent after the hub has acknowledged its predecessor of the same key, or has refused it
    for good. A row that failed for now holds the rest of its key; a dead one frees it. At most one row of a key is in
    flight.
    """

    def __init__(self, rows: Iterable[Row], *, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._lanes: dict[str, deque[Row]] = {}
        for row in rows:
            self._lanes.setdefault(row.key, deque()).append(row)
        #: The keys whose next row may be sent, in turn.
        self._ready = deque(self._lanes)
        self._in_flight: set[str] = set()
        self._stopped = False
        self.published: list[Row] = []
        self.duplicates = 0
        self.dead: list[tuple[Row, Dead]] = []
        self.failed: list[tuple[Row, Failed]] = []
        #: Why the round ended early: the first failure that concerns every row.
        self.away: HubAway | None = None
        self._without_verdict: list[tuple[Row, HubAway]] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing is in flight and nothing more will be sent."""
        return not self._in_flight and (self._stopped or not self._ready)

    @property
    def settled(self) -> int:
        """How many rows have an outcome that is to be written down."""
        return len(self.published) + len(self.dead) + len(self.failed)

    def stop(self) -> None:
        """Send nothing more; what is in flight still has its outcome."""
        self._stopped = True

    def take(self) -> Row | None:
        """Return the next row to send, or None while there is none or enough are in flight."""
        while not self._stopped and self._ready and len(self._in_flight) < self._max_in_flight:
            key = self._ready.popleft()
            row = self._lanes[key][0]
            if not row.due:
                # It failed before and waits, and its successors with it.
                continue
            self._in_flight.add(key)
            return row
        return None

    def settle(self, row: Row, outcome: Outcome) -> None:
        """Take the outcome of a row that `take` returned."""
        self._in_flight.remove(row.key)
        match outcome:
            case Published():
                self.published.append(row)
                self.duplicates += outcome.duplicate
            case Dead():
                self.dead.append((row, outcome))
            case Failed():
                self.failed.append((row, outcome))
                return
            case _:
                self.away = self.away or outcome
                self._without_verdict.append((row, outcome))
                self.stop()
                return
        lane = self._lanes[row.key]
        lane.popleft()
        if lane:
            self._ready.append(row.key)

    def close(self) -> None:
        """Look at the round as a whole, once it is over.

        One request without a response, while the hub acknowledged others, is about its row: a row that the hub never
        gets done with must not hold all the others up.
        """
        if self.published and len(self._without_verdict) == 1:
            ((row, outcome),) = self._without_verdict
            if outcome.code == TIMEOUT:
                self.away = None
                self.failed.append((row, Failed(outcome.code, outcome.reason, False, outcome.retry_after_s)))
