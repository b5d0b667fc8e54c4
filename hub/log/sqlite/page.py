"""One page of the log, read in one query and checked: each record against its checksum, and for those it is meant for.

What is damaged is never returned. A placeholder stands for it, so that everybody it may have been for is told of a
gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import apsw
import msgspec

from hub.log.port import Kind, Reading, Record
from hub.log.sqlite.checksum import is_sound, pack_head
from hub.target import Target

__all__ = ["read_at", "read_every", "read_for"]


_ONE = "SELECT position FROM target WHERE target = ? AND position > ? AND position <= ?"
# UNION with ORDER BY merges the targets' index ranges and stops at the limit; LEFT JOIN keeps it outermost, and shows
# a record that should be there and is not. What expired is left out only after it was checked: it may look expired.
_DUE = "r.control IS NOT ?3 AND (r.control IS 1 OR r.expires_ms IS NULL OR r.expires_ms > ?1)"
_MERGED = f"""SELECT p.position AS position, {_DUE} AS due,
coalesce(octet_length(r.payload), 0) AS payload_bytes, coalesce(octet_length(r.targets), 0) AS targets_bytes
FROM ({{}} ORDER BY 1) p LEFT JOIN record r ON r.position = p.position LIMIT ?"""  # noqa: S608  # constants alone
_EVERY = """SELECT position, 1 AS due, coalesce(octet_length(payload), 0) AS payload_bytes,
coalesce(octet_length(targets), 0) AS targets_bytes
FROM record WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
# Each record looked at once. Of a heavy one what lies behind the payload is left out too: SQLite would read all of it.
_IS_LIGHT = "coalesce(octet_length(r.payload), 0) + coalesce(octet_length(r.targets), 0) <= ?2"
_LIGHT = f"""SELECT p.position AS at, {_DUE} AS due, 0 AS found,
{_IS_LIGHT} AS light, r.id, r.created_s, r.expires_ms, r.control, r.targets, octet_length(r.payload) AS payload_bytes,
CASE WHEN {_IS_LIGHT} THEN r.payload END AS payload, CASE WHEN {_IS_LIGHT} THEN r.checksum END AS checksum
FROM ({{}} ORDER BY 1 LIMIT ?) p LEFT JOIN record r ON r.position = p.position"""  # noqa: S608  # constants alone
# Certain ones, in the order in which they are named.
_AT = f"""SELECT p.value AS at, {_DUE} AS due, 0 AS found, 1 AS light,
r.id, r.created_s, r.expires_ms, r.control, r.targets, octet_length(r.payload) AS payload_bytes, r.payload, r.checksum
FROM json_each(?2) p LEFT JOIN record r ON r.position = p.value"""  # noqa: S608  # constants alone
# Weighed first, which reads no payload (SQLite knows its length from the record's head) but looks at each record twice.
_FITTING = """SELECT w.position AS at, w.due, w.found, 1 AS light, r.*, octet_length(r.payload) AS payload_bytes FROM (
SELECT position, due, row_number() OVER upto AS number, sum(due) OVER upto AS due_number,
sum(payload_bytes * due + targets_bytes) OVER upto AS weight_bytes, count(*) OVER () AS found
FROM ({}) WINDOW upto AS (ORDER BY position ROWS UNBOUNDED PRECEDING)) w
LEFT JOIN record r ON r.position = w.position
WHERE w.number = 1 OR w.weight_bytes <= ? AND w.due_number <= ?"""
# A whole page as one row: each row fetched releases the GIL, and re-acquiring it beside a busy event loop costs
# milliseconds. Both aggregates see the rows in the same order; ids, targets and payloads are cut up by size. They
# are not looked into here, and every number is cast to one: what is damaged may be of any type, and no text at all.
_PAGE = """SELECT json_group_array(json_array(at, due, light, CAST(created_s * 1000 + 0.5 AS INTEGER),
CAST(expires_ms AS INTEGER), CAST(control AS INTEGER), CAST(checksum AS INTEGER), coalesce(octet_length(id), 0),
coalesce(octet_length(targets), 0), coalesce(payload_bytes, 0))),
CAST(coalesce(group_concat(
coalesce(id, '') || coalesce(targets, '') || CASE WHEN due AND light THEN coalesce(payload, '') ELSE '' END, ''), '')
AS BLOB), coalesce(max(found), 0), (SELECT CAST(first AS INTEGER) FROM meta),
(SELECT CAST(unchecked AS INTEGER) FROM meta) FROM ({})"""
#: Rows looked at once more of them had expired than were asked for.
_MORE_ROWS = 2_000
#: A heavier record is weighed before it is read. Of lighter ones, as many are read at once as usually fill a page.
_LIGHT_BYTES = 768
_LIGHT_ROWS = 160

#: Position, whether it is due, whether its content is there, created and expires (ms), control, checksum, and how many
#: bytes its id, targets and payload have.
_Row: TypeAlias = tuple[int, int, int, int | None, int | None, int | None, int | None, int, int, int]

