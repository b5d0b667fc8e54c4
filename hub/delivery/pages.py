"""From the log to a client that asks again and again: one bounded page each time, by the rules of a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from contracts.frame import ResumeKind
from hub.cursor import Cursor
from hub.delivery.ahead import AheadWatch
from hub.delivery.envelope import stamp
from hub.delivery.session import Session
from hub.log.port import Log, Reading, Record
from hub.metrics import Metrics
from hub.target import Target

__all__ = ["Page", "Pages"]

#: The most records of one page, and what they may weigh together; one that is heavier by itself is a page of its own.
PAGE = 200
PAGE_BYTES = 65_536
#: Pages read at the same time, as in a replay.
READERS = 16


class Page(NamedTuple):
    """What was due since a cursor: finished frames in order, and the cursor that stands after them.

    `resume` is `gap` where something before `cursor` is gone from the log, or damaged; then there are no frames.
    """

    resume: ResumeKind
    frames: list[bytes]
    cursor: Cursor


class Pages:
    """Reads what was missed without a connection: no gap unannounced, nothing twice, in order."""

    def __init__(self, log: Log, metrics: Metrics, *, now: Callable[[], float]) -> None:
        self._log = log
        self._metrics = metrics
        self._now = now
        self._ahead = AheadWatch(log)
        self._readers = asyncio.Semaphore(READERS)

    async def read(self, targets: Sequence[Target], cursor: Cursor | None) -> Page:
        """Return at most `PAGE` notifications for any of `targets` since `cursor`; without one, only the head.

        Fewer frames than were due means that the next page has them: ask until one is empty.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        log = self._log
        # Who asks for a page begins like a connection and is gone at its end.
        session = Session(expires_at_s=self._now())
        self._ahead.look(cursor)
        kind, after = session.begin(cursor, epoch=log.epoch, first=log.first, head=log.head)
        frames: list[bytes] = []
        position = session.upto
        if kind == "replayed":
            async with self._readers:
                reading = await log.read(targets, after=after, upto=session.upto, limit=PAGE, limit_bytes=PAGE_BYTES)
            if log.first > after + 1:
                # Retention passed the cursor while the page was read: part of it may be missing.
                kind, position = "gap", log.head
            else:
                records, position = _before_damage(reading)
                if records and records[0].is_damaged:
                    kind, records = "gap", []
                frames = [stamp(record.payload, str(Cursor(log.epoch, record.position))) for record in records]
        self._metrics.polls[kind] += 1
        self._metrics.deliveries["poll"] += len(frames)
        return Page(kind, frames, Cursor(log.epoch, position))


def _before_damage(reading: Reading) -> tuple[list[Record], int]:
    """Return the records up to the first damaged one, or the damaged ones that it begins with; and how far they go.

    So that the next page begins where the damage does, and that one says that there was something.
    """
    records = reading.records
    damaged = bool(records) and records[0].is_damaged
    for index, record in enumerate(records):
        if record.is_damaged != damaged:
            return records[:index], records[index - 1].position
    return records, records[-1].position if damaged else reading.upto
