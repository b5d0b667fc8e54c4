"""The statements on the outbox table, and the rows they return; the caller has the connection and the transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hub.errors import SettingsError
from hub.relay.bounds import RelayBounds
from hub.relay.response import MAX_REASON
from hub.relay.row import Dead, Row

__all__ = ["CHANNEL", "Backlog", "DeadRow", "OutboxTable", "Scan", "TableName"]

#: What the table's trigger notifies, whatever the table is called.
CHANNEL = "notification_outbox"
_NAME = re.compile(r"(?:([A-Za-z_]\w{0,62})\.)?([A-Za-z_]\w{0,40})", re.ASCII)
_WAITS = "published_at IS NULL AND dead_at IS NULL"
#: A regular expression of PostgreSQL for the type in a body.
_TYPE = r'"type"\s*:\s*"([\w:.-]{1,64})"'
_DUE = "coalesce(next_attempt_at <= now(), true)"


class TableName(NamedTuple):
    """The name of the table, with its schema if one was given."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """As SQL takes it, and `to_regclass`; PostgreSQL writes names in lower case unless they are quoted."""
        return f'"{self.schema}"."{self.name}"' if self.schema else f'"{self.name}"'

    @property
    def shown(self) -> str:
        """As people write it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @classmethod
    def read(cls, text: str) -> TableName:
        """Return the name that `text` is.

        Raises:
            SettingsError: it is not a name.
        """
        match = _NAME.fullmatch(text.strip())
        if match is None:
            raise SettingsError(
                "HUB_RELAY_TABLE: is not a table's name (example: HUB_RELAY_TABLE=app.notification_outbox)"
            )
        return cls((match[1] or "").lower(), match[2].lower())


class Scan(NamedTuple):
    """Keys that have waiting rows, in their order: where the next scan goes on, and the rows at their heads."""

    last_key: str
    #: How many keys there were; less than asked for is the end.
    keys: int
    due_ids: list[str]


class Backlog(NamedTuple):
    """What is in the table: rows that wait (counted up to a bound), the age of the oldest, dead rows."""

    waiting: int
    oldest_s: float
    dead: int


class DeadRow(msgspec.Struct, frozen=True):
    """A dead row, as `hub relay --dead` shows it: nothing of its key, and of its body the type alone."""

    id: str
    type: str
    created_at: str
    dead_at: str
    attempts: int
    reason: str


