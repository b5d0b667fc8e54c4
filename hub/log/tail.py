"""The log's tail: gives every stored record to its one consumer, in order, in bounded memory.

What the writer announces is buffered while the consumer keeps up. When it falls too far behind, the
buffer stops growing and the consumer reads the log itself until it has caught up. Nothing is lost
and the order holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from hub.errors import StorageUnavailable
from hub.log.port import Reading, Record

__all__ = ["MOST_BYTES", "MOST_RECORDS", "Tail"]

#: What the buffer may hold.
MOST_RECORDS = 10_000
MOST_BYTES = 16 * 2**20
_PAGE = 1_000
_PAGE_BYTES = 2 * 2**20
#: How long to wait before reading again from a log that could not be read.
_RETRY_S = 0.2

#: Reads `(after, upto]`, at most `limit` records of `limit_bytes`, in order.
ReadEvery = Callable[[int, int, int, int], Awaitable[Reading]]


class Tail(AsyncIterator[list[Record]]):
    """Every record after `head`; ends once `end` was called and all before it was yielded."""

    def __init__(self, head: int, read_every: ReadEvery) -> None:
        self._read_every = read_every
        self._head = head
        #: Up to here everything was yielded or is in the buffer; below the head, the log must be read.
        self._upto = head
        self._buffer: deque[list[Record]] = deque()
        self._buffered = 0
        self._buffered_bytes = 0
        self._ended = False
        self._wakeup: asyncio.Future[None] | None = None

    def announce(self, records: list[Record], head: int) -> None:
        """Take note that the log reaches `head` now, of which `records` are the newest."""
        size_bytes = _size_bytes(records)
        if (
            records
            and records[0].position == self._upto + 1
            and (self._buffered + len(records) <= MOST_RECORDS or not self._buffered)
            and (self._buffered_bytes + size_bytes <= MOST_BYTES or not self._buffered)
        ):
            self._buffer.append(records)
            self._buffered += len(records)
            self._buffered_bytes += size_bytes
            self._upto = head
        self._head = head
        self._wake()

    def end(self) -> None:
        """Yield what there is, then stop."""
        self._ended = True
        self._wake()

    async def __anext__(self) -> list[Record]:
        while True:
            if self._buffer:
                records = self._buffer.popleft()
                self._buffered -= len(records)
                self._buffered_bytes -= _size_bytes(records)
                return records
            if self._upto < self._head:
                records = await self._catch_up()
                if records:
                    return records
            elif self._ended:
                raise StopAsyncIteration
            else:
                self._wakeup = asyncio.get_running_loop().create_future()
                # No deadline: without a write there is nothing to yield, and `close` always calls `end`.
                await self._wakeup

    async def _catch_up(self) -> list[Record]:
        head = self._head
        try:
            reading = await self._read_every(self._upto, head, _PAGE, _PAGE_BYTES)
        except StorageUnavailable:
            if self._ended:
                raise StopAsyncIteration from None
            await asyncio.sleep(_RETRY_S)
            return []
        # It may be empty: retention deleted everything up to the head.
        self._upto = reading.upto
        return reading.records

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)


def _size_bytes(records: Sequence[Record]) -> int:
    return sum(len(record.payload) for record in records)
