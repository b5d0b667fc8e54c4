"""Who waits for replies of NATS: one inbox for all requests of a connection, told apart by a number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hub.nats.port import NotConnected, Reply

__all__ = ["Replies", "Waiting", "says_nobody"]

_NO_RESPONDERS = "503"


class Waiting:
    """A request that waits: for `expected` replies, or for the one that `is_last`."""

    __slots__ = ("expected", "future", "is_last", "replies")

    def __init__(self, expected: int | None, is_last: Callable[[Reply], bool] | None) -> None:
        self.replies: list[Reply] = []
        self.expected = expected
        self.is_last = is_last
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, reply: Reply) -> None:
        """Take a reply, which may be the one that was waited for."""
        if self.future.done():
            return
        self.replies.append(reply)
        over = len(self.replies) == self.expected or says_nobody(reply)
        if over or (self.is_last is not None and self.is_last(reply)):
            self.future.set_result(None)


class Replies:
    """All requests under way. `inbox` is the subject before their numbers."""

    def __init__(self, inbox: str) -> None:
        self.inbox = inbox
        self._number = 0
        self._waiting: dict[str, Waiting] = {}

    def begin(self, waiting: Waiting) -> str:
        """Let a request wait; return the subject of its replies."""
        self._number += 1
        subject = f"{self.inbox}.{self._number}"
        self._waiting[subject] = waiting
        return subject

    async def wait(self, subject: str, timeout_s: float) -> list[Reply]:
        """Return the replies that came until the last one, or until the time is over.

        Raises:
            NotConnected: the connection broke meanwhile.
        """
        waiting = self._waiting[subject]
        try:
            async with asyncio.timeout(timeout_s):
                await waiting.future
        except TimeoutError:
            pass
        finally:
            self.forget(subject)
        return waiting.replies

    def forget(self, subject: str) -> None:
        """Drop a request; a reply that comes later is nobody's."""
        waiting = self._waiting.pop(subject, None)
        if waiting is not None:
            waiting.future.cancel()

    def take(self, subject: str, reply: Reply) -> None:
        """Give a reply to the request that waits for it."""
        waiting = self._waiting.get(subject)
        if waiting is not None:
            waiting.take(reply)

    def fail(self) -> None:
        """End every request: the connection broke."""
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(NotConnected())


def says_nobody(reply: Reply) -> bool:
    """Whether the server replies that nobody listens to the subject."""
    return reply.headers.get("Status") == _NO_RESPONDERS and not reply.payload
