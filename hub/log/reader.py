"""Reading the log: a few threads, each with a connection of its own that cannot write.

Reads are short and never hold a transaction open between two calls, so that a checkpoint always finds
its moment. They go on while writing fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import apsw
import msgspec

from hub.errors import StorageUnavailable
from hub.log.port import Reading, Record
from hub.log.schema import LogFile, close_connection, open_reader
from hub.target import Target

__all__ = ["Readers"]

_THREADS = 4
_DEADLINE_S = 10.0
#: SQLite merges at most 500 selects; a subscriber has three targets.
_MOST_TARGETS = 100


class _Row(msgspec.Struct, array_like=True):
    position: int
    size_bytes: int
    expires_ms: int | None
    targets: tuple[Target, ...]


_decode_rows = msgspec.json.Decoder(list[_Row]).decode

_ONE = "SELECT position FROM target WHERE target = ? AND position > ? AND position <= ?"
# UNION with ORDER BY merges the targets' index ranges and stops at the limit; CROSS JOIN keeps it outermost.
_MERGED = """SELECT r.position, octet_length(r.payload) + octet_length(r.targets) AS size_bytes FROM ({} ORDER BY 1) p
CROSS JOIN record r ON r.position = p.position
WHERE r.control = 1 OR r.expires_ms IS NULL OR r.expires_ms > ? LIMIT ?"""
_EVERY = """SELECT position, octet_length(payload) + octet_length(targets) AS size_bytes FROM record
WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
# Weighed first, which reads no payload: SQLite knows its length from the record's head.
_FITTING = """SELECT r.position, r.targets, r.payload, r.expires_ms, w.found FROM (
SELECT position, row_number() OVER upto AS number, sum(size_bytes) OVER upto AS weight_bytes, count(*) OVER () AS found
FROM ({}) WINDOW upto AS (ORDER BY position ROWS UNBOUNDED PRECEDING)) w
CROSS JOIN record r ON r.position = w.position WHERE w.number = 1 OR w.weight_bytes <= ?"""
# A whole page as one row: each row fetched lets go of the interpreter, and under a busy event loop winning
# it back costs milliseconds. Both aggregates see the rows in the same order; payloads are cut up by size.
_PAGE = """SELECT json_group_array(json_array(position, length(payload), expires_ms, json(targets))),
CAST(coalesce(group_concat(payload, ''), '') AS BLOB), coalesce(max(found), 0) FROM ({})"""


class Readers:
    """A pool of reading connections, opened when first needed."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._refusing = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hub-log-reader")
        self._idle: SimpleQueue[apsw.Connection | None] = SimpleQueue()
        for _ in range(_THREADS):
            self._idle.put(None)

    async def read(
        self, targets: Sequence[Target], *, after: int, upto: int, limit: int, limit_bytes: int, now_s: float
    ) -> Reading:
        """Return what `Log.read` promises.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
            ValueError: more than 100 targets.
        """
        distinct = tuple(dict.fromkeys(targets))
        if len(distinct) > _MOST_TARGETS:
            raise ValueError(f"more than {_MOST_TARGETS} targets in one read")
        if not distinct or limit < 1 or upto <= after:
            return Reading([], upto)
        query = _MERGED.format(" UNION ".join([_ONE] * len(distinct)))
        bindings: list[object] = []
        for target in distinct:
            bindings += (target, after, upto)
        bindings += (round(now_s * 1000), limit, limit_bytes)
        return _reading(await self._run(query, bindings), upto, limit)

    async def read_every(self, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
        """Return what there is in `(after, upto]` as `read` does, but whomever it is for, expired or not.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
        """
        return _reading(await self._run(_EVERY, [after, upto, limit, limit_bytes]), upto, limit)

    def refuse(self) -> None:
        """Accept no further reads."""
        self._refusing = True

    def close(self) -> None:
        """Wait for the reads under way and close the connections; blocks, so never on the event loop."""
        # Not cancelling what waits: a cancelled read would look to its caller like its own cancellation.
        self._threads.shutdown()
        for _ in range(_THREADS):
            connection = self._idle.get_nowait()
            if connection is not None:
                close_connection(connection)

    async def _run(self, query: str, bindings: list[object]) -> tuple[list[Record], int]:
        loop = asyncio.get_running_loop()
        if self._refusing:
            raise StorageUnavailable("The log is closed")
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await loop.run_in_executor(self._threads, self._fetch, query, bindings)
        except TimeoutError:
            raise StorageUnavailable("The log cannot be read in time") from None

    def _fetch(self, query: str, bindings: list[object]) -> tuple[list[Record], int]:
        connection = self._idle.get_nowait()
        try:
            if connection is None:
                connection = open_reader(self._file)
            ((rows, payloads, found),) = connection.execute(_PAGE.format(_FITTING.format(query)), bindings).fetchall()
        except apsw.Error as error:
            # A fresh connection next time: this one may remember pages that a failing disk never kept.
            if connection is not None:
                close_connection(connection)
                connection = None
            raise StorageUnavailable("The log cannot be read") from error
        finally:
            self._idle.put(connection)
        return _cut(*msgspec.convert((rows, payloads), tuple[str, bytes])), msgspec.convert(found, int)


def _reading(page: tuple[list[Record], int], upto: int, limit: int) -> Reading:
    records, found = page
    # Short of what was found: the rest was too heavy.
    complete = len(records) == found < limit
    return Reading(records, upto if complete else records[-1].position)


def _cut(rows: str, payloads: bytes) -> list[Record]:
    records: list[Record] = []
    start = 0
    for row in _decode_rows(rows):
        end = start + row.size_bytes
        expires_at_s = None if row.expires_ms is None else row.expires_ms / 1000
        records.append(Record(row.position, row.targets, payloads[start:end], expires_at_s))
        start = end
    return records
