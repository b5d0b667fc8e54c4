"""What an inbox asks of the log's file: a page of it, how many are unread, and where certain notifications are.

All of it walks the index of targets, which knows of each notification what it takes to pass one over, and merges the
ranges of a user's targets. Records are read for those alone that are returned, and checked as a replay's are. A count
remembers its floor, so that the next one does not pass over what a user has read and archived one by one in a month.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import apsw
import msgspec

from hub.log.inbox import (
    MOST_CHANGED,
    MOST_UNREAD,
    WATERMARK_KEY,
    Flags,
    Inbox,
    InboxItem,
    InboxLook,
    InboxPage,
    InboxQuery,
    Suppose,
    Supposed,
    Watermark,
    flag_key,
    read_flags,
    read_watermark,
)
from hub.log.port import Entry, Record
from hub.log.sqlite.batch import number_id, number_type
from hub.log.sqlite.page import read_at
from hub.log.sqlite.state import read_entries, read_entry
from hub.target import Target, superseded_target

__all__ = ["Floors", "count_unread", "list_inbox", "look_at_inbox"]

#: Rows of the index that one page looks at: a filter that lets few through must not hold a reader.
_MOST_ROWS = 5_000

#: Inboxes whose floors are remembered.
_MOST_FLOORS = 10_000

#: Positions in which the notifications that a change names are looked for first, and then.
_NEWEST = 1_000, 20_000

_ONE = """SELECT position, digest, expires_ms FROM target
WHERE target = :target{0} AND position > :after AND position <= :upto"""
# A row without a digest was written by a hub that kept no inbox: only the record says what it is.
_DUE = """CASE WHEN p.digest IS NULL THEN EXISTS (SELECT 1 FROM record r WHERE r.position = p.position
AND r.control = 0 AND (r.expires_ms IS NULL OR r.expires_ms > :now_ms) AND {0} NOT IN (SELECT value FROM
json_each(:hidden_tags))) ELSE p.digest >= 0 AND (p.expires_ms IS NULL OR p.expires_ms > :now_ms)
AND p.digest >> 32 NOT IN (SELECT value FROM json_each(:hidden)) END"""
_TAG = """coalesce((SELECT json_extract(text, '$.type') FROM (SELECT CAST(r.payload AS TEXT) AS text)
WHERE json_valid(text)), '')"""
_OF_TYPE = f"""CASE WHEN p.digest IS NULL THEN EXISTS (SELECT 1 FROM record r WHERE r.position = p.position
AND {_TAG} = :tag) ELSE p.digest >> 32 = :type END"""  # noqa: S608  # here and below: constants alone
_IS_DUE = _DUE.format(_TAG)
# What a flag says of a notification that the watermark leaves unread, and of one that it has read.
_SETTLED = "(substr(s.value, 1, 1) = x'72' OR substr(s.value, 2, 1) = x'61')"
_RESTORED = "substr(s.value, 1, 1) = x'75' AND substr(s.value, 2, 1) = x'2d' AND s.position >= :put_at"
_OTHERS = "owner = :owner AND key <= :upto AND key NOT IN (SELECT value FROM json_each(:named))"
_SAYS_UNREAD = "substr(value, 1, 1) = x'75' AND position >= :put_at"
_SAYS_ARCHIVED = "substr(value, 2, 1) = x'61'"
_FLAG = "s.owner = :owner AND s.key = printf('%019d', p.position)"
_HAS_FLAGS = "SELECT 1 FROM state WHERE owner = :owner AND key > printf('%019d', :after) AND key < :last LIMIT 1"
_BELOW = "key > printf('%019d', :floor) AND key <= printf('%019d', :watermark)"
_HAS_FLAGS_BELOW = f"SELECT 1 FROM state WHERE owner = :owner AND {_BELOW} LIMIT 1"  # noqa: S608
_COUNT = f"""SELECT count(*), min(position) FROM (SELECT p.position FROM ({{0}} ORDER BY 1 DESC) p WHERE {_IS_DUE}
AND p.position NOT IN (SELECT value FROM json_each(:settled)) {{1}} LIMIT :limit)"""  # noqa: S608
_NOT_FLAGGED = f"""AND (p.position IN (SELECT value FROM json_each(:unread))
OR NOT EXISTS (SELECT 1 FROM state s WHERE {_FLAG} AND {_SETTLED}))"""  # noqa: S608
# Those at or below the watermark that are unread all the same: few, and each said so.
_COUNT_RESTORED = f"""SELECT count(*), min(position) FROM (SELECT p.position FROM (
SELECT CAST(s.key AS INTEGER) AS position FROM state s WHERE s.owner = :owner AND {_BELOW}
AND {_RESTORED} UNION SELECT value FROM json_each(:unread) WHERE value <= :watermark) c
JOIN (SELECT position, digest, expires_ms FROM target WHERE target IN ({{0}})) p ON p.position = c.position
WHERE {_IS_DUE} AND p.position NOT IN (SELECT value FROM json_each(:settled))
GROUP BY p.position LIMIT :limit)"""  # noqa: S608
# Whether the user has marked anything as unread since: then the floor may be lower.
_IS_LOWERED = """SELECT 1 FROM target t JOIN record r ON r.position = t.position
WHERE t.target = :target0 AND t.position > :as_of AND coalesce(t.digest, -1) < 0
AND coalesce(json_array_length(CASE WHEN json_valid(CAST(r.payload AS TEXT)) THEN CAST(r.payload AS TEXT) END,
'$.unread'), 0) > 0 LIMIT 1"""
_LIST = f"""SELECT p.position, s.position, s.value FROM (
SELECT * FROM ({{0}} ORDER BY 1 DESC) LIMIT {_MOST_ROWS}) p
LEFT JOIN state s ON {_FLAG} WHERE {_IS_DUE} {{1}} LIMIT :limit"""  # noqa: S608
# In place of the merged ranges: the archived ones are few among them.
_OF_ARCHIVED = """SELECT DISTINCT t.position, t.digest, t.expires_ms FROM state f
CROSS JOIN target t ON t.target IN ({0}) AND t.position = CAST(f.key AS INTEGER)
WHERE f.owner = :owner AND f.key <= printf('%019d', :upto) AND substr(f.value, 2, 1) = x'61'"""
_ARCHIVED = "AND substr(s.value, 2, 1) = x'61'"
_NOT_ARCHIVED = "AND coalesce(substr(s.value, 2, 1), x'2d') <> x'61'"
_UNREAD = """AND CASE WHEN p.position > :watermark THEN coalesce(substr(s.value, 1, 1), x'2d') <> x'72'
ELSE coalesce(substr(s.value, 1, 1) = x'75' AND s.position >= :put_at, 0) END"""
_LOWEST = f"SELECT count(*), min(position) FROM (SELECT position FROM ({{0}} ORDER BY 1 DESC) LIMIT {_MOST_ROWS})"  # noqa: S608
_LOCATE = """SELECT p.position, r.id FROM ({0}) p JOIN record r ON r.position = p.position
WHERE (CASE WHEN p.digest IS NULL THEN 1 ELSE p.digest >= 0
AND p.digest & 4294967295 IN (SELECT value FROM json_each(:numbers)) END)
AND r.id IN (SELECT value FROM json_each(:ids)) AND r.control = 0"""

_encode = msgspec.json.Encoder().encode


class _Floor(NamedTuple):
    """Nothing up to the position `upto` is unread, as of the log's position `as_of`."""

    upto: int
    as_of: int


