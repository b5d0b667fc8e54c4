"""What one transaction of the log stores: the drafts of many requests, in order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias
from zlib import crc32

import apsw
import msgspec

from hub.errors import IdempotencyConflict
from hub.log.port import Appended, Change, Draft, Kind, Record
from hub.log.sqlite.checksum import checksum_head, checksum_key, checksum_record, checksum_state
from hub.log.sqlite.collapse import TAKE_SUPERSEDED, Collapses
from hub.target import CONTROL, find_person

__all__ = [
    "FEW_ROWS",
    "INSERT_KEYS",
    "INSERT_RECORDS",
    "INSERT_TARGETS",
    "INSERT_THROUGH",
    "NOT_LISTED",
    "Batch",
    "find_keys",
    "number_id",
    "number_type",
    "prepare_writing",
]

logger = logging.getLogger(__name__)

_encode_json = msgspec.json.Encoder().encode
#: Python 3.11 finds the member of an enum through a descriptor.
_NOTIFICATION, _CONTROL = Kind.NOTIFICATION, Kind.CONTROL
#: Times are kept in whole milliseconds; further than this (the year 33658) is as good as never.
_LAST_S = 1e12

# Rows travel as one JSON array, payloads as one blob that the rows cut up. Many rows are written table by table: fast
# for each. Few are written through a view whose trigger puts each row into the three tables: one call, which is a
# transaction by itself. A key past its time may still be there, waiting for retention.
INSERT_RECORDS = """INSERT INTO record (position, id, created_s, expires_ms, control, targets, payload, checksum)
SELECT ?1 + key, value ->> 0, ?2, value ->> 1, value ->> 2, value -> 3, substr(?3, value ->> 4, value ->> 5),
value ->> 6 FROM json_each(?4)"""
INSERT_TARGETS = """INSERT INTO target (target, position, digest, expires_ms)
SELECT t.value, ?1 + r.key, r.value ->> 7, r.value ->> 1 FROM json_each(?2) r, json_each(r.value, '$[3]') t"""
INSERT_KEYS = """INSERT OR REPLACE INTO idempotency (position, key, body, id, created_s, checksum)
SELECT ?1 + key, unhex(value ->> 8), unhex(value ->> 9), value ->> 0, ?2, value ->> 10
FROM json_each(?3) WHERE value ->> 8 IS NOT NULL"""
INSERT_THROUGH = """INSERT INTO {} (position, created_s, row, payload)
SELECT ?1 + key, ?2, value, substr(?3, value ->> 4, value ->> 5) FROM json_each(?4)"""
_VIEW = """
CREATE TEMP VIEW {0} AS SELECT 0 AS position, 0 AS created_s, '' AS row, x'' AS payload;
CREATE TEMP TRIGGER take_{0} INSTEAD OF INSERT ON {0} BEGIN
    INSERT INTO record (position, id, created_s, expires_ms, control, targets, payload, checksum)
    VALUES (NEW.position, NEW.row ->> 0, NEW.created_s, NEW.row ->> 1, NEW.row ->> 2, NEW.row -> 3, NEW.payload,
            NEW.row ->> 6);
    {1}
    INSERT OR REPLACE INTO idempotency (position, key, body, id, created_s, checksum)
    SELECT NEW.position, unhex(NEW.row ->> 8), unhex(NEW.row ->> 9), NEW.row ->> 0, NEW.created_s, NEW.row ->> 10
    WHERE NEW.row ->> 8 IS NOT NULL;
