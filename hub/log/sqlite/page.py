"""One page of the log, read in one query and checked: each record against its checksum, and for those it is meant for.

What is damaged is never returned. A placeholder stands for it, so that everybody it may have been for is told of a
gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw
import msgspec

from hub.log.port import Reading, Record
from hub.log.sqlite.checksum import checksum_head, is_head_sound, is_payload_sound
from hub.target import Target

__all__ = ["read_every", "read_for"]


_ONE = "SELECT position FROM target WHERE target = ? AND position > ? AND position <= ?"
# UNION with ORDER BY merges the targets' index ranges and stops at the limit; LEFT JOIN keeps it outermost, and shows
# a record that should be there and is not. What expired is left out only after it was checked: it may look expired.
_MERGED = """SELECT p.position AS position, r.control = 1 OR r.expires_ms IS NULL OR r.expires_ms > ? AS due,
coalesce(octet_length(r.payload), 0) AS payload_bytes, coalesce(octet_length(r.targets), 0) AS targets_bytes
FROM ({} ORDER BY 1) p LEFT JOIN record r ON r.position = p.position LIMIT ?"""
_EVERY = """SELECT position, 1 AS due, coalesce(octet_length(payload), 0) AS payload_bytes,
coalesce(octet_length(targets), 0) AS targets_bytes
FROM record WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
# Weighed first, which reads no payload: SQLite knows its length from the record's head.
_FITTING = """SELECT w.position AS at, w.due, w.found, r.* FROM (
SELECT position, due, row_number() OVER upto AS number, sum(due) OVER upto AS due_number,
sum(payload_bytes * due + targets_bytes) OVER upto AS weight_bytes, count(*) OVER () AS found
FROM ({}) WINDOW upto AS (ORDER BY position ROWS UNBOUNDED PRECEDING)) w
LEFT JOIN record r ON r.position = w.position
WHERE w.number = 1 OR w.weight_bytes <= ? AND w.due_number <= ?"""
# A whole page as one row: each row fetched releases the GIL, and re-acquiring it beside a busy event loop costs
# milliseconds. Both aggregates see the rows in the same order; ids, targets and payloads are cut up by size. They
# are not looked into here, and every number is cast to one: what is damaged may be of any type, and no text at all.
_PAGE = """SELECT json_group_array(json_array(at, due, CAST(created_s * 1000 + 0.5 AS INTEGER),
CAST(expires_ms AS INTEGER), CAST(control AS INTEGER), CAST(checksum AS INTEGER), coalesce(octet_length(id), 0),
coalesce(octet_length(targets), 0), coalesce(octet_length(payload), 0))),
CAST(coalesce(group_concat(
coalesce(id, '') || coalesce(targets, '') || CASE WHEN due THEN coalesce(payload, '') ELSE '' END, ''), '') AS BLOB),
coalesce(max(found), 0), (SELECT CAST(first AS INTEGER) FROM meta), (SELECT CAST(unchecked AS INTEGER) FROM meta)
FROM ({})"""
#: Rows looked at once more of them had expired than were asked for.
_MORE_ROWS = 2_000


class _Row(msgspec.Struct, array_like=True):
    position: int
    due: int
    created_ms: int | None
    expires_ms: int | None
    control: int | None
    checksum: int | None
    identifier_bytes: int
    targets_bytes: int
    payload_bytes: int


_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_targets = msgspec.json.Decoder(tuple[Target, ...]).decode


class _Page(NamedTuple):
    """What one query found: `rows` records and holes in order, of `found` rows there were, in a log from `first` on."""

    records: list[Record]
    rows: int
    found: int
    reached: int
    first: int