class Floors:
    """The floors of inboxes: up to where nothing is unread. Used by all threads that read."""

    def __init__(self) -> None:
        self._floors: dict[tuple[Target, frozenset[str]], _Floor] = {}
        self._lock = threading.Lock()

    def find(self, connection: apsw.Connection, inbox: Inbox, bindings: dict[str, Any], *, head: int) -> int:
        """Return the floor of an inbox, 0 where it is not known."""
        key = _key(inbox)
        floor = self._floors.get(key)
        if floor is None:
            return 0
        if connection.execute(_IS_LOWERED, bindings | {"as_of": floor.as_of}).fetchall():
            with self._lock:
                self._floors.pop(key, None)
            return 0
        self.put(inbox, floor.upto, as_of=max(head, floor.as_of))
        return floor.upto

    def put(self, inbox: Inbox, upto: int, *, as_of: int) -> None:
        """Remember the floor of an inbox, in place of that of the inbox whose count was the longest ago."""
        key = _key(inbox)
        with self._lock:
            self._floors.pop(key, None)
            self._floors[key] = _Floor(upto, as_of)
            if len(self._floors) > _MOST_FLOORS:
                del self._floors[next(iter(self._floors))]


def _key(inbox: Inbox) -> tuple[Target, frozenset[str]]:
    # What is not counted may be unread below the floor.
    return inbox.person, inbox.hidden | inbox.muted


