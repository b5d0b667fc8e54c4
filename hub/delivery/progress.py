"""How far the dispatcher has come, and with it each connection."""

from __future__ import annotations

from collections.abc import Callable

from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber

__all__ = ["Progress"]


def _nothing() -> None:
    """Stand in until somebody listens."""


class Progress:
    """`position`: every record up to here was offered to every subscriber of its targets.

    `on_advance` is called after each batch of records; it is for what has something to do only then.
    """

    __slots__ = ("on_advance", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.on_advance: Callable[[], None] = _nothing

    def place(self, subscriber: Subscriber) -> int:
        """Return the position up to which everything due to this subscriber was written.

        While it replays, only what was replayed is behind it; live, all that was dispatched.
        """
        session, send_socket = subscriber.session, subscriber.link.send_socket
        last = max(session.last, 0 if send_socket is None else send_socket.position)
        return max(last, self.position) if session.phase is Phase.LIVE else session.last
