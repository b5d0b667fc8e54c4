"""What is stored when deadlines end: their outcomes, and the webhook that tells of them."""

from __future__ import annotations

from collections.abc import Sequence

from hub.deadlines.clock import SteadyClock
from hub.deadlines.deadline import Outcome, OutcomeKind, end_deadline
from hub.deadlines.group import OpenDeadline
from hub.log.port import Change, Log
from hub.target import Target
from hub.webhooks.body import Awaited
from hub.webhooks.desk import WebhookDesk

__all__ = ["Ending"]

#: A notification and its targets weigh less; one that does not is read alone.
_READ_BYTES = 1_048_576


class Ending:
    """Drafts the ends of deadlines that are stored together: each notification is read once, for all of its users."""

    def __init__(self, log: Log, desk: WebhookDesk, clock: SteadyClock) -> None:
        self._log = log
        self._desk = desk
        self._at_s = clock.now_s()
        self._payloads: dict[str, bytes | None] = {}

    async def draft_confirmed(self, each: OpenDeadline, kind: OutcomeKind) -> tuple[Change, ...]:
        """Return the changes that end a deadline of which the user has confirmed the notification.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        webhook_id: str | None = None
        changes: tuple[Change, ...] = ()
        if self._desk.wants(each.deadline.service, "notification.confirmed"):
            webhook_id, changes = self._desk.draft(
                "notification.confirmed",
                _describe(each),
                await self._find(each.deadline.id, each.position),
                position=each.position,
                at_s=self._at_s,
            )
        return (*self._end(each, kind, webhook_id), *changes)

    async def draft_unconfirmed(self, group: Sequence[OpenDeadline]) -> list[tuple[OpenDeadline, tuple[Change, ...]]]:
        """Return the changes that end each deadline of a group, the first of which is over; one webhook tells of all.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        lead, webhook_id = group[0], None
        changes: tuple[Change, ...] = ()
        if self._desk.wants(lead.deadline.service, "notification.unconfirmed"):
            superseded = tuple(each.deadline.id for each in group if each.is_superseded)
            webhook_id, changes = self._desk.draft(
                "notification.unconfirmed",
                _describe(lead, superseded),
                await self._find_newest(lead),
                position=lead.newest,
                at_s=self._at_s,
            )
        return [
            (each, (*self._end(each, "unconfirmed", webhook_id), *(changes if each is lead else ()))) for each in group
        ]

    def _end(self, each: OpenDeadline, kind: OutcomeKind, webhook_id: str | None) -> tuple[Change, ...]:
        deadline = each.deadline
        outcome = Outcome(kind=kind, at_s=self._at_s, due_ms=deadline.due_ms, by=deadline.by, webhook_id=webhook_id)
        return end_deadline(deadline, outcome, position=each.position)

    async def _find_newest(self, each: OpenDeadline) -> bytes | None:
        """Return what has taken the place of a notification; itself where nothing has, or that has expired."""
        if each.is_superseded:
            reading = await self._log.read(
                (Target(each.deadline.target),),
                after=each.newest - 1,
                upto=each.newest,
                limit=1,
                limit_bytes=_READ_BYTES,
            )
            if reading.records and not reading.records[0].is_damaged:
                return reading.records[0].payload
        return await self._find(each.deadline.id, each.position)

    async def _find(self, notification_id: str, position: int) -> bytes | None:
        if notification_id not in self._payloads:
            found = await self._log.find(notification_id, at=position)
            self._payloads[notification_id] = None if found is None else found.record.payload
        return self._payloads[notification_id]


def _describe(each: OpenDeadline, superseded: tuple[str, ...] = ()) -> Awaited:
    deadline = each.deadline
    return Awaited(
        notification_id=deadline.id,
        type=deadline.type,
        target=Target(deadline.target),
        service=deadline.service,
        by=deadline.by,
        within_s=deadline.within_s,
        due_ms=deadline.due_ms,
        superseded=superseded,
    )
