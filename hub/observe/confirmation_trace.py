"""What became of the deadlines of one notification: who confirmed, who did not, and the webhooks that said so."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.explanation import MAX_SHOWN_TARGETS
from contracts.trace import Confirmation, TraceStep
from hub.auth.grant import ServiceGrant
from hub.deadlines.deadline import Deadline, Outcome, awaited_owner, outcome_owner, read_deadline, read_outcome
from hub.log.port import Entry, Log
from hub.observe.target_view import view_targets
from hub.observe.webhook_view import view_webhook
from hub.target import Target
from hub.timestamp import format_time
from hub.webhooks.desk import WebhookDesk

__all__ = ["CONFIRMATION_STEPS", "ConfirmationTracer"]

CONFIRMATION_STEPS: tuple[TraceStep, ...] = ("acknowledged", "read", "escalated", "webhooks")
#: The step of each outcome.
_STEPS = {"acknowledged": "acknowledged", "read": "read", "unconfirmed": "escalated"}


class ConfirmationTracer:
    """Reads the deadlines of a notification's users and their outcomes, which are records."""

    def __init__(self, log: Log, desk: WebhookDesk) -> None:
        self._log = log
        self._desk = desk

    async def trace(self, notification_id: str, targets: Sequence[Target], observer: ServiceGrant) -> dict[str, Any]:
        """Return the steps of a trace, by name, of the first targets; none where no confirmation was ever awaited.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        shown = targets[:MAX_SHOWN_TARGETS]
        awaited = await self._find(notification_id, {awaited_owner(target): target for target in shown})
        ended = await self._find(notification_id, {outcome_owner(target): target for target in shown})
        if not awaited and not ended:
            return {}
        steps: dict[str, Any] = {"awaited": [], **{step: [] for step in CONFIRMATION_STEPS}}
        for target, entry in awaited:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                steps["awaited"].append(_view(target, read_deadline(entry), observer))
        for target, entry in ended:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                outcome = read_outcome(entry)
                steps[_STEPS[outcome.kind]].append(_view(target, outcome, observer))
                webhook = None if outcome.webhook_id is None else await self._desk.find(outcome.webhook_id)
                if webhook is not None:
                    steps["webhooks"].append(view_webhook(webhook, observer))
        return steps

    async def _find(self, notification_id: str, owners: dict[str, Target]) -> list[tuple[Target, Entry]]:
        # Keys are ids: between this one without its last character, and this one, there are few.
        entries = await self._log.list_state(
            [*owners], after=notification_id[:-1], upto=notification_id, limit=16 * len(owners)
        )
        return [(owners[entry.owner], entry) for entry in entries if entry.key == notification_id]


def _view(target: Target, found: Deadline | Outcome, observer: ServiceGrant) -> Confirmation:
    return Confirmation(
        user=view_targets([target], observer)[0],
        by=found.by,
        deadline=format_time(found.due_ms / 1000),
        at=format_time(found.at_s) if isinstance(found, Outcome) else msgspec.UNSET,
    )
