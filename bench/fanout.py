"""One publish, many subscribers: what a delivery costs the server, and how late the last one is."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contestant import Contestant
from bench.figure import Budget, Figures
from bench.load import Load, run_load
from bench.plan import Plan

__all__ = ["TRANSPORTS", "measure_curves", "measure_fanout"]

TRANSPORTS = {"ws": "WebSocket", "sse": "SSE"}
CONNECTIONS = 1_000
RATE = 20.0
#: Deliveries a second while the number of connections varies, and the most publishes a second.
CURVE_DELIVERIES, CURVE_RATE = 20_000, 200

_COST_BUDGETS = {
    "ws": (Budget(1.6, "C floor"), Budget(1.25, "nchan")),
    "sse": (Budget(1.6, "C floor"), Budget(1.0, "nchan")),
}


def measure_fanout(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Publish 20 a second to 1,000 connections, each contestant in turn, round after round."""
    for _ in range(plan.rounds):
        for transport, name in TRANSPORTS.items():
            for contestant in contestants:
                load = _run(figures, contestant, transport, CONNECTIONS, RATE, plan.fanout_seconds)
                if load is None:
                    continue
                who = contestant.name
                title = f"{name} fan-out to 1,000: server CPU per delivery"
                figures.row(title, "us", *_COST_BUDGETS[transport]).add(who, load.delivery_cpu_us)
                title = f"{name}: publish to the last of 1,000, "
                figures.row(title + "p50", "ms", Budget(12)).add(who, load.last_p50_ms)
                figures.row(title + "p99", "ms", Budget(40)).add(who, load.last_p99_ms)
                figures.latencies.setdefault(transport, {}).setdefault(who, []).append(
                    (load.last_p50_ms, load.last_p90_ms, load.last_p99_ms, load.last_max_ms)
                )
                _note_curve(figures, transport, who, load)


def measure_curves(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Measure the cost of a delivery with few and with many connections."""
    for connections in plan.curve_connections:
        rate = min(CURVE_RATE, CURVE_DELIVERIES / connections)
        for transport in TRANSPORTS:
            for contestant in contestants:
                load = _run(figures, contestant, transport, connections, rate, plan.curve_seconds)
                if load is not None:
                    _note_curve(figures, transport, contestant.name, load)


def _run(
    figures: Figures, contestant: Contestant, transport: str, connections: int, rate: float, seconds: float
) -> Load | None:
    if transport not in contestant.transports:
        return None
    label = f"{contestant.name}, {TRANSPORTS[transport]}, {connections:,} connections"
    try:
        with contestant.start(transport, connections) as running:
            load = run_load(
                contestant.name,
                port=running.port,
                pid=running.pid,
                transport=transport,
                paths=running.paths,
                connections=connections,
                hello=running.hello,
                publish=running.publish(rate=rate, seconds=seconds, fanout=connections),
            )
    except (RuntimeError, OSError) as error:
        figures.complain(f"{label}: {error}")
        return None
    for flaw in load.flaws:
        figures.complain(f"{label}: {flaw}")
    print(f"    {label}: {load.delivery_cpu_us:.2f} us, last p99 {load.last_p99_ms:.1f} ms", flush=True)
    return load


def _note_curve(figures: Figures, transport: str, name: str, load: Load) -> None:
    points = figures.curves.setdefault(transport, {}).setdefault(name, [])
    points.append((load.connections, load.delivery_cpu_us))
