"""What one transaction of the log stores: the drafts of many requests, in order."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from hub.errors import HubError, IdempotencyConflict
from hub.log.port import Appended, Draft, Record
from hub.target import CONTROL, Target

__all__ = ["Batch"]

_encode_json = msgspec.json.Encoder().encode
#: Times are kept in whole milliseconds; further than this (the year 33658) is as good as never.
_LAST_S = 1e12

# Rows travel as one JSON array, payloads as one blob that the rows cut up.
_INSERT_RECORDS = """INSERT INTO record (position, id, created_s, expires_ms, control, targets, payload)
SELECT ?1 + key, value ->> 0, ?2, value ->> 1, value ->> 2, value -> 3, substr(?3, value ->> 4, value ->> 5)
FROM json_each(?4)"""
_INSERT_TARGETS = """INSERT INTO target (target, position)
SELECT t.value, ?1 + r.key FROM json_each(?2) r, json_each(r.value, '$[3]') t"""
# A key past its time may still be there, waiting for retention.
_INSERT_KEYS = """INSERT OR REPLACE INTO idempotency (position, key, body, id, created_s)
SELECT value ->> 0, unhex(value ->> 1), unhex(value ->> 2), value ->> 3, ?1 FROM json_each(?2)"""
_FIND_KEYS = """SELECT i.key, i.body, i.id, i.position FROM json_each(?1) k
CROSS JOIN idempotency i ON i.key = unhex(k.value) WHERE i.position > ?2"""


class Batch:
    """Drafts on their way into one transaction, each given its position, or that of the draft it repeats.

    `results` answers each group of drafts. `store` writes; the caller begins and commits. Keys up to the position
    `spent` are past their time, whether they are still there or not. Each statement handles all rows at once:
    every call into SQLite lets go of the interpreter, and under a busy event loop winning it back costs
    milliseconds.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        groups: Sequence[Sequence[Draft]],
        *,
        head: int,
        now_s: float,
        spent: int,
    ) -> None:
        self.records: list[Record] = []
        self.head = head
        self._connection = connection
        self._base = head + 1
        self._now_s = now_s
        self._rows: list[tuple[str, int | None, bool, tuple[Target, ...], int, int]] = []
        self._offset = 1
        self._key_rows: list[tuple[int, str, str, str]] = []
        self._taken = self._find(groups, spent)
        self.results = [[self._take(draft) for draft in drafts] for drafts in groups]

    def store(self) -> None:
        """Write everything that is new."""
        execute = self._connection.execute
        if self._rows:
            rows = _encode_json(self._rows).decode()
            # One byte more, for SQLite cuts NULL and not an empty blob out of an empty one.
            payloads = b"".join([*(record.payload for record in self.records), b" "])
            execute(_INSERT_RECORDS, (self._base, self._now_s, payloads, rows))
            execute(_INSERT_TARGETS, (self._base, rows))
        if self._key_rows:
            execute(_INSERT_KEYS, (self._now_s, _encode_json(self._key_rows).decode()))

    def _find(self, groups: Sequence[Sequence[Draft]], spent: int) -> dict[bytes, tuple[bytes, str, int]]:
        keys = [draft.idempotency.hex() for drafts in groups for draft in drafts if draft.idempotency is not None]
        if not keys:
            return {}
        found = self._connection.execute(_FIND_KEYS, (_encode_json(keys).decode(), spent)).fetchall()
        rows = msgspec.convert(found, list[tuple[bytes, bytes, str, int]])
        return {key: (body_digest, identifier, position) for key, body_digest, identifier, position in rows}

    def _take(self, draft: Draft) -> Appended | HubError:
        key = draft.idempotency
        if key is not None and (earlier := self._taken.get(key)) is not None:
            body_digest, identifier, position = earlier
            if body_digest != draft.body_digest:
                return IdempotencyConflict()
            return Appended(identifier, position, True)
        self.head = position = self.head + 1
        targets = tuple(dict.fromkeys(draft.targets))
        expires_ms = None if draft.expires_at_s is None else round(min(draft.expires_at_s, _LAST_S) * 1000)
        size = len(draft.payload)
        self._rows.append((draft.id, expires_ms, CONTROL in targets, targets, self._offset, size))
        self._offset += size
        if key is not None:
            self._taken[key] = (draft.body_digest, draft.id, position)
            self._key_rows.append((position, key.hex(), draft.body_digest.hex(), draft.id))
        expires_at_s = None if expires_ms is None else expires_ms / 1000
        self.records.append(Record(position, targets, draft.payload, expires_at_s))
        return Appended(draft.id, position, False)
