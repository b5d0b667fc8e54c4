"""A webhook as the log's state index keeps it: one row of its own, and one that says when it is due. Pure.

While it waits, the index of due webhooks has it; once it is dead, the index of dead ones, for a while. What was
delivered stays, without its body, until retention takes the notification, so that a trace can tell of it.
"""

from __future__ import annotations

import hashlib

import msgspec

from contracts.webhook import WebhookEvent, WebhookState
from hub.log.port import Change, Entry
from hub.target import Target

__all__ = [
    "MAX_ATTEMPTS_KEPT",
    "SERVICES",
    "WEBHOOKS",
    "Attempt",
    "Webhook",
    "dead_owner",
    "due_key",
    "due_owner",
    "make_webhook_id",
    "put_webhook",
    "read_due_key",
    "read_webhook",
    "remove_webhook",
]

#: The owner of every webhook's own row, by its id; and of the services that have had any.
WEBHOOKS = "webhook"
SERVICES = "webhook-service"
#: How many of its newest attempts a webhook keeps.
MAX_ATTEMPTS_KEPT = 30


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """When it was tried, and what came of it: a status, or why there was no response; None while that is not known."""

    at_s: float
    outcome: str | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One webhook. `body` is what is sent, and empty once it was delivered.

    `due_ms`: when it is tried next, while it waits; when it died, once it is dead.
    `begun_s`: from when its attempts are counted, which is later than `created_s` where it was repeated.
    `position` is that of the notification.
    """

    id: str
    event: WebhookEvent
    service: str
    notification_id: str
    target: str
    position: int
    body: str
    created_s: float
    begun_s: float
    due_ms: int
    state: WebhookState = "waiting"
    attempts: int = 0
    failures: int = 0
    last: tuple[Attempt, ...] = ()

    def __repr__(self) -> str:
        return f"Webhook(id={self.id!r}, service={self.service!r}, state={self.state!r})"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Webhook).decode


def make_webhook_id(event: WebhookEvent, notification_id: str, target: Target) -> str:
    """Return the id that this event of this notification and user has, however often it is made."""
    digest = hashlib.sha256(f"{event}\x00{notification_id}\x00{target}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def due_owner(service: str) -> str:
    """Return the owner of the index of due webhooks of one service: one endpoint's never wait behind another's."""
    return f"webhook-due:{service}"


def dead_owner(service: str) -> str:
    """Return the owner of the index of dead webhooks of one service."""
    return f"webhook-dead:{service}"


def due_key(due_ms: int, webhook_id: str = "") -> str:
    """Return the key in the index of due webhooks; without an id, what all that are due earlier are below."""
    return f"{due_ms:015d}{webhook_id}"


def read_due_key(key: str) -> tuple[int, str]:
    """Return when a webhook is due, in Unix milliseconds, and its id."""
    return int(key[:15]), key[15:]


def put_webhook(webhook: Webhook, before: Webhook | None) -> tuple[Change, ...]:
    """Return the changes that put `webhook` in the place of `before`; None where it is new."""
    person = Target(webhook.target)
    ends = webhook.position if webhook.state == "delivered" else None
    row = Change(WEBHOOKS, webhook.id, _encode(webhook), ends=ends, person=person)
    changes = [row] if before is None else [_leave(before), row]
    if before is None:
        changes.append(Change(SERVICES, webhook.service, b"{}"))
    key = due_key(webhook.due_ms, webhook.id)
    if webhook.state == "waiting":
        begun = str(round(webhook.begun_s)).encode()
        changes.append(Change(due_owner(webhook.service), key, begun, person=person))
    elif webhook.state == "dead":
        changes.append(Change(dead_owner(webhook.service), key, b"{}", person=person))
    return tuple(changes)


def remove_webhook(webhook: Webhook) -> tuple[Change, ...]:
    """Return the changes that forget a webhook."""
    return (_leave(webhook), Change(WEBHOOKS, webhook.id, None))


def read_webhook(entry: Entry) -> Webhook:
    """Return the webhook that a row of `WEBHOOKS` has.

    Raises:
        msgspec.MsgspecError: another version of the hub wrote it.
    """
    return _decode(entry.value)


def _leave(webhook: Webhook) -> Change:
    owner = dead_owner(webhook.service) if webhook.state == "dead" else due_owner(webhook.service)
    return Change(owner, due_key(webhook.due_ms, webhook.id), None)
