"""The hub's figures for operators who look: made when somebody asks, and once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

import msgspec

from contracts.observation import MAX_ACCOUNTS, AccountCount, Durations, Figures, LogFigures
from contracts.stats import ConnectionCounts
from hub.api.handlers.health import ReadinessCheck
from hub.cluster.port import Cluster
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscribers
from hub.histogram import Histogram
from hub.log.port import Log
from hub.masking import mask_id
from hub.metrics import Metrics
from hub.observe.relays import RelayBoard
from hub.timestamp import format_time

__all__ = ["FIGURES_S", "FigureBoard"]

#: How often a watcher gets new figures.
FIGURES_S = 1.0
#: How often the accounts are ranked and the log's files are measured: both take longer the more there is.
SLOW_S = 5.0
#: How long the size of the log's files is waited for; until it is there the last known one is shown.
MEASURE_S = 0.5

_encode = msgspec.json.Encoder().encode


class FigureBoard:
    """Reads every counter of the hub into one event; what was read is kept for less than a second."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        subscribers: Subscribers,
        progress: Progress,
        log: Log,
        readiness: ReadinessCheck,
        relays: RelayBoard,
        cluster: Cluster,
        now: Callable[[], float],
        every_s: float = FIGURES_S,
    ) -> None:
        self._metrics = metrics
        self._subscribers = subscribers
        self._progress = progress
        self._log = log
        self._readiness = readiness
        self._relays = relays
        self._cluster = cluster
        self._now = now
        self.every_s = every_s
        #: For those who may see ids (True), and for the others; each with the moment at which it was made.
        self._made: dict[bool, tuple[float, bytes]] = {}
        self._measured_s = float("-inf")
        self._log_bytes = 0
        self._measuring: asyncio.Future[int] | None = None
        self._largest: list[tuple[str, int]] = []

    async def read(self, *, shows_ids: bool) -> bytes:
        """Return the `Figures` of this moment as JSON; account ids are masked unless `shows_ids`."""
        now_s = time.monotonic()
        if now_s - self._measured_s >= SLOW_S:
            self._measured_s = now_s
            await self._measure_log()
            # By name where the counts are equal, so that rows do not change places between two events.
            largest = self._subscribers.largest_accounts(MAX_ACCOUNTS)
            self._largest = sorted(largest, key=lambda pair: (-pair[1], pair[0]))
        made_s, made = self._made.get(shows_ids, (float("-inf"), b""))
        if now_s - made_s >= self.every_s / 2:
            made = _encode(self._collect(shows_ids=shows_ids))
            self._made[shows_ids] = now_s, made
        return made

    async def _measure_log(self) -> None:
        # A disk that fails or hangs is what an operator looks for: it takes no figures away, and one thread at most.
        measuring = self._measuring or asyncio.get_running_loop().run_in_executor(None, self._log.measure_bytes)
        self._measuring = measuring
        await asyncio.wait((measuring,), timeout=MEASURE_S)
        if measuring.done():
            self._measuring = None
            with contextlib.suppress(OSError):
                self._log_bytes = measuring.result()

    def _collect(self, *, shows_ids: bool) -> Figures:
        metrics, log, ready = self._metrics, self._log, self._readiness.check()
        counts = self._subscribers.count_all()
        return Figures(
            at=format_time(self._now()),
            connections=ConnectionCounts(
                total=counts.connections,
                websocket=counts.websocket,
                sse=counts.sse,
                durable_streams=counts.durable_streams,
            ),
            users=counts.unique_users,
            accounts=counts.accounts,
            largest_accounts=[
                AccountCount(
                    account_id=account_id if shows_ids else mask_id(account_id),
                    connections=count,
                )
                for account_id, count in self._largest
            ],
            published=dict(metrics.published),
            duplicates=metrics.duplicates,
            deliveries=dict(metrics.deliveries),
            replayed=metrics.replayed,
            fallen_behind=metrics.fallen_behind,
            gaps=metrics.resumes["gap"],
            connected=dict(metrics.connects),
            closed={str(code): count for code, count in metrics.closes.items()},
            refused=dict(metrics.refusals),
            problems=dict(metrics.problems),
            durations=dict(self._read_durations()),
            log=LogFigures(
                first=log.first, head=log.head, bytes=self._log_bytes, writable=log.writable, damaged=log.damaged
            ),
            dispatch_lag=max(0, log.head - self._progress.position),
            directory=ready.directory,
            draining=ready.draining,
            ready=ready.ready,
            relays=self._relays.collect(),
            nodes=self._cluster.list_nodes(),
            mismatches={f"{kind}.{field}": count for (kind, field), count in metrics.mismatches.items()},
        )

    def _read_durations(self) -> Iterator[tuple[str, Durations]]:
        metrics = self._metrics
        named: dict[str, Histogram] = {
            "publish_to_disk": metrics.publish_to_disk,
            **{f"publish_to_socket:{name}": each for name, each in metrics.publish_to_socket.items()},
            "replay": metrics.replay,
            **{f"handshake:{name}": each for name, each in metrics.handshake.items()},
            "directory_query": metrics.directory_query,
            **{f"fsync:{name}": each for name, each in self._log.fsyncs.items()},
            "loop_lag": metrics.loop_lag,
        }
        for name, histogram in named.items():
            yield name, Durations(counts=histogram.counts.copy(), sum_seconds=histogram.sum_s)
