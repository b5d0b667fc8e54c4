"""A log whose appends are spans, and whose pages link a replay to the publishes; around any engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hub.cursor import Epoch
from hub.errors import IdempotencyConflict
from hub.histogram import Histogram
from hub.log.inbox import Inbox, InboxLog, InboxLook, InboxPage, InboxQuery, Suppose, Supposed
from hub.log.port import Appended, Draft, Entry, Erased, Found, Health, Reading, Record
from hub.target import Target

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["TracedLog"]


class TracedLog(InboxLog):
    """Passes everything on to `log`, which keeps its promises."""

    def __init__(self, log: InboxLog, tracing: Tracing) -> None:
        self._log = log
        self._tracing = tracing

    @property
    def epoch(self) -> Epoch:
        """The random id of this log's life."""
        return self._log.epoch

    @property
    def head(self) -> int:
        """The position of the newest durable record that was announced; 0 in an empty log."""
        return self._log.head

    @property
    def first(self) -> int:
        """The lowest position that retention has not passed."""
        return self._log.first

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._log.writable

    @property
    def health(self) -> Health:
        """How the engine is."""
        return self._log.health

    @property
    def fsyncs(self) -> Mapping[str, Histogram]:
        """How long a write took until it was durable, by file."""
        return self._log.fsyncs

    def measure_bytes(self) -> int:
        """Return what the log's files take of the disk."""
        return self._log.measure_bytes()

    @property
    def damaged(self) -> int:
        """How many damaged records were met since the log was opened."""
        return self._log.damaged

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the log ends before this position."""
        return await self._log.is_beyond_end(position)

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        """Store the drafts as the log does, within a span."""
        with self._tracing.trace_append([draft.payload for draft in drafts]):
            return await self._log.append(drafts)

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Begin what `append` does; without a span, since nothing in a traced hub asks for it."""
        return self._log.submit(drafts)

    async def read(
        self,
        targets: Sequence[Target],
        *,
        after: int,
        upto: int,
        limit: int,
        limit_bytes: int,
        with_states: bool = False,
    ) -> Reading:
        """Return the page that the log returns; a replay is linked to the publishes of its records."""
        reading = await self._log.read(
            targets, after=after, upto=upto, limit=limit, limit_bytes=limit_bytes, with_states=with_states
        )
        self._tracing.link_page([record.payload for record in reading.records], upto=reading.upto)
        return reading

    async def find(self, notification_id: str, *, at: int | None = None) -> Found | None:
        """Return the record that the log finds."""
        return await self._log.find(notification_id, at=at)

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return the row that the log has."""
        return await self._log.read_state(owner, key)

    async def list_state(
        self, owner: str | Sequence[str], *, after: str = "", upto: str | None = None, limit: int
    ) -> list[Entry]:
        """Return the rows that the log has."""
        return await self._log.list_state(owner, after=after, upto=upto, limit=limit)

    async def list_inbox(self, inbox: Inbox, query: InboxQuery) -> InboxPage:
        """Return the page that the log returns."""
        return await self._log.list_inbox(inbox, query)

    async def count_unread(self, inbox: Inbox, supposed: Supposed | None = None) -> int:
        """Return what the log counts."""
        return await self._log.count_unread(inbox, supposed)

    async def look_at_inbox(
        self, inbox: Inbox, ids: Sequence[str], *, read_until: int | None, suppose: Suppose | None = None
    ) -> InboxLook:
        """Return what the log finds."""
        return await self._log.look_at_inbox(inbox, ids, read_until=read_until, suppose=suppose)

    async def erase(self, user_id: str, account_id: str | None) -> Erased:
        """Remove what the log has of a user."""
        return await self._log.erase(user_id, account_id)

    def follow(self) -> AsyncIterator[list[Record]]:
        """Yield every record stored from now on, as the log does."""
        return self._log.follow()

    async def close(self) -> None:
        """Close the log."""
        await self._log.close()
