"""Publishing to the stream: sent until the leader acknowledges, with one message id, within a deadline.

A publish under an idempotency key is looked up in the mirror first. What two nodes publish at the same moment, the
stream tells apart by the message id, and the mirror then says whose it was.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from hub.errors import HubError, IdempotencyConflict, Internal, Overloaded, StorageUnavailable
from hub.log.jetstream.acknowledgement import decode_acknowledgement
from hub.log.jetstream.attempts import Attempts
from hub.log.jetstream.record import encode_draft
from hub.log.jetstream.subject import Names
from hub.log.port import Appended, Draft
from hub.nats.port import Message, Nats, NatsError, Subscription

__all__ = ["Appender", "Limits"]

logger = logging.getLogger(__name__)

Result = Appended | IdempotencyConflict
#: Finds the digest of the body, the id and the position of keys.
FindKeys = Callable[[Sequence[bytes]], Awaitable[dict[bytes, tuple[bytes, str, int]]]]

#: JetStream's own numbers. Another publish with this message id is being stored.
_IN_PROCESS = 10158
#: Nothing was stored for good: the message is too large, or the stream is not the one that was meant.
_FOR_GOOD = {10054: "it is too large for the stream", 10060: "the stream is another one"}
_RETRY_AFTER_S = 5
#: After an acknowledgement the mirror has the record in a moment; if it cannot, the record is in the stream all the
#: same.
_MIRROR_TIMEOUT_S = 10.0
_UNKNOWN_KEY = "Something was published under this Idempotency-Key, and this node cannot know what: another node may"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may wait for the stream, and for how long."""

    max_pending: int
    deadline_s: float
    max_bytes: int = 64 * 2**20
    max_in_flight: int = 256
    timeout_s: float = 1.0
    base_s: float = 0.1
    cap_s: float = 1.0


