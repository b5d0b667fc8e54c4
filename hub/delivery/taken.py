"""Whether a user's device has a notification already, as far as connections tell."""

from __future__ import annotations

from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.target import Target

__all__ = ["has_taken"]


def has_taken(subscribers: Subscribers, user: Target, position: int) -> bool:
    """Whether a connection of the user has taken the notification at a position that was dispatched.

    Of a client that acknowledges, its last acknowledgement says so. Of others, all bytes were taken by the peer's
    system: a device that is out of reach leaves some, long before the connection ends.
    """
    return any(_has_taken(subscriber, position) for subscriber in subscribers.match((user,)))


def _has_taken(subscriber: Subscriber, position: int) -> bool:
    if subscriber.session.phase is not Phase.LIVE:
        return False
    if subscriber.acknowledged is not None:
        return subscriber.acknowledged >= position
    return not subscriber.link.waiting_bytes
