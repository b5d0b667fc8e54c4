"""A subject that is listened to, over all connections."""

from __future__ import annotations

from collections.abc import Callable

from hub.nats.port import Message

__all__ = ["HeldSubscription"]


class HeldSubscription:
    """Has `take` called with each message to `subject`, until `end`, which calls `forget`."""

    def __init__(
        self, forget: Callable[[HeldSubscription], None], subject: str, take: Callable[[Message], None]
    ) -> None:
        self.subject = subject
        self.take = take
        self._forget = forget

    def end(self) -> None:
        """Hear nothing of it any more."""
        self._forget(self)
