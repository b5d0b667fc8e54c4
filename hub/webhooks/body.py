"""The body of a webhook: the notification, the user, and what was to be confirmed. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.webhook import (
    ConfirmedData,
    NotificationConfirmed,
    NotificationUnconfirmed,
    UnconfirmedData,
    WebhookEvent,
)
from hub.target import Target, split_target
from hub.timestamp import format_time

__all__ = ["Awaited", "make_body"]

_encode = msgspec.json.Encoder().encode


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """What a service awaited of one user: the notification, by when (Unix ms), and what counts.

    `superseded` has the ids of older notifications whose place it has taken, if their deadlines end with it.
    """

    notification_id: str
    type: str
    target: Target
    service: str
    by: Literal["delivered", "read"]
    within_s: int
    due_ms: int
    superseded: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Awaited(notification_id={self.notification_id!r}, by={self.by!r})"


def make_body(event: WebhookEvent, awaited: Awaited, payload: bytes | None, *, at_s: float) -> str:
    """Return the JSON text of a webhook. `payload`: the notification, or what has taken its place; None where lost."""
    account_id, user_id = split_target(awaited.target)
    notification = {"id": awaited.notification_id, "type": awaited.type}
    if payload is not None:
        notification = msgspec.json.decode(payload)
    shared = {
        "notification": notification,
        "account_id": account_id or "",
        "user_id": user_id or "",
        "by": awaited.by,
        "within_seconds": awaited.within_s,
        "deadline": format_time(awaited.due_ms / 1000),
    }
    at = format_time(at_s)
    if event == "notification.confirmed":
        confirmed = msgspec.convert({**shared, "confirmed_at": at}, ConfirmedData)
        return _encode(NotificationConfirmed(timestamp=at, data=confirmed)).decode()
    unconfirmed = msgspec.convert({**shared, "superseded": awaited.superseded}, UnconfirmedData)
    return _encode(NotificationUnconfirmed(timestamp=at, data=unconfirmed)).decode()