def read_for(
    connection: apsw.Connection,
    targets: tuple[Target, ...],
    *,
    after: int,
    upto: int,
    limit: int,
    limit_bytes: int,
    now_ms: int,
) -> Reading:
    """Return what `Log.read` promises of distinct `targets`.

    Raises:
        apsw.Error, msgspec.MsgspecError, UnicodeError: the file cannot be read, or is damaged.
    """
    query = _MERGED.format(" UNION ".join([_ONE] * len(targets)))
    wanted = frozenset(targets)
    records: list[Record] = []
    reached, rows, left_bytes = after, limit, limit_bytes
    while True:
        bindings: list[object] = [now_ms]
        for target in targets:
            bindings += (target, reached, upto)
        page = _fetch(connection, query, [*bindings, rows, left_bytes, limit - len(records)], wanted)
        if records and _weigh(page.records[:1]) > left_bytes:
            return Reading(records, records[-1].position)
        records += page.records
        # Short of what was found: the rest was too heavy, or more than was asked for.
        if page.rows == page.found < rows:
            return Reading(records, upto)
        if len(records) >= limit or page.rows == len(page.records):
            return Reading(records, records[-1].position)
        reached = page.reached
        # Some had expired, and others may fit in their place.
        rows = max(limit, _MORE_ROWS)
        left_bytes -= _weigh(page.records)


def read_every(connection: apsw.Connection, *, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
    """Return what there is in `(after, upto]` as `read_for` does, but whomever it is for, expired or not.

    Raises:
        apsw.Error, msgspec.MsgspecError, UnicodeError: the file cannot be read, or is damaged.
    """
    page = _fetch(connection, _EVERY, [after, upto, limit, limit_bytes, limit], None)
    reached = upto if page.rows == page.found < limit else page.reached
    return Reading(_fill_holes(page.records, max(after, page.first - 1), reached), reached)


def _fetch(connection: apsw.Connection, query: str, bindings: list[object], wanted: frozenset[Target] | None) -> _Page:
    found = connection.execute(_PAGE.format(_FITTING.format(query)), bindings).fetchall()
    ((rows, content, count, first, unchecked),) = msgspec.convert(found, list[tuple[str, bytes, int, int, int]])
    return _cut(rows, content, count, first, unchecked, wanted)


def _cut(rows: str, content: bytes, found: int, first: int, unchecked: int, wanted: frozenset[Target] | None) -> _Page:
    """Return the page's records, each checked, and in place of a damaged one what stands for it."""
    records: list[Record] = []
    start = at = 0
    decoded = _decode_rows(rows)
    for row in decoded:
        at = row.position
        identifier, targets, payload = _slices(content, start, row)
        start += len(identifier) + len(targets) + len(payload)
        if row.checksum is None:
            # Written by a hub that made none, or it is gone.
            sound = at <= unchecked and row.control is not None
        else:
            created_ms, control = row.created_ms or 0, row.control or 0
            head_sum = checksum_head(at, created_ms, row.expires_ms, control, identifier, targets, row.payload_bytes)
            sound = is_head_sound(head_sum, row.checksum) and (not row.due or is_payload_sound(payload, row.checksum))
        try:
            meant = _decode_targets(targets) if sound else ()
        except msgspec.MsgspecError:
            meant = ()
        # A user whom the index names and the record does not is not given it: an index may be damaged, too.
        if not meant or (wanted is not None and wanted.isdisjoint(meant)):
            records.append(Record.damaged(at))
        elif row.due:
            records.append(Record(at, meant, payload, None if row.expires_ms is None else row.expires_ms / 1000))
    return _Page(records, len(decoded), found, at, first)


def _slices(content: bytes, start: int, row: _Row) -> tuple[bytes, bytes, bytes]:
    targets = start + row.identifier_bytes
    payload = targets + row.targets_bytes
    return content[start:targets], content[targets:payload], content[payload : payload + row.payload_bytes * row.due]


def _fill_holes(records: list[Record], after: int, reached: int) -> list[Record]:
    """Return the records with something that stands for those missing: positions have no holes but at the start."""
    filled: list[Record] = []
    for record in [*records, None]:
        position = reached + 1 if record is None else record.position
        if position > after + 1:
            filled.append(Record.damaged(position - 1))
        if record is not None:
            filled.append(record)
        after = position
    return filled


def _weigh(records: Sequence[Record]) -> int:
    return sum(len(record.payload) + len(msgspec.json.encode(record.targets)) for record in records)
