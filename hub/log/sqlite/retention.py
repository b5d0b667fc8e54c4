"""What the log deletes, a slice at a time: old and surplus records, idempotency keys past their time, ended state.

Records go strictly from the lowest position up, whatever the clock says: one that jumps can only make a record stay
longer or go early by its age; it cannot break the order. Control records and idempotency keys also stay until the log
has run for their time (`hub.log.sqlite.clock`): setting the clock must not restore access.

What a record has changed stays in the state index, unless it belongs to a notification that has gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import apsw
import msgspec

from hub.log.sqlite.clock import RunClock
from hub.log.sqlite.collapse import DELETE_SUPERSEDED, has_superseded
from hub.log.sqlite.state import has_ended, remove_ended

__all__ = ["SLICE", "Purged", "Retention", "delete_control", "delete_records"]

#: Rows of a kind in one transaction: few enough that a publish never waits long for one.
SLICE = 500
#: How often the log's clock notes how far the log reaches, and by so much a key is kept too long.
_LEAST_NOTE_S, _MOST_NOTE_S = 1.0, 300.0
_NOTES_A_KEY = 100

_KEEP_FROM = "SELECT min(position) FROM record WHERE position >= ? AND position < ? AND created_s > ?"
_SPENT_KEYS = "SELECT position FROM idempotency WHERE position <= ? ORDER BY position LIMIT ?"
# A damaged record may hold no JSON; it goes all the same, and what names it is never read again.
# One statement for the whole slice: each call into SQLite releases the GIL and must re-acquire it.
_DELETE_TARGETS = """DELETE FROM target WHERE (target, position) IN (
    SELECT j.value, r.position FROM record r, json_each(CASE WHEN json_valid(r.targets) THEN r.targets ELSE '[]' END) j
    WHERE r.position >= ? AND r.position < ? AND (r.control IS 1) = ?)"""
# A control record is 1, a state record 2; where the column is damaged it says nothing.
_DELETE_RECORDS = "DELETE FROM record WHERE position >= ? AND position < ? AND (control IS 1) = ?"


class Purged(msgspec.Struct, frozen=True):
    """The outcome of one slice: where the log starts now, and whether more is due."""

    first: int
    more: bool


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long (s) and how many records are kept, and how long (s) idempotency keys.

    `monotonic` is the process's monotonic clock.
    """

    retention_s: float
    retention_records: int
    idempotency_s: float
    monotonic: Callable[[], float] = time.monotonic

    def make_clock(self, connection: apsw.Connection) -> RunClock:
        """Return the clock that keys and control records are aged by."""
        every_s = min(_MOST_NOTE_S, max(_LEAST_NOTE_S, self.idempotency_s / _NOTES_A_KEY))
        return RunClock(connection, self.monotonic, every_s=every_s)

    def purge(
        self,
        connection: apsw.Connection,
        *,
        first: int,
        head: int,
        now_s: float,
        clock: RunClock,
        announce_first: Callable[[int], None],
        announce_controls: Callable[[int], None],
    ) -> Purged:
        """Take at most one slice of each kind, in one transaction.

        `announce_first` is called before records vanish: a reader that missed some must find `first` risen.
        `announce_controls` is called with the number of control records that are about to go.

        Raises:
            apsw.Error: the file failed; nothing was taken.
        """
        kept_from = self._kept_from(connection, first, head, now_s)
        keys = connection.execute(_SPENT_KEYS, (clock.head_before(self.idempotency_s), SLICE)).fetchall()
        control = clock.find_dead_controls(now_s=now_s, before=kept_from, limit=SLICE)
        ended = has_ended(connection, kept_from)
        if kept_from == first and not keys and not control and not ended and not clock.is_due(head):
            return Purged(first, False)
        connection.execute("BEGIN IMMEDIATE")
        if kept_from > first:
            _delete(connection, first, kept_from, control=False)
            connection.execute("UPDATE meta SET first = ?", (kept_from,))
            announce_first(kept_from)
        connection.executemany("DELETE FROM idempotency WHERE position = ?", keys)
        if control:
            announce_controls(len(control))
        for (position,) in control:
            delete_control(connection, position)
        removed = remove_ended(connection, kept_from, SLICE) if ended else 0
        clock.note(head)
        connection.execute("COMMIT")
        return Purged(kept_from, SLICE in (kept_from - first, len(keys), len(control), removed))

    def _kept_from(self, connection: apsw.Connection, first: int, head: int, now_s: float) -> int:
        slice_end = min(first + SLICE, head + 1)
        surplus_end = head + 1 - self.retention_records
        (young,) = connection.execute(_KEEP_FROM, (first, slice_end, now_s - self.retention_s)).fetchall()[0]
        aged_end = slice_end if young is None else young
        return int(max(first, aged_end, min(surplus_end, slice_end)))


def delete_records(connection: apsw.Connection, first: int, end: int) -> None:
    """Delete what is from one position to another, but not control records; within the caller's transaction."""
    _delete(connection, first, end, control=False)


def delete_control(connection: apsw.Connection, position: int) -> None:
    """Delete the control record at a position, if there is one; within the caller's transaction."""
    _delete(connection, position, position + 1, control=True)


def _delete(connection: apsw.Connection, first: int, end: int, *, control: bool) -> None:
    connection.execute(_DELETE_TARGETS, (first, end, control))
    if not control and has_superseded(connection):
        connection.execute(DELETE_SUPERSEDED, (first, end, control))
    connection.execute(_DELETE_RECORDS, (first, end, control))
