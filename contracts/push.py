"""Web Push: what a browser gives the hub so that it is told of notifications while no page is open."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "MAX_ENDPOINT_LENGTH",
    "PushFigures",
    "PushKey",
    "PushMessage",
    "PushServiceFigures",
    "PushSubscription",
    "PushSubscriptionKeys",
    "PushUnsubscribe",
]

#: The longest endpoints of push services that are known have about 800 characters.
MAX_ENDPOINT_LENGTH = 2048

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Endpoint = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=MAX_ENDPOINT_LENGTH, examples=["https://updates.push.services.mozilla.com/wpush/v2/g"]
    ),
]


class PushKey(msgspec.Struct, kw_only=True):
    """The hub's public key, base64url: the `applicationServerKey` of `pushManager.subscribe()`."""

    public_key: str


class PushSubscriptionKeys(msgspec.Struct, kw_only=True):
    """The browser's keys, base64url: a point on P-256 with 65 bytes, and a secret of 16 bytes (RFC 8291)."""

    p256dh: Annotated[str, msgspec.Meta(min_length=86, max_length=88)]
    auth: Annotated[str, msgspec.Meta(min_length=22, max_length=24)]


class PushSubscription(msgspec.Struct, kw_only=True):
    """A browser's subscription, as its `PushSubscription.toJSON()` has it (W3C Push API).

    `endpoint` is an https URL of the browser's push service. Fields that are not named here are passed over, since a
    browser may add some.
    """

    endpoint: _Endpoint
    keys: PushSubscriptionKeys


class PushUnsubscribe(msgspec.Struct, kw_only=True):
    """The subscription that ends, by its endpoint."""

    endpoint: _Endpoint


class PushMessage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a service worker gets: as much of a notification as there is room for.

    `title` and `message` may have been cut, and end with an ellipsis then. `cursor` is the notification's own.
    """

    id: str
    type: str
    title: str
    message: str
    cursor: str
    link: str = ""
    timestamp: str = ""


class PushServiceFigures(msgspec.Struct, kw_only=True):
    """One push service, by its origin, and how many messages are on their way to it."""

    origin: str
    sending: _Count


class PushFigures(msgspec.Struct, kw_only=True):
    """What Web Push has to do at this moment, and what it has done since the hub's start.

    `users` have `subscriptions`, one for each browser. `sending` messages are on their way; `waiting` ones wait for
    another attempt. `behind`: what is due is read from the log. `outcomes` counts messages that ended, `failures`
    attempts without success by status or reason. `services` are the push services with the most messages on their way.
    In a cluster one node sends at a time, and these are the figures of the node that was asked.
    """

    subscriptions: _Count
    users: _Count
    sending: _Count
    waiting: _Count
    behind: bool
    outcomes: dict[str, _Count]
    failures: dict[str, _Count]
    services: list[PushServiceFigures]
