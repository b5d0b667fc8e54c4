"""What one transaction of the log stores: the drafts of many requests, in order."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import apsw
import msgspec

from hub.errors import IdempotencyConflict
from hub.log.port import Appended, Draft, Record
from hub.log.sqlite.checksum import checksum_head, checksum_key, checksum_record
from hub.target import CONTROL

__all__ = ["Batch", "prepare_writing"]

logger = logging.getLogger(__name__)

_encode_json = msgspec.json.Encoder().encode
#: Times are kept in whole milliseconds; further than this (the year 33658) is as good as never.
_LAST_S = 1e12

# Rows travel as one JSON array, payloads as one blob that the rows cut up. Many rows are written table by table: fast
# for each. Few are written through a view whose trigger puts each row into the three tables: one call, which is a
# transaction by itself. A key past its time may still be there, waiting for retention.
_INSERT_RECORDS = """INSERT INTO record (position, id, created_s, expires_ms, control, targets, payload, checksum)
SELECT ?1 + key, value ->> 0, ?2, value ->> 1, value ->> 2, value -> 3, substr(?3, value ->> 4, value ->> 5),
value ->> 6 FROM json_each(?4)"""
_INSERT_TARGETS = """INSERT INTO target (target, position)
SELECT t.value, ?1 + r.key FROM json_each(?2) r, json_each(r.value, '$[3]') t"""
_INSERT_KEYS = """INSERT OR REPLACE INTO idempotency (position, key, body, id, created_s, checksum)
SELECT ?1 + key, unhex(value ->> 7), unhex(value ->> 8), value ->> 0, ?2, value ->> 9
FROM json_each(?3) WHERE value ->> 7 IS NOT NULL"""
_INSERT_ALL = """INSERT INTO incoming (position, created_s, row, payload)
SELECT ?1 + key, ?2, value, substr(?3, value ->> 4, value ->> 5) FROM json_each(?4)"""
_INCOMING = """
CREATE TEMP VIEW incoming AS SELECT 0 AS position, 0 AS created_s, '' AS row, x'' AS payload;
CREATE TEMP TRIGGER take INSTEAD OF INSERT ON incoming BEGIN
    INSERT INTO record (position, id, created_s, expires_ms, control, targets, payload, checksum)
    VALUES (NEW.position, NEW.row ->> 0, NEW.created_s, NEW.row ->> 1, NEW.row ->> 2, NEW.row -> 3, NEW.payload,
            NEW.row ->> 6);
    INSERT INTO target (target, position) SELECT value, NEW.position FROM json_each(NEW.row, '$[3]');
    INSERT OR REPLACE INTO idempotency (position, key, body, id, created_s, checksum)
    SELECT NEW.position, unhex(NEW.row ->> 7), unhex(NEW.row ->> 8), NEW.row ->> 0, NEW.created_s, NEW.row ->> 9
    WHERE NEW.row ->> 7 IS NOT NULL;
END;
"""
#: Up to so many rows a trigger for each costs less than three more calls into SQLite.
_FEW_ROWS = 64
# Cast, for what is damaged may be of any type, and no text at all.
_FIND_KEYS = """SELECT unhex(k.value), CAST(i.body AS BLOB), CAST(i.id AS BLOB), i.position,
coalesce(CAST(i.created_s * 1000 + 0.5 AS INTEGER), 0), CAST(i.checksum AS INTEGER)
FROM json_each(?1) k CROSS JOIN idempotency i ON i.key = unhex(k.value)"""


_Row = (
    tuple[str, int | None, bool, msgspec.Raw, int, int, int]
    | tuple[str, int | None, bool, msgspec.Raw, int, int, int, str, str, int]
)


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
            if len(self._rows) <= _FEW_ROWS:
                execute(_INSERT_ALL, (self._base, created_s, payloads, rows))
                return
            execute("BEGIN IMMEDIATE")
            execute(_INSERT_RECORDS, (self._base, created_s, payloads, rows))
            execute(_INSERT_TARGETS, (self._base, rows))
            if self._keyed:
                execute(_INSERT_KEYS, (self._base, created_s, rows))
            execute("COMMIT")

    def _find(
        self, groups: Sequence[Sequence[Draft]], unchecked: int, spent: int
    ) -> dict[bytes, tuple[bytes, str, int]]:
        keys = [draft.idempotency.hex() for drafts in groups for draft in drafts if draft.idempotency is not None]
        if not keys:
            return {}
        found = self._connection.execute(_FIND_KEYS, (_encode_json(keys).decode(),)).fetchall()
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
        control = CONTROL in targets
        self.controls += control
        size, name, encoded = len(draft.payload), draft.id.encode(), _encode_json(targets)
        head_sum = checksum_head(position, self._created_ms, expires_ms, control, name, encoded, size)
        checksum = checksum_record(head_sum, draft.payload)
        row = (draft.id, expires_ms, control, msgspec.Raw(encoded), self._offset, size, checksum)
        self._offset += size
        if key is None:
            self._rows.append(row)
        else:
            self._keyed = True
            self._taken[key] = (draft.body_digest, draft.id, position)
            checksum = checksum_key(position, key, draft.body_digest, name, self._created_ms)
            self._rows.append((*row, key.hex(), draft.body_digest.hex(), checksum))
        expires_at_s = None if expires_ms is None else expires_ms / 1000
        self.records.append(Record(position, targets, draft.payload, expires_at_s, draft.received_s))
        return Appended(draft.id, position, False)
