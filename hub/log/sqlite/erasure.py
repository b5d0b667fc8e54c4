"""Erasing a person from the log's file: what was for that user alone, the user among others, and the user's state.

A position never vanishes, since a hole would look like damage: an erased record stays as one for nobody, without a
payload. It is done in slices, each a transaction, so that publishes go on in between. Deleted content is overwritten,
also what older versions of a page have left on pages that are free; at last the write-ahead log is emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, final

import apsw
import msgspec

from hub.errors import HubError
from hub.log.port import Erased, Kind
from hub.log.sqlite.batch import NOT_LISTED
from hub.log.sqlite.checksum import checksum_head, checksum_record
from hub.log.sqlite.schema import WRITER_WAIT_MS
from hub.target import NOBODY, Target, superseded_target, user_target

__all__ = ["LAST", "Erasure"]

#: Records or rows in one transaction: few enough that a publish never waits long for one.
SLICE = 200
#: Notifications of a user that are named to the user's open pages.
MOST_IDS = 1_000
#: Free pages that one transaction overwrites: 4 MiB of them.
_SCRUBBED_PAGES = 1_000
#: Of each page that goes on with a long value: the number of the next one.
_LINK_BYTES = 4
#: So many attempts, one at each turn of the writer, to empty the write-ahead log while readers are in it.
_MOST_ATTEMPTS = 20
#: The largest position.
LAST = 2**63 - 1
#: How long each waits for readers, and publishes with it.
_WAIT_MS = 100

# Of accounts there are few, so they are found one after the other, and the user looked for in each.
_NEXT_TARGET = "SELECT min(target) FROM target WHERE target > ?"
_NEXT_PERSON = "SELECT min(person) FROM state WHERE person > ?"
_HAS_TARGET = "SELECT 1 FROM target WHERE target = ? LIMIT 1"
_HAS_PERSON = "SELECT 1 FROM state WHERE person = ? LIMIT 1"
_RECORDS = """SELECT t.position, CAST(r.id AS BLOB), CAST(r.created_s * 1000 + 0.5 AS INTEGER),
CAST(r.expires_ms AS INTEGER), CAST(r.control AS INTEGER), CAST(r.targets AS BLOB), CAST(r.payload AS BLOB)
FROM target t LEFT JOIN record r ON r.position = t.position WHERE t.target IN (?, ?) AND t.position <= ?
ORDER BY t.position LIMIT ?"""
_REMOVE_STATE = """DELETE FROM state WHERE (position, number) IN (
SELECT position, number FROM state WHERE person = ? AND position <= ? LIMIT ?)"""
_WRITE = "UPDATE record SET id = ?, expires_ms = ?, targets = ?, payload = ?, checksum = ? WHERE position = ?"
#: What a mirror remembers of removed rows (`hub.log.sqlite.renewal`), whose owners may be persons.
_HAS_REMOVED = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?"
_SCRATCH = "CREATE TABLE IF NOT EXISTS scratch (content BLOB NOT NULL) STRICT"

_Row: TypeAlias = tuple[int, bytes | None, int | None, int | None, int | None, bytes | None, bytes | None]
_encode = msgspec.json.Encoder().encode
_decode_targets = msgspec.json.Decoder(tuple[Target, ...]).decode


@final
class Erasure:
    """One erasure of what is at `upto` or below, under way in the writer's thread; `finish` is told what came of it."""

    def __init__(
        self,
        user_id: str,
        account_id: str | None,
        finish: Callable[[Erased | HubError], object],
        *,
        upto: int = LAST,
    ) -> None:
        self.finish = finish
        self._upto = upto
        self._user_id = user_id
        self._account_id = account_id
        self._counts = {"records": 0, "shared": 0, "states": 0, "keys": 0}
        self._persons: tuple[Target, ...] = ()
        # In order, each once, also where a slice is taken again.
        self._ids: dict[Target, dict[str, None]] = {}
        self._attempts = 0
        self._steps: Iterator[None] | None = None

    def step(self, connection: apsw.Connection) -> Erased | None:
        """Take one slice; return what was erased once nothing is left to do.

        Raises:
            apsw.Error: the file failed; what this slice did is undone.
        """
        if self._steps is None:
            self._steps = self._run(connection)
        for _ in self._steps:
            return None
        # Readers that are in it now have left at the next attempt; a backup may stay longer.
        self._attempts += 1
        emptied = _empty_wal(connection)
        if not emptied and self._attempts < _MOST_ATTEMPTS:
            return None
        ids = {person: tuple(found) for person, found in self._ids.items()}
        return Erased(persons=self._persons, **self._counts, final=emptied, ids=ids)

    def restart(self) -> None:
        """Begin again, after the file has failed: what is erased already is not found any more."""
        self._steps = None

    def _run(self, connection: apsw.Connection) -> Iterator[None]:
        self._persons = tuple(dict.fromkeys((*self._persons, *self._find_targets(connection))))
        if _first(connection, _HAS_REMOVED, "removed") is not None:
            _in_transaction(connection, _forget_removed, NOBODY)
        for target in self._persons:
            while _in_transaction(connection, self._erase_records, target):
                yield
            while _in_transaction(connection, self._remove_state, target):
                yield
        while _scrub(connection):
            yield
        connection.execute("DROP TABLE IF EXISTS scratch")

    def _find_targets(self, connection: apsw.Connection) -> list[Target]:
        if self._account_id is not None:
            return [user_target(self._account_id, self._user_id)]
        found: dict[Target, None] = {}
        for following, has in ((_NEXT_TARGET, _HAS_TARGET), (_NEXT_PERSON, _HAS_PERSON)):
            after = "u\x1f"
            while (target := _first(connection, following, after)) is not None and target.startswith("u\x1f"):
                account_id = target.split("\x1f")[1]
                person = user_target(account_id, self._user_id)
                if _first(connection, has, person) is not None:
                    found[person] = None
                # Behind every user of this account.
                after = f"u\x1f{account_id}\x20"
        return list(found)

    def _erase_records(self, connection: apsw.Connection, target: Target) -> bool:
        bindings = (target, superseded_target(target), self._upto, SLICE)
        rows = msgspec.convert(connection.execute(_RECORDS, bindings).fetchall(), list[_Row])
        for row in rows:
            self._erase_record(connection, row, target)
        return bool(rows)

    def _erase_record(self, connection: apsw.Connection, row: _Row, target: Target) -> None:
        position, identifier, created_ms, expires_ms, kind, targets, payload = row
        names = (target, superseded_target(target))
        connection.execute("DELETE FROM target WHERE target IN (?, ?) AND position = ?", (*names, position))
        if identifier is None or payload is None:
            # There is no such record: an entry of the index that led nowhere.
            return
        if kind == Kind.NOTIFICATION:
            self._note(target, identifier.decode(errors="replace"))
        left = _without(targets or b"", target)
        if left:
            self._counts["shared"] += 1
        else:
            self._counts["records"] += 1
            left, identifier, expires_ms, payload = (NOBODY,), b"", None, b"{}"
            connection.execute("INSERT OR IGNORE INTO target VALUES (?, ?, ?, NULL)", (NOBODY, position, NOT_LISTED))
            self._counts["keys"] += _change(connection, "DELETE FROM idempotency WHERE position = ?", (position,))
            self._counts["states"] += _change(connection, "DELETE FROM state WHERE position = ?", (position,))
        text = _encode(left)
        head = checksum_head(position, created_ms or 0, expires_ms, kind or 0, identifier, text, len(payload))
        checksum = checksum_record(head, payload)
        connection.execute(_WRITE, (identifier.decode(), expires_ms, text.decode(), payload, checksum, position))

    def _note(self, target: Target, identifier: str) -> None:
        found = self._ids.setdefault(target, {})
        found[identifier] = None
        if len(found) > MOST_IDS:
            del found[next(iter(found))]

    def _remove_state(self, connection: apsw.Connection, target: Target) -> bool:
        removed = _change(connection, _REMOVE_STATE, (target, self._upto, SLICE))
        self._counts["states"] += removed
        return bool(removed)


