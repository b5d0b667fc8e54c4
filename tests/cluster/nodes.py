"""Nodes of a cluster on a bus in memory, each with a hub that a test sets."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from contracts.stats import ConnectionCounts, Stats, Totals
from hub.auth.grant import Grant
from hub.auth.tickets import Tickets
from hub.bounds import Bounds
from hub.cluster.nats_cluster import NatsCluster
from hub.cluster.operator import FoundConnections, OperatorAnswer, OperatorQuestion
from hub.cursor import Cursor, Epoch
from hub.log.port import Erased, Health
from hub.metrics import Metrics
from hub.target import Target
from tests.cluster.bus import Bus, Connection
from tests.fakes import FakeClock, MemoryLog

__all__ = ["GRANT", "FakeHub", "Node", "wait_until"]

DEADLINE_S = 20.0
GRANT = Grant(
    user_id="00000000191",
    account_id="12345678000190",
    role="user",
    expires_at_s=4e9,
    issued_at_s=1.0,
    token_id=None,
    token_digest="",
)
#: Quick enough for a test, and long enough for a loaded machine.
QUICK = {"node_beacon_s": 0.05, "node_presence_s": 0.1, "node_answer_s": 0.3, "node_name_s": 0.05}


class FakeHub:
    """What a node answers with: implements `hub.cluster.local.Local` and `SharedLog`."""

    epoch = Epoch("memory2345")

    def __init__(self, node: str) -> None:
        self.tickets = Tickets(ttl_s=30, node=node)
        self.connections: dict[str, int] = {}
        self.met: Counter[int] = Counter()
        self.taken: set[tuple[str, int]] = set()
        self.acknowledged: list[tuple[str, Cursor]] = []
        self.closed: list[bytes] = []
        self.closes = 0
        self.signals: list[tuple[Sequence[Target], str, str, bytes]] = []
        self.state = "ready"
        self.applied = self.head = 0
        self.heads: list[int] = []

    @property
    def health(self) -> Health:
        return Health("ok", self.applied, self.head)

    def learn_head(self, position: int) -> None:
        self.heads.append(position)

    def follow_erasures(self, listener: Callable[[str, str | None, Erased], None]) -> None:
        """Take it: these nodes erase nobody."""

    def redeem(self, digest: bytes, origin: str | None) -> Grant:
        return self.tickets.redeem_digest(digest, origin=origin, now_s=time.time())

    def close_for(self, payload: bytes, *, revoke: bool) -> int:
        self.closed.append(payload)
        return self.closes

    def collect_stats(self) -> Stats:
        total = sum(self.connections.values())
        return Stats(
            total_connections=total,
            connections_by_account=dict(self.connections),
            connections=ConnectionCounts(total=total, websocket=total, sse=0),
            unique_users=total,
            uptime_seconds=1.0,
            totals=Totals(
                connected=total,
                disconnected=0,
                refused=0,
                published=3,
                duplicates=0,
                deliveries=0,
                replays=0,
                gaps=0,
                drops=0,
            ),
            refusals={"hub_full": 1},
        )

    def answer_operator(self, question: OperatorQuestion) -> OperatorAnswer:
        return FoundConnections(sum(self.connections.values()), [])

    def count_connections(self) -> tuple[ConnectionCounts, int]:
        stats = self.collect_stats()
        return stats.connections, stats.unique_users

    def count_met(self, position: int) -> int | None:
        return self.met[position]

    def has_taken(self, user: Target, position: int) -> bool:
        return (user, position) in self.taken

    def take_acknowledged(self, user: Target, cursor: Cursor) -> None:
        self.acknowledged.append((user, cursor))

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> int:
        self.signals.append((targets, kind, key, prefix))
        return 2

    def find_state(self) -> str:
        return self.state


class Node:
    """One node: the cluster's part is real, the hub behind it is not."""

    def __init__(
        self,
        bus: Bus,
        name: str,
        *,
        log: MemoryLog | None = None,
        clock_s: float = 0.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        **bounds: Any,
    ) -> None:
        self.name = name
        self.hub = FakeHub(name)
        self.log = log or MemoryLog(FakeClock())
        self.nats: Connection = bus.connect()
        self.metrics = Metrics(started_at_s=wall())
        self.cluster = NatsCluster(
            self.nats,
            node=name,
            stream="hub",
            version="1.2.3",
            metrics=self.metrics,
            bounds=Bounds(**{**QUICK, **bounds}),
            receipt_wait_s=0.1,
            now=lambda: wall() + clock_s,
            monotonic=monotonic,
        )

    async def start(self) -> Node:
        """Claim the name, and begin."""
        await self.cluster.claim_name()
        await self.cluster.start(self.hub, self.log, self.hub, dispatched=lambda: self.hub.applied)
        return self

    @property
    def life(self) -> str:
        """The id of this run, as the node says it."""
        heads = (json.loads(said.payload) for said in self.nats.bus.said if said.subject == "hub.node.head")
        life: str = next(head["life"] for head in heads if head["node"] == self.name)
        return life

    def others(self) -> list[str]:
        """Return the names of the nodes that this one sees, and that told of themselves."""
        return [row.node for row in self.cluster.list_nodes() if row.node != self.name]


async def wait_until(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.01)