def list_inbox(
    connection: apsw.Connection, inbox: Inbox, query: InboxQuery, floors: Floors, *, head: int, now_ms: int
) -> tuple[InboxPage, list[int]]:
    """Return what `Log.list_inbox` promises, and the positions of damaged records that were met."""
    tag, limit = query.tag, query.limit
    # One moment for the page, the flags and the count.
    connection.execute("BEGIN")
    try:
        watermark = _find_watermark(connection, inbox)
        upto = head if query.before is None else min(head, query.before - 1)
        bindings = _bind(inbox, after=0, upto=upto, now_ms=now_ms, hidden=inbox.hidden) | {
            "tag": tag,
            "type": None if tag is None else number_type(tag),
            "watermark": watermark.upto,
            "put_at": watermark.put_at,
            "limit": limit + 1,
        }
        filters = [_ARCHIVED if query.archived else _NOT_ARCHIVED, _UNREAD if query.unread else ""]
        filters += [f"AND {_OF_TYPE}"] if tag is not None else []
        merged = _OF_ARCHIVED.format(_name(inbox)) if query.archived else _merge(inbox)
        rows = connection.execute(_LIST.format(merged, " ".join(filters)), bindings).fetchall()
        found = msgspec.convert(rows, list[tuple[int, int | None, bytes | None]])
        shown = {position: (put_at, value) for position, put_at, value in found[:limit]}
        records, reached = read_at(connection, inbox.targets, [*shown], now_ms=now_ms, limit_bytes=query.limit_bytes)
        if reached < len(found):
            further: int | None = found[reached - 1][0]
        else:
            further = _find_end(connection, merged, bindings)
        items = [_make_item(record, *shown[record.position], watermark) for record in records if not record.is_damaged]
        damaged = [record.position for record in records if record.is_damaged]
        unread_count = _count(connection, inbox, Supposed(watermark=watermark), floors, upto=head, now_ms=now_ms)
    finally:
        connection.execute("COMMIT")
    return InboxPage(items, further, unread_count, head), damaged


def count_unread(
    connection: apsw.Connection, inbox: Inbox, supposed: Supposed | None, floors: Floors, *, upto: int, now_ms: int
) -> int:
    """Return what `Log.count_unread` promises."""
    connection.execute("BEGIN")
    try:
        known = Supposed(watermark=_find_watermark(connection, inbox)) if supposed is None else supposed
        return _count(connection, inbox, known, floors, upto=upto, now_ms=now_ms, is_known=supposed is None)
    finally:
        connection.execute("COMMIT")


def look_at_inbox(
    connection: apsw.Connection,
    inbox: Inbox,
    ids: Sequence[str],
    *,
    floors: Floors,
    read_until: int | None,
    suppose: Suppose | None,
    head: int,
    now_ms: int,
) -> InboxLook:
    """Return what `Log.look_at_inbox` promises."""
    connection.execute("BEGIN")
    try:
        positions = _locate(connection, inbox, list(dict.fromkeys(ids)), head)
        rows_by_position = {}
        for position in sorted(positions.values()):
            entry, _ = read_entry(connection, inbox.owner, flag_key(position))
            if entry is not None:
                rows_by_position[position] = entry
        watermark = _find_watermark(connection, inbox)
        restored: list[Entry] = []
        spent: list[Entry] = []
        if read_until is not None:
            bindings = {
                "owner": inbox.owner,
                "upto": flag_key(min(read_until, watermark.upto)),
                "put_at": watermark.put_at,
                "named": _text(sorted(map(flag_key, positions.values()))),
                "limit": MOST_CHANGED,
            }
            restored = read_entries(connection, f"{_OTHERS} AND {_SAYS_UNREAD}", bindings)
            if read_until >= watermark.upto:
                bindings["upto"] = flag_key(read_until)
                spent = read_entries(connection, f"{_OTHERS} AND NOT {_SAYS_ARCHIVED}", bindings)
        look = InboxLook(positions, rows_by_position, restored, spent, watermark)
        if suppose is None:
            return look
        unread = _count(connection, inbox, suppose(look), floors, upto=head, now_ms=now_ms, is_known=False)
        return msgspec.structs.replace(look, unread=unread)
    finally:
        connection.execute("COMMIT")