def _without(text: bytes, target: Target) -> tuple[Target, ...]:
    """Return the other targets of a record; none where they cannot be read, since then nobody gets it anyway."""
    try:
        return tuple(each for each in _decode_targets(text) if each != target)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()


def _in_transaction(
    connection: apsw.Connection, work: Callable[[apsw.Connection, Target], bool], target: Target
) -> bool:
    # Outside of a transaction: within one it would be too late.
    _overwrite(connection)
    try:
        connection.execute("BEGIN IMMEDIATE")
        more = work(connection, target)
        connection.execute("COMMIT")
        return more
    finally:
        connection.execute("PRAGMA secure_delete = FAST")


def _forget_removed(connection: apsw.Connection, target: Target) -> bool:
    connection.execute("DELETE FROM removed")
    return False


def _overwrite(connection: apsw.Connection) -> None:
    """Have what is deleted from here on overwritten, whatever it costs."""
    connection.execute("PRAGMA secure_delete = ON")


def _scrub(connection: apsw.Connection) -> bool:
    """Overwrite some of the free pages, by taking them; True where there are more."""
    free = int(connection.pragma("freelist_count"))
    page_bytes = int(connection.pragma("page_size"))
    if not free:
        return False
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SCRATCH)
    taken = min(free, _SCRUBBED_PAGES)
    connection.execute("INSERT INTO scratch VALUES (zeroblob(?))", (taken * (page_bytes - _LINK_BYTES),))
    connection.execute("COMMIT")
    return True


def _empty_wal(connection: apsw.Connection) -> bool:
    connection.set_busy_timeout(_WAIT_MS)
    try:
        in_wal, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    finally:
        connection.set_busy_timeout(WRITER_WAIT_MS)
    return in_wal == moved


def _change(connection: apsw.Connection, statement: str, bindings: tuple[object, ...]) -> int:
    before = connection.total_changes()
    connection.execute(statement, bindings)
    return connection.total_changes() - before


def _first(connection: apsw.Connection, query: str, text: str) -> str | None:
    found = connection.execute(query, (text,)).fetchall()
    return None if not found or found[0][0] is None else str(found[0][0])
