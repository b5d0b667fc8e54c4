"""The log of several nodes: a stream at NATS, and this node's mirror of it, from which everything is read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from hub.cursor import Epoch
from hub.errors import IdempotencyConflict, SettingsError, StorageUnavailable
from hub.histogram import Histogram
from hub.log.inbox import Inbox, InboxLog, InboxLook, InboxPage, InboxQuery, Suppose, Supposed
from hub.log.jetstream.acknowledgement import read_position
from hub.log.jetstream.append import Appender, Limits
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.filling import Filling
from hub.log.jetstream.mirror import note_close, open_place
from hub.log.jetstream.order import Order
from hub.log.jetstream.record import Erase, encode_erase
from hub.log.jetstream.renewal import Renewer, Timing
from hub.log.jetstream.stream import (
    FIRST,
    Stream,
    explain_problems,
    find_weak_settings,
    find_wrong_settings,
    wait_stream,
)
from hub.log.jetstream.subject import Names
from hub.log.jetstream.tap import listen
from hub.log.port import Appended, Draft, Entry, Erased, Found, Health, Placed, Reading, Record
from hub.log.sqlite.mirror import SqliteMirror
from hub.log.sqlite.retention import Retention
from hub.nats.port import Nats, NatsError
from hub.operator_log import OperatorLog
from hub.target import Target
from hub.tasks import Tasks

__all__ = ["JetStreamLog", "open_jetstream_log"]

logger = logging.getLogger(__name__)

#: What may be held of records that came before others, and of records that the mirror has not taken yet.
_HELD_BYTES = 64 * 2**20
_ERASE_TIMEOUT_S = 120.0
_TRY_S = 2.0


class JetStreamLog(InboxLog):
    """A `Log` in a stream and its mirror; made by `open_jetstream_log`, and used on that event loop alone."""

    def __init__(
        self,
        nats: Nats,
        names: Names,
        mirror: SqliteMirror,
        path: Path,
        limits: Limits,
        *,
        node: str,
        now: Callable[[], float],
        owns_nats: bool,
        timing: Timing,
    ) -> None:
        self._owns_nats = owns_nats
        self._nats = nats
        self._names = names
        self._mirror = mirror
        self._path = path
        self._append_deadline_s = limits.deadline_s
        self._closed = False
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._order: Order[bytes] = Order(mirror.head, max_held_bytes=_HELD_BYTES)
        self._appender = Appender(
            nats,
            names,
            limits,
            node=node,
            find_keys=mirror.find_keys,
            find_first=lambda: mirror.first,
            learn_head=self.learn_head,
            wall_s=now,
            random=random.random,
        )
        self._filling = Filling(
            mirror,
            self._order,
            node=node,
            take_head=self._appender.take_head,
            take_received=self._appender.take_received,
            max_bytes=_HELD_BYTES,
        )
        self._catch_up = CatchUp(nats, names, self._order, self._filling, epoch=mirror.epoch)
        self._renewer = Renewer(
            mirror,
            publish=self._publish_step,
            node=node,
            find_stream=lambda: self._catch_up.stream,
            wall_s=now,
            timing=timing,
        )
        self._tasks = Tasks()

    @property
    def epoch(self) -> Epoch:
        """The random id of this log's life."""
        return self._mirror.epoch

    @property
    def head(self) -> int:
        """The position of the newest record that this node has announced; 0 in an empty log."""
        return self._mirror.head

    @property
    def first(self) -> int:
        """The lowest position that retention has not passed."""
        return self._mirror.first

    @property
    def writable(self) -> bool:
        """Whether the stream can be reached, and the mirror takes what comes of it."""
        return not self._closed and self.health.state in ("ok", "behind")

    @property
    def health(self) -> Health:
        """How this node is."""
        applied, head = self._mirror.head, self._order.head
        since_s = self._catch_up.isolated_since_s
        if self._catch_up.is_replaced:
            return Health("replaced", applied, head, since_s)
        if since_s is not None:
            return Health("missing" if self._catch_up.is_missing else "isolated", applied, head, since_s)
        if not self._mirror.writable or self._filling.failure is not None:
            return Health("failing", applied, head)
        return Health("ok" if applied >= head else "behind", applied, head)

    @property
    def fsyncs(self) -> Mapping[str, Histogram]:
        """How long a write of the mirror took, by file."""
        return self._mirror.fsyncs

    @property
    def damaged(self) -> int:
        """How many damaged records were met since the log was opened."""
        return self._mirror.damaged

    def measure_bytes(self) -> int:
        """Return what the mirror's files take of the disk."""
        return self._mirror.measure_bytes()

    def learn_head(self, position: int) -> None:
        """Take note that the stream reaches this position, as a node said; what is missing here is then read."""
        self._order.learn_head(position)
        if position > self._order.applied:
            self._catch_up.wake()

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the stream ends before this position, as a leader says that has led for long enough to know.

        Raises:
            StorageUnavailable: no such leader answers, or this node has yet to read up to there.
        """
        return position > self._mirror.head and await self._catch_up.is_beyond_end(position)

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        """Store the drafts in the stream, in order, and return once a majority of its replicas has them.

        Raises:
            StorageUnavailable: the stream did not acknowledge in time; a draft may be stored all the same.
            Overloaded: too many appends wait already.
            Internal: a draft holds something that cannot be stored; nothing of this call was stored.
        """
        return await self.submit(drafts)

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Begin what `append` does, and return what it waits for; a cancellation of that takes nothing back.

        Raises:
            StorageUnavailable, Overloaded: at once, where nothing was begun.
        """
        if self._closed or self._catch_up.is_replaced:
            raise StorageUnavailable("The log is closed")
        if self._filling.failure is not None:
            # It would be stored and acknowledged; but this node cannot tell what it has stored before, nor show it.
            raise StorageUnavailable("This node cannot store what the stream has: its disk is full or fails")
        return self._appender.submit(drafts)

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
        """Return what the mirror has for these targets."""
        return await self._mirror.read(
            targets, after=after, upto=upto, limit=limit, limit_bytes=limit_bytes, with_states=with_states
        )

    async def find(self, notification_id: str, *, at: int | None = None) -> Found | None:
        """Return the record that the mirror finds."""
        return await self._mirror.find(notification_id, at=at)

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return the row that the mirror has."""
        return await self._mirror.read_state(owner, key)

    async def list_state(
        self, owner: str | Sequence[str], *, after: str = "", upto: str | None = None, limit: int
    ) -> list[Entry]:
        """Return the rows that the mirror has."""
        return await self._mirror.list_state(owner, after=after, upto=upto, limit=limit)

    async def list_inbox(self, inbox: Inbox, query: InboxQuery) -> InboxPage:
        """Return the page that the mirror has."""
        return await self._mirror.list_inbox(inbox, query)

    async def count_unread(self, inbox: Inbox, supposed: Supposed | None = None) -> int:
        """Return what the mirror counts."""
        return await self._mirror.count_unread(inbox, supposed)

    async def look_at_inbox(
        self, inbox: Inbox, ids: Sequence[str], *, read_until: int | None, suppose: Suppose | None = None
    ) -> InboxLook:
        """Return what the mirror finds."""
        return await self._mirror.look_at_inbox(inbox, ids, read_until=read_until, suppose=suppose)

    def follow_erasures(self, listener: Callable[[str, str | None, Erased], None]) -> None:
        """Have each erasure told to `listener` that this node has done, whichever node was asked for it."""
        self._filling.on_erased = lambda erase, erased: listener(erase.user_id, erase.account_id, erased)

    async def erase(self, user_id: str, account_id: str | None) -> Erased:
        """Have every node remove a user from its mirror, and return what this one has removed.

        The stream itself keeps what it has until its retention takes it: no node reads it for anybody.

        Raises:
            StorageUnavailable: the stream could not take it, or this node did not come to its end in time.
        """
        if self._closed:
            raise StorageUnavailable("The log is closed")
        payload = encode_erase(Erase(user_id, account_id, round(self._now() * 1000)))
        position = await self._publish(payload, secrets.token_hex(16))
        done = self._filling.wait_erased(position)
        self.learn_head(position)
        try:
            async with asyncio.timeout(_ERASE_TIMEOUT_S):
                return await done
        except TimeoutError:
            raise StorageUnavailable("The erasure goes on; ask again", retry_after_s=60) from None

    def follow(self) -> AsyncIterator[list[Record]]:
        """Yield every record that this node stores from now on, in order."""
        return self._mirror.follow()

    async def close(self) -> None:
        """Finish what was accepted, then close the mirror; a second call waits for the first."""
        self._closed = True
        await self._appender.close()
        await self._tasks.stop()
        await self._mirror.close()
        note_close(self._path)
        if self._owns_nats:
            await self._nats.close()

    def prepare(self, *, is_leaving: bool) -> None:
        """Say before `open` whether the stream was closed for good by this node."""
        self._catch_up.is_leaving = is_leaving

    async def open(self, stream: Stream) -> None:
        """Begin to listen, and return once this node has all that the stream had.

        Raises:
            NatsError: the connection broke meanwhile, for longer than it may.
        """
        await self._appender.open(self._mirror.head)
        self._nats.on_change.append(self._catch_up.note_connection)
        await listen(self._nats, self._names, self._take)
        self._order.learn_head(stream.state.last)
        self._tasks.start("stream publisher", self._appender.run())
        self._tasks.start("mirror", self._filling.run())
        self._tasks.start("stream repair", self._catch_up.run())
        self._tasks.start("stream watch", self._catch_up.watch())
        self._tasks.start("end of a broken log", self._end_broken())
        await self._catch_up.wait_applied(stream.state.last)
        first = int(stream.config.metadata.get(FIRST, "1"))
        if first > self._mirror.first:
            # What is before it outlived retention in the log that was brought in; no cursor may follow it.
            await self._mirror.apply([Placed(first, 0, None)])
        if not self._catch_up.is_leaving:
            self._tasks.start("renewal of state", self._renewer.run())
            await self._renewer.wait_whole()

    async def _end_broken(self) -> None:
        # Without one of them a publish would wait for ever, or a client for what is stored. The dispatcher ends with
        # the mirror, and the process with the dispatcher: a supervisor starts a whole one.
        await self._tasks.wait_end("stream publisher", "mirror", "stream repair", "stream watch")
        self._closed = True
        self._appender.end_broken()
        await self._mirror.close()

    def _take(self, position: int, content: bytes) -> None:
        if self._filling.has_room:
            self._filling.add(self._order.receive(position, content, len(content)))
        else:
            # It comes again with a page, once the mirror has room.
            self._order.learn_head(position)
        if self._order.missing_after() is not None:
            self._catch_up.wake()

    async def _publish_step(self, payload: bytes, message_id: str) -> int:
        """Publish a step of a round, and return its position once the mirror has it, or cannot take it in time."""
        position = await self._publish(payload, message_id)
        self.learn_head(position)
        try:
            async with asyncio.timeout(self._append_deadline_s):
                while self._mirror.head < position:
                    await self._filling.wait_moved()
        except TimeoutError:
            raise StorageUnavailable("The mirror did not take it in time") from None
        return position

    async def _publish(self, payload: bytes, message_id: str) -> int:
        headers = {"Nats-Msg-Id": message_id, "Nats-Expected-Stream": self._names.stream}
        ends_s = self._loop.time() + self._append_deadline_s
        while True:
            with contextlib.suppress(NatsError):
                reply = await self._nats.request(self._names.records, payload, headers=headers, timeout_s=_TRY_S)
                if position := read_position(reply.payload):
                    return position
            if self._loop.time() >= ends_s:
                raise StorageUnavailable("The stream did not acknowledge in time", retry_after_s=5)
            await asyncio.sleep(0.2)


async def open_jetstream_log(
    nats: Nats,
    *,
    stream: str,
    node: str,
    path: Path,
    limits: Limits,
    retention: Retention,
    now: Callable[[], float],
    timeout_s: float = 30.0,
    owns_nats: bool = False,
    is_leaving: bool = False,
    timing: Timing | None = None,
) -> JetStreamLog:
    """Open the log that is in `stream`, with its mirror at `path`, and return once the mirror has all of it.

    `owns_nats`: the connection is closed with the log. `is_leaving`: the stream is closed, and only read. `timing` is
    for tests.

    Raises:
        SettingsError: there is no such stream, its settings would lose something, or the mirror cannot be used.
        StorageUnavailable: NATS does not answer.
    """
    names = Names(stream)
    found = await wait_stream(nats, names, timeout_s=timeout_s)
    wrong = [] if is_leaving else list(find_wrong_settings(found, names, append_deadline_s=limits.deadline_s))
    if wrong:
        raise SettingsError(explain_problems(names, wrong))
    for words in () if is_leaving else find_weak_settings(found):
        OperatorLog(logger).write(logging.WARNING, "stream_weak", words)
    mirror = await open_place(
        path,
        epoch=found.epoch,
        first=max(found.state.first, 1),
        last=found.state.last,
        has_dropped=found.state.first > found.start,
        now=now,
        retention=retention,
    )
    log = JetStreamLog(
        nats, names, mirror, path, limits, node=node, now=now, owns_nats=owns_nats, timing=timing or Timing()
    )
    log.prepare(is_leaving=is_leaving)
    try:
        await log.open(found)
    except BaseException:
        await log.close()
        raise
    return log
