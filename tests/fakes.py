"""Stand-ins for what the dispatcher leans on: a log in memory, a link that remembers, a clock that is told the time.

Each can be held up at the points where the real one lets others run, so that a test decides what happens in
between. They work in a running loop and also where a test drives the coroutines by hand, step by step.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator, Sequence, Set
from typing import Any, NamedTuple

import msgspec

from hub.auth.grant import Grant
from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.link import Link
from hub.delivery.resume_points import ResumePoint
from hub.delivery.session import Session
from hub.delivery.subscribers import Matched, Subscriber, TransportName
from hub.errors import IdempotencyConflict, StorageUnavailable
from hub.histogram import Histogram
from hub.log.inbox import (
    MOST_UNREAD,
    WATERMARK_KEY,
    Flags,
    Inbox,
    InboxItem,
    InboxLook,
    InboxPage,
    InboxQuery,
    Suppose,
    Supposed,
    Watermark,
    flag_key,
    read_flags,
    read_watermark,
)
from hub.log.port import Appended, Draft, Entry, Erased, Found, Health, Kind, Reading, Record
from hub.target import CONTROL, Target

__all__ = [
    "Ask",
    "Beat",
    "FakeClock",
    "FakeLink",
    "Gate",
    "LinksOnly",
    "MemoryLog",
    "Nobody",
    "fit",
    "make_draft",
    "make_grant",
    "make_payload",
    "make_subscriber",
]

NOW_S = 1_760_000_000.0


class FakeClock:
    """A wall clock that stands still until it is set; it may also be set back."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Nobody:
    """Awaits no confirmation."""

    def is_awaited(self, target: Target) -> bool:
        """Nobody does."""
        return False

    def take_acknowledged(self, target: Target, after: int, upto: int) -> None:
        """Take what nobody awaits."""
        raise AssertionError("nobody awaits this")


