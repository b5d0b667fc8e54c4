"""What a connection costs that gets nothing: to make, to keep in memory, to keep alive."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.contestant import Contestant
from bench.fanout import TRANSPORTS
from bench.figure import Budget, Figures
from bench.load import run_load
from bench.plan import Plan

__all__ = ["measure_connections", "measure_idle"]

WARM_UP = 50
#: What a server needs to see that all connections of the run before have gone.
GONE_S = 0.5
#: One heartbeat interval of the hub, so that each connection gets its heartbeat once.
HOLD_S = 30.0

_MEMORY_BUDGETS = {"ws": Budget(22), "sse": Budget(12)}
_CONNECT_BUDGETS = {"ws": Budget(500), "sse": Budget(300)}
#: Who keeps connections alive with pings or comments of its own, as the hub does.
_IDLE = {"ws": ("hub", "Litestar"), "sse": ("hub",)}


def measure_connections(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Connect a fresh server three times over: strangers, known users, known tokens."""
    count = plan.connect_connections
    for _ in range(plan.rounds):
        for transport, name in TRANSPORTS.items():
            for contestant in contestants:
                # The floor answers without looking, so its connections say nothing.
                if transport not in contestant.transports or contestant.name == "C floor":
                    continue
                try:
                    _measure_one(figures, contestant, transport, name, count)
                except (RuntimeError, OSError) as error:
                    figures.complain(f"{contestant.name}, {name}, connecting: {error}")


def _measure_one(figures: Figures, contestant: Contestant, transport: str, name: str, count: int) -> None:
    who = contestant.name
    runs = []
    with contestant.start(transport, count) as running:
        for paths, connections in (
            (running.paths, WARM_UP),
            (running.paths, count),
            (running.fresh_paths, count),
            (running.fresh_paths, count),
        ):
            load = run_load(
                who,
                port=running.port,
                pid=running.pid,
                transport=transport,
                paths=paths,
                connections=connections,
                hello=running.hello,
                settle_s=0.5,
            )
            for flaw in load.flaws:
                figures.complain(f"{who}, {name}, connecting: {flaw}")
            runs.append(load)
            time.sleep(GONE_S)
            if who != "hub" and len(runs) == 3:
                # Without tokens there is no difference between the second and the third time.
                break
    figures.row(f"{name}: memory per idle connection", "KiB", _MEMORY_BUDGETS[transport]).add(
        who, runs[1].rss_kib_per_connection
    )
    title = f"{name} connect, CPU"
    figures.row(f"{title} (hub: token verified, directory remembered)", "us", _CONNECT_BUDGETS[transport]).add(
        who, runs[2].connect_cpu_us
    )
    if who == "hub":
        figures.row(f"{title} (directory asked)", "us").add(who, runs[1].connect_cpu_us)
        figures.row(f"{title} (token seen before)", "us").add(who, runs[3].connect_cpu_us)
    print(
        f"    {who}, {name}: {runs[1].rss_kib_per_connection:.1f} KiB, connect {runs[2].connect_cpu_us:.0f} us",
        flush=True,
    )


def measure_idle(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Hold many idle connections for one heartbeat interval."""
    count = plan.idle_connections
    if not count:
        return
    for transport, name in TRANSPORTS.items():
        for contestant in contestants:
            if contestant.name not in _IDLE[transport]:
                continue
            label = f"{contestant.name}, {name}, {count:,} idle"
            try:
                with contestant.start(transport, count) as running:
                    load = run_load(
                        contestant.name,
                        port=running.port,
                        pid=running.pid,
                        transport=transport,
                        paths=running.paths,
                        connections=count,
                        settle_s=3.0,
                        hold_s=HOLD_S,
                    )
            except (RuntimeError, OSError) as error:
                figures.complain(f"{label}: {error}")
                continue
            for flaw in load.flaws:
                figures.complain(f"{label}: {flaw}")
            share = 100 * load.hold_cpu_s / HOLD_S
            figures.row(f"{name}: {count:,} idle connections, one heartbeat each", "% of a core", Budget(3)).add(
                contestant.name, share
            )
            print(f"    {label}: {share:.2f} %, {load.rss_kib_per_connection:.1f} KiB each", flush=True)
