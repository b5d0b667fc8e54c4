"""A subject that is listened to, over all connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.nats.port import Headers, Message

__all__ = ["NO_HEADERS", "HeldSubscription"]

NO_HEADERS: Headers = {}


class HeldSubscription:
    """Calls `callback` with each message to `subject`, until `end`, which calls `forget`."""

    def __init__(
        self, forget: Callable[[HeldSubscription], None], subject: str, callback: Callable[[Message], None]
    ) -> None:
        self.subject = subject
        self._callback = callback
        self._forget = forget

    async def take(self, message: Any) -> None:
        """Hand a message of nats-py over; a coroutine, as that wants it."""
        self._callback(Message(message.subject, message.data, message.headers or NO_HEADERS, message.reply))

    def end(self) -> None:
        """Hear nothing of it any more."""
        self._forget(self)