class Gate:
    """A place to wait at: `await gate` passes while it is open.

    `pauses` makes even an open gate let others run that many times first, for coroutines driven by hand.
    """

    def __init__(self, *, is_open: bool = True, pauses: int = 0) -> None:
        self.is_open = is_open
        self.pauses = pauses
        self.waiting = 0
        self._futures: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Let everybody pass, from now on."""
        self.is_open = True
        for future in self._futures:
            if not future.done():
                future.set_result(None)
        self._futures.clear()

    def close(self) -> None:
        """Stop whoever comes from now on."""
        self.is_open = False

    def __await__(self) -> Generator[Any, None, None]:
        self.waiting += 1
        try:
            for _ in range(self.pauses):
                yield
            while not self.is_open:
                try:
                    future = asyncio.get_running_loop().create_future()
                except RuntimeError:  # driven by hand: whoever does it looks again at the next step
                    yield
                else:
                    self._futures.append(future)
                    yield from future
        finally:
            self.waiting -= 1


class MemoryLog:
    """The log's port in memory. Positions are consecutive, from 1.

    A read waits at `before_read`, looks at what there is, waits at `after_read` and only then returns: what is
    published or forgotten meanwhile has the two orders a real log can have. `fails` makes every call fail.
    """

    def __init__(self, now: FakeClock, *, epoch: str = "memory2345") -> None:
        self.epoch = Epoch(epoch)
        self.head = 0
        self.first = 1
        self.fails = False
        self.reads = 0
        #: The positions of damaged records.
        self.spoilt: set[int] = set()
        self.before_read = Gate()
        self.after_read = Gate()
        self.tails: list[MemoryTail] = []
        self._now = now
        self._records: deque[Record] = deque()
        self._collapsed: dict[bytes, int] = {}
        self._superseded: set[int] = set()
        #: The rows of the state index, by owner and key, each with the position it ends with.
        self._state: dict[tuple[str, str], tuple[Entry, int | None]] = {}

    @property
    def damaged(self) -> int:
        """How many damaged records there are."""
        return len(self.spoilt)

    @property
    def writable(self) -> bool:
        """Whether the log works."""
        return not self.fails

    @property
    def health(self) -> Health:
        """How the log is."""
        return Health("failing" if self.fails else "ok", self.head, self.head)

    @property
    def fsyncs(self) -> dict[str, Histogram]:
        """Nothing: no write is durable here."""
        return {}

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the log ends before this position."""
        if self.fails:
            raise StorageUnavailable
        return position > self.head

    def measure_bytes(self) -> int:
        """Return the bytes of the payloads."""
        return sum(len(record.payload) for record in self._records)

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        """Store the drafts; see `store`."""
        if self.fails:
            raise StorageUnavailable
        return list(self.store(drafts))

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Store the drafts; what is returned is done already."""
        if self.fails:
            raise StorageUnavailable
        stored: asyncio.Future[list[Appended | IdempotencyConflict]] = asyncio.get_running_loop().create_future()
        stored.set_result(list(self.store(drafts)))
        return stored

    def store(self, drafts: Sequence[Draft]) -> list[Appended]:
        """Store the drafts and announce them to the tails as one batch."""
        records = []
        for draft in drafts:
            self.head += 1
            if draft.collapse is not None:
                self._superseded.add(self._collapsed.get(draft.collapse, 0))
                self._collapsed[draft.collapse] = self.head
            kind = Kind.CONTROL if draft.kind is Kind.NOTIFICATION and CONTROL in draft.targets else draft.kind
            records.append(
                Record(
                    self.head,
                    draft.targets,
                    draft.payload,
                    draft.expires_at_s,
                    draft.received_s,
                    kind,
                    draft.changes,
                )
            )
            for change in draft.changes:
                self._state.pop((change.owner, change.key), None)
                if change.value is not None:
                    entry = Entry(change.owner, change.key, change.value, self.head)
                    self._state[change.owner, change.key] = entry, change.ends
        self._records += records
        for tail in self.tails:
            tail.announce(records)
        return [
            Appended(draft.id, record.position, duplicate=False) for draft, record in zip(drafts, records, strict=True)
        ]

    def publish(
        self, *targets: Target, size_bytes: int = 0, expires_at_s: float | None = None, tag: str = "info"
    ) -> int:
        """Store one notification of about `size_bytes` and return its position."""
        (appended,) = self.store([make_draft(targets, size_bytes=size_bytes, expires_at_s=expires_at_s, tag=tag)])
        return appended.position

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
        """Return what the port promises, as it was between the two gates."""
        await self.before_read
        self.reads += 1
        if self.fails:
            raise StorageUnavailable
        wanted, now_s = set(targets), self._now()
        found = [
            Record.damaged(record.position) if record.position in self.spoilt else record
            for record in self._records
            if after < record.position <= upto
            and not wanted.isdisjoint(record.targets)
            and (record.expires_at_s is None or record.expires_at_s > now_s)
            and (with_states or record.kind is not Kind.STATE)
            and record.position not in self._superseded
        ]
        await self.after_read
        return fit(found, upto=upto, limit=limit, limit_bytes=limit_bytes)

    async def find(self, notification_id: str, *, at: int | None = None) -> Found | None:
        """Return the record whose payload has this id."""
        for record in self._records:
            if json.loads(record.payload).get("id") == notification_id and at in {None, record.position}:
                return Found(record, NOW_S)
        return None

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return one row of the state index."""
        if self.fails:
            raise StorageUnavailable
        found = self._state.get((owner, key))
        return None if found is None else found[0]

    async def list_state(
        self, owner: str | Sequence[str], *, after: str = "", upto: str | None = None, limit: int
    ) -> list[Entry]:
        """Return rows of the state index in the order of keys."""
        if self.fails:
            raise StorageUnavailable
        owners = {owner} if isinstance(owner, str) else set(owner)
        found = sorted(
            (entry for entry, _ in self._state.values() if entry.owner in owners and entry.key > after),
            key=lambda entry: (entry.key, entry.owner),
        )
        found = [entry for entry in found if upto is None or entry.key <= upto]
        return [entry for entry in found if entry in found[:limit] or entry.key == found[limit - 1].key]

    async def list_inbox(self, inbox: Inbox, query: InboxQuery) -> InboxPage:
        """Return a page of an inbox, by the plainest means."""
        items = [
            item
            for item in self._items(inbox, inbox.hidden)
            if item.archived == query.archived
            and (not query.unread or not item.read)
            and (query.tag is None or json.loads(item.record.payload)["type"] == query.tag)
            and (query.before is None or item.record.position < query.before)
        ]
        page = items[: query.limit]
        further = page[-1].record.position if len(items) > query.limit else None
        return InboxPage(page, further, await self.count_unread(inbox), self.head)

    async def count_unread(self, inbox: Inbox, supposed: Supposed | None = None) -> int:
        """Return how many are unread, or would be."""
        count = 0
        for item in self._items(inbox, inbox.hidden | inbox.muted, None if supposed is None else supposed.watermark):
            is_unread = not item.read and not item.archived
            if supposed is not None:
                position = item.record.position
                is_unread = position in supposed.unread or (is_unread and position not in supposed.settled)
            count += is_unread
        return min(count, MOST_UNREAD + 1)

    async def look_at_inbox(
        self, inbox: Inbox, ids: Sequence[str], *, read_until: int | None, suppose: Suppose | None = None
    ) -> InboxLook:
        """Return what there is of these, and what would be unread."""
        if self.fails:
            raise StorageUnavailable
        look = self._look(inbox, ids, read_until)
        if suppose is None:
            return look
        return msgspec.structs.replace(look, unread=await self.count_unread(inbox, suppose(look)))

    def _look(self, inbox: Inbox, ids: Sequence[str], read_until: int | None) -> InboxLook:
        wanted, targets = set(ids), set(inbox.targets)
        positions = {
            identifier: record.position
            for record in self._records
            if record.kind is Kind.NOTIFICATION
            and not targets.isdisjoint(record.targets)
            and (identifier := json.loads(record.payload).get("id")) in wanted
        }
        flags = {
            int(key): entry
            for (owner, key), (entry, _) in self._state.items()
            if owner == inbox.owner and key != WATERMARK_KEY
        }
        watermark = self._watermark(inbox)
        named = set(positions.values())
        others = [
            (at, flags[at]) for at in sorted(flags) if read_until is not None and at <= read_until and at not in named
        ]
        return InboxLook(
            positions,
            {position: flags[position] for position in positions.values() if position in flags},
            [
                entry
                for at, entry in others
                if at <= watermark.upto and read_flags(entry).read is False and entry.position >= watermark.put_at
            ],
            [
                entry
                for _, entry in others
                if read_until is not None and read_until >= watermark.upto and not read_flags(entry).archived
            ],
            watermark,
        )

    def _items(self, inbox: Inbox, hidden: Set[str], watermark: Watermark | None = None) -> Iterator[InboxItem]:
        """Yield what is in an inbox, the newest first."""
        watermark, targets = watermark or self._watermark(inbox), set(inbox.targets)
        for record in reversed(self._records):
            if record.kind is not Kind.NOTIFICATION or targets.isdisjoint(record.targets):
                continue
            if record.position in self._superseded:
                continue
            if json.loads(record.payload).get("type") in hidden:
                continue
            if record.expires_at_s is not None and record.expires_at_s <= self._now():
                continue
            found = self._state.get((inbox.owner, flag_key(record.position)))
            flags = Flags() if found is None else read_flags(found[0])
            put_at = 0 if found is None else found[0].position
            yield InboxItem(record, flags.is_read(record.position, put_at, watermark), flags.archived)

    def _watermark(self, inbox: Inbox) -> Watermark:
        found = self._state.get((inbox.owner, WATERMARK_KEY))
        return read_watermark(None if found is None else found[0])

    async def erase(self, user_id: str, account_id: str | None) -> Erased:
        """Say that there was nothing: no test of this log erases."""
        return Erased(persons=(), records=0, shared=0, states=0, keys=0, final=True)

    def follow(self) -> AsyncIterator[list[Record]]:
        """Begin to collect what is stored from now on."""
        tail = MemoryTail()
        self.tails.append(tail)
        return tail

    def forget(self, upto: int) -> None:
        """Let retention pass everything up to and including `upto`."""
        self.first = max(self.first, min(upto, self.head) + 1)
        while self._records and self._records[0].position < self.first:
            self._records.popleft()
        for key, (_, ends) in list(self._state.items()):
            if ends is not None and ends < self.first:
                del self._state[key]

    async def close(self) -> None:
        """End the tails."""
        for tail in self.tails:
            tail.end()


