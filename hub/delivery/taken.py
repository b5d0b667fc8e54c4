"""Whether a user's device has a notification already, as far as connections and acknowledgements tell."""

from __future__ import annotations

from collections import OrderedDict

from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.target import Target

__all__ = ["Taken"]

#: Users whose acknowledgements are remembered.
_MAX_USERS = 10_000


class Taken:
    """Knows it of every user; with `remembers` also from clients that have left, or have no connection."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers
        #: Set where somebody asks for it later than at the dispatch.
        self.remembers = False
        self._upto: OrderedDict[Target, int] = OrderedDict()

    def note(self, user: Target, position: int) -> None:
        """Note that a client of this user has acknowledged everything up to a position that was dispatched."""
        if self.remembers:
            self._upto[user] = max(position, self._upto.pop(user, 0))
            if len(self._upto) > _MAX_USERS:
                self._upto.popitem(last=False)

    def has(self, user: Target, position: int) -> bool:
        """Whether a device of the user has taken the notification at a position that was dispatched.

        Of a client that acknowledges, its last acknowledgement says so. Of others, all bytes were taken by the peer's
        system: a device that is out of reach leaves some, long before the connection ends.
        """
        if self._upto.get(user, 0) >= position:
            return True
        return any(_has_taken(subscriber, position) for subscriber in self._subscribers.match((user,)))

    def forget_person(self, person: Target) -> None:
        """Drop what is held of a user who was erased from the log."""
        self._upto.pop(person, None)


def _has_taken(subscriber: Subscriber, position: int) -> bool:
    if subscriber.session.phase is not Phase.LIVE:
        return False
    if subscriber.acknowledged is not None:
        return subscriber.acknowledged >= position
    return not subscriber.link.waiting_bytes