class OutboxTable:
    """What the relay asks of the table. Each method is one statement, for a connection in a transaction."""

    def __init__(self, name: TableName, bounds: RelayBounds) -> None:
        self.name = name
        self._bounds = bounds
        table = name.quoted
        first = f"SELECT key, id, {_DUE} AS due FROM {table} WHERE {_WAITS} AND key >"
        # A loose index scan: one descent of the index for each key, however many rows wait behind each.
        #: The statement of `scan`, for a look at its plan.
        self.scan_sql = f"""
            WITH RECURSIVE heads AS (
                ({first} $1 ORDER BY key, position LIMIT 1)
                UNION ALL
                SELECT next.key, next.id, next.due FROM heads CROSS JOIN LATERAL (
                    {first} heads.key ORDER BY key, position LIMIT 1) AS next
            )
            SELECT key, id, due FROM heads LIMIT $2"""
        self._lock = f"SELECT key FROM {table} WHERE id = ANY($1::uuid[]) AND {_WAITS} FOR UPDATE SKIP LOCKED"
        # The heads of all keys come before the second rows of any: what does not fit is always the end of a key.
        self._rows = f"""
            SELECT id, key, attempts, due, body FROM (
                SELECT found.*, row_number() OVER place AS count, sum(bytes) OVER place AS total
                FROM unnest($1::text[]) AS locked (key) CROSS JOIN LATERAL (
                    SELECT id, key, attempts, {_DUE} AS due, row_number() OVER (ORDER BY position) AS number,
                        CASE WHEN octet_length(body::text) <= $2 THEN body::text END AS body,
                        CASE WHEN octet_length(body::text) <= $2 THEN octet_length(body::text) ELSE 0 END AS bytes
                    FROM (SELECT * FROM {table} WHERE {_WAITS} AND key = locked.key ORDER BY position LIMIT $3) AS first
                ) AS found
                WINDOW place AS (ORDER BY number, found.key)
            ) AS counted
            WHERE count = 1 OR (count <= $4 AND total <= $5)
            ORDER BY number, key"""
        self._publish = f"""
            UPDATE {table} SET published_at = now(), next_attempt_at = NULL WHERE id IN (
                SELECT id FROM {table} WHERE id = ANY($1::uuid[]) AND {_WAITS} FOR UPDATE SKIP LOCKED)"""
        self._bury = f"""
            UPDATE {table} AS t SET dead_at = now(), dead_reason = given.reason, attempts = t.attempts + 1,
                next_attempt_at = NULL
            FROM unnest($1::uuid[], $2::text[]) AS given (id, reason)
            WHERE t.id = given.id AND {_WAITS}"""
        self._postpone = f"""
            UPDATE {table} AS t SET attempts = t.attempts + 1,
                next_attempt_at = now() + make_interval(secs => given.delay)
            FROM unnest($1::uuid[], $2::float8[]) AS given (id, delay)
            WHERE t.id = given.id AND {_WAITS}"""
        self._purge = f"""
            DELETE FROM {table} WHERE id IN (
                SELECT id FROM {table} WHERE published_at < now() - make_interval(secs => $1)
                ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)"""
        self._backlog = f"""
            SELECT (SELECT count(*) FROM (SELECT FROM {table} WHERE {_WAITS} LIMIT $1) AS bounded),
                (SELECT extract(epoch FROM now() - min(created_at))::float8 FROM {table} WHERE {_WAITS}),
                (SELECT count(*) FROM (SELECT FROM {table} WHERE dead_at IS NOT NULL LIMIT $1) AS bounded)"""
        self._rights = f"""
            SELECT to_regclass('{table}') IS NOT NULL, CASE WHEN to_regclass('{table}') IS NOT NULL THEN array(
                SELECT name FROM unnest(ARRAY['SELECT', 'UPDATE', 'DELETE']) AS name
                WHERE NOT has_table_privilege('{table}', name)) END,
                pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
                EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('{table}') AND NOT tgisinternal
                    AND tgenabled IN ('O', 'A'))"""
        # Not as JSON: an escape that PostgreSQL cannot decode, such as that of NUL, would hide all rows.
        self._dead = f"""
            SELECT id::text, coalesce(substring(body::text FROM $2), ''), created_at, dead_at, attempts, dead_reason
            FROM {table}
            WHERE dead_at IS NOT NULL ORDER BY dead_at LIMIT $1"""
        self._retry = f"""
            UPDATE {table} SET dead_at = NULL, dead_reason = NULL, attempts = 0, next_attempt_at = NULL
            WHERE dead_at IS NOT NULL AND ($1::uuid[] IS NULL OR id = ANY($1::uuid[]))"""
        self._discard = f"""
            DELETE FROM {table}
            WHERE dead_at IS NOT NULL AND ($1::uuid[] IS NULL OR id = ANY($1::uuid[]))"""
        self._wake = f"SELECT pg_notify('{CHANNEL}', '')"

    async def scan(self, connection: Any, *, after: str, keys: int) -> Scan:
        """Return the next `keys` keys behind `after` that have waiting rows."""
        found = await connection.fetch(self.scan_sql, after, keys)
        return Scan(found[-1][0] if found else "", len(found), [row[1] for row in found if row[2]])

    async def claim(self, connection: Any, ids: Sequence[str]) -> list[Row]:
        """Lock the keys of these rows for this transaction and return their waiting rows, in order within each key.

        A key that another relay has locked is passed over. The lock spares work and promises nothing:
        where two relays have the rows of one key, both send them in order, and the hub stores each once.
        """
        locked = [row[0] for row in await connection.fetch(self._lock, ids)] if ids else []
        if not locked:
            return []
        bounds = self._bounds
        found = await connection.fetch(
            self._rows, locked, bounds.body_bytes, bounds.rows_per_key, bounds.rows, bounds.round_bytes
        )
        return [
            Row(
                id=str(row[0]),
                key=row[1],
                attempts=row[2],
                due=row[3],
                body=None if row[4] is None else row[4].encode(),
            )
            for row in found
        ]

    async def mark_published(self, connection: Any, rows: Sequence[Row]) -> None:
        """Say that the hub has these."""
        # In one order, and past what another relay holds: two that share a key do not wait for each other.
        await connection.execute(self._publish, sorted(row.id for row in rows))

    async def mark_dead(self, connection: Any, rows: Sequence[tuple[Row, Dead]]) -> None:
        """Keep these with the reason."""
        given = sorted((row.id, dead.reason[:MAX_REASON]) for row, dead in rows)
        await connection.execute(self._bury, [each[0] for each in given], [each[1] for each in given])

    async def postpone(self, connection: Any, rows: Sequence[tuple[Row, float]]) -> None:
        """Count an attempt of each, and say in how many seconds the next one is."""
        given = sorted((row.id, delay_s) for row, delay_s in rows)
        await connection.execute(self._postpone, [each[0] for each in given], [each[1] for each in given])

    async def purge(self, connection: Any, *, older_than_s: float) -> int:
        """Delete some of the rows that were published longer ago; return how many."""
        status: str = await connection.execute(self._purge, older_than_s, self._bounds.purge_rows)
        return int(status.rpartition(" ")[2])

    async def measure(self, connection: Any) -> Backlog:
        """Return how many rows wait, since when, and how many are dead."""
        waiting, oldest_s, dead = await connection.fetchrow(self._backlog, self._bounds.count_rows)
        return Backlog(waiting, max(0.0, oldest_s or 0.0), dead)

    async def find_rights(self, connection: Any) -> tuple[bool, list[str], bool, bool]:
        """Return whether the table is there, what may not be done to it, if it is read-only, if it has the trigger."""
        there, missing, read_only, trigger = await connection.fetchrow(self._rights)
        return there, missing or [], read_only, trigger

    async def list_dead(self, connection: Any, *, limit: int) -> list[DeadRow]:
        """Return the dead rows, the first that died first."""
        return [
            DeadRow(row[0], row[1], row[2].isoformat(), row[3].isoformat(), row[4], row[5] or "")
            for row in await connection.fetch(self._dead, limit, _TYPE)
        ]

    async def retry_dead(self, connection: Any, ids: Sequence[str] | None) -> int:
        """Have these dead rows sent again, or all; return how many there were."""
        return await self._change(connection, self._retry, ids)

    async def discard_dead(self, connection: Any, ids: Sequence[str] | None) -> int:
        """Delete these dead rows, or all; return how many there were."""
        return await self._change(connection, self._discard, ids)

    async def wake(self, connection: Any) -> None:
        """Wake the relays that listen, when the transaction commits."""
        await connection.execute(self._wake)

    async def _change(self, connection: Any, statement: str, ids: Sequence[str] | None) -> int:
        status: str = await connection.execute(statement, ids)
        return int(status.rpartition(" ")[2])
