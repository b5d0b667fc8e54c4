"""One publish, many subscribers: what a delivery costs the server, and how late the last one is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.figure import Budget, Figures
from bench.load import Load, run_load
from bench.plan import Plan
from bench.running import Contestant
from bench.transport import TRANSPORTS

__all__ = ["measure_curves", "measure_fanout"]

#: Deliveries a second while the number of connections varies, and the most publishes a second.
CURVE_DELIVERIES, CURVE_RATE = 20_000, 200


class Row(msgspec.Struct, frozen=True):
    """How many receive each publish, how many publishes a second, and what a delivery may cost."""

    connections: int
    rate: float
    budgets: tuple[Budget, ...]
    #: Only those that are in every row; the others take part at the first rate.
    core_only: bool = True


ROWS = (
    Row(1_000, 20.0, (Budget(1.4, "C floor"), Budget(1.0, "nchan")), core_only=False),
    Row(1_000, 100.0, (Budget(1.25, "C floor"), Budget(1.0, "nchan"))),
    Row(100, 200.0, (Budget(1.0, "Centrifugo"),)),
    Row(10, 200.0, (Budget(1.0, "Centrifugo"),)),
)
#: The publish to the last of 1,000, at the first rate.
LAST_BUDGETS = {"p50": Budget(12), "p99": Budget(40)}


def measure_fanout(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Publish to 1,000, 100 and 10 connections, each contestant in turn, round after round."""
    for _ in range(plan.rounds):
        for row in ROWS:
            for transport in TRANSPORTS:
                for contestant in contestants:
                    if contestant.is_core or not row.core_only:
                        load = _run(figures, contestant, transport, row.connections, row.rate, plan.fanout_seconds)
                        if load is not None:
                            _note(figures, row, transport, contestant.name, load)


def _note(figures: Figures, row: Row, transport: str, who: str, load: Load) -> None:
    name = TRANSPORTS[transport]
    to = f"{row.connections:,}"
    title = f"{name} fan-out to {to} at {row.rate:.0f}/s: server CPU per delivery"
    figures.row(title, "us", *row.budgets).add(who, load.delivery_cpu_us)
    if row.connections == 1_000:
        first = row.rate == ROWS[0].rate
        title = f"{name}, {row.rate:.0f}/s: publish to the last of {to}, "
        for percentile, value in (("p50", load.last_p50_ms), ("p99", load.last_p99_ms)):
            budgets = [LAST_BUDGETS[percentile]] if first else []
            figures.row(title + percentile, "ms", *budgets).add(who, value)
        if first:
            figures.latencies.setdefault(transport, {}).setdefault(who, []).append(
                (load.last_p50_ms, load.last_p90_ms, load.last_p99_ms, load.last_max_ms)
            )
    if row.rate in (ROWS[0].rate, CURVE_RATE):
        _note_curve(figures, transport, who, load)


def measure_curves(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Measure the cost of a delivery with few and with many connections."""
    for connections in plan.curve_connections:
        rate = min(CURVE_RATE, CURVE_DELIVERIES / connections)
        for transport in TRANSPORTS:
            for contestant in contestants:
                if contestant.is_core and any(row.connections == connections for row in ROWS):
                    continue
                load = _run(figures, contestant, transport, connections, rate, plan.curve_seconds)
                if load is not None:
                    _note_curve(figures, transport, contestant.name, load)


def _run(
    figures: Figures, contestant: Contestant, transport: str, connections: int, rate: float, seconds: float
) -> Load | None:
    if transport not in contestant.transports:
        return None
    label = f"{contestant.name}, {TRANSPORTS[transport]}, {connections:,} connections, {rate:g}/s"
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
        figures.warn(f"{label}: {error}")
        return None
    for flaw in load.flaws:
        figures.warn(f"{label}: {flaw}")
    print(f"    {label}: {load.delivery_cpu_us:.2f} us, last p99 {load.last_p99_ms:.1f} ms", flush=True)
    return load


def _note_curve(figures: Figures, transport: str, who: str, load: Load) -> None:
    figures.curves.setdefault(transport, {}).setdefault(who, []).append((load.connections, load.delivery_cpu_us))