class _Call:
    """The drafts of one `append`, and what has come of each."""

    __slots__ = ("drafts", "future", "left", "results")

    def __init__(self, drafts: Sequence[Draft], future: asyncio.Future[list[Result]]) -> None:
        self.drafts = drafts
        self.future = future
        self.results: list[Result | None] = [None] * len(drafts)
        self.left = len(drafts)

    def settle(self, index: int, result: Result) -> None:
        self.results[index] = result
        self.left -= 1
        if not self.left and not self.future.done():
            self.future.set_result([each for each in self.results if each is not None])

    def fail(self, error: HubError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Publish(msgspec.Struct, gc=False):
    """One draft on its way."""

    call: _Call
    index: int
    payload: bytes
    headers: dict[str, str]


class Appender:
    """The way into the stream; `run` has to run meanwhile.

    `find_keys` asks the mirror, and `find_first` from where on it has all. `learn_head` is told of every position that
    was acknowledged. A caller has its result once the mirror has its record, so what it then reads has it as well.
    """

    def __init__(
        self,
        nats: Nats,
        names: Names,
        limits: Limits,
        *,
        node: str,
        find_keys: FindKeys,
        find_first: Callable[[], int],
        learn_head: Callable[[int], None],
        wall_s: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._nats = nats
        self._names = names
        self._limits = limits
        self._node = node
        self._find_keys = find_keys
        self._find_first = find_first
        self._learn_head = learn_head
        self._wall_s = wall_s
        self._loop = asyncio.get_running_loop()
        self._attempts: Attempts[_Publish] = Attempts(
            max_count=100_000,
            max_bytes=limits.max_bytes,
            max_in_flight=limits.max_in_flight,
            deadline_s=limits.deadline_s,
            timeout_s=limits.timeout_s,
            base_s=limits.base_s,
            cap_s=limits.cap_s,
            random=random,
        )
        self._inbox = f"_INBOX.{secrets.token_hex(11)}"
        self._life = secrets.token_hex(8)
        self._unkeyed = 0
        self._subscription: Subscription | None = None
        self._calls: deque[_Call] = deque()
        self._called = asyncio.Event()
        #: Keys of calls are looked up; what comes meanwhile is published after those.
        self._looking = False
        self._pending = 0
        #: With its moment: where that is over already, uvloop makes a handle that does not know it.
        self._timer: asyncio.Handle | None = None
        self._timer_at_s = 0.0
        self._head = 0
        #: Acknowledged, and not in the mirror yet: position, publish, and whether the stream had it before.
        self._acknowledged: dict[int, list[tuple[_Publish, bool]]] = {}
        #: When each of them is given its result all the same.
        self._overdue: deque[tuple[float, int]] = deque()
        self._overdue_timer: asyncio.TimerHandle | None = None
        #: When the publish of what is on its way came, by the id of its draft.
        self._received: dict[str, float] = {}
        self._checks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def open(self, head: int) -> None:
        """Begin to listen to acknowledgements; `head` is the mirror's."""
        self._head = head
        self._subscription = await self._nats.subscribe(f"{self._inbox}.*", self._take_reply)

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Result]]:
        """Begin to publish drafts, in order; return what `Log.submit` promises.

        Raises:
            StorageUnavailable, Overloaded: nothing was begun.
        """
        if self._closed:
            raise StorageUnavailable("The log is closed")
        if self._pending >= self._limits.max_pending:
            raise Overloaded("Too many publish requests wait for the stream", retry_after_s=1)
        future: asyncio.Future[list[Result]] = self._loop.create_future()
        if not drafts:
            future.set_result([])
            return future
        self._pending += 1
        self._idle.clear()
        future.add_done_callback(partial(self._note_done, drafts))
        call = _Call(tuple(drafts), future)
        if self._calls or self._looking or any(draft.idempotency is not None for draft in call.drafts):
            self._calls.append(call)
            self._called.set()
        else:
            # Nothing has to be looked up, and nobody is before it.
            self._publish(call, {}, round(self._wall_s() * 1000))
            self._pump()
        return future

    async def run(self) -> None:
        """Look keys up and publish, as long as the hub runs."""
        while True:
            await self._called.wait()
            self._called.clear()
            while self._calls:
                calls, self._calls = self._calls, deque()
                self._looking = True
                try:
                    await self._begin(list(calls))
                except Exception:
                    self._calls.extendleft(reversed(calls))  # for `end_broken`
                    raise
                finally:
                    self._looking = False

    def take_received(self, identifier: str) -> float | None:
        """Return when the publish of a draft came that this node has sent, once; it is not in the stream."""
        return self._received.pop(identifier, None)

    def take_head(self, head: int) -> None:
        """Take note that the mirror reaches this position: who waited for it gets the result, in order."""
        self._head = head
        waiting = self._acknowledged
        for position in sorted(each for each in waiting if each <= head) if waiting else ():
            for publish, duplicate in waiting.pop(position):
                self._settle(publish, position, duplicate)

    async def close(self) -> None:
        """Take nothing any more, and return once what was taken has its result, or its deadline is over."""
        self._closed = True
        await self._idle.wait()
        for timer in filter(None, (self._timer, self._overdue_timer)):
            timer.cancel()
        if self._subscription is not None:
            self._subscription.end()

    def end_broken(self) -> None:
        """Take nothing any more, where `run` has ended by a fault of ours, and fail what waits for it."""
        self._closed = True
        for call in self._calls:
            call.fail(StorageUnavailable("This node is about to restart", retry_after_s=_RETRY_AFTER_S))

    def _note_done(self, drafts: Sequence[Draft], future: asyncio.Future[list[Result]]) -> None:
        self._pending -= 1
        if self._received:
            for draft in drafts:
                self._received.pop(draft.id, None)
        if not future.cancelled():
            # A caller that is gone asks for no result; nobody else may be told of it.
            future.exception()
        if not self._pending:
            self._idle.set()

    async def _begin(self, calls: list[_Call]) -> None:
        keys = [draft.idempotency for call in calls for draft in call.drafts if draft.idempotency is not None]
        known: dict[bytes, tuple[bytes, str, int]] = {}
        if keys:
            try:
                known = await self._find_keys(keys)
            except StorageUnavailable as error:
                for call in calls:
                    call.fail(error)
                return
        created_ms = round(self._wall_s() * 1000)
        for call in calls:
            self._publish(call, known, created_ms)
        self._pump()

    def _publish(self, call: _Call, known: dict[bytes, tuple[bytes, str, int]], created_ms: int) -> None:
        try:
            payloads = [encode_draft(draft, created_ms, self._node) for draft in call.drafts]
        except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, ValueError) as error:
            logger.error("a draft cannot be stored: %s", type(error).__name__)
            call.fail(Internal())
            return
        # All or nothing: a caller that is told to come back later publishes the whole again.
        unknown = [
            payload for draft, payload in zip(call.drafts, payloads, strict=True) if draft.idempotency not in known
        ]
        if not self._attempts.has_room(len(unknown), sum(map(len, unknown))):
            call.fail(Overloaded("Too many publish requests wait for the stream", retry_after_s=1))
            return
        now_s = self._loop.time()
        for index, (draft, payload) in enumerate(zip(call.drafts, payloads, strict=True)):
            key = draft.idempotency
            if key is not None and key in known:
                call.settle(index, _repeat(draft, known[key]))
                continue
            if key is None:
                self._unkeyed += 1
                message_id = f"{self._life}.{self._unkeyed}"
            else:
                message_id = key.hex()
            headers = {"Nats-Msg-Id": message_id, "Nats-Expected-Stream": self._names.stream}
            self._attempts.add(_Publish(call, index, payload, headers), len(payload), now_s)
            if draft.received_s is not None and not call.future.done():
                # Where the caller is gone already, nothing would take it out again.
                self._received[draft.id] = draft.received_s

    def _pump(self) -> None:
        now_s = self._loop.time()
        for attempt in self._attempts.take_due(now_s):
            publish = attempt.item
            inbox = f"{self._inbox}.{attempt.key}-{attempt.number}"
            try:
                self._nats.publish(self._names.records, publish.payload, publish.headers, reply=inbox)
            except NatsError:
                self._attempts.fail(attempt.key, attempt.number, now_s)
        for _, publish in self._attempts.take_over(now_s):
            publish.call.fail(
                StorageUnavailable("The stream did not acknowledge in time", retry_after_s=_RETRY_AFTER_S)
            )
        self._arm(now_s)

    def _arm(self, now_s: float) -> None:
        # A timer that is too early looks and arms another: that is cheaper than a new one for each acknowledgement.
        at_s = self._attempts.next_at_s()
        if at_s is None or (self._timer is not None and self._timer_at_s <= at_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_s = max(at_s, now_s + 0.001)
        self._timer = self._loop.call_at(self._timer_at_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._pump()

    def _take_reply(self, message: Message) -> None:
        key_text, _, number_text = message.subject[len(self._inbox) + 1 :].partition("-")
        key, number, now_s = int(key_text), int(number_text), self._loop.time()
        try:
            ack = decode_acknowledgement(message.payload) if message.payload else None
        except msgspec.MsgspecError:
            ack = None
        if ack is None or (ack.error is None and not ack.seq):
            # The server itself: nobody takes publishes now, since there is no leader.
            self._attempts.fail(key, number, now_s)
        elif ack.error is None:
            self._acknowledge(self._attempts.acknowledge(key, number, now_s), ack.seq, ack.duplicate)
        elif ack.error.err_code == _IN_PROCESS:
            self._attempts.postpone(key, number, now_s)
        elif (words := _FOR_GOOD.get(ack.error.err_code)) is not None:
            logger.error("the stream refuses a record: %s", words)
            if (publish := self._attempts.finish(key)) is not None:
                publish.call.fail(Internal())
        else:
            self._attempts.fail(key, number, now_s)
        self._pump()

    def _acknowledge(self, publish: _Publish | None, position: int, duplicate: bool) -> None:
        self._learn_head(position)
        if publish is None:
            return
        if position <= self._head:
            self._settle(publish, position, duplicate)
        else:
            self._acknowledged.setdefault(position, []).append((publish, duplicate))
            self._overdue.append((self._loop.time() + _MIRROR_TIMEOUT_S, position))
            if self._overdue_timer is None:
                self._overdue_timer = self._loop.call_later(_MIRROR_TIMEOUT_S, self._stop_waiting)

    def _stop_waiting(self) -> None:
        # One timer for all of them: hardly any waits for so long.
        now_s = self._loop.time()
        while self._overdue and (self._overdue[0][1] not in self._acknowledged or self._overdue[0][0] <= now_s):
            _, position = self._overdue.popleft()
            # The mirror cannot take it: a full disk. What was acknowledged is in the stream.
            for publish, duplicate in self._acknowledged.pop(position, []):
                if duplicate:
                    publish.call.fail(StorageUnavailable("This node cannot store now", retry_after_s=_RETRY_AFTER_S))
                else:
                    draft = publish.call.drafts[publish.index]
                    publish.call.settle(publish.index, Appended(draft.id, position, False))
        self._overdue_timer = self._loop.call_at(self._overdue[0][0], self._stop_waiting) if self._overdue else None

    def _settle(self, publish: _Publish, position: int, duplicate: bool) -> None:
        draft = publish.call.drafts[publish.index]
        if duplicate and draft.idempotency is not None:
            # Whose the first one was, and with which body, the mirror says.
            task = asyncio.create_task(self._compare(publish, draft, draft.idempotency, position))
            self._checks.add(task)
            task.add_done_callback(self._checks.discard)
        else:
            publish.call.settle(publish.index, Appended(draft.id, position, False))

    async def _compare(self, publish: _Publish, draft: Draft, key: bytes, position: int) -> None:
        try:
            known = await self._find_keys([key])
        except StorageUnavailable as error:
            publish.call.fail(error)
            return
        found = known.get(key)
        if found is None and position < self._find_first():
            # The stream has dropped that record within the time for which it remembers keys, and this mirror was made
            # since: an older one knows whose it was.
            publish.call.fail(StorageUnavailable(_UNKNOWN_KEY, retry_after_s=_RETRY_AFTER_S))
        elif found is None:
            # The key is past its time, or went with its user; the stream remembers it for a while longer.
            publish.headers = {**publish.headers, "Nats-Msg-Id": f"{key.hex()}.{position}"}
            if self._attempts.add(publish, len(publish.payload), self._loop.time()) is None:
                publish.call.fail(Overloaded("Too many publish requests wait for the stream", retry_after_s=1))
            self._pump()
        elif found[1] == draft.id:
            publish.call.settle(publish.index, Appended(draft.id, position, False))
        else:
            publish.call.settle(publish.index, _repeat(draft, found))


def _repeat(draft: Draft, known: tuple[bytes, str, int]) -> Result:
    body_digest, identifier, position = known
    return Appended(identifier, position, True) if body_digest == draft.body_digest else IdempotencyConflict()
