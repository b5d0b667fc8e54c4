"""The parts of delivery on a log and links in memory, for tests of one of them at a time."""

from __future__ import annotations

from hub.cursor import Cursor
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.replay import Replay
from hub.delivery.session import Session
from hub.delivery.subscribers import Subscriber, Subscribers, TransportName
from hub.metrics import Metrics
from tests.fakes import NOW_S, FakeClock, FakeLink, MemoryLog, make_subscriber

__all__ = ["BUDGET_BYTES", "INTERVAL_S", "Harness"]

BUDGET_BYTES = 8_000
INTERVAL_S = 30.0


class Harness:
    """One of each part, and a note of every connection that a part wanted to end."""

    def __init__(self, *, interval_s: float = INTERVAL_S) -> None:
        self.clock = FakeClock()
        self.log = MemoryLog(self.clock)
        self.metrics = Metrics(started_at_s=NOW_S)
        self.subscribers = Subscribers(limit=10_000, limit_per_user=20)
        self.controls: list[bytes] = []
        self.behind: list[Subscriber] = []
        self.slow: list[Subscriber] = []
        self.broken: list[Subscriber] = []
        self.dead: list[Subscriber] = []
        self.expired: list[Subscriber] = []
        self.gaps: list[tuple[Subscriber, Cursor]] = []
        self.dispatcher = Dispatcher(
            self.log,
            self.subscribers,
            self.metrics,
            link_budget_bytes=BUDGET_BYTES,
            now=self.clock,
            write_at_once=lambda envelope, subscribers: subscribers,
            on_control=self.controls.append,
            on_behind=self._fall_behind,
            on_missed=lambda subscriber: self._end(subscriber, self.slow),
            on_broken=lambda subscriber: self._end(subscriber, self.broken),
        )
        self.replay = Replay(
            self.log,
            self.metrics,
            link_budget_bytes=BUDGET_BYTES,
            take_timeout_s=INTERVAL_S,
            now=self.clock,
            on_slow=lambda subscriber: self._end(subscriber, self.slow),
            write_gap=lambda subscriber, cursor: self.gaps.append((subscriber, cursor)),
        )
        self.heartbeat = Heartbeat(
            self.dispatcher,
            self.log,
            interval_s=interval_s,
            now=self.clock,
            on_dead=lambda subscriber: self._end(subscriber, self.dead),
            on_expired=lambda subscriber: self._end(subscriber, self.expired),
        )

    def register(
        self,
        user_id: str = "u1",
        account_id: str = "a1",
        *,
        link: FakeLink | None = None,
        transport: TransportName = "websocket",
        expires_at_s: float = NOW_S + 86_400,
        speaks_hub_v1: bool = False,
    ) -> tuple[Subscriber, FakeLink]:
        """Register a connection; nothing was replayed to it yet."""
        link = link or FakeLink(can_pong=transport == "websocket")
        subscriber = make_subscriber(
            user_id,
            account_id,
            session=Session(expires_at_s=expires_at_s, hold_limit=20),
            link=link,
            transport=transport,
            speaks_hub_v1=speaks_hub_v1,
        )
        self.subscribers.add(subscriber)
        return subscriber, link

    async def connect(self, user_id: str = "u1", account_id: str = "a1") -> tuple[Subscriber, FakeLink]:
        """Register a connection that is live from the log's head."""
        subscriber, link = self.register(user_id, account_id)
        self.replay.begin(subscriber, None)
        await self.replay.run(subscriber)
        return subscriber, link

    async def dispatch(self) -> None:
        """Let the dispatcher work off all there is; it cannot go on afterwards."""
        await self.log.close()
        await self.dispatcher.run()

    def _fall_behind(self, subscriber: Subscriber) -> None:
        if self.replay.fall_behind(subscriber):
            self.behind.append(subscriber)

    def _end(self, subscriber: Subscriber, where: list[Subscriber]) -> None:
        where.append(subscriber)
        self.subscribers.remove(subscriber)
        subscriber.session.close()
        subscriber.link.abort()
