"""`python -m tests.faults.watched FILE on|off`: the hub, with Python's collector or without it, watched.

Without it, whatever an ended connection leaves stays, and shows. On SIGUSR1 the process writes into FILE what it
holds, by type, and how long the collector ever held it up.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from hub.cli.support.runner import run_hub
from hub.settings import read_settings

__all__ = ["main"]


class Watch:
    """How long collections take, in time of the thread itself: other processes on the machine are not counted."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []
        self._began_s = 0.0

    def note(self, phase: str, _: object) -> None:
        """Take a moment that the collector tells of."""
        if phase == "start":
            self._began_s = time.thread_time()
        else:
            self.pauses_s.append(time.thread_time() - self._began_s)


def main() -> None:
    """Serve until a signal."""
    path, collector = Path(sys.argv[1]), sys.argv[2]
    watch = Watch()

    def start(_: str) -> None:
        # What exists by then lives as long as the process, and the hub has collected it.
        if collector == "off":
            gc.disable()
        gc.callbacks.append(watch.note)

    def tell(*_: object) -> None:
        objects = Counter(f"{type(held).__module__}.{type(held).__qualname__}" for held in gc.get_objects())
        passing = path.with_suffix(".part")
        passing.write_text(json.dumps({"objects": objects, "pauses_s": watch.pauses_s}))
        passing.rename(path)

    signal.signal(signal.SIGUSR1, tell)
    run_hub(read_settings(os.environ), announce=start)


if __name__ == "__main__":
    main()
