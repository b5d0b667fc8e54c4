"""A hub that has nothing to do sleeps: nothing in it wakes up only to look."""

from __future__ import annotations

import time
from pathlib import Path

from tests.cli.process import Running
from tests.cli.test_serve import KEYS, SECRET

#: How long it is watched, and how often a second its threads may run in that time, all together. Before, they did
#: thirty times.
WATCHED_S = 4.0
RUNS_PER_S = 5


def count_runs(process_id: int) -> int:
    """Return how often the threads of a process went to sleep so far; each time, something had woken one up."""
    lines = [
        line
        for thread in Path(f"/proc/{process_id}/task").iterdir()
        for line in (thread / "status").read_text().splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_an_idle_hub_hardly_ever_wakes_up(tmp_path: Path) -> None:
    """What is left: the log's look at its files, once a second, and the clock's, every few seconds."""
    env = {"JWT_SECRET": SECRET, "HUB_SERVICE_KEYS": KEYS, "HUB_PORT": "0", "HUB_DIRECTORY_URL": "off"}
    with Running("serve", folder=tmp_path / "hub-data", env=env) as hub:
        hub.wait_for("listening on")
        time.sleep(1)  # what the start leaves behind
        before = count_runs(hub.process.pid)
        time.sleep(WATCHED_S)
        assert count_runs(hub.process.pid) - before <= RUNS_PER_S * WATCHED_S
        assert 0 == hub.stop()