def _locate(connection: apsw.Connection, inbox: Inbox, ids: Sequence[str], head: int) -> dict[str, int]:
    """Return the position of each id that is one of the user's: first among the newest, where most of them are."""
    positions: dict[str, int] = {}
    # A client that got one before it was superseded may still mark it.
    superseded = {f"target{number}": superseded_target(each) for number, each in enumerate(inbox.targets)}
    bounds = [head, *(max(0, head - each) for each in _NEWEST), 0]
    ranges: list[tuple[int, int, dict[str, Target]]] = [
        (after, upto, {}) for upto, after in pairwise(bounds) if after < upto
    ]
    for after, upto, marked in (*ranges, (0, head, superseded)):
        left = [identifier for identifier in ids if identifier not in positions]
        if not left:
            break
        bindings = _bind_targets(inbox) | {
            "after": after,
            "upto": upto,
            "numbers": _text([number_id(identifier) for identifier in left]),
            "ids": _text(left),
        }
        rows = connection.execute(_LOCATE.format(_merge(inbox)), bindings | marked).fetchall()
        for position, identifier in sorted(msgspec.convert(rows, list[tuple[int, str]]), reverse=True):
            positions.setdefault(identifier, position)
    return positions


def _count(
    connection: apsw.Connection,
    inbox: Inbox,
    supposed: Supposed,
    floors: Floors,
    *,
    upto: int,
    now_ms: int,
    is_known: bool = True,
) -> int:
    """Return how many are unread; `is_known`: this is how the inbox is, and not only how it would be."""
    watermark, limit = supposed.watermark, MOST_UNREAD + 1
    bindings = _bind(inbox, after=0, upto=upto, now_ms=now_ms, hidden=inbox.hidden | inbox.muted)
    floor = min(floors.find(connection, inbox, bindings, head=upto), *(each - 1 for each in supposed.unread), upto)
    bindings |= {
        "after": max(watermark.upto, floor),
        "floor": floor,
        "watermark": watermark.upto,
        "put_at": watermark.put_at,
        "settled": _text(sorted(supposed.settled)),
        "unread": _text(sorted(supposed.unread)),
        "last": WATERMARK_KEY,
        "limit": limit,
    }
    has_flags = bool(connection.execute(_HAS_FLAGS, bindings).fetchall())
    query = _COUNT.format(_merge(inbox), _NOT_FLAGGED if has_flags else "")
    above, lowest = _fetch_count(connection, query, bindings)
    below = 0
    if supposed.unread or connection.execute(_HAS_FLAGS_BELOW, bindings).fetchall():
        below, lowest_below = _fetch_count(connection, _COUNT_RESTORED.format(_name(inbox)), bindings)
        lowest = lowest_below or lowest
    count = min(above + below, limit)
    if is_known and count < limit:
        floors.put(inbox, upto if lowest is None else lowest - 1, as_of=upto)
    return count


def _make_item(record: Record, put_at: int | None, value: bytes | None, watermark: Watermark) -> InboxItem:
    flags = Flags() if value is None else read_flags(Entry("", "", value, put_at or 0))
    return InboxItem(record, flags.is_read(record.position, put_at or 0, watermark), flags.archived)


def _find_watermark(connection: apsw.Connection, inbox: Inbox) -> Watermark:
    entry, _ = read_entry(connection, inbox.owner, WATERMARK_KEY)
    return read_watermark(entry)


def _find_end(connection: apsw.Connection, merged: str, bindings: dict[str, Any]) -> int | None:
    """Return where the next page begins after one that looked at as many rows as it may; None after the last one."""
    found = connection.execute(_LOWEST.format(merged), bindings).fetchall()
    ((rows, lowest),) = msgspec.convert(found, list[tuple[int, int | None]])
    return lowest if rows == _MOST_ROWS else None


def _fetch_count(connection: apsw.Connection, query: str, bindings: dict[str, Any]) -> tuple[int, int | None]:
    """Return how many rows there are, and the lowest position of theirs."""
    (found,) = msgspec.convert(connection.execute(query, bindings).fetchall(), list[tuple[int, int | None]])
    return found


def _merge(inbox: Inbox) -> str:
    return " UNION ".join(_ONE.format(number) for number in range(len(inbox.targets)))


def _name(inbox: Inbox) -> str:
    return ", ".join(f":target{number}" for number in range(len(inbox.targets)))


def _bind_targets(inbox: Inbox) -> dict[str, Any]:
    return {f"target{number}": target for number, target in enumerate(inbox.targets)} | {"owner": inbox.owner}


def _bind(inbox: Inbox, *, after: int, upto: int, now_ms: int, hidden: frozenset[str]) -> dict[str, Any]:
    return _bind_targets(inbox) | {
        "after": after,
        "upto": upto,
        "now_ms": now_ms,
        "hidden": _text(sorted(map(number_type, hidden))),
        "hidden_tags": _text(sorted(hidden)),
    }


def _text(values: Sequence[int | str]) -> str:
    return _encode(values).decode()
