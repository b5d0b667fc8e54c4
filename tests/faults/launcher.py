"""`python -m tests.faults.launcher`: what `hub serve` runs, in a process that tests take away."""

from __future__ import annotations

import os

from hub.cli.support.runner import run_hub
from hub.settings import read_settings


def main() -> None:
    """Serve until a signal."""
    run_hub(read_settings(os.environ), announce=lambda url: None)


if __name__ == "__main__":
    main()
