"""A mirror: the log's file, filled from a stream that several nodes share. It can be made again from that stream.

It is a whole log: a hub alone can go on with it. Nothing of it is made durable before it is announced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from hub.cursor import Epoch
from hub.errors import IdempotencyConflict, StorageUnavailable
from hub.log.port import Appended, Placed
from hub.log.sqlite.batch import find_keys
from hub.log.sqlite.log import APPEND_DEADLINE_S, READ_DEADLINE_S, SqliteLog
from hub.log.sqlite.renewal import (
    Progress,
    RenewablePage,
    read_progress,
    read_renewable,
    read_renewable_control,
)
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import LogFile
from hub.log.sqlite.writer import Request

__all__ = ["SqliteMirror", "open_mirror"]


class SqliteMirror(SqliteLog):
    """The log in one SQLite file that takes no drafts, only what has a position; made by `open_mirror`."""

    def apply(self, placed: Sequence[Placed]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Begin to store records, in the order of the calls; the future has no results.

        Raises:
            StorageUnavailable: the log is closed.
        """
        if self._closed:
            raise StorageUnavailable("The log is closed")
        answer: asyncio.Future[list[Appended | IdempotencyConflict]] = self._loop.create_future()
        self._waiting.append((self._loop.time() + self._append_deadline_s, answer))
        if self._watch is None:
            self._watch = self._watch_overdue()
        self._writer.submit(Request((), placed))
        return answer

    async def find_keys(self, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, str, int]]:
        """Return the digest of the body, the id and the position of each idempotency key that is known.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        texts, unchecked = [key.hex() for key in keys], self._extent.unchecked
        return await self._readers.look(lambda connection: find_keys(connection, texts, unchecked, 0))

    async def read_progress(self) -> Progress:
        """Return how far the rounds are in which the state is appended anew.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._readers.look(read_progress)

    async def read_renewable(self, after: tuple[int, int], before: int) -> RenewablePage:
        """Return some of the rows that a round has to append.

        Raises:
            StateDamaged: one is damaged.
            StorageUnavailable: the log cannot be read.
        """
        return await self._readers.look(lambda connection: read_renewable(connection, after, before))

    async def read_renewable_control(self, after: int, before: int, now_ms: int) -> Placed | None:
        """Return the next control record that a round has to append.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._readers.look(lambda connection: read_renewable_control(connection, after, before, now_ms))


async def open_mirror(
    path: Path, *, epoch: Epoch, first: int, partial_upto: int, now: Callable[[], float], retention: Retention
) -> SqliteMirror:
    """Open the mirror at `path`; where there is none, an empty one of this epoch that begins at position `first`.

    `partial_upto`: where the stream has dropped what was before that, its newest position; 0 if it has not.

    Raises:
        LogDamaged: it is damaged; it can be moved away and made again.
        SettingsError: another process writes it, or it is of another schema or not a log.
        StorageUnavailable: the file cannot be opened or read.
    """
    mirror = SqliteMirror(
        LogFile(path, synchronous="OFF", epoch=epoch, first=first, is_mirror=True, partial_upto=partial_upto),
        retention,
        now=now,
        max_pending=0,
        on_damage="refuse",
        append_deadline_s=APPEND_DEADLINE_S,
        read_deadline_s=READ_DEADLINE_S,
    )
    await mirror.open()
    return mirror
