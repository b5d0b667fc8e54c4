"""Three nodes over a simulated stream: whatever goes wrong, nothing acknowledged is lost, repeated or out of order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.target import EVERYONE
from tests.simulation.truth import Segment, Truth
from tests.simulation.world import FAULTS, Outcome, simulate

ROOT = Path(__file__).parent.parent.parent
PARTS = 10
EACH = 20


def run_seeds(seeds: range) -> list[Outcome]:
    """Run simulations; a failure names the command that repeats it."""
    outcomes = []
    for seed in seeds:
        try:
            outcomes.append(simulate(seed))
        except Exception as error:
            error.add_note(f"To see its course: python -m tests.simulation {seed}")
            raise
    return outcomes


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong(part: int) -> None:
    """Every mirror and every client has in the end what was acknowledged, once and in order, and what is left out was
    announced; and what could go wrong did."""
    outcomes = run_seeds(range(part * EACH, (part + 1) * EACH))
    assert 10 * EACH < sum(outcome.acknowledged for outcome in outcomes)
    assert EACH < sum(outcome.faults for outcome in outcomes)
    assert EACH <= sum(outcome.elections for outcome in outcomes)
    assert EACH // 2 < sum(outcome.duplicates for outcome in outcomes)
    assert len(FAULTS) - 1 <= len({kind for outcome in outcomes for kind in outcome.kinds})
    assert EACH // 2 < sum(not outcome.is_state_lost for outcome in outcomes)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(40))
def test_whatever_goes_wrong_for_long(part: int) -> None:
    """Nor in 20,000 other simulations."""
    run_seeds(range(1_000 + part * 500, 1_000 + (part + 1) * 500))


def test_the_page_says_how_many() -> None:
    """The page for developers has the number of simulations of `make test`."""
    words = (ROOT / "docs/contributing.md").read_text().split()
    assert " ".join(["`make", "test`", "runs", str(PARTS * EACH), "seeds,"]) in " ".join(words)


def test_same_seed_same_course() -> None:
    """A seed takes the same course in another process, whose hashes and addresses are others."""
    seed = 8
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-m", "tests.simulation", str(seed)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert str(simulate(seed)) == done.stdout.splitlines()[-2]


class TestTruth:
    """What must be noticed is noticed."""

    def test_missing_repeated_and_swapped(self) -> None:
        """A client that lacks a notification, has one more than once, or in another order is found out."""
        truth = Truth()
        ids = [truth.draft((EVERYONE,), None, b"").id for _ in range(3)]
        good = [(1, ids[0]), (2, ids[1]), (3, ids[2])]
        for got in (good[:2], [*good, good[2]], [good[1], good[0], good[2]], [(1, ids[0]), (2, ids[2]), (3, ids[2])]):
            with pytest.raises(AssertionError, match="where the stream has"):
                truth.check_segment(Segment("client", (EVERYONE,), 0, 3, got), ids)
        truth.check_segment(Segment("client", (EVERYONE,), 0, 3, good), ids)


def test_a_stale_leader_does_not_end_a_node() -> None:
    """A leader that says for a moment less than a node has is not another stream: the node publishes again."""
    run_seeds(range(82, 83))
