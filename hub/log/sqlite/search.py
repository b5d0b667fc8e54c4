"""Looking for one notification by its id, which no index has: an index of random ids would slow every publish.

The log is walked from its newest record on, a stretch at a time, one search at a time, so that a search of a large log
takes one reader and leaves the others to those who return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import apsw
import msgspec

from hub.errors import StorageUnavailable
from hub.log.port import Found, Reading
from hub.log.sqlite.collapse import read_superseded_by
from hub.log.sqlite.page import read_every

__all__ = ["Searcher"]

#: The first stretch is short, since most of what is looked for is new.
_FIRST_STRETCH = 2_000
_STRETCH = 50_000
# No index holds ids, so this reads every record of the stretch, the newest first, and stops at the one. A record whose
# control has vanished is replayed, so it is found.
_FIND = """SELECT position, created_s FROM record
WHERE position > ? AND position <= ? AND id = ? AND (control = 0 OR control IS NULL) ORDER BY position DESC LIMIT 1"""

Run = Callable[[Callable[[apsw.Connection], Reading], int], Awaitable[Reading]]


class Searcher:
    """Searches the log, through the readers' `run`."""

    def __init__(self, run: Run, *, deadline_s: float) -> None:
        self._run = run
        self._deadline_s = deadline_s
        self._turn = asyncio.Lock()

    async def find(self, notification_id: str, *, first: int, head: int, at: int | None) -> Found | None:
        """Return what `Log.find` promises of a log with these positions.

        Raises:
            StorageUnavailable: the log cannot be read, or not be searched in time.
        """
        try:
            async with asyncio.timeout(self._deadline_s), self._turn:
                if at is not None:
                    return await self._look(notification_id, at - 1, at)
                upto, stretch = head, _FIRST_STRETCH
                while upto >= first:
                    found = await self._look(notification_id, upto - stretch, upto)
                    if found is not None:
                        return found
                    upto, stretch = upto - stretch, _STRETCH
                return None
        except TimeoutError:
            raise StorageUnavailable(
                "The log could not be searched in time; give the cursor of the receipt, which says where to look"
            ) from None

    async def _look(self, notification_id: str, after: int, upto: int) -> Found | None:
        stored_at_s: list[float] = []
        superseded_by: list[int | None] = []

        def read(connection: apsw.Connection) -> Reading:
            found = connection.execute(_FIND, (after, upto, notification_id)).fetchall()
            if not found:
                return Reading([], upto)
            ((position, created_s),) = msgspec.convert(found, list[tuple[int, float]])
            stored_at_s.append(created_s)
            superseded_by.append(read_superseded_by(connection, position))
            return read_every(connection, after=position - 1, upto=position, limit=1, limit_bytes=0)

        reading = await self._run(read, upto)
        if not reading.records:
            return None
        if reading.records[0].is_damaged:
            raise StorageUnavailable("The log is damaged where it was searched; see `hub check --deep`")
        return Found(reading.records[0], stored_at_s[0], superseded_by[0])
