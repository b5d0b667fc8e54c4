"""Keeps the deadlines: takes what users confirm, and escalates what they do not, each once and in one transaction.

All that ends deadlines is done by one task, one step after the other, so that an acknowledgement that came before a
deadline is looked at before it. On several hubs the log decides: an outcome has an idempotency key, so the first one
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable, Sequence

import msgspec

from contracts.policy import Confirm
from contracts.receipt import FieldWarning
from hub.bounds import Bounds
from hub.deadlines.clock import SteadyClock
from hub.deadlines.deadline import (
    DEADLINES,
    Deadline,
    OutcomeKind,
    awaited_owner,
    due_key,
    outcome_key,
    put_deadline,
    read_deadline,
    read_due_ms,
)
from hub.deadlines.ending import Ending
from hub.deadlines.group import OpenDeadline, gather, select_confirmed
from hub.errors import HubError
from hub.log.port import COLLAPSE, Appended, Change, Entry, Log, Record
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.target import Target
from hub.webhooks.desk import WebhookDesk
from hub.webhooks.record import draft_changes

__all__ = ["DeadlineKeeper"]

logger = logging.getLogger("hub.deadlines")

_PAGE = 200
#: How long a user is still asked for in the log after their last known deadline.
_LINGER_S = 120.0
_SWEEP_S = 60.0
_LOG_RETRY_S = 1.0
#: After this long what a caller was to store is probably stored.
_STORED_S = 0.5
#: After this long what was to be marked as read is, or is not: it is looked at again.
_READ_S = 5.0


class DeadlineKeeper:
    """Every deadline of this log. Its methods never block; `run` does the work."""

    def __init__(
        self,
        *,
        log: Log,
        desk: WebhookDesk,
        metrics: Metrics,
        clock: SteadyClock,
        bounds: Bounds,
    ) -> None:
        self._log = log
        self._desk = desk
        self._metrics = metrics
        self._clock = clock
        self._look_s = bounds.webhook_look_s
        self._start = log.head
        #: Users of whom a confirmation may be awaited, each with the last deadline that is known (Unix ms).
        self._awaited: dict[Target, int] = {}
        #: Until the deadlines of earlier hubs were read, everybody may be awaited.
        self._is_known = False
        self._acknowledged: dict[Target, list[tuple[int, int]]] = {}
        #: Deadlines that end because their notifications are being marked as read.
        self._reading: set[str] = set()
        #: Held by what looks for open deadlines and ends them.
        self._turn = asyncio.Lock()
        self._next_due_ms = 0
        self._swept_s = clock.now_s()
        self._news = asyncio.Event()
        self._lines = OperatorLog(logger)

    def draft_changes(
        self, notification_id: str, kind: str, targets: Sequence[Target], service: str, confirm: Confirm, collapse: str
    ) -> tuple[Change, ...]:
        """Return the changes that set a deadline for each of these users, to be stored with the notification.

        `collapse` is its collapse digest in hexadecimal, or empty.
        """
        due_ms = round((self._clock.now_s() + confirm.within_seconds) * 1000)
        changes: list[Change] = []
        for target in targets:
            # Before the notification is stored: it may be acknowledged before its service gets the receipt.
            self._awaited[target] = max(due_ms, self._awaited.get(target, 0))
            changes += put_deadline(
                Deadline(
                    id=notification_id,
                    type=kind,
                    target=target,
                    service=service,
                    by=confirm.by,
                    within_s=confirm.within_seconds,
                    due_ms=due_ms,
                    collapse=collapse,
                )
            )
        if due_ms < self._next_due_ms:
            self._next_due_ms = due_ms
            self._news.set()
        return tuple(changes)

    def describe_warnings(self, service: str) -> list[FieldWarning]:
        """Return what a service should know that awaits confirmations: that nobody tells it, if so."""
        if self._desk.has_endpoint(service):
            return []
        detail = "Nobody is told of what users do not confirm: the key of this service has no `webhook` in the key file"
        return [FieldWarning(field="$.confirm", detail=detail)]

    def note(self, records: Sequence[Record]) -> None:
        """Note the deadlines that other nodes have set; a client of this node may confirm them."""
        for record in records:
            if record.origin is None or not record.changes:
                continue
            for change in record.changes:
                if change.owner != DEADLINES or change.value is None:
                    continue
                deadline = self._read(Entry(change.owner, change.key, change.value, record.position))
                if deadline is not None:
                    target = Target(deadline.target)
                    self._awaited[target] = max(deadline.due_ms, self._awaited.get(target, 0))
                    if deadline.due_ms < self._next_due_ms:
                        self._next_due_ms = deadline.due_ms
                        self._news.set()

    def is_awaited(self, target: Target) -> bool:
        """Whether a confirmation of this user may be awaited."""
        return target in self._awaited or not self._is_known

    def take_acknowledged(self, target: Target, after: int, upto: int) -> None:
        """Note that a client of this user has got what was for it in `(after, upto]`."""
        ranges = self._acknowledged.setdefault(target, [])
        if ranges and ranges[-1][0] == after:
            ranges.pop()
        ranges.append((after, upto))
        self._news.set()

    async def change_with_read(self, person: Target, read: Collection[int], upto: int | None) -> tuple[Change, ...]:
        """Return the changes that go with what a user marks as read: these positions, and all up to `upto`.

        What was read was delivered, too, whatever was to be confirmed.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        if not self.is_awaited(person):
            return ()

        def is_read(each: OpenDeadline) -> bool:
            return each.position in read or each.newest in read or (upto is not None and each.newest <= upto)

        changes: list[Change] = []
        # What ends deadlines at this moment has stored that before these are looked at.
        async with self._turn:
            ended = [*select_confirmed(await self._list_open(person), is_read)]
            self._begin_reading(ended)
        ending = Ending(self._log, self._desk, self._clock)
        for each in ended:
            changes += await ending.draft_confirmed(each, "read")
            self._metrics.confirmations["read"] += 1
            # The caller stores it; a webhook that is looked for too early is found at the next look.
            asyncio.get_running_loop().call_later(_STORED_S, self._desk.note_news, each.deadline.service)
        return tuple(changes)

    def _begin_reading(self, ended: Sequence[OpenDeadline]) -> None:
        """Keep these from ending otherwise until the caller has stored that they were read, or could not."""
        if ended:
            keys = {each.deadline.key for each in ended}
            self._reading |= keys
            asyncio.get_running_loop().call_later(_READ_S, self._end_reading, keys)

    def _is_reading(self, each: OpenDeadline) -> bool:
        return each.deadline.key in self._reading

    def _end_reading(self, keys: set[str]) -> None:
        self._reading -= keys
        self._news.set()

    async def run(self) -> None:
        """Keep the deadlines until cancelled."""
        loading = asyncio.create_task(self._load(), name="deadline load")
        try:
            while True:
                self._news.clear()
                try:
                    async with self._turn:
                        await self._take_acknowledged()
                        wait_s = await self._escalate_due()
                except HubError:
                    wait_s = _LOG_RETRY_S
                self._sweep()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    async def _load(self) -> None:
        """Learn of whom the hubs before this one awaited a confirmation."""
        after = ""
        while True:
            try:
                entries = await self._log.list_state(DEADLINES, after=after, limit=_PAGE)
            except HubError:
                await asyncio.sleep(_LOG_RETRY_S)
                continue
            for entry in entries:
                if (deadline := self._read(entry)) is not None:
                    target = Target(deadline.target)
                    self._awaited[target] = max(deadline.due_ms, self._awaited.get(target, 0))
            if not entries:
                self._is_known = True
                return
            after = entries[-1].key

    async def _take_acknowledged(self) -> None:
        while self._acknowledged:
            target, ranges = next(iter(self._acknowledged.items()))
            known = tuple(ranges)

            def is_delivered(each: OpenDeadline, known: tuple[tuple[int, int], ...] = known) -> bool:
                # A client that came back got nothing that was superseded by then.
                return each.deadline.by == "delivered" and any(after < each.newest <= upto for after, upto in known)

            await self._confirm(select_confirmed(await self._list_open(target), is_delivered))
            # Only now, for what the log did not take is tried again. What came meanwhile is another round's.
            if left := ranges[len(known) :]:
                self._acknowledged[target] = left
            else:
                del self._acknowledged[target]

    async def _confirm(self, ended: Iterable[OpenDeadline]) -> None:
        ending = Ending(self._log, self._desk, self._clock)
        drafts = [
            (each, await ending.draft_confirmed(each, "acknowledged")) for each in ended if not self._is_reading(each)
        ]
        await self._append("acknowledged", drafts)

    async def _list_open(self, target: Target) -> list[OpenDeadline]:
        """Return the deadlines of a user that have no outcome yet."""
        found: list[tuple[Deadline, Entry]] = []
        after = ""
        while True:
            entries = await self._log.list_state(awaited_owner(target), after=after, limit=_PAGE)
            found += [(deadline, entry) for entry in entries if (deadline := self._read(entry)) is not None]
            if len(entries) < _PAGE:
                return await self._open(found)
            after = entries[-1].key

    async def _open(self, found: Sequence[tuple[Deadline, Entry]]) -> list[OpenDeadline]:
        """Return deadlines with what has taken the place of their notifications."""
        newest: dict[str, int] = {"": 0}
        opened: list[OpenDeadline] = []
        for deadline, entry in found:
            digest = deadline.collapse
            if digest not in newest:
                row = await self._log.read_state(COLLAPSE, digest)
                newest[digest] = 0 if row is None else row.position
            opened.append(OpenDeadline(deadline, entry.position, max(entry.position, newest[digest])))
        return opened

    async def _escalate_due(self) -> float:
        """End every deadline that is over; return when to look again, in seconds."""
        after = ""
        while True:
            now_ms, latest_ms = round(self._clock.now_s() * 1000), round(self._clock.latest_s() * 1000)
            entries = await self._log.list_state(DEADLINES, after=after, upto=due_key(latest_ms + 1), limit=_PAGE)
            over = [
                (deadline, entry)
                for entry in entries
                if (deadline := self._read(entry)) is not None
                # One of this life of the hub is judged by the clock that does not jump.
                and (deadline.due_ms <= now_ms or entry.position <= self._start)
            ]
            await self._escalate(await self._open(over))
            if len(entries) < _PAGE:
                break
            after = entries[-1].key
        return await self._find_wait_s(now_ms)

    async def _escalate(self, over: Iterable[OpenDeadline]) -> None:
        over = [each for each in over if not self._is_reading(each)]
        known = [
            each
            for target in dict.fromkeys(each.deadline.target for each in over if each.deadline.collapse)
            for each in await self._list_open(Target(target))
            if not self._is_reading(each)
        ]
        ending = Ending(self._log, self._desk, self._clock)
        drafts = [draft for group in gather(over, known) for draft in await ending.draft_unconfirmed(group)]
        await self._append("unconfirmed", drafts)

    async def _find_wait_s(self, now_ms: int) -> float:
        # What a publish sets meanwhile lowers it again.
        self._next_due_ms = now_ms + round(self._look_s * 1000)
        coming = await self._log.list_state(DEADLINES, after=due_key(now_ms), limit=1)
        if coming:
            self._next_due_ms = min(self._next_due_ms, read_due_ms(coming[0].key))
        return max(0.0, self._next_due_ms / 1000 - self._clock.now_s())

    async def _append(self, kind: OutcomeKind, ended: Sequence[tuple[OpenDeadline, tuple[Change, ...]]]) -> None:
        drafts = [draft_changes(changes, key=outcome_key(each.deadline)) for each, changes in ended]
        results = await self._log.append(drafts) if drafts else []
        for (each, _), result in zip(ended, results, strict=True):
            if isinstance(result, Appended) and not result.duplicate:
                self._metrics.confirmations[kind] += 1
                self._desk.note_news(each.deadline.service)

    def _read(self, entry: Entry) -> Deadline | None:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            return read_deadline(entry)
        self._lines.write_limited(logging.ERROR, "deadline_unreadable", "a deadline in the log cannot be read")
        return None

    def _sweep(self) -> None:
        """Forget users whose last deadline is long over: the log has no row of theirs."""
        now_s = self._clock.now_s()
        if now_s < self._swept_s + _SWEEP_S:
            return
        self._swept_s = now_s
        before_ms = round((now_s - _LINGER_S) * 1000)
        over = [target for target, due_ms in self._awaited.items() if due_ms < before_ms]
        for target in over:
            del self._awaited[target]
