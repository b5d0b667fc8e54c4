"""The parts of delivery on a log and links in memory, for tests of one of them at a time."""

from __future__ import annotations

from hub.cursor import Cursor
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.dispatcher import SLICE, Dispatcher
from hub.delivery.feed import Feed
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.page_reader import PAGE_RECORDS, PageReader
from hub.delivery.ports import CatchesUp, Ends, TakesControl
from hub.delivery.progress import Progress
from hub.delivery.replay import Replay
from hub.delivery.resumption import Resumption
from hub.delivery.session import Session
from hub.delivery.subscribers import Subscriber, Subscribers, TransportName
from hub.metrics import Metrics
from tests.fakes import NOW_S, FakeClock, FakeLink, FakeSockets, MemoryLog, make_subscriber

__all__ = ["BUDGET_BYTES", "INTERVAL_S", "Harness", "Parts"]

BUDGET_BYTES = 8_000
#: Small, so that what the model replays is soon made again.
CACHE_BYTES = 4_000
INTERVAL_S = 30.0


class Parts(Ends, CatchesUp, TakesControl):
    """One of each part of delivery, on a log in memory; a subclass does what the parts ask others for."""

    def __init__(
        self,
        *,
        limit: int,
        limit_per_user: int,
        budget_bytes: int,
        interval_s: float,
        slice_deliveries: int,
        page_records: int,
    ) -> None:
        self.clock = FakeClock()
        self.log = MemoryLog(self.clock)
        self.metrics = Metrics(started_at_s=NOW_S)
        self.subscribers = Subscribers(limit=limit, limit_per_user=limit_per_user)
        self.progress = Progress(self.log.head)
        self.feed = Feed(self.log, self.subscribers, now=self.clock)
        self.counts = DeliveryCounts(start=self.log.head, records=1_000)
        self.dispatcher = Dispatcher(
            self.log,
            self.subscribers,
            self.metrics,
            self.progress,
            sockets=FakeSockets(),
            ends=self,
            catch_up=self,
            control=self,
            feed=self.feed,
            counts=self.counts,
            link_budget_bytes=budget_bytes,
            now=self.clock,
            slice_deliveries=slice_deliveries,
        )
        self.resumption = Resumption(self.log, self.metrics)
        self.replay = Replay(
            self.log,
            self.metrics,
            self,
            counts=self.counts,
            link_budget_bytes=budget_bytes,
            take_timeout_s=interval_s,
            now=self.clock,
            cache_bytes=CACHE_BYTES,
            pages=PageReader(self.log, records=page_records),
        )
        self.heartbeat = Heartbeat(
            self.progress, self.log, interval_s=interval_s, lags=self.metrics.loop_lag, now=self.clock
        )


class Harness(Parts):
    """One of each part, and a note of every connection that a part wanted to end."""

    def __init__(
        self, *, interval_s: float = INTERVAL_S, slice_deliveries: int = SLICE, page_records: int = PAGE_RECORDS
    ) -> None:
        super().__init__(
            limit=10_000,
            limit_per_user=20,
            budget_bytes=BUDGET_BYTES,
            interval_s=interval_s,
            slice_deliveries=slice_deliveries,
            page_records=page_records,
        )
        self.controls: list[bytes] = []
        self.behind: list[Subscriber] = []
        self.slow: list[Subscriber] = []
        self.ended: list[tuple[Subscriber, int]] = []
        self.dead: list[Subscriber] = []
        self.expired: list[Subscriber] = []
        self.gaps: list[tuple[Subscriber, Cursor]] = []

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
        self.resumption.begin(subscriber, None)
        await self.replay.run(subscriber)
        return subscriber, link

    async def dispatch(self) -> None:
        """Let the dispatcher process everything; it cannot go on afterwards."""
        await self.log.close()
        await self.dispatcher.run()

    def beat(self, monotonic_s: float, *, limit: int = 1_000) -> bool:
        """Serve the connections that are due."""
        return self.heartbeat.beat(monotonic_s, self, limit=limit)

    # What the parts ask for

    def fall_behind(self, subscriber: Subscriber) -> None:
        """Note a connection that is behind."""
        if self.replay.fall_behind(subscriber):
            self.behind.append(subscriber)

    def take(self, payload: bytes) -> None:
        """Note a control record."""
        self.controls.append(payload)

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """Note a connection that was ended, and why."""
        self.ended.append((subscriber, code))
        self._end(subscriber)

    def end_slow(self, subscriber: Subscriber) -> None:
        """Note a connection that is slow."""
        self.slow.append(subscriber)
        self._end(subscriber)

    def end_expired(self, subscriber: Subscriber) -> None:
        """Note a connection whose token expired."""
        self.expired.append(subscriber)
        self._end(subscriber)

    def end_dead(self, subscriber: Subscriber) -> None:
        """Note a connection whose peer is gone."""
        self.dead.append(subscriber)
        self._end(subscriber)

    def announce_gap(self, subscriber: Subscriber, cursor: Cursor) -> None:
        """Note a connection that was told of a gap."""
        self.gaps.append((subscriber, cursor))

    def _end(self, subscriber: Subscriber) -> None:
        self.subscribers.remove(subscriber)
        subscriber.session.close()
        subscriber.link.abort()
