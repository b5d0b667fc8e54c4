"""How many notifications a second are acknowledged; what an acknowledgement means is another matter for each."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.contestant import BATCH, run_naive
from bench.figure import Budget, Figures
from bench.load import Load, Publish, run_load
from bench.notice import delivered_text
from bench.plan import Plan
from bench.process import BUILD
from bench.running import Address, Contestant, Running

__all__ = ["IN_FLIGHT", "measure_publish"]

IN_FLIGHT = 64
#: A user who is not connected: what is measured here is the way in.
AWAY = 1

_ONE = f"publish, {IN_FLIGHT} in flight, one by one"
_BATCHES = f"publish, {IN_FLIGHT} in flight, batches of {BATCH}"
_BUDGETS = {_ONE: Budget(14_000, at_least=True), _BATCHES: Budget(50_000, at_least=True)}


def measure_publish(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Publish to a user who is away as fast as the responses come: one by one, then in batches."""
    for _ in range(plan.rounds):
        for contestant in contestants:
            if not contestant.is_core:
                continue
            transport = contestant.transports[0]
            with contestant.start(transport, 2) as running:
                if running.person is not None and contestant.name != "C floor":
                    _run(figures, contestant.name, running, transport, _ONE, running.person.to(AWAY), 1, plan)
                if running.batch is not None:
                    _run(figures, contestant.name, running, transport, _BATCHES, running.batch.to(AWAY), BATCH, plan)
        if any(contestant.name == "Litestar" for contestant in contestants):
            _measure_naive(figures, plan)


def _measure_naive(figures: Figures, plan: Plan) -> None:
    with tempfile.TemporaryDirectory(dir=BUILD) as folder, run_naive(Path(folder) / "store.sqlite3") as (port, pid):
        store = Address("/store", delivered_text())
        running = Running(port=port, pid=pid, paths=["/ws"], fresh_paths=["/ws"], everybody=store)
        _run(figures, "Litestar", running, "ws", _ONE, store, 1, plan)


def _run(
    figures: Figures,
    who: str,
    running: Running,
    transport: str,
    title: str,
    to: Address,
    size: int,
    plan: Plan,
) -> None:
    load: Load = run_load(
        who,
        port=running.port,
        pid=running.pid,
        transport=transport,
        paths=running.paths[:1],
        connections=1,
        hello=running.hello,
        publish=Publish(
            path=to.path,
            body=to.body,
            headers=to.headers,
            rate=0,
            seconds=plan.publish_seconds,
            fanout=0,
            in_flight=IN_FLIGHT,
        ),
    )
    for flaw in load.flaws:
        figures.warn(f"{who}, {title}: {flaw}")
    per_s, cost_us = load.publishes_per_s * size, load.publish_cpu_us / size
    figures.row(title, "/s", _BUDGETS[title]).add(who, per_s)
    figures.row(f"{title}, server CPU each", "us").add(who, cost_us)
    print(f"    {who}, {title}: {per_s:,.0f}/s, {cost_us:.0f} us each", flush=True)
