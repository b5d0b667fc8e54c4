"""Keeps the deadlines: takes what users confirm, and escalates what they do not, each once and in one transaction.

All that ends deadlines is done by one task, one step after the other, so that an acknowledgement that came before a
deadline is looked at before it. On several hubs the log decides: an outcome has an idempotency key, so the first one
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from contracts.policy import Confirm
from contracts.receipt import FieldWarning
from contracts.webhook import WebhookEvent
from hub.bounds import Bounds
from hub.deadlines.clock import SteadyClock
from hub.deadlines.deadline import (
    DEADLINES,
    Deadline,
    Outcome,
    OutcomeKind,
    awaited_owner,
    due_key,
    end_deadline,
    outcome_key,
    put_deadline,
    read_deadline,
    read_due_ms,
)
from hub.errors import HubError
from hub.log.port import Appended, Change, Entry, Log
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.target import Target
from hub.webhooks.body import Awaited
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
        self._next_due_ms = 0
        self._swept_s = clock.now_s()
        self._news = asyncio.Event()
        self._lines = OperatorLog(logger)

    def draft_changes(
        self, notification_id: str, kind: str, targets: Sequence[Target], service: str, confirm: Confirm
    ) -> tuple[Change, ...]:
        """Return the changes that set a deadline for each of these users, to be stored with the notification."""
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
        changes: list[Change] = []
        async for deadline, entry in self._list_awaited(person):
            if entry.position in read or (upto is not None and entry.position <= upto):
                changes += await self._draft_end(deadline, entry, "read", {})
                self._metrics.confirmations["read"] += 1
                # The caller stores it; a webhook that is looked for too early is found at the next look.
                asyncio.get_running_loop().call_later(_STORED_S, self._desk.note_news, deadline.service)
        return tuple(changes)

    async def run(self) -> None:
        """Keep the deadlines until cancelled."""
        loading = asyncio.create_task(self._load(), name="deadline load")
        try:
            while True:
                self._news.clear()
                try:
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
            ended = [
                (deadline, entry)
                async for deadline, entry in self._list_awaited(target)
                if deadline.by == "delivered" and any(after < entry.position <= upto for after, upto in known)
            ]
            await self._end(ended, "acknowledged")
            # Only now, for what the log did not take is tried again. What came meanwhile is another round's.
            if left := ranges[len(known) :]:
                self._acknowledged[target] = left
            else:
                del self._acknowledged[target]

    async def _list_awaited(self, target: Target) -> AsyncIterator[tuple[Deadline, Entry]]:
        after = ""
        while True:
            entries = await self._log.list_state(awaited_owner(target), after=after, limit=_PAGE)
            for entry in entries:
                if (deadline := self._read(entry)) is not None:
                    yield deadline, entry
            if len(entries) < _PAGE:
                return
            after = entries[-1].key

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
            await self._end(over, "unconfirmed")
            if len(entries) < _PAGE:
                break
            after = entries[-1].key
        return await self._find_wait_s(now_ms)

    async def _find_wait_s(self, now_ms: int) -> float:
        # What a publish sets meanwhile lowers it again.
        self._next_due_ms = now_ms + round(self._look_s * 1000)
        coming = await self._log.list_state(DEADLINES, after=due_key(now_ms), limit=1)
        if coming:
            self._next_due_ms = min(self._next_due_ms, read_due_ms(coming[0].key))
        return max(0.0, self._next_due_ms / 1000 - self._clock.now_s())

    async def _end(self, ended: Sequence[tuple[Deadline, Entry]], kind: OutcomeKind) -> None:
        payloads: dict[str, bytes | None] = {}
        drafts = [
            draft_changes(await self._draft_end(deadline, entry, kind, payloads), key=outcome_key(deadline))
            for deadline, entry in ended
        ]
        results = await self._log.append(drafts) if drafts else []
        for (deadline, _), result in zip(ended, results, strict=True):
            if isinstance(result, Appended) and not result.duplicate:
                self._metrics.confirmations[kind] += 1
                self._desk.note_news(deadline.service)

    async def _draft_end(
        self, deadline: Deadline, entry: Entry, kind: OutcomeKind, payloads: dict[str, bytes | None]
    ) -> tuple[Change, ...]:
        """Return the changes that end a deadline, with the webhook that tells of it; `payloads` is what was read."""
        at_s, webhook_id = self._clock.now_s(), None
        changes: tuple[Change, ...] = ()
        event: WebhookEvent = "notification.unconfirmed" if kind == "unconfirmed" else "notification.confirmed"
        if self._desk.wants(deadline.service, event):
            if deadline.id not in payloads:
                found = await self._log.find(deadline.id, at=entry.position)
                payloads[deadline.id] = None if found is None else found.record.payload
            payload = payloads[deadline.id]
            webhook_id, changes = self._desk.draft(
                event, _describe(deadline), payload, position=entry.position, at_s=at_s
            )
        outcome = Outcome(kind=kind, at_s=at_s, due_ms=deadline.due_ms, by=deadline.by, webhook_id=webhook_id)
        return (*end_deadline(deadline, outcome, position=entry.position), *changes)

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


def _describe(deadline: Deadline) -> Awaited:
    return Awaited(
        notification_id=deadline.id,
        type=deadline.type,
        target=Target(deadline.target),
        service=deadline.service,
        by=deadline.by,
        within_s=deadline.within_s,
        due_ms=deadline.due_ms,
    )
