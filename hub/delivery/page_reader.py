"""Reads the log in pages bounded in records and in bytes, a few at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hub.log.port import Log, Reading
from hub.target import Target

__all__ = ["PAGE_BYTES", "PAGE_RECORDS", "READERS", "PageReader"]

#: The most records of one page, and what they may weigh together; one that is heavier by itself is a page of its own.
PAGE_RECORDS = 200
PAGE_BYTES = 65_536
#: Pages read at the same time: a reconnect storm must not bury the log's readers.
READERS = 16


class PageReader:
    """Reads one page for each entered context (`async with`), and notices when retention passed it meanwhile."""

    def __init__(
        self, log: Log, *, records: int = PAGE_RECORDS, size_bytes: int = PAGE_BYTES, readers: int = READERS
    ) -> None:
        self._log = log
        self._records = records
        self._size_bytes = size_bytes
        self._readers = asyncio.Semaphore(readers)

    async def __aenter__(self) -> PageReader:
        await self._readers.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._readers.release()

    async def read(
        self, targets: Sequence[Target], *, after: int, upto: int, with_states: bool = False
    ) -> Reading | None:
        """Return the first page for any of `targets` in `(after, upto]`, or None where part of it may be missing.

        `with_states`: the reader speaks `hub.v1`.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        log = self._log
        reading = await log.read(
            targets,
            after=after,
            upto=upto,
            limit=self._records,
            limit_bytes=self._size_bytes,
            with_states=with_states,
        )
        # Asked afterwards: `first` rises before a record is gone, so retention that passed during the read is noticed.
        return None if log.first > after + 1 else reading
