"""`python -m tests.simulation SEED` runs one simulation and prints its course; `FIRST-LAST` runs many."""

from __future__ import annotations

import sys

from tests.simulation.world import simulate


def main(arguments: list[str]) -> int:
    """Run what the arguments name, and return how many simulations failed."""
    failed = 0
    for argument in arguments:
        first, _, last = argument.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            try:
                outcome = simulate(seed, trace=None if last else _write)
            except Exception as error:
                failed += 1
                _write(f"seed {seed}: {type(error).__name__}: {error}")
            else:
                if not last:
                    _write(str(outcome))
    _write(f"{failed} failed")
    return failed


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
