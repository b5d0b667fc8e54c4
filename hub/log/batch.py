"""What one transaction of the log stores: the drafts of many requests, in order."""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import msgspec

from hub.errors import HubError, IdempotencyConflict
from hub.log.port import Appended, Draft, Record
from hub.target import CONTROL

__all__ = ["Batch"]

_encode_json = msgspec.json.Encoder().encode
#: Times are kept in whole milliseconds; further than this (the year 33658) is as good as never.
_LAST_S = 1e12


class Batch:
    """Drafts on their way into one transaction.

    `take` collects, `store` writes all that was collected; the caller begins and commits. Statements run
    over all rows at once, because each call into SQLite lets go of the interpreter and must win it back.
    """

    def __init__(self, connection: apsw.Connection, head: int, *, now_s: float, idempotency_s: float) -> None:
        self.records: list[Record] = []
        self.head = head
        self._connection = connection
        self._now_s = now_s
        self._oldest_key_s = now_s - idempotency_s
        self._taken: dict[bytes, tuple[bytes, str, int]] = {}
        self._record_rows: list[tuple[int, str, float, int | None, bool, str, bytes]] = []
        self._target_rows: list[tuple[str, int]] = []
        self._key_rows: list[tuple[int, bytes, bytes, str, float]] = []

    def take(self, drafts: Iterable[Draft]) -> list[Appended | HubError]:
        """Give each draft its position, or the position of the draft it repeats, or its conflict."""
        return [self._take_one(draft) for draft in drafts]

    def store(self) -> None:
        """Write everything that was taken."""
        execute = self._connection.executemany
        if self._record_rows:
            execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", self._record_rows)
            execute("INSERT INTO target VALUES (?, ?)", self._target_rows)
        if self._key_rows:
            # A key past its time may still be there, waiting for retention.
            execute("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)", self._key_rows)

    def _take_one(self, draft: Draft) -> Appended | HubError:
        key = draft.idempotency
        if key is not None:
            earlier = self._taken.get(key) or self._find(key)
            if earlier is not None:
                body_digest, identifier, position = earlier
                if body_digest != draft.body_digest:
                    return IdempotencyConflict()
                return Appended(identifier, position, True)
        self.head = position = self.head + 1
        targets = tuple(dict.fromkeys(draft.targets))
        expires_ms = None if draft.expires_at_s is None else round(min(draft.expires_at_s, _LAST_S) * 1000)
        self._record_rows.append(
            (
                position,
                draft.id,
                self._now_s,
                expires_ms,
                CONTROL in targets,
                _encode_json(targets).decode(),
                draft.payload,
            )
        )
        self._target_rows += [(target, position) for target in targets]
        if key is not None:
            self._taken[key] = (draft.body_digest, draft.id, position)
            self._key_rows.append((position, key, draft.body_digest, draft.id, self._now_s))
        expires_at_s = None if expires_ms is None else expires_ms / 1000
        self.records.append(Record(position, targets, draft.payload, expires_at_s))
        return Appended(draft.id, position, False)

    def _find(self, key: bytes) -> tuple[bytes, str, int] | None:
        row = self._connection.execute(
            "SELECT body, id, position FROM idempotency WHERE key = ? AND created_s > ?", (key, self._oldest_key_s)
        ).fetchone()
        return None if row is None else msgspec.convert(row, tuple[bytes, str, int])
