"""Webhooks: what the hub sends to the service that published a notification, and what an operator sees of them.

A request follows the Standard Webhooks specification: `webhook-id`, `webhook-timestamp` and `webhook-signature`, and
one of these objects as its body.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.explanation import TargetView
from contracts.identifier import Timestamp

__all__ = [
    "WEBHOOK_EVENTS",
    "AwaitedData",
    "ConfirmedData",
    "NotificationConfirmed",
    "NotificationUnconfirmed",
    "UnconfirmedData",
    "WebhookAttempt",
    "WebhookEvent",
    "WebhookPage",
    "WebhookRepeated",
    "WebhookState",
    "WebhookView",
]

#: What a service may be told of; the first one is what a service is told of that lists none.
WebhookEvent = Literal["notification.unconfirmed", "notification.confirmed"]
WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = ("notification.unconfirmed", "notification.confirmed")
#: `waiting`: it has not been delivered yet, and is tried again. `dead`: it is not tried any more.
WebhookState = Literal["waiting", "delivered", "dead"]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class AwaitedData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The user, and the notification as it was delivered, without its cursor.

    `by` and `within_seconds` are what was to be confirmed and until when; `deadline` is that moment. `notification` has
    `id` and `type` alone where the hub does not keep it any more.
    """

    notification: dict[str, Any]
    account_id: str
    user_id: str
    by: Literal["delivered", "read"]
    within_seconds: int
    deadline: Timestamp


class UnconfirmedData(AwaitedData, kw_only=True, omit_defaults=True):
    """The user who did not confirm, and the notification as it was delivered, without its cursor.

    `by` and `within_seconds` are what was to be confirmed and until when; `deadline` is that moment. `notification` has
    `id` and `type` alone where the hub does not keep it any more. `superseded` has the ids of older notifications whose
    place this one has taken: what was to be confirmed of them ended with it, and is not told again.
    """

    superseded: list[str] = []


class ConfirmedData(AwaitedData, kw_only=True):
    """The user who confirmed in time, and when; else as `UnconfirmedData`."""

    confirmed_at: Timestamp


class NotificationUnconfirmed(msgspec.Struct, kw_only=True, tag_field="type", tag="notification.unconfirmed"):
    """A user did not confirm a notification in time. It is sent at least once, always with the same `webhook-id`."""

    timestamp: Timestamp
    data: UnconfirmedData


class NotificationConfirmed(msgspec.Struct, kw_only=True, tag_field="type", tag="notification.confirmed"):
    """A user confirmed a notification in time; only sent to services that ask for it."""

    timestamp: Timestamp
    data: ConfirmedData


class WebhookAttempt(msgspec.Struct, kw_only=True):
    """One attempt to deliver a webhook: `outcome` is the status of the response, or why there was none.

    `started`: it has no outcome yet, or the hub ended before there was one.
    """

    at: Timestamp
    outcome: str


class WebhookView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One webhook: for whom it is, how often it was tried, and the newest of its attempts.

    `next_attempt_at` is there while it waits.
    """

    id: str
    event: WebhookEvent
    service: str
    notification_id: str
    user: TargetView
    state: WebhookState
    created_at: Timestamp
    attempts: _Count
    last_attempts: list[WebhookAttempt]
    next_attempt_at: Timestamp | UnsetType = UNSET


class WebhookPage(msgspec.Struct, kw_only=True):
    """Webhooks of one state: those that are due next, or that died first. `more`: there are others."""

    webhooks: list[WebhookView]
    more: bool


class WebhookRepeated(msgspec.Struct, kw_only=True):
    """The webhook is tried again at once."""

    id: str
    state: WebhookState
