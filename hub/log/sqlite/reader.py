"""Reading the log: a few threads, each with a connection of its own that cannot write.

Reads are short and never hold a transaction open between two calls, so that a checkpoint always finds
its moment. They go on while writing fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import apsw
import msgspec

from hub.errors import StorageUnavailable
from hub.log.port import Entry, Reading, Record
from hub.log.sqlite.page import read_every, read_for
from hub.log.sqlite.schema import LogFile, close_connection, open_reader
from hub.log.sqlite.state import MOST_OWNERS, list_entries, read_entry
from hub.target import Target

__all__ = ["Readers"]

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_THREADS = 4
#: SQLite merges at most 500 selects; a subscriber has three targets.
_MOST_TARGETS = 100
#: Damaged positions that are counted, and of these, that get a line each.
_MOST_DAMAGED = 10_000
_MOST_LINES = 100
_DAMAGED_ROW = "a row of the state index is damaged (position %d): it counts as removed"


class Readers:
    """A pool of reading connections, opened when first needed."""

    def __init__(self, file: LogFile, *, deadline_s: float) -> None:
        self._file = file
        self._deadline_s = deadline_s
        self._refusing = False
        self._damaged: set[int] = set()
        self._spoilt = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hub-log-reader")
        #: One for each thread. The last that was used is taken first: its page cache is warm.
        self._idle: deque[apsw.Connection | None] = deque([None] * _THREADS)

    async def read(
        self,
        targets: Sequence[Target],
        *,
        after: int,
        upto: int,
        limit: int,
        limit_bytes: int,
        now_s: float,
        with_states: bool,
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
        now_ms = round(now_s * 1000)

        def read(connection: apsw.Connection) -> Reading:
            return read_for(
                connection,
                distinct,
                after=after,
                upto=upto,
                limit=limit,
                limit_bytes=limit_bytes,
                now_ms=now_ms,
                with_states=with_states,
            )

        return await self.run(read, upto)

    async def read_every(self, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
        """Return what there is in `(after, upto]` as `read` does, but whomever it is for, expired or not.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
        """

        def read(connection: apsw.Connection) -> Reading:
            return read_every(connection, after=after, upto=upto, limit=limit, limit_bytes=limit_bytes)

        return await self.run(read, upto)

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return what `Log.read_state` promises.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
        """
        entry, damaged = await self.look(lambda connection: read_entry(connection, owner, key))
        self._report(damaged, _DAMAGED_ROW)
        return entry

    async def list_state(self, owners: Sequence[str], *, after: str, upto: str | None, limit: int) -> list[Entry]:
        """Return what `Log.list_state` promises.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
            ValueError: more than 100 owners.
        """
        distinct = tuple(dict.fromkeys(owners))
        if len(distinct) > MOST_OWNERS:
            raise ValueError(f"more than {MOST_OWNERS} owners in one listing")
        if not distinct or limit < 1:
            return []
        entries, damaged = await self.look(
            lambda connection: list_entries(connection, distinct, after=after, upto=upto, limit=limit)
        )
        self._report(damaged, _DAMAGED_ROW)
        return entries

    @property
    def damaged(self) -> int:
        """How many damaged records were met."""
        return len(self._damaged)

    def refuse(self) -> None:
        """Accept no further reads."""
        self._refusing = True

    def close(self) -> None:
        """Wait for the reads under way and close the connections; blocks, so never on the event loop."""
        # Not cancelling what waits: a cancelled read would look to its caller like its own cancellation.
        self._threads.shutdown()
        for _ in range(_THREADS):
            connection = self._idle.pop()
            if connection is not None:
                close_connection(connection)

    async def run(self, read: Callable[[apsw.Connection], Reading], upto: int) -> Reading:
        """Return what `read` returns, in a thread; if the file is damaged, one damaged record at `upto`.

        Raises:
            StorageUnavailable: the log cannot be read, or not in time.
        """
        try:
            reading = await self.look(read)
        except _Damaged:
            # A second read would fail alike. So that no client asks for ever, all of the page counts as damaged.
            reading = Reading([Record.damaged(upto)], upto)
        self.report([record.position for record in reading.records if not record.targets])
        return reading

    async def look(self, read: Callable[[apsw.Connection], _Result]) -> _Result:
        """Return what `read` returns, in a thread.

        Raises:
            StorageUnavailable: the log is damaged there, or cannot be read, or not in time.
        """
        loop = asyncio.get_running_loop()
        if self._refusing:
            raise StorageUnavailable("The log is closed")
        try:
            async with asyncio.timeout(self._deadline_s):
                return await loop.run_in_executor(self._threads, self._fetch, read)
        except TimeoutError:
            raise StorageUnavailable("The log cannot be read in time") from None

    def report(self, positions: Sequence[int]) -> None:
        """Count damaged records, and say once in the log where each is."""
        self._report(positions, "position %d of the log is damaged: everybody it may be for is told of a gap")

    def _report(self, positions: Sequence[int], line: str) -> None:
        for position in positions:
            if position not in self._damaged and len(self._damaged) < _MOST_DAMAGED:
                self._damaged.add(position)
                if len(self._damaged) <= _MOST_LINES:
                    logger.error(line, position)

    def _fetch(self, read: Callable[[apsw.Connection], _Result]) -> _Result:
        connection = self._idle.pop()
        try:
            if connection is None:
                connection = open_reader(self._file)
            return read(connection)
        except (apsw.CorruptError, apsw.NotADBError, msgspec.MsgspecError, UnicodeError) as error:
            if not self._spoilt:
                self._spoilt = True
                logger.error("the log's file is damaged: %s; see `hub check --deep`", type(error).__name__)
            _close(connection)
            connection = None
            raise _Damaged from error
        except apsw.Error as error:
            # A fresh connection next time: this one may have cached pages that a failing disk never stored.
            _close(connection)
            connection = None
            raise StorageUnavailable("The log cannot be read") from error
        finally:
            self._idle.append(connection)


class _Damaged(StorageUnavailable):
    """The file is damaged where it was read."""

    def __init__(self) -> None:
        super().__init__("The log is damaged; see `hub check --deep`")


def _close(connection: apsw.Connection | None) -> None:
    if connection is not None:
        close_connection(connection)
