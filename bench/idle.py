"""What a connection costs that gets nothing: to make, to keep in memory, to keep alive."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.figure import Budget, Figures
from bench.load import run_load
from bench.plan import Plan
from bench.running import Contestant
from bench.transport import TRANSPORTS

__all__ = ["measure_connections", "measure_idle"]

WARM_UP = 50
#: What a server needs to see that all connections of the run before have gone.
GONE_S = 0.5
#: One heartbeat interval of the hub, so that each connection gets its heartbeat once.
HOLD_S = 30.0

#: As little as before, and little more than nchan.
_MEMORY_BUDGET = Budget(12)
_NEW_TOKEN_BUDGET, _FIRST_TIME_BUDGET = Budget(250), Budget(500)
_IDLE_BUDGET = Budget(0.7)
#: Who keeps connections alive with pings or comments, as the hub does every 30 s; and nchan, which sends nothing.
_IDLE = {"ws": ("hub", "nchan", "Centrifugo", "Litestar"), "sse": ("hub", "nchan", "Centrifugo")}


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
                    figures.warn(f"{contestant.name}, {name}, connecting: {error}")


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
                figures.warn(f"{who}, {name}, connecting: {flaw}")
            runs.append(load)
            time.sleep(GONE_S)
            if not contestant.has_tokens and len(runs) == 3:
                # Without tokens there is no difference between the second and the third time.
                break
    figures.row(f"{name}: memory per idle connection", "KiB", _MEMORY_BUDGET).add(who, runs[1].rss_kib_per_connection)
    title = f"{name} connect, CPU"
    figures.row(f"{title} (new token of a known user)", "us", _NEW_TOKEN_BUDGET).add(who, runs[2].connect_cpu_us)
    if contestant.has_tokens:
        first = figures.row(f"{title} (first time: the hub asks its directory)", "us", _FIRST_TIME_BUDGET)
        first.add(who, runs[1].connect_cpu_us)
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
                figures.warn(f"{label}: {error}")
                continue
            for flaw in load.flaws:
                figures.warn(f"{label}: {flaw}")
            share = 100 * load.hold_cpu_s / HOLD_S
            title = f"{name}: {count:,} idle connections for {HOLD_S:.0f} s"
            figures.row(title, "% of a core", _IDLE_BUDGET).add(contestant.name, share)
            figures.row(f"{title}: whole process", "MiB").add(contestant.name, load.rss_end_mib)
            print(f"    {label}: {share:.2f} %, {load.rss_kib_per_connection:.1f} KiB each", flush=True)
