"""From the log to a client that asks for pages: one bounded page for each request, by the rules of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from contracts.frame import ResumeKind
from hub.cursor import Cursor, write_cursor
from hub.delivery.ahead import AheadWatch
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.envelope import stamp
from hub.delivery.erasures import STALE, Erasures
from hub.delivery.mutes import Mutes, read_type
from hub.delivery.page_reader import PAGE_BYTES, PageReader
from hub.delivery.session import decide_resume
from hub.log.port import Log, Reading, Record
from hub.metrics import Metrics
from hub.target import Target

__all__ = ["MOST_PAGES", "PAGE_BYTES", "MissedPage", "Pages"]

#: How many pages one request may read that hold nothing but what the user has muted.
MOST_PAGES = 20


class MissedPage(NamedTuple):
    """What was due since a cursor: finished frames in order, and the cursor that stands after them.

    `resume` is `gap` where something before `cursor` is gone from the log, or damaged; then there are no frames.
    `is_whole`: it goes up to the head that the log had when it was asked for.
    """

    resume: ResumeKind
    frames: list[bytes]
    cursor: Cursor
    is_whole: bool = True


class Pages:
    """Reads what a client without a connection missed: no gap unannounced, no duplicate, in order."""

    def __init__(self, log: Log, metrics: Metrics, counts: DeliveryCounts, mutes: Mutes, erasures: Erasures) -> None:
        self._log = log
        self._erasures = erasures
        self._metrics = metrics
        self._counts = counts
        self._mutes = mutes
        self._ahead = AheadWatch(log)
        self._pages = PageReader(log)

    @property
    def head(self) -> Cursor:
        """The cursor that stands at the log's end."""
        return Cursor(self._log.epoch, self._log.head)

    async def read(
        self, targets: Sequence[Target], cursor: Cursor | None, *, speaks_hub_v1: bool = False
    ) -> MissedPage:
        """Return one page of notifications for any of `targets` since `cursor`; without one, only the head.

        The first target is the user's own, and what the user has muted is left out. A client that speaks `hub.v1` also
        gets what has changed in its user's state. Fewer frames than were due means that the next page has them: ask
        until one is empty.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        log = self._log
        self._ahead.look(cursor)
        head = log.head
        kind, after = decide_resume(cursor, epoch=log.epoch, first=log.first, head=head)
        page = MissedPage(kind, [], Cursor(log.epoch, head))
        if kind == "replayed":
            page = await self._read_page(targets, after=after, upto=head, with_states=speaks_hub_v1)
            pages = 1
            # A client takes an empty page for the end.
            while page.resume == "replayed" and not (page.frames or page.is_whole) and pages < MOST_PAGES:
                page = await self._read_page(targets, after=page.cursor.position, upto=head, with_states=speaks_hub_v1)
                pages += 1
        self._metrics.polls[page.resume] += 1
        self._metrics.deliveries["poll"] += len(page.frames)
        if speaks_hub_v1 and self._erasures.concern(cursor) and page.resume != "gap":
            page.frames.insert(0, STALE)
        return page

    async def read_stream(self, targets: Sequence[Target], cursor: Cursor | None) -> MissedPage:
        """Return one page for a reader of Durable Streams; without a cursor, the first one that the log still has.

        Such a first page is never a gap: it begins behind what is gone or damaged.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        log = self._log
        self._ahead.look(cursor)
        head, begins = log.head, cursor is None
        kind, after = decide_resume(
            Cursor(log.epoch, log.first - 1) if cursor is None else cursor, epoch=log.epoch, first=log.first, head=head
        )
        page = MissedPage(kind, [], Cursor(log.epoch, head))
        if kind == "replayed" and after < head:
            page = await self._read_page(targets, after=after, upto=head)
            while begins and page.resume == "gap":
                # Retention passed what was read, or damage is in front of the rest.
                after = log.first - 1 if log.first > after + 1 else page.cursor.position
                head = max(head, after)
                page = await self._read_page(targets, after=after, upto=head)
        self._metrics.deliveries["durable-streams"] += len(page.frames)
        return page

    async def _read_page(
        self, targets: Sequence[Target], *, after: int, upto: int, with_states: bool = False
    ) -> MissedPage:
        log = self._log
        muted = self._mutes.find(targets[0])
        async with self._pages as pages:
            reading = await pages.read(targets, after=after, upto=upto, with_states=with_states)
        if reading is None:
            return MissedPage("gap", [], Cursor(log.epoch, log.head))
        kind: ResumeKind = "replayed"
        records, position = _before_damage(reading)
        if records and records[0].is_damaged:
            kind, records = "gap", []
        elif muted:
            records = [record for record in records if read_type(record.payload) not in muted]
        for record in records:
            self._counts.poll(record.position)
        frames = [stamp(record.payload, write_cursor(log.epoch, record.position)) for record in records]
        return MissedPage(kind, frames, Cursor(log.epoch, position), position >= upto)


def _before_damage(reading: Reading) -> tuple[list[Record], int]:
    """Return the records up to the first damaged one, or the damaged ones that it begins with; and how far they go.

    The next page then begins with the damage, and announces it.
    """
    records = reading.records
    damaged = bool(records) and records[0].is_damaged
    for index, record in enumerate(records):
        if record.is_damaged != damaged:
            return records[:index], records[index - 1].position
    return records, records[-1].position if damaged else reading.upto
