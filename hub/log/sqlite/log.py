"""The SQLite log as the event loop sees it; the work is done by one writer thread and a few readers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from hub.cursor import Epoch
from hub.errors import HubError, IdempotencyConflict, Overloaded, StorageUnavailable
from hub.histogram import Histogram
from hub.log.inbox import Inbox, InboxLook, InboxPage, InboxQuery, Suppose, Supposed
from hub.log.port import Appended, Draft, Entry, Erased, Found, Health, Reading, Record
from hub.log.sqlite.announcer import Commit
from hub.log.sqlite.erasure import LAST, Erasure
from hub.log.sqlite.inbox import Floors, count_unread, list_inbox, look_at_inbox
from hub.log.sqlite.opening import OnDamage
from hub.log.sqlite.reader import Readers
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import Extent, LogFile
from hub.log.sqlite.search import Searcher
from hub.log.sqlite.writer import Listener, Request, Writer
from hub.log.tail import Tail
from hub.target import Target

__all__ = ["SqliteLog", "open_sqlite_log"]

logger = logging.getLogger(__name__)

_OPEN_DEADLINE_S = 120.0
#: A disk that hangs without an error must not hold callers for ever; what they sent may still be stored.
APPEND_DEADLINE_S = 30.0
READ_DEADLINE_S = 10.0
ERASE_DEADLINE_S = 120.0
#: Looks for appends that are overdue, within one deadline.
_LOOKS = 6
_CLOSE_DEADLINE_S = 30.0
_JOIN_DEADLINE_S = 1.0


class SqliteLog:
    """A `Log` in one SQLite file; made by `open_sqlite_log`, and used on that event loop alone.

    A read does not say what retention deleted meanwhile. `first` does: it rises before the first record is gone. So
    look at `first` after a read, not only before it.
    """

    def __init__(
        self,
        file: LogFile,
        retention: Retention,
        *,
        now: Callable[[], float],
        max_pending: int,
        on_damage: OnDamage,
        append_deadline_s: float,
        read_deadline_s: float,
    ) -> None:
        self._append_deadline_s = append_deadline_s
        self._loop = asyncio.get_running_loop()
        self._now = now
        self._max_pending = max_pending
        self._extent = Extent(Epoch(""), 0, 1)
        self._head = 0
        self._floors = Floors()
        self._first = 1
        self._writable = True
        self._closed = False
        self._tail: Tail | None = None
        #: In the order of submission, which is the order of the results; each with its deadline.
        self._waiting: deque[tuple[float, asyncio.Future[list[Appended | IdempotencyConflict]]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._begun: asyncio.Future[Extent] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._file = file
        self._readers = Readers(file, deadline_s=read_deadline_s)
        self._searcher = Searcher(self._readers.run, deadline_s=read_deadline_s)
        listener = Listener(begin=self._begin, take=self._take, raise_first=self._raise_first, end=self._end)
        #: `log`: a transaction; `mark`: the mark beside it, which says how far the log reaches.
        self.fsyncs = {"log": Histogram(), "mark": Histogram()}
        self._writer = Writer(
            file,
            retention,
            listener,
            now=now,
            post=self._loop.call_soon_threadsafe,
            close_readers=self._readers.close,
            on_damage=on_damage,
            fsyncs=self.fsyncs,
        )

    @property
    def epoch(self) -> Epoch:
        """The random id of this log's life."""
        return self._extent.epoch

    @property
    def head(self) -> int:
        """The position of the newest durable record that was announced; 0 in an empty log."""
        return self._head

    @property
    def first(self) -> int:
        """The lowest position that retention has not passed."""
        return self._first

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded; while it did not, the writer tries every second."""
        return self._writable and not self._closed

    @property
    def health(self) -> Health:
        """How the engine is."""
        return Health("ok" if self.writable else "failing", self._head, self._head)

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the log ends before this position."""
        return position > self._head

    @property
    def damaged(self) -> int:
        """How many damaged records were met since the log was opened."""
        return self._readers.damaged

    def measure_bytes(self) -> int:
        """Return what the log's files take of the disk; it asks the file system, so it may block."""
        return self._file.measure_bytes()

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        """Store the drafts in order, in one transaction, and return after they are durable.

        The cancellation of a waiting caller takes nothing back.

        Raises:
            StorageUnavailable: nothing was acknowledged; the disk is full, failing or too slow, or the log closed.
            Overloaded: too many appends wait already.
            Internal: a draft holds something that cannot be stored; nothing of this call was stored.
        """
        return await self.submit(drafts)  # no name for it here: its error holds this frame, which would hold it

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Begin what `append` does, and return what it waits for; a cancellation of that takes nothing back.

        Raises:
            StorageUnavailable, Overloaded: at once, where nothing was begun.
        """
        if self._closed:
            raise StorageUnavailable("The log is closed")
        if len(self._waiting) >= self._max_pending:
            raise Overloaded("Too many publish requests wait for the disk", retry_after_s=1)
        answer: asyncio.Future[list[Appended | IdempotencyConflict]] = self._loop.create_future()
        if not drafts:
            answer.set_result([])
            return answer
        self._waiting.append((self._loop.time() + self._append_deadline_s, answer))
        if self._watch is None:
            self._watch = self._watch_overdue()
        self._writer.submit(Request(drafts))
        return answer

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
        """Return at most `limit` records of `limit_bytes` for any of `targets` in `(after, upto]`, in order.

        Raises:
            StorageUnavailable: the log cannot be read.
            ValueError: more than 100 targets.
        """
        return await self._readers.read(
            targets,
            after=after,
            upto=upto,
            limit=limit,
            limit_bytes=limit_bytes,
            now_s=self._now(),
            with_states=with_states,
        )

    async def find(self, notification_id: str, *, at: int | None = None) -> Found | None:
        """Return the record with this id, looked for at one position, or from the head on.

        Raises:
            StorageUnavailable: the log cannot be read, or not be searched in time.
        """
        return await self._searcher.find(notification_id, first=self._first, head=self._head, at=at)

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return one row of the state index.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._readers.read_state(owner, key)

    async def list_state(
        self, owner: str | Sequence[str], *, after: str = "", upto: str | None = None, limit: int
    ) -> list[Entry]:
        """Return rows of the state index with a key in `(after, upto]`, in the order of keys.

        Raises:
            StorageUnavailable: the log cannot be read.
            ValueError: more than 100 owners.
        """
        owners = [owner] if isinstance(owner, str) else owner
        return await self._readers.list_state(owners, after=after, upto=upto, limit=limit)

    async def list_inbox(self, inbox: Inbox, query: InboxQuery) -> InboxPage:
        """Return a page of an inbox, the newest first, as `InboxLog` says."""
        head, now_ms = self._head, round(self._now() * 1000)
        page, damaged = await self._readers.look(
            lambda connection: list_inbox(connection, inbox, query, self._floors, head=head, now_ms=now_ms)
        )
        self._readers.report(damaged)
        return page

    async def count_unread(self, inbox: Inbox, supposed: Supposed | None = None) -> int:
        """Return how many notifications of an inbox are unread, as it is or as it would be."""
        look = partial(count_unread, inbox=inbox, supposed=supposed, floors=self._floors, upto=self._head)
        return await self._readers.look(partial(look, now_ms=round(self._now() * 1000)))

    async def look_at_inbox(
        self, inbox: Inbox, ids: Sequence[str], *, read_until: int | None, suppose: Suppose | None = None
    ) -> InboxLook:
        """Return what a change of an inbox has to know of these notifications."""
        look = partial(look_at_inbox, inbox=inbox, ids=ids, floors=self._floors, head=self._head)
        look = partial(look, read_until=read_until, suppose=suppose)
        return await self._readers.look(partial(look, now_ms=round(self._now() * 1000)))

    async def erase(self, user_id: str, account_id: str | None, *, upto: int = LAST) -> Erased:
        """Remove what the log has of a user up to a position; it goes on where the caller no longer waits.

        Raises:
            StorageUnavailable: it did not come to its end in time, or the log is closed.
        """
        if self._closed:
            raise StorageUnavailable("The log is closed")
        done: asyncio.Future[Erased | HubError] = self._loop.create_future()

        def finish(outcome: Erased | HubError) -> None:
            if not done.done():
                done.set_result(outcome)

        self._writer.erase(Erasure(user_id, account_id, finish, upto=upto))
        try:
            async with asyncio.timeout(ERASE_DEADLINE_S):
                outcome = await done
        except TimeoutError:
            raise StorageUnavailable("The erasure goes on; ask again", retry_after_s=60) from None
        if isinstance(outcome, HubError):
            raise outcome
        return outcome

    def follow(self) -> AsyncIterator[list[Record]]:
        """Yield every record stored from now on, in order; a second call ends the first one's iterator."""
        if self._tail is not None:
            self._tail.end()
        self._tail = Tail(self._head, self._readers.read_every)
        if self._ended.is_set():
            self._tail.end()
        return self._tail

    async def close(self) -> None:
        """Finish what was accepted, checkpoint, then close the files; a second call waits for the first."""
        if not self._closed:
            self._closed = True
            self._readers.refuse()
            self._writer.stop()
        try:
            async with asyncio.timeout(_CLOSE_DEADLINE_S):
                await self._ended.wait()
        except TimeoutError:
            logger.error("the log's disk hangs; giving up on an orderly close")
            return
        self._writer.join(_JOIN_DEADLINE_S)

    async def open(self) -> None:
        """Open the file.

        Raises:
            SettingsError: the file cannot be used as it is.
            StorageUnavailable: the file cannot be opened or read.
        """
        self._writer.start()
        try:
            async with asyncio.timeout(_OPEN_DEADLINE_S):
                self._extent = await self._begun
        except TimeoutError:
            self._writer.stop()
            raise StorageUnavailable("The log cannot be opened in time") from None
        except asyncio.CancelledError:
            self._writer.stop()
            raise
        except BaseException:
            self._writer.join(_JOIN_DEADLINE_S)
            raise
        self._head, self._first = self._extent.head, self._extent.first

    def _begin(self, begun: Extent | Exception) -> None:
        if self._begun.done():
            return
        if isinstance(begun, Extent):
            self._begun.set_result(begun)
        else:
            self._begun.set_exception(begun)

    def _take(self, commit: Commit) -> None:
        # Head, then tail, then appends: a caller that wakes sees a log that agrees with its result.
        self._head = commit.head
        self._writable = commit.writable
        if self._tail is not None:
            self._tail.announce(commit.records, commit.head)
        for result in commit.outcomes:
            _, answer = self._waiting.popleft()
            if answer.done():
                continue
            if isinstance(result, HubError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

    def _raise_first(self, first: int) -> None:
        self._first = first

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._tail is not None:
            self._tail.end()
        self._ended.set()

    def _refuse_overdue(self) -> None:
        now_s = self._loop.time()
        for deadline_s, answer in self._waiting:
            if deadline_s > now_s:
                break
            if not answer.done():
                answer.set_exception(StorageUnavailable("The disk did not answer in time", retry_after_s=5))
        # They stay in the queue: their results are still to come, and until then they count as waiting.
        self._watch = self._watch_overdue() if self._waiting else None

    def _watch_overdue(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._append_deadline_s / _LOOKS, self._refuse_overdue)


async def open_sqlite_log(
    path: Path,
    *,
    now: Callable[[], float],
    retention_s: float,
    retention_records: int,
    idempotency_s: float,
    max_pending: int,
    on_damage: OnDamage = "new-epoch",
    vfs: str | None = None,
    synchronous: str = "FULL",
    checkpoint_bytes: int = 8 * 2**20,
    append_deadline_s: float = APPEND_DEADLINE_S,
    read_deadline_s: float = READ_DEADLINE_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> SqliteLog:
    """Open the log at `path`, made with mode 0600 in a folder of mode 0700 where they are missing.

    `now` gives Unix seconds and is called from several threads. Records are kept `retention_s` and at most
    `retention_records`; idempotency keys `idempotency_s` of the time that the log is open. At most `max_pending`
    appends wait. A log that lost something or is damaged gets a new epoch, or is refused, as `on_damage` says. An
    append or a read that takes longer than its deadline is refused. `vfs`, `synchronous`, `checkpoint_bytes`, the
    deadlines and `monotonic` are for tests: anything below FULL loses acknowledged records in a power cut.

    Raises:
        SettingsError: another process writes the log; it is damaged and must not be replaced, of another schema, or not
            a log at all; or this SQLite has the WAL-reset bug.
        StorageUnavailable: the file cannot be opened or read.
    """
    retention = Retention(
        retention_s=retention_s, retention_records=retention_records, idempotency_s=idempotency_s, monotonic=monotonic
    )
    log = SqliteLog(
        LogFile(path, vfs, synchronous, checkpoint_bytes),
        retention,
        now=now,
        max_pending=max_pending,
        on_damage=on_damage,
        append_deadline_s=append_deadline_s,
        read_deadline_s=read_deadline_s,
    )
    await log.open()
    return log
