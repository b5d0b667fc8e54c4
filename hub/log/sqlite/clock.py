"""How long the log has run in all: a monotonic clock, kept in the log's own file.

The wall clock may jump ahead and come back, and a restart may happen in between. What must not be forgotten because of
that (a revocation, an idempotency key) is aged by this clock: the seconds that a hub had the log open, added up over
all its starts. It never runs ahead of real time, so what it deletes is at least that old. While no hub runs it stands
still, and things are kept for longer.

Rows have no time of this clock. From time to time it notes how far the log reaches, so a position is known to be older
than the last note that covers it. Where the notes are damaged nothing is known to be old, and everything is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import apsw
import msgspec

__all__ = ["RunClock"]

logger = logging.getLogger(__name__)

_Row = TypeVar("_Row")

#: Logs of earlier versions do not have it, and need not: it is made with the first note.
_TABLE = "CREATE TABLE IF NOT EXISTS clock (ran_s REAL PRIMARY KEY, head INTEGER NOT NULL) STRICT"
_EXISTS = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'clock'"
_LAST = "SELECT ran_s, head FROM clock ORDER BY ran_s DESC LIMIT 1"
_BEFORE = "SELECT head FROM clock WHERE ran_s <= ? ORDER BY ran_s DESC LIMIT 1"
# Notes are needed back to the one before the oldest row that is aged by them.
_FORGET = """DELETE FROM clock WHERE ran_s < (SELECT max(ran_s) FROM clock WHERE head < coalesce((
SELECT min(oldest) FROM (SELECT min(position) AS oldest FROM idempotency
UNION ALL SELECT min(position) FROM record WHERE control = 1)), ?))"""
_DEAD_CONTROL = """SELECT position FROM record WHERE control = 1 AND expires_ms <= ? AND position < ? AND position <= (
SELECT head FROM clock WHERE ran_s <= ? - (expires_ms / 1000.0 - created_s) ORDER BY ran_s DESC LIMIT 1) LIMIT ?"""
#: While nothing is written, a note only saves the hours that the process has run.
_IDLE_S = 3_600.0


class RunClock:
    """The clock of one open log; `monotonic` is the process's own monotonic clock, in seconds.

    Raises:
        apsw.Error: the file cannot be read, for another reason than damage.
    """

    def __init__(self, connection: apsw.Connection, monotonic: Callable[[], float], *, every_s: float) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._every_s = every_s
        self._begun_s = monotonic()
        self._sound = True
        self._exists = self._read(_EXISTS, (), tuple[int]) == [(1,)]
        self._before_s, self._noted_head = next(iter(self._read(_LAST, (), tuple[float, int])), (0.0, -1))
        self._noted_s = self._before_s

    @property
    def ran_s(self) -> float:
        """For how long the log has been open, in this life of the process and all before."""
        return self._before_s + max(0.0, self._monotonic() - self._begun_s)

    def head_before(self, age_s: float) -> int:
        """Return a position that, with all before it, is at least `age_s` of running old; 0 if none is known to be."""
        return next(iter(self._read(_BEFORE, (self.ran_s - age_s,), tuple[int])), (0,))[0]

    def find_dead_controls(self, *, now_s: float, before: int, limit: int) -> list[tuple[int, ...]]:
        """Return control records below `before` that are over by both clocks, the wall clock and this one."""
        return self._read(_DEAD_CONTROL, (round(now_s * 1000), before, self.ran_s, limit), tuple[int])

    def is_due(self, head: int) -> bool:
        """Whether a note is worth a transaction."""
        return self._sound and self.ran_s - self._noted_s >= (self._every_s if head != self._noted_head else _IDLE_S)

    def note(self, head: int) -> None:
        """Write down how far the log reaches now, within the caller's transaction."""
        if not self._sound:
            return
        ran_s = self.ran_s
        self._connection.execute(_TABLE)
        self._connection.execute("INSERT OR REPLACE INTO clock VALUES (?, ?)", (ran_s, head))
        self._connection.execute(_FORGET, (head + 1,))
        self._exists = True
        self._noted_s, self._noted_head = ran_s, head

    def _read(self, query: str, bindings: tuple[float, ...], kind: type[_Row]) -> list[_Row]:
        if not self._sound or (query is not _EXISTS and not self._exists):
            return []
        try:
            return [msgspec.convert(row, kind) for row in self._connection.execute(query, bindings)]
        except (apsw.CorruptError, apsw.SQLError, msgspec.MsgspecError, UnicodeError) as error:
            logger.error("the log's clock is damaged (%s): idempotency keys and revocations stay", type(error).__name__)
            self._sound = False
            return []
