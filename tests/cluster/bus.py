"""NATS in memory: several connections to one bus, whose messages a test loses, repeats, delays and reorders."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from random import Random

from hub.nats.port import Headers, Message, NoResponders, NotConnected, NotInTime, Reply, Subscription

__all__ = ["Bus", "Connection"]

_inboxes = itertools.count()


class _Subscription:
    def __init__(self, connection: Connection, subject: str, callback: Callable[[Message], None]) -> None:
        self.connection = connection
        self.subject = subject
        self.callback = callback

    def end(self) -> None:
        """Hear nothing of it any more."""
        self.connection.bus.subscriptions.remove(self)


class Bus:
    """What all connections share. `lose` and `repeat` are shares of the messages; each takes `delay_s`, and
    up to `jitter_s` more, which reorders them."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.subscriptions: list[_Subscription] = []
        self.said: list[Message] = []
        self.lose = 0.0
        self.repeat = 0.0
        self.delay_s = 0.0
        self.jitter_s = 0.0

    def connect(self) -> Connection:
        """Return a new connection."""
        return Connection(self)

    def deliver(self, message: Message) -> int:
        """Hand a message to everybody who listens and is connected; return how many these are."""
        self.said.append(message)
        takers = [
            each for each in self.subscriptions if each.subject == message.subject and each.connection.is_connected
        ]
        for each in takers:
            copies = 0 if self.random.random() < self.lose else 2 if self.random.random() < self.repeat else 1
            for _ in range(copies):
                delay_s = self.delay_s + self.random.random() * self.jitter_s
                asyncio.get_running_loop().call_later(delay_s, self._hand, each, message)
        return len(takers)

    def _hand(self, taker: _Subscription, message: Message) -> None:
        if taker in self.subscriptions and taker.connection.is_connected:
            taker.callback(message)


class Connection:
    """One node's connection; `hub.nats.port.Nats` as far as the cluster uses it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.is_connected = True
        self.server = "fake"
        self.on_change: list[Callable[[bool], None]] = []

    def publish(self, subject: str, payload: bytes, headers: Headers | None = None, *, reply: str = "") -> None:
        """Send a message."""
        if not self.is_connected:
            raise NotConnected
        self.bus.deliver(Message(subject, payload, headers or {}, reply))

    async def request(self, subject: str, payload: bytes, *, headers: Headers | None = None, timeout_s: float) -> Reply:
        """Send a message and return the first reply."""
        replies = await self._ask(subject, payload, timeout_s, lambda _: True, needs_one=True)
        if not replies:
            raise NotInTime
        return replies[0]

    async def request_many(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: Headers | None = None,
        timeout_s: float,
        expected: int | None = None,
        is_last: Callable[[Reply], bool] | None = None,
    ) -> list[Reply]:
        """Send a message and return the replies."""
        return await self._ask(subject, payload, timeout_s, is_last or (lambda _: False))

    async def subscribe(self, subject: str, callback: Callable[[Message], None]) -> Subscription:
        """Call `callback` with each message."""
        subscription = _Subscription(self, subject, callback)
        self.bus.subscriptions.append(subscription)
        return subscription

    async def close(self) -> None:
        """End it."""
        self.is_connected = False

    async def _ask(
        self,
        subject: str,
        payload: bytes,
        timeout_s: float,
        is_last: Callable[[Reply], bool],
        *,
        needs_one: bool = False,
    ) -> list[Reply]:
        if not self.is_connected:
            raise NotConnected
        replies: list[Reply] = []
        done = asyncio.Event()

        def take(message: Message) -> None:
            reply = Reply(message.payload, message.headers)
            replies.append(reply)
            if is_last(reply):
                done.set()

        inbox = f"inbox.{next(_inboxes)}"
        subscription = await self.subscribe(inbox, take)
        try:
            if not self.bus.deliver(Message(subject, payload, {}, inbox)) and needs_one:
                raise NoResponders
            try:
                async with asyncio.timeout(timeout_s):
                    await done.wait()
            except TimeoutError:
                pass
            return replies
        finally:
            subscription.end()