END;
"""
_TAKE_TARGETS = "INSERT INTO target (target, position) SELECT value, NEW.position FROM json_each(NEW.row, '$[3]');"
_TAKE_LISTED = """INSERT INTO target (target, position, digest, expires_ms)
    SELECT value, NEW.position, NEW.row ->> 7, NEW.row ->> 1 FROM json_each(NEW.row, '$[3]');"""
_TAKE_CHANGES = """DELETE FROM state WHERE (owner, key) IN (
        SELECT value ->> 0, value ->> 1 FROM json_each(NEW.row, '$[11]'));
    INSERT INTO state (position, number, owner, key, value, person, ends, checksum)
    SELECT NEW.position, key, value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5
    FROM json_each(NEW.row, '$[11]') WHERE value ->> 2 IS NOT NULL;"""
# Each trigger does what its rows need and nothing more: a hub that keeps no inbox uses the first alone.
_VIEWS = {
    "incoming": _TAKE_TARGETS,
    "incoming_listed": _TAKE_LISTED,
    "incoming_changing": f"{_TAKE_LISTED}\n    {_TAKE_CHANGES}",
    "incoming_superseding": f"{_TAKE_LISTED}\n    {_TAKE_CHANGES}\n    {TAKE_SUPERSEDED}",
}
_INCOMING = "".join(_VIEW.format(name, statements) for name, statements in _VIEWS.items())
_INSERT, _INSERT_LISTED, _INSERT_CHANGING, _INSERT_SUPERSEDING = map(INSERT_THROUGH.format, _VIEWS)
#: Up to so many rows a trigger for each costs less than three more calls into SQLite.
FEW_ROWS = 64
# Cast, for what is damaged may be of any type, and no text at all.
_FIND_KEYS = """SELECT unhex(k.value), CAST(i.body AS BLOB), CAST(i.id AS BLOB), i.position,
coalesce(CAST(i.created_s * 1000 + 0.5 AS INTEGER), 0), CAST(i.checksum AS INTEGER)
FROM json_each(?1) k CROSS JOIN idempotency i ON i.key = unhex(k.value)"""


#: Stands in the index of targets for what is not a notification.
NOT_LISTED = -1

#: Id, expires (ms), kind, targets, where the payload begins and how long it is, checksum, digest; of one
#: with an idempotency key also that, the digest of the body and their checksum.
_Row: TypeAlias = (
    tuple[str, int | None, int, msgspec.Raw, int, int, int, int | None]
    | tuple[str, int | None, int, msgspec.Raw, int, int, int, int | None, str | None, str | None, int | None]
    | tuple[
        str, int | None, int, msgspec.Raw, int, int, int, int | None, str | None, str | None, int | None, list[object]
    ]
)


@lru_cache(maxsize=4_096)
def number_type(tag: str) -> int:
    """Return the number that stands for a type in the index of targets: the same in every life of every hub."""
    return crc32(tag.encode()) & 0x7FFFFFFF


def number_id(identifier: str) -> int:
    """Return the number that stands for a notification's id in the index of targets; two ids may have the same."""
    return crc32(identifier.encode())


def find_keys(
    connection: apsw.Connection, keys: Sequence[str], unchecked: int, spent: int
) -> dict[bytes, tuple[bytes, str, int]]:
    """Return the digest of the body, the id and the position of each key (in hexadecimal digits) that is known.

    A key with a position up to `spent` is past its time, and is not known.
    """
    found = connection.execute(_FIND_KEYS, (_encode_json(keys).decode(),)).fetchall()
    rows = msgspec.convert(found, list[tuple[bytes, bytes, bytes, int, int, int | None]])
    taken = {}
    for key, body_digest, identifier, position, created_ms, checksum in rows:
        if checksum is None:
            sound = position <= unchecked
        else:
            sound = checksum == checksum_key(position, key, body_digest, identifier, created_ms)
        if not sound:
            # Its result may be that of another publish. To store this one again is the smaller mistake.
            logger.error("an idempotency key of the log is damaged: a repeat under it is stored as new")
        elif position > spent:
            taken[key] = (body_digest, identifier.decode(), position)
    return taken


def prepare_writing(connection: apsw.Connection) -> None:
    """Make what `Batch.store` writes through; it belongs to this connection alone and is not part of the file."""
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(_INCOMING)


