"""Checks whether a log is sound: the file, what it should hold, and each record.

Nothing here changes anything. A defect is told in a sentence without ids, for an operator.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from hub.cursor import parse_cursor
from hub.log.port import SUPERSEDED, Record
from hub.log.sqlite.checksum import checksum_key
from hub.log.sqlite.mark import Mark
from hub.log.sqlite.page import read_every, read_for
from hub.log.sqlite.schema import Extent, expected_schemas, read_schema
from hub.log.sqlite.state import read_rows
from hub.target import CONTROL

__all__ = [
    "Defect",
    "check_all",
    "check_controls",
    "check_file",
    "check_keys",
    "check_newest",
    "check_records",
    "check_state",
    "check_superseded",
    "check_targets",
    "compare_with_mark",
    "read_controls",
    "read_keys",
]

_PAGE = 1_000
_PAGE_BYTES = 4 * 2**20
_NEWEST = 1_000
_SPACE = re.compile(r"\s+")
#: What SQLite says of a damaged file may be long.
_MOST_WORDS = 200

_COUNT = "SELECT count(*) FROM record WHERE position > ? AND position <= ?"
_UNNAMED = """SELECT count(*) FROM record r,
json_each(CASE WHEN json_valid(r.targets) THEN r.targets ELSE '[]' END) j WHERE r.position > ? AND r.position <= ?
AND NOT EXISTS (
SELECT 1 FROM target t WHERE t.target IN (j.value, 's' || char(31) || j.value) AND t.position = r.position)"""
_WITHOUT_REASON = """SELECT count(DISTINCT position) FROM target t WHERE target > 's' AND target < 't'
AND NOT EXISTS (SELECT 1 FROM state WHERE owner = ? AND key = printf('%019d', t.position))"""
_NAMED_CONTROLS = """SELECT t.position FROM target t LEFT JOIN record r ON r.position = t.position
WHERE t.target = ? AND r.control IS NOT 2"""
_KEYS = """SELECT position, CAST(key AS BLOB), CAST(body AS BLOB), CAST(id AS BLOB),
coalesce(CAST(created_s * 1000 + 0.5 AS INTEGER), 0), CAST(checksum AS INTEGER)
FROM idempotency WHERE position > ? ORDER BY position LIMIT ?"""


class Defect(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    `spoils_file`: nothing may be written into the file any more. `loses_controls`: control records are missing, which
    may have revoked access. `is_told`: the clients it concerns are told when they read, so the loss is not silent.
    """

    text: str
    spoils_file: bool = False
    loses_controls: bool = False
    is_told: bool = False


def check_all(connection: apsw.Connection, extent: Extent) -> Iterator[Defect]:
    """Look at everything: every page and index, every revocation, record, target, state row and idempotency key."""
    yield from check_file(connection, deep=True)
    yield from check_controls(connection, extent)
    yield from check_records(connection, extent)
    yield from check_targets(connection, extent, budget_s=float("inf"))
    yield from check_keys(connection, extent)
    yield from check_state(connection)
    yield from check_superseded(connection)


def check_file(connection: apsw.Connection, *, deep: bool) -> Iterator[Defect]:
    """Look at the tables' definitions and, if `deep`, at every page and index."""
    found = {(name, _SPACE.sub("", text)) for name, text in read_schema(connection)}
    expected = [{(name, _SPACE.sub("", text)) for name, text in schema} for schema in expected_schemas()]
    if not any(schema <= found for schema in expected):
        yield Defect("the tables are not defined as the hub defined them", spoils_file=True)
        return
    if deep:
        told = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)").fetchall()]
        if told != ["ok"]:
            yield Defect(f"SQLite finds it damaged: {' '.join('; '.join(told).split())[:_MOST_WORDS]}", True)


def compare_with_mark(extent: Extent, mark: Mark | None, path: Path) -> Iterator[Defect]:
    """Compare what the log holds with what it held when something was last acknowledged."""
    if parse_cursor(f"{extent.epoch}-0") is None:
        yield Defect("its epoch is not one that a hub makes")
    if mark is None:
        yield Defect(f"{path.name}.mark, which says what the log must hold, is missing or damaged")
        return
    if mark.epoch != extent.epoch:
        yield Defect("it is another log than the one this hub wrote last, or was restored by hand")
    elif mark.head > extent.head:
        lost = mark.head - extent.head
        yield Defect(f"positions {extent.head + 1} to {mark.head} are missing: {lost} acknowledged records")
    elif mark.inode != path.stat().st_ino:
        yield Defect("it is a copy of the file that this hub wrote last, and may be an old one")
    if mark.epoch == extent.epoch and mark.controls > extent.controls:
        lost = mark.controls - extent.controls
        yield Defect(f"{lost} revocations are missing", loses_controls=True)


