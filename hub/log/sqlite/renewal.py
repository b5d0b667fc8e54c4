"""What a mirror makes of the rounds in which a stream's state is appended anew, and what such a round has to append.

A stream drops its oldest records, and a mirror that is built anew gets what is left. What has to outlive that (rows of
the state index without an end, revocations) is therefore in the stream twice: one node appends all of it again, in a
round, before the stream drops it. Every mirror takes the steps at the same positions and decides the same:

- A row is put if the mirror's own is not newer than the one that was read. So a change that came in between stays.
- Where there is no row, somebody has removed it. Only a mirror that lacks what came before its beginning, and so is
  *partial*, does not know that: it puts the row, unless it has seen the removal itself.
- With the end of a round that it has seen from the beginning, a partial mirror is whole: what it had from before and
  the round did not bring was removed while it was away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import msgspec

from hub.log.port import Change, Draft, Kind, Placed, Renewed
from hub.log.sqlite.applied import AppliedBatch
from hub.log.sqlite.retention import SLICE, delete_control
from hub.log.sqlite.schema import LogFile, close_connection, open_reader, open_writer, read_life
from hub.log.sqlite.state import StateRow, read_lasting
from hub.target import CONTROL, NOBODY, Target, is_personal

__all__ = [
    "Progress",
    "RenewablePage",
    "Renewals",
    "StateDamaged",
    "forget_renewals",
    "lacks_state",
    "mark_partial",
    "read_progress",
    "read_renewable",
    "read_renewable_control",
]

# Beside the tables of the log, since no other log has them: how far the rounds are, what a partial mirror has seen
# removed since its last round began, and which control records are there once more.
_TABLES = """
CREATE TABLE IF NOT EXISTS renewal (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, created_ms INTEGER NOT NULL, leader TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removed (owner TEXT, key TEXT, PRIMARY KEY (owner, key)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS renewed_control (position INTEGER PRIMARY KEY) STRICT;
"""
_PUT = "INSERT OR REPLACE INTO renewal VALUES (?, ?, ?, ?)"
_ROUND, _STEP, _COMPLETE, _END, _PARTIAL = "round", "step", "complete", "end", "partial"
_OWN = """SELECT j.key, s.position,
EXISTS (SELECT 1 FROM removed r WHERE r.owner = j.value ->> 0 AND r.key = j.value ->> 1)
FROM json_each(?) j LEFT JOIN state s ON s.owner = j.value ->> 0 AND s.key = j.value ->> 1"""
_DELETE_STALE = "DELETE FROM state WHERE ends IS NULL AND position < ?"
_CONTROL = """SELECT position, id, CAST(created_s * 1000 + 0.5 AS INTEGER), expires_ms, payload FROM record
WHERE control = 1 AND position > ? AND position < ? AND (expires_ms IS NULL OR expires_ms > ?)
AND position NOT IN (SELECT position FROM renewed_control) ORDER BY position LIMIT 1"""
_TARGETS = "SELECT CAST(targets AS BLOB) FROM record WHERE position = ?"
_SPENT = """SELECT c.position, r.position IS NOT NULL FROM renewed_control c
LEFT JOIN record r ON r.position = c.position AND r.control = 1 WHERE c.position < ? LIMIT ?"""

_PAGE_ROWS = 500
_PAGE_BYTES = 256 * 1024
_encode = msgspec.json.Encoder().encode
_decode_targets = msgspec.json.Decoder(tuple[Target, ...]).decode
_NOTHING = Draft(id="", targets=(NOBODY,), payload=b"{}", kind=Kind.STATE)


class StateDamaged(Exception):
    """A row of the state index is damaged here: another node has to lead the round."""


class Progress(msgspec.Struct, frozen=True):
    """Where a mirror is: the newest round it knows of, by whom and its newest step; the newest that came to its end,
    when that began, and where it ended.

    0 where there is none. `partial_upto`: this mirror lacks state from before its beginning, and the stream ended at
    this position when that was found; 0 if it does not.
    """

    round: int = 0
    leader: str = ""
    step: int = 0
    complete: int = 0
    complete_ms: int = 0
    end: int = 0
    partial_upto: int = 0

    @property
    def is_partial(self) -> bool:
        """Whether this mirror lacks state from before its beginning."""
        return self.partial_upto > 0


class RenewablePage(msgspec.Struct, frozen=True):
    """Rows that a round has to append; go on after `last`, where there is one."""

    rows: tuple[Renewed, ...]
    last: tuple[int, int] | None


class Renewals:
    """The rounds of one open mirror, on its writer's connection.

    Raises:
        apsw.Error: the file failed.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        connection.execute(_TABLES)
        self.is_partial = False
        self.reload()

    def reload(self) -> None:
        """Look again at what the file says, after what was begun has failed."""
        self.is_partial = read_progress(self._connection).is_partial

    def store(self, run: Sequence[Placed]) -> AppliedBatch:
        """Store a step of a round, or other records; remember what these have removed, where nothing else knows it."""
        if run[0].renewal is not None:
            return self._apply(run[0])
        batch = AppliedBatch(self._connection, run)
        removed = [
            (change.owner, change.key)
            for placed in run
            if placed.draft is not None
            for change in placed.draft.changes
            if change.value is None
        ]
        if not (self.is_partial and removed):
            batch.store()
            return batch
        # What changes the state index is stored without a transaction of its own.
        self._connection.execute("BEGIN IMMEDIATE")
        batch.store()
        self._connection.executemany("INSERT OR IGNORE INTO removed VALUES (?, ?)", removed)
        self._connection.execute("COMMIT")
        return batch

    def skip(self, position: int) -> None:
        """Take note, within the caller's transaction, that what came before a position will never come."""
        self._connection.execute("DELETE FROM removed")
        self._connection.execute(_PUT, (_ROUND, position, 0, ""))
        self._connection.execute(_PUT, (_PARTIAL, position, 0, ""))
        self.is_partial = True

    def purge(self, first: int, announce_controls: Callable[[int], None]) -> bool:
        """Delete control records before `first` that are there once more; return whether more are due."""
        spent = self._connection.execute(_SPENT, (first, SLICE)).fetchall()
        if not spent:
            return False
        self._connection.execute("BEGIN IMMEDIATE")
        announce_controls(sum(bool(is_there) for _, is_there in spent))
        for position, _ in spent:
            delete_control(self._connection, int(str(position)))
            self._connection.execute("DELETE FROM renewed_control WHERE position = ?", (position,))
        self._connection.execute("COMMIT")
        return len(spent) == SLICE

    def _apply(self, placed: Placed) -> AppliedBatch:
        """Store a step of a round and what follows from it, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        batch = AppliedBatch(self._connection, [msgspec.structs.replace(placed, draft=self._take(placed))])
        batch.store()
        self._connection.execute("COMMIT")
        self.reload()
        if placed.renewal is not None and placed.renewal.step == "control" and self._knows(placed.renewal.position):
            # What follows the log had it before.
            record = batch.records[0]
            batch.records[0] = msgspec.structs.replace(record, kind=Kind.STATE, targets=(NOBODY,), payload=b"{}")
        return batch

    def _take(self, placed: Placed) -> Draft:
        """Do what a step says, and return what is stored at its position."""
        renewal, execute = placed.renewal, self._connection.execute
        assert renewal is not None
        assert placed.draft is not None
        if renewal.step == "begin":
            execute("DELETE FROM removed")
            execute(_PUT, (_ROUND, placed.position, placed.created_ms, renewal.leader))
            return _NOTHING
        if renewal.step == "stop":
            execute(_PUT, (_ROUND, placed.position, placed.created_ms, ""))
            return _NOTHING
        progress = read_progress(self._connection)
        if renewal.round != progress.round:
            return _NOTHING
        execute(_PUT, (_STEP, placed.position, placed.created_ms, ""))
        if renewal.step == "rows":
            return msgspec.structs.replace(_NOTHING, changes=self._choose(renewal.rows, is_partial=progress.is_partial))
        if renewal.step == "control":
            if self._has_control(renewal.position):
                execute("INSERT OR IGNORE INTO renewed_control VALUES (?)", (renewal.position,))
            return placed.draft
        if progress.is_partial:
            execute(_DELETE_STALE, (progress.round,))
            execute("DELETE FROM removed")
            execute("DELETE FROM renewal WHERE name = ?", (_PARTIAL,))
        begun = execute("SELECT created_ms FROM renewal WHERE name = ?", (_ROUND,)).fetchall()
        execute(_PUT, (_COMPLETE, progress.round, begun[0][0], ""))
        execute(_PUT, (_END, placed.position, placed.created_ms, ""))
        return _NOTHING

    def _choose(self, rows: Sequence[Renewed], *, is_partial: bool) -> tuple[Change, ...]:
        names = _encode([(row.owner, row.key) for row in rows]).decode()
        found = msgspec.convert(self._connection.execute(_OWN, (names,)).fetchall(), list[tuple[int, int | None, int]])
        chosen = []
        for index, position, was_removed in found:
            row = rows[index]
            is_due = position <= row.position if position is not None else is_partial and not was_removed
            if is_due:
                person = None if row.person is None else Target(row.person)
                chosen.append(Change(row.owner, row.key, row.value, person=person))
        return tuple(chosen)

    def _has_control(self, position: int) -> bool:
        query = "SELECT 1 FROM record WHERE position = ? AND control = 1"
        return bool(self._connection.execute(query, (position,)).fetchall())

    def _knows(self, position: int) -> bool:
        query = "SELECT 1 FROM renewed_control WHERE position = ?"
        return bool(self._connection.execute(query, (position,)).fetchall())


def mark_partial(connection: apsw.Connection, upto: int) -> None:
    """Note in a new mirror that it lacks the state from before its first position; the stream now ends at `upto`."""
    connection.execute(_TABLES)
    connection.execute(_PUT, (_PARTIAL, upto, 0, ""))


def forget_renewals(path: Path) -> None:
    """Make the mirror at `path`, which no hub writes, the log of a hub alone, whose state is all there is.

    Raises:
        StorageUnavailable, apsw.Error: the file cannot be opened or written.
    """
    connection = open_writer(LogFile(path))
    try:
        for table in ("renewal", "removed", "renewed_control"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    finally:
        close_connection(connection)


def lacks_state(path: Path, first: int) -> bool:
    """Whether the log at `path` lacks state from before `first`, where its stream begins now."""
    connection = open_reader(LogFile(path))
    try:
        _, head = read_life(connection)
        return head + 1 < first or read_progress(connection).is_partial
    except apsw.SQLError:
        # The log of a hub alone has no rounds.
        return False
    finally:
        close_connection(connection)


def read_progress(connection: apsw.Connection) -> Progress:
    """Return where a mirror is."""
    found = connection.execute("SELECT name, position, created_ms, leader FROM renewal").fetchall()
    rows = {
        name: (position, created_ms, leader)
        for name, position, created_ms, leader in msgspec.convert(found, list[tuple[str, int, int, str]])
    }
    nothing = (0, 0, "")
    position, _, leader = rows.get(_ROUND, nothing)
    complete, complete_ms, _ = rows.get(_COMPLETE, nothing)
    return Progress(
        round=position,
        leader=leader,
        step=max(position, rows.get(_STEP, nothing)[0]),
        complete=complete,
        complete_ms=complete_ms,
        end=rows.get(_END, nothing)[0],
        partial_upto=rows.get(_PARTIAL, nothing)[0],
    )


def read_renewable(connection: apsw.Connection, after: tuple[int, int], before: int) -> RenewablePage:
    """Return some of the rows that a round has to append: those that were put before it began.

    Raises:
        StateDamaged: one cannot be read.
    """
    found = read_lasting(connection, after, before, _PAGE_ROWS)
    rows: list[Renewed] = []
    last, size_bytes = None, 0
    for row in found:
        if not row[-1]:
            raise StateDamaged
        renewed = _renew(connection, row)
        size_bytes += len(renewed.owner) + len(renewed.key) + len(renewed.value)
        if rows and size_bytes > _PAGE_BYTES:
            break
        rows.append(renewed)
        last = row[:2]
    return RenewablePage(tuple(rows), last)


def read_renewable_control(connection: apsw.Connection, after: int, before: int, now_ms: int) -> Placed | None:
    """Return the next control record that a round has to append; None behind the last."""
    found = connection.execute(_CONTROL, (after, before, now_ms)).fetchall()
    rows = msgspec.convert(found, list[tuple[int, str, int, int | None, bytes]])
    for position, identifier, created_ms, expires_ms, payload in rows:
        expires_at_s = None if expires_ms is None else expires_ms / 1000
        draft = Draft(id=identifier, targets=(CONTROL,), payload=payload, expires_at_s=expires_at_s, kind=Kind.CONTROL)
        return Placed(position, created_ms, draft)
    return None


def _renew(connection: apsw.Connection, row: StateRow) -> Renewed:
    position, _, owner, key, value, person, *_ = row
    if person is None:
        # It goes with an erasure of the person whose record has put it, and that record does not go with it.
        for (text,) in connection.execute(_TARGETS, (position,)).fetchall():
            targets = _decode_targets(msgspec.convert(text, bytes))
            person = targets[0] if is_personal(targets) else None
    return Renewed(owner, key, value, person, position)
