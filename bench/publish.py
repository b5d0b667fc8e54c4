"""How many notifications a second are acknowledged when each must be on disk first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.contestant import run_naive
from bench.figure import Budget, Figures
from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.load import Load, Publish, run_load
from bench.notice import ACCOUNT, batch_body, delivered_text, publish_body, user_id
from bench.plan import Plan
from bench.process import BUILD

__all__ = ["measure_publish"]

IN_FLIGHT = 64
BATCH = 100
#: Nobody who is connected: what is measured here is the way into the log.
AWAY = {"account_id": ACCOUNT, "user_id": user_id(1)}

_ONE = f"publish with fsync, {IN_FLIGHT} in flight, one by one"
_BATCHES = f"publish with fsync, {IN_FLIGHT} in flight, batches of {BATCH}"


def measure_publish(figures: Figures, plan: Plan) -> None:
    """Publish as fast as the answers come: one by one, in batches, and to the naive app with a commit each."""
    for _ in range(plan.rounds):
        with HubFolder(users=2) as folder, folder.serve() as (port, pid):
            path = f"/ws?token={folder.token(0)}"
            for title, route, body, size, least in (
                (_ONE, HUB_PUBLISH_PATH, publish_body(AWAY), 1, 3_000),
                (_BATCHES, f"{HUB_PUBLISH_PATH}/batch", batch_body([AWAY] * BATCH), BATCH, 15_000),
            ):
                load = _run("hub", port, pid, path, route, body, folder.publish_headers, plan)
                _note(figures, "hub", title, load, size, Budget(least, at_least=True))
        with tempfile.TemporaryDirectory(dir=BUILD) as naive, run_naive(Path(naive) / "store.sqlite3") as (port, pid):
            load = _run("Litestar", port, pid, "/ws", "/store", delivered_text(), (), plan)
            _note(figures, "Litestar", _ONE, load, 1)


def _run(
    name: str, port: int, pid: int, path: str, route: str, body: bytes, headers: tuple[str, ...], plan: Plan
) -> Load:
    return run_load(
        name,
        port=port,
        pid=pid,
        transport="ws",
        paths=[path],
        connections=1,
        publish=Publish(
            path=route,
            body=body,
            headers=headers,
            rate=0,
            seconds=plan.publish_seconds,
            fanout=0,
            in_flight=IN_FLIGHT,
        ),
    )


def _note(figures: Figures, who: str, title: str, load: Load, size: int, *budgets: Budget) -> None:
    for flaw in load.flaws:
        figures.complain(f"{who}, {title}: {flaw}")
    figures.row(title, "/s", *budgets).add(who, load.publishes_per_s * size)
    figures.row(f"{title}, server CPU each", "us").add(who, load.publish_cpu_us / size)
    print(
        f"    {who}, {title}: {load.publishes_per_s * size:,.0f}/s, {load.publish_cpu_us / size:.0f} us each",
        flush=True,
    )