#: What control is of a record that nobody asked for; no row has the second.
_STATES, _NOTHING = int(Kind.STATE), -1
#: Without a checksum a damaged row may hold any number.
_KINDS = {kind.value: kind for kind in Kind}
_NOTIFICATION = Kind.NOTIFICATION

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
    with_states: bool = False,
) -> Reading:
    """Return what `Log.read` promises of distinct `targets`.

    Raises:
        apsw.Error, msgspec.MsgspecError, UnicodeError: the file cannot be read, or is damaged.
    """
    merged = " UNION ".join([_ONE] * len(targets))
    wanted = frozenset(targets)
    left_out = _NOTHING if with_states else _STATES
    reached, left_bytes = after, limit_bytes
    records: list[Record] = []

    def fetch_weighed(rows: int) -> _Page:
        bindings = [now_ms, None, left_out, *_bind(targets, reached, upto), rows, left_bytes, limit - len(records)]
        return _fetch(connection, _FITTING.format(_MERGED.format(merged)), bindings, wanted, left_bytes)

    rows = min(limit, _LIGHT_ROWS)
    bindings = [now_ms, _LIGHT_BYTES, left_out, *_bind(targets, reached, upto), rows]
    page = _fetch(connection, _LIGHT.format(merged), bindings, wanted, left_bytes)
    if not page.rows and page.found:
        rows = limit
        page = fetch_weighed(rows)
    while True:
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
        page = fetch_weighed(rows)


def read_every(connection: apsw.Connection, *, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
    """Return what there is in `(after, upto]` as `read_for` does, but whomever it is for, of any kind, expired or not.

    Raises:
        apsw.Error, msgspec.MsgspecError, UnicodeError: the file cannot be read, or is damaged.
    """
    page = _fetch(connection, _FITTING.format(_EVERY), [after, upto, limit, limit_bytes, limit], None, limit_bytes)
    reached = upto if page.rows == page.found < limit else page.reached
    return Reading(_fill_holes(page.records, max(after, page.first - 1), reached), reached)


def read_at(
    connection: apsw.Connection, targets: tuple[Target, ...], positions: Sequence[int], *, now_ms: int, limit_bytes: int
) -> tuple[list[Record], int]:
    """Return the records at these positions, in this order, and how many of the positions it came to.

    It ends before one that is beyond `limit_bytes`, but not before the first. What has expired is left out.

    Raises:
        apsw.Error, msgspec.MsgspecError, UnicodeError: the file cannot be read, or is damaged.
    """
    bindings = [now_ms, msgspec.json.encode(positions).decode(), _STATES]
    page = _fetch(connection, _AT, bindings, frozenset(targets), limit_bytes)
    return page.records, page.rows


def _bind(targets: tuple[Target, ...], after: int, upto: int) -> list[object]:
    return [value for target in targets for value in (target, after, upto)]


def _fetch(
    connection: apsw.Connection,
    query: str,
    bindings: list[object],
    wanted: frozenset[Target] | None,
    limit_bytes: int,
) -> _Page:
    found = connection.execute(_PAGE.format(query), bindings).fetchall()
    ((rows, content, count, first, unchecked),) = msgspec.convert(found, list[tuple[str, bytes, int, int, int]])
    return _cut(rows, content, count, first, unchecked, wanted, limit_bytes)


def _cut(
    rows: str,
    content: bytes,
    found: int,
    first: int,
    unchecked: int,
    wanted: frozenset[Target] | None,
    limit_bytes: int,
) -> _Page:
    """Return the page's records, each checked, and in place of a damaged one what stands for it.

    The page ends before a record whose content was left out, and before what exceeds `limit_bytes`.
    """
    records: list[Record] = []
    # Most records of a page are for the same users.
    meant_by: dict[bytes, tuple[Target, ...]] = {}
    start = at = number = 0
    decoded = _decode_rows(rows)
    for row in decoded:
        position, due, whole, created_ms, expires_ms, control, checksum, id_bytes, targets_bytes, payload_bytes = row
        limit_bytes -= targets_bytes + (payload_bytes if due else 0)
        if not whole or (limit_bytes < 0 and number):
            break
        number += 1
        at = position
        middle = start + id_bytes
        end = middle + targets_bytes
        prefix, targets = content[start:end], content[middle:end]
        start = end + payload_bytes if due else end
        payload = content[end:start]
        if checksum is None:
            # Written by a hub that made none, or it is gone.
            sound = at <= unchecked and control is not None
        else:
            head = pack_head(
                at,
                created_ms or 0,
                -1 if expires_ms is None else expires_ms,
                control or 0,
                id_bytes,
                targets_bytes,
                payload_bytes,
            )
            sound = is_sound(checksum, head + prefix, payload if due else None)
        if (meant := meant_by.get(targets)) is None:
            meant = meant_by[targets] = _read_targets(targets, wanted)
        if not sound or not meant:
            records.append(Record.damaged(at))
        elif due:
            expires_at_s = None if expires_ms is None else expires_ms / 1000
            kind = _NOTIFICATION if not control else _KINDS.get(control, _NOTIFICATION)
            records.append(Record(at, meant, payload, expires_at_s, None, kind))
    return _Page(records, number, max(found, len(decoded)), at, first)


def _read_targets(text: bytes, wanted: frozenset[Target] | None) -> tuple[Target, ...]:
    """Return the targets that a record names; none where they cannot be read, or name nobody of `wanted`."""
    try:
        meant = _decode_targets(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()
    # A user whom the index names and the record does not is not given it: an index may be damaged, too.
    return () if wanted is not None and wanted.isdisjoint(meant) else meant


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
