"""The state index: what the log's records have changed, as it is now. Each row is checked against its checksum.

The writer puts and removes rows in the transaction of the record that does so (`hub/log/sqlite/batch.py`). A row stays
when retention takes its record, and is then all that is left of it. So that no row is lost in silence, SQLite's own
index of owners and keys has each of them as well; `hub check --deep` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import apsw
import msgspec

from hub.log.port import Entry
from hub.log.sqlite.checksum import checksum_state

__all__ = [
    "MOST_OWNERS",
    "StateRow",
    "has_ended",
    "insert_rows",
    "list_entries",
    "read_entries",
    "read_entry",
    "read_lasting",
    "read_rows",
    "remove_ended",
]

MOST_OWNERS = 100
_PAGE = 1_000

#: Position, number, owner, key, value, person, `ends`, and whether the checksum fits.
StateRow: TypeAlias = tuple[int, int, str, str, bytes, str | None, int | None, bool]
_Stored: TypeAlias = tuple[int, int, bytes, bytes, bytes, bytes | None, int | None, int | None]

# Cast, for what is damaged may be of any type, and no text at all.
_COLUMNS = """position, number, CAST(owner AS BLOB), CAST(key AS BLOB), CAST(value AS BLOB), CAST(person AS BLOB),
CAST(ends AS INTEGER), CAST(checksum AS INTEGER)"""
_ONE = f"SELECT {_COLUMNS} FROM state WHERE owner = ? AND key = ?"  # noqa: S608  # constants alone
_LIST = f"""SELECT {_COLUMNS} FROM state INDEXED BY state_key
WHERE owner IN ({{}}) AND key > ? {{}} ORDER BY key, owner LIMIT ?"""  # noqa: S608
_ALL = f"SELECT {_COLUMNS} FROM state WHERE (position, number) > (?, ?) ORDER BY 1, 2 LIMIT ?"  # noqa: S608
_LASTING = f"""SELECT {_COLUMNS} FROM state WHERE ends IS NULL AND (position, number) > (?, ?) AND position < ?
ORDER BY 1, 2 LIMIT ?"""  # noqa: S608  # constants alone
_INSERT = "INSERT OR IGNORE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_HAS_ENDED = "SELECT 1 FROM state INDEXED BY state_ends WHERE ends < ? LIMIT 1"
_REMOVE_ENDED = """DELETE FROM state WHERE (position, number) IN (
    SELECT position, number FROM state INDEXED BY state_ends WHERE ends < ? LIMIT ?)"""


def read_entry(connection: apsw.Connection, owner: str, key: str) -> tuple[Entry | None, list[int]]:
    """Return the row of one owner under one key, and the positions of damaged rows that were met."""
    entries, damaged = _check(connection.execute(_ONE, (owner, key)).fetchall())
    return (entries[0] if entries else None), damaged


def list_entries(
    connection: apsw.Connection, owners: Sequence[str], *, after: str, upto: str | None, limit: int
) -> tuple[list[Entry], list[int]]:
    """Return what `Log.list_state` promises, and the positions of damaged rows that were met."""
    marks = ", ".join("?" * len(owners))
    within, bounds = ("", []) if upto is None else ("AND key <= ?", [upto])
    found = connection.execute(_LIST.format(marks, within), [*owners, after, *bounds, limit]).fetchall()
    entries, damaged = _check(found)
    if len(owners) > 1 and len(found) == limit and entries:
        # The rows of the last key, all of them: a caller goes on after that key.
        query = _LIST.format(marks, "AND key <= ?")
        entries, damaged = _check(connection.execute(query, [*owners, after, entries[-1].key, -1]).fetchall())
    return entries, damaged


def read_entries(connection: apsw.Connection, condition: str, bindings: Mapping[str, object]) -> list[Entry]:
    """Return sound rows that match a condition on owner, key and more, in the order of keys; at most `:limit`."""
    query = f"SELECT {_COLUMNS} FROM state WHERE {condition} ORDER BY key LIMIT :limit"  # noqa: S608  # constants alone
    return _check(connection.execute(query, dict(bindings)).fetchall())[0]


def read_rows(connection: apsw.Connection) -> Iterator[StateRow]:
    """Yield every row, in the order of positions."""
    after = (-1, -1)
    while True:
        found = msgspec.convert(connection.execute(_ALL, (*after, _PAGE)).fetchall(), list[_Stored])
        yield from map(_decode, found)
        if len(found) < _PAGE:
            return
        after = found[-1][:2]


def read_lasting(connection: apsw.Connection, after: tuple[int, int], before: int, limit: int) -> list[StateRow]:
    """Return rows that no notification ends, put by records before a position, in the order of positions."""
    found = connection.execute(_LASTING, (*after, before, limit)).fetchall()
    return [_decode(row) for row in msgspec.convert(found, list[_Stored])]


def insert_rows(connection: apsw.Connection, rows: Iterable[StateRow]) -> None:
    """Put sound rows into another log, as they were."""
    for position, number, owner, key, value, person, ends, _ in rows:
        named = None if person is None else person.encode()
        checksum = checksum_state(position, number, owner.encode(), key.encode(), value, named, ends)
        connection.execute(_INSERT, (position, number, owner, key, value, person, ends, checksum))


def has_ended(connection: apsw.Connection, first: int) -> bool:
    """Whether there is a row whose notification retention has passed."""
    return bool(connection.execute(_HAS_ENDED, (first,)).fetchall())


def remove_ended(connection: apsw.Connection, first: int, limit: int) -> int:
    """Remove at most `limit` rows whose notification retention has passed; return how many."""
    before = connection.total_changes()
    connection.execute(_REMOVE_ENDED, (first, limit))
    return connection.total_changes() - before


def _check(found: Sequence[tuple[object, ...]]) -> tuple[list[Entry], list[int]]:
    entries: list[Entry] = []
    damaged: list[int] = []
    for row in msgspec.convert(found, list[_Stored]):
        position, _, owner, key, value, *_ = row
        if _is_sound(row):
            entries.append(Entry(owner.decode(), key.decode(), value, position))
        else:
            damaged.append(position)
    return entries, damaged


def _decode(row: _Stored) -> StateRow:
    position, number, owner, key, value, person, ends, _ = row
    named = None if person is None else person.decode(errors="replace")
    texts = owner.decode(errors="replace"), key.decode(errors="replace")
    return position, number, *texts, value, named, ends, _is_sound(row)


def _is_sound(row: _Stored) -> bool:
    return row[-1] == checksum_state(*row[:-1])