class Batch:
    """Drafts on their way into one transaction, each given its position, or that of the draft it repeats.

    `results` has one result for each group of drafts. `store` writes all of them in few calls: each call into SQLite
    releases the GIL, and re-acquiring it beside a busy event loop costs milliseconds. Keys up to the position `spent`
    are past their time, whether they are still there or not.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        groups: Sequence[Sequence[Draft]],
        *,
        head: int,
        unchecked: int,
        now_s: float,
        spent: int,
    ) -> None:
        self.controls = 0
        self.records: list[Record] = []
        self.head = head
        self._connection = connection
        self._base = head + 1
        self._created_ms = round(now_s * 1000)
        self._rows: list[_Row] = []
        self._offset = 1
        self._keyed = False
        self._listed = False
        self._changing = False
        self._superseding = False
        self._groups = groups
        #: Made for the first draft that takes the place of others.
        self._collapses: Collapses | None = None
        self._taken = self._find(groups, unchecked, spent)
        self.results = [[self._take(draft) for draft in drafts] for drafts in groups]

    def store(self) -> None:
        """Write everything that is new, and return after it is durable; where it raises, the caller rolls back."""
        # Whole milliseconds, as the checksums have them.
        created_s = self._created_ms / 1000
        if self._rows:
            # One byte more, because SQLite cuts NULL out of an empty blob, not an empty blob.
            payloads = b"".join([*(record.payload for record in self.records), b" "])
            rows = _encode_json(self._rows).decode()
            execute = self._connection.execute
            if self._changing or len(self._rows) <= FEW_ROWS:
                if self._changing:
                    statement = _INSERT_SUPERSEDING if self._superseding else _INSERT_CHANGING
                else:
                    statement = _INSERT_LISTED if self._listed else _INSERT
                execute(statement, (self._base, created_s, payloads, rows))
                return
            execute("BEGIN IMMEDIATE")
            execute(INSERT_RECORDS, (self._base, created_s, payloads, rows))
            execute(INSERT_TARGETS, (self._base, rows))
            if self._keyed:
                execute(INSERT_KEYS, (self._base, created_s, rows))
            execute("COMMIT")

    def _find(
        self, groups: Sequence[Sequence[Draft]], unchecked: int, spent: int
    ) -> dict[bytes, tuple[bytes, str, int]]:
        keys = [draft.idempotency.hex() for drafts in groups for draft in drafts if draft.idempotency is not None]
        return find_keys(self._connection, keys, unchecked, spent) if keys else {}

    def _take(self, draft: Draft) -> Appended | IdempotencyConflict:
        key = draft.idempotency
        if key is not None and (earlier := self._taken.get(key)) is not None:
            body_digest, identifier, position = earlier
            if body_digest != draft.body_digest:
                return IdempotencyConflict()
            return Appended(identifier, position, True)
        self.head = position = self.head + 1
        targets = tuple(dict.fromkeys(draft.targets))
        expires_ms = None if draft.expires_at_s is None else round(min(draft.expires_at_s, _LAST_S) * 1000)
        size, name, encoded = len(draft.payload), draft.id.encode(), _encode_json(targets)
        kind = draft.kind
        if kind is _NOTIFICATION:
            digest = None if draft.type is None else number_type(draft.type) << 32 | crc32(name)
            if CONTROL in targets:
                kind = Kind.CONTROL
        else:
            digest = NOT_LISTED
        self.controls += kind is _CONTROL
        head_sum = checksum_head(position, self._created_ms, expires_ms, kind, name, encoded, size)
        checksum = checksum_record(head_sum, draft.payload)
        row = (draft.id, expires_ms, int(kind), msgspec.Raw(encoded), self._offset, size, checksum, digest)
        self._offset += size
        if digest is not None:
            self._listed = True
        changes = draft.changes
        if draft.collapse is not None:
            if self._collapses is None:
                self._collapses = Collapses(self._connection, self._groups)
            own = self._collapses.collapse(draft.collapse, position, targets)
            self._superseding = self._superseding or len(own) > 1
            changes = (*changes, *own)
        if key is not None:
            self._keyed = True
            self._taken[key] = (draft.body_digest, draft.id, position)
            checksum = checksum_key(position, key, draft.body_digest, name, self._created_ms)
            keyed = (*row, key.hex(), draft.body_digest.hex(), checksum)
            self._rows.append((*keyed, self._change(position, changes)) if changes else keyed)
        elif changes:
            self._rows.append((*row, None, None, None, self._change(position, changes)))
        else:
            self._rows.append(row)
        expires_at_s = None if expires_ms is None else expires_ms / 1000
        self.records.append(
            Record(position, targets, draft.payload, expires_at_s, draft.received_s, kind, draft.changes)
        )
        return Appended(draft.id, position, False)

    def _change(self, position: int, changes: Sequence[Change]) -> list[object]:
        """Return the rows of the state index that a record makes and removes, the last of each key alone."""
        self._changing = True
        last = {(change.owner, change.key): change for change in changes}
        return [_describe(position, number, change) for number, change in enumerate(last.values())]


def _describe(position: int, number: int, change: Change) -> tuple[object, ...]:
    if change.value is None:
        return (change.owner, change.key, None)
    owner, key, value, ends = change.owner, change.key, change.value, change.ends
    person = find_person(owner) if change.person is None else change.person
    checksum = checksum_state(
        position, number, owner.encode(), key.encode(), value, None if person is None else person.encode(), ends
    )
    return (owner, key, value.hex(), person, ends, checksum)
