"""One publish, one receiver: the case that a notification hub has most often."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figure import Budget, Figures
from bench.load import Publish, run_load
from bench.plan import Plan
from bench.running import Contestant
from bench.transport import TRANSPORTS

__all__ = ["measure_personal"]

CONNECTIONS = 1_000
RATE = 500.0


def measure_personal(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Publish 500 a second, each to the next one of 1,000 users, each of whom has one connection."""
    for _ in range(plan.rounds):
        for transport in TRANSPORTS:
            for contestant in contestants:
                if contestant.is_core and transport in contestant.transports:
                    try:
                        _run(figures, contestant, transport, plan)
                    except (RuntimeError, OSError) as error:
                        figures.warn(f"{contestant.name}, {TRANSPORTS[transport]}, personal: {error}")


def _run(figures: Figures, contestant: Contestant, transport: str, plan: Plan) -> None:
    who, name = contestant.name, TRANSPORTS[transport]
    with contestant.start(transport, CONNECTIONS) as running:
        to = running.person
        if to is None:
            return
        load = run_load(
            who,
            port=running.port,
            pid=running.pid,
            transport=transport,
            paths=running.personal_paths,
            connections=CONNECTIONS,
            hello=running.hello,
            publish=Publish(
                path=to.path,
                body=to.body,
                headers=to.headers,
                rate=RATE,
                seconds=plan.personal_seconds,
                fanout=1,
                users=CONNECTIONS,
            ),
        )
    for flaw in load.flaws:
        figures.warn(f"{who}, {name}, personal: {flaw}")
    title = f"{name}, {RATE:.0f}/s, each to 1 of {CONNECTIONS:,}"
    figures.row(f"{title}: server CPU per publish", "us", Budget(1.3, "Centrifugo")).add(who, load.publish_cpu_us)
    figures.row(f"{title}: publish to receipt, p50", "ms", Budget(0.45)).add(who, load.delivery_p50_ms)
    figures.row(f"{title}: publish to receipt, p99", "ms", Budget(1.5)).add(who, load.delivery_p99_ms)
    figures.personal.setdefault(transport, {}).setdefault(who, []).append(
        (load.publish_cpu_us, load.delivery_p50_ms, load.delivery_p99_ms)
    )
    print(
        f"    {who}, {title}: {load.publish_cpu_us:.0f} us, p50 {load.delivery_p50_ms:.2f} ms,"
        f" p99 {load.delivery_p99_ms:.2f} ms",
        flush=True,
    )