def check_controls(connection: apsw.Connection, extent: Extent) -> Iterator[Defect]:
    """Look whether every control record is there and sound: a lost revocation would let somebody in again."""
    marked = _positions(connection, "SELECT position FROM record INDEXED BY control WHERE control = 1")
    named = _positions(connection, _NAMED_CONTROLS, CONTROL)
    found = list(read_controls(connection, extent))
    sound = {record.position for record in found if not record.is_damaged}
    # A damaged one may look like a state record of the hub's own: those have the same target.
    damaged = {record.position for record in found if record.is_damaged}
    if damaged or not marked == named == sound:
        yield Defect(f"{len((marked | named | damaged) - sound) or 1} revocations are damaged", loses_controls=True)


def read_controls(connection: apsw.Connection, extent: Extent) -> Iterator[Record]:
    """Yield every control record, or what stands for it."""
    after = 0
    while after < extent.head:
        reading = read_for(
            connection, (CONTROL,), after=after, upto=extent.head, limit=_PAGE, limit_bytes=_PAGE_BYTES, now_ms=-1
        )
        yield from reading.records
        after = reading.upto


def check_newest(connection: apsw.Connection, extent: Extent) -> Iterator[Defect]:
    """Look at the newest records: what was written last is what a crash or a cut would have damaged."""
    after = max(extent.head - _NEWEST, extent.since, extent.first - 1)
    damaged = [record.position for record in _records(connection, after, extent.head) if record.is_damaged]
    if damaged:
        text = f"{len(damaged)} of the newest records are damaged, the first at position {damaged[0]}"
        # Where the last one is damaged, its position may never have been given out.
        at_head = damaged[-1] == extent.head
        yield Defect(text, spoils_file=at_head, is_told=not at_head)


def check_targets(connection: apsw.Connection, extent: Extent, *, budget_s: float) -> Iterator[Defect]:
    """Look whether each record is there and named for each of its targets, from the newest back.

    A user whose target does not name a record never gets it. What takes longer than `budget_s` is left out.
    """
    end_s = time.monotonic() + budget_s
    begin = max(extent.since, extent.first - 1)
    upto = extent.head
    missing = unnamed = 0
    while upto > begin and time.monotonic() < end_s:
        after = max(upto - _PAGE, begin)
        missing += upto - after - _number(connection, _COUNT, after, upto)
        unnamed += _number(connection, _UNNAMED, after, upto)
        upto = after
    if missing:
        yield Defect(f"{missing} records between positions {upto + 1} and {extent.head} are missing")
    if unnamed:
        yield Defect(f"the index of targets lacks {unnamed} entries")


def check_records(connection: apsw.Connection, extent: Extent) -> Iterator[Defect]:
    """Read every record and compare its checksum."""
    damaged = [
        record.position
        for record in _records(connection, max(extent.since, extent.first - 1), extent.head)
        if record.is_damaged
    ]
    if damaged:
        yield Defect(f"{len(damaged)} stretches of records are damaged, the first ends at position {damaged[0]}")


def check_keys(connection: apsw.Connection, extent: Extent) -> Iterator[Defect]:
    """Read every idempotency key and compare its checksum."""
    if damaged := sum(key is None for key in read_keys(connection, extent)):
        yield Defect(f"{damaged} idempotency keys are damaged: repeats under them are stored as new")


def check_state(connection: apsw.Connection) -> Iterator[Defect]:
    """Read every row of the state index and compare its checksum."""
    if damaged := sum(not is_sound for *_, is_sound in read_rows(connection)):
        yield Defect(f"{damaged} rows of the state index are damaged: what they say is forgotten")


def check_superseded(connection: apsw.Connection) -> Iterator[Defect]:
    """Look whether each record that is left out as superseded has one that superseded it."""
    if missing := _number(connection, _WITHOUT_REASON, SUPERSEDED):
        yield Defect(f"{missing} records are left out as superseded, and nothing says by which others")


def read_keys(connection: apsw.Connection, extent: Extent) -> Iterator[tuple[int, bytes, bytes, bytes, int] | None]:
    """Yield position, key, digest of the body, id and time (ms) of every idempotency key; None for a damaged one."""
    after = -1
    while True:
        rows = msgspec.convert(
            connection.execute(_KEYS, (after, _PAGE)).fetchall(),
            list[tuple[int, bytes, bytes, bytes, int, int | None]],
        )
        for row in rows:
            position, *_, checksum = row
            sound = position <= extent.unchecked if checksum is None else checksum == checksum_key(*row[:5])
            yield row[:5] if sound else None
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _records(connection: apsw.Connection, after: int, upto: int) -> Iterator[Record]:
    while after < upto:
        reading = read_every(connection, after=after, upto=upto, limit=_PAGE, limit_bytes=_PAGE_BYTES)
        yield from reading.records
        after = reading.upto


def _positions(connection: apsw.Connection, query: str, *bindings: object) -> set[int]:
    rows = connection.execute(query, bindings).fetchall()
    return {position for (position,) in msgspec.convert(rows, list[tuple[int]])}


def _number(connection: apsw.Connection, query: str, *bindings: object) -> int:
    ((number,),) = msgspec.convert(connection.execute(query, bindings).fetchall(), list[tuple[int]])
    return number