def fit(found: list[Record], *, upto: int, limit: int, limit_bytes: int) -> Reading:
    """Return as many of the records as a reading may have, and at least one."""
    records: list[Record] = []
    for record in found[:limit]:
        limit_bytes -= len(record.payload) + len(json.dumps(record.targets, separators=(",", ":")).encode())
        if records and limit_bytes < 0:
            break
        records.append(record)
    complete = len(records) == len(found) < limit
    return Reading(records, upto if complete else records[-1].position)


class MemoryTail(AsyncIterator[list[Record]]):
    """Yields the batches in the order they were announced; `gate` can hold it up."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.batches: deque[list[Record]] = deque()
        self._ended = False
        self._news = Gate(is_open=False)

    def announce(self, records: list[Record]) -> None:
        """Add a batch."""
        self.batches.append(records)
        self._news.open()

    def end(self) -> None:
        """Stop once everything was yielded."""
        self._ended = True
        self._news.open()

    async def __anext__(self) -> list[Record]:
        await self.gate
        while not self.batches:
            if self._ended:
                raise StopAsyncIteration
            self._news.close()
            await self._news
        return self.batches.popleft()


class Beat(NamedTuple):
    """A heartbeat as a link was asked to write it."""

    frame: bytes | None
    cursor: str


class Ask(NamedTuple):
    """A ping as a link was asked to write it: its answer says that everything up to here has arrived."""

    position: int


Said = Envelope | bytes | Beat | Ask


class FakeSendSocket:
    """What a fan-out writes to past a fake link."""

    def __init__(self) -> None:
        self.position = 0
        self.is_clear = False


class FakeLink:
    """A link that keeps what it was given, in order, and whose peer takes all of it, or nothing, or a part.

    `said` is everything written; the first `taken` items of it have reached the peer. Control frames and
    heartbeats count `CONTROL_BYTES` each, a notification its JSON. With `collects`, even a peer that reads gets
    nothing before `flush`, as uvloop sends at the end of its turn. What is written after the end goes to `late`:
    the real links ignore it, and whoever relies on that counts deliveries that never were.
    """

    CONTROL_BYTES = 10

    def __init__(self, *, can_pong: bool = True, collects: bool = False, has_send_socket: bool = False) -> None:
        #: Where `FakeSockets` may write past this link; as in the real ones, what this link writes ends that.
        self.send_socket = FakeSendSocket() if has_send_socket else None
        self.can_pong = can_pong
        self.collects = collects
        self.said: list[Said] = []
        self.late: list[Said] = []
        #: Set where the client gives no cursor; a peer answers what it is asked as soon as that has reached it.
        self.point: ResumePoint | None = None
        self.taken = 0
        #: The positions of what came in one write.
        self.together: list[list[int]] = []
        #: How many notifications each page of a replay had.
        self.pages: list[int] = []
        self.retry_ms: int | None = None
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.stalled = False
        self.breaks = False
        self.unsent_bytes = 0
        self.taken_bytes = 0
        self._writable = Gate()
        self._timed_out = False

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer."""
        return self.unsent_bytes

    @property
    def ended(self) -> bool:
        """Whether nothing can be written any more."""
        return self.closed is not None or self.aborted

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for the peer."""
        return self._writable.waiting > 0

    @property
    def positions(self) -> list[int]:
        """The positions of the notifications written."""
        return [item.position for item in self.said if isinstance(item, Envelope)]

    @property
    def controls(self) -> list[dict[str, Any]]:
        """The control frames written."""
        return [json.loads(item) for item in self.said if isinstance(item, bytes)]

    @property
    def beats(self) -> list[Beat]:
        """The heartbeats written."""
        return [item for item in self.said if isinstance(item, Beat)]

    def write(self, envelope: Envelope) -> int:
        """Take a notification."""
        return self._write(envelope)

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Take notifications, and remember that they came together."""
        self.together.append([envelope.position for envelope in envelopes])
        for envelope in envelopes:
            self._write(envelope)
        return self.unsent_bytes

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Take notifications up to the room that there is, and remember how many there were."""
        self.pages.append(len(envelopes))
        for count, envelope in enumerate(envelopes, start=1):
            if self._write(envelope) > room_bytes:
                return count
        return len(envelopes)

    def write_control(self, frame: bytes) -> int:
        """Take a control frame."""
        return self._write(frame)

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Take a heartbeat."""
        self._write(Beat(frame, cursor))

    def resume_at(self, point: ResumePoint) -> None:
        """Take a point, as the link of a client without a cursor does."""
        self.point = point

    def ask(self, position: int) -> None:
        """Take a ping that is answered."""
        if self.point is not None:
            self.point.ask(position)
        self._write(Ask(position))

    def write_retry(self, retry_ms: int) -> None:
        """Note the pause a client was told."""
        self.retry_ms = retry_ms

    def close(self, code: int, reason: str) -> None:
        """End in order."""
        self.closed = self.closed or (code, reason)
        self._writable.open()

    def abort(self) -> None:
        """End at once."""
        self.aborted = True
        self._writable.open()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the peer took everything, the link ended, or `time_out`."""
        assert timeout_s > 0
        self._timed_out = False
        if self.unsent_bytes and not self.ended:
            self._writable.close()
        await self._writable
        return not self._timed_out

    def stall(self) -> None:
        """Let the peer take nothing from now on."""
        self.stalled = True

    def release(self) -> None:
        """Let the peer take everything there is, and all that comes."""
        self.stalled = False
        self.flush()

    def flush(self) -> None:
        """Let a peer that reads take what was collected."""
        if not self.stalled:
            self.take(len(self.said))

    def take(self, count: int) -> None:
        """Let the peer take the next `count` of the items that wait."""
        before, self.taken = self.taken, min(len(self.said), self.taken + count)
        for item in self.said[before : self.taken]:
            if isinstance(item, Ask) and self.point is not None:
                self.point.confirm(item.position)
        unsent_bytes = sum(map(self._size_bytes, self.said[self.taken :]))
        self.taken_bytes += self.unsent_bytes - unsent_bytes
        self.unsent_bytes = unsent_bytes
        if not unsent_bytes:
            self._writable.open()

    def time_out(self) -> None:
        """Let whoever waits for the peer learn that it took too long."""
        self._timed_out = True
        self._writable.open()

    def _write(self, item: Said) -> int:
        if self.breaks:
            raise RuntimeError("the handle is closed")
        if self.ended:
            self.late.append(item)
            return 0
        if self.send_socket is not None:
            self.send_socket.is_clear = False
        self.said.append(item)
        self.unsent_bytes += self._size_bytes(item)
        if not self.stalled and not self.collects:
            self.take(1)
        return self.unsent_bytes

    def _size_bytes(self, item: Said) -> int:
        return len(item.json) if isinstance(item, Envelope) else self.CONTROL_BYTES


class FakeSockets:
    """Sockets of fake links: one that reads and for which nothing waits takes a notification at once."""

    def write_clear(self, envelope: Envelope, registered: Matched, /) -> tuple[list[Subscriber], int, int]:
        """Write to those that were found clear, without a look at the session."""
        left: list[Subscriber] = []
        counts = {"websocket": 0, "sse": 0}
        for subscriber, send_socket in registered.items():
            link = subscriber.link
            assert isinstance(link, FakeLink)
            if send_socket is None or not send_socket.is_clear or send_socket.position >= envelope.position:
                left.append(subscriber)
            elif link.stalled or link.breaks:
                send_socket.is_clear = False
                left.append(subscriber)
            else:
                assert not link.unsent_bytes, "it overtakes what waits"
                send_socket.position = envelope.position
                (link.late if link.ended else link.said).append(envelope)
                link.taken = len(link.said)
                counts[subscriber.transport] += 1
        return left, counts["websocket"], counts["sse"]

    def write_at_once(self, envelope: Envelope, subscribers: list[Subscriber], /) -> list[Subscriber]:
        """Write to those that are clear, and remember that they are; those that give no cursor have a link only."""
        found: Matched = {}
        for subscriber in subscribers:
            link = subscriber.link
            assert isinstance(link, FakeLink)
            if link.send_socket is not None and link.point is None and not (link.unsent_bytes or link.ended):
                link.send_socket.is_clear = True
            found = {**found, subscriber: link.send_socket}
        return self.write_clear(envelope, found)[0]

    def write_collected(self, due: dict[Subscriber, list[Envelope]], /) -> list[Subscriber]:
        """Return all of them."""
        return list(due)


class LinksOnly:
    """Sockets that take nothing, so that everything is written through the links."""

    def write_clear(self, envelope: Envelope, registered: Matched, /) -> tuple[list[Subscriber], int, int]:
        """Return all of them."""
        return list(registered), 0, 0

    def write_at_once(self, envelope: Envelope, subscribers: list[Subscriber], /) -> list[Subscriber]:
        """Return all of them."""
        return subscribers

    def write_collected(self, due: dict[Subscriber, list[Envelope]], /) -> list[Subscriber]:
        """Return all of them."""
        return list(due)


def make_payload(size_bytes: int = 0, tag: str = "info") -> bytes:
    """Return a stored notification of about `size_bytes`."""
    return b'{"type":"%b","title":"%b"}' % (tag.encode(), b"x" * max(0, size_bytes - 26))


def make_draft(
    targets: Sequence[Target], *, size_bytes: int = 0, expires_at_s: float | None = None, tag: str = "info"
) -> Draft:
    """Return a draft for these targets."""
    return Draft(id="n", targets=tuple(targets), payload=make_payload(size_bytes, tag), expires_at_s=expires_at_s)


def make_grant(user_id: str = "u1", account_id: str = "a1", *, expires_at_s: float = NOW_S + 86_400) -> Grant:
    """Return what a good token of this user says."""
    return Grant(
        user_id=user_id,
        account_id=account_id,
        role="user",
        expires_at_s=expires_at_s,
        issued_at_s=None,
        token_id=f"jti of {user_id}",
        token_digest=f"digest of {user_id}",
    )


def make_subscriber(
    user_id: str = "u1",
    account_id: str = "a1",
    *,
    session: Session | None = None,
    link: Link | None = None,
    transport: TransportName = "websocket",
    speaks_hub_v1: bool = False,
) -> Subscriber:
    """Return a subscriber that is registered nowhere."""
    return Subscriber(
        id=f"{account_id}/{user_id}",
        grant=make_grant(user_id, account_id),
        transport=transport,
        session=session or Session(expires_at_s=NOW_S + 86_400),
        link=link or FakeLink(can_pong=transport == "websocket"),
        speaks_hub_v1=speaks_hub_v1,
    )
