"""How far the dispatcher has come, and with it each connection."""

from __future__ import annotations

from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber

__all__ = ["Progress"]


class Progress:
    """`position`: every record up to here was offered to every subscriber of its targets."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def place(self, subscriber: Subscriber) -> int:
        """Return the position up to which everything due to this subscriber was written.

        While it replays, only what was replayed is behind it; live, all that was dispatched.
        """
        session = subscriber.session
        return max(session.last, self.position) if session.phase is Phase.LIVE else session.last
