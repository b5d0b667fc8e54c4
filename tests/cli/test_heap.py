"""Memory that was freed goes back to the system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli.support.heap import WORTH_BYTES, Heap
from tests.faults.measurement import read_resident_bytes

MIB = 2**20
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


def make_pieces(count: int) -> list[bytes]:
    """Return as many pieces of 60 KB, each of its own."""
    return [b"%d" % number + b"x" * 60_000 for number in range(count)]


@pytest.mark.parametrize("name", ["fill_and_free", "grow_a_little_and_more"])
def test_memory_that_was_let_go_of_goes_back(name: str) -> None:
    """In a process of its own: what other tests have freed would be used again, and nothing would seem to grow."""
    alone = f"from tests.cli import test_heap; test_heap.{name}()"
    done = subprocess.run([sys.executable, "-c", alone], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (0, "") == (done.returncode, done.stderr)


def fill_and_free() -> None:
    """Keep every other of many pieces, so that none of the freed ones lies at the end: half of it all returns."""
    heap = Heap()
    before_bytes = read_resident_bytes(os.getpid())
    pieces = make_pieces(2_000)
    kept = pieces[::2]
    filled_bytes = read_resident_bytes(os.getpid())
    del pieces
    assert filled_bytes - before_bytes > 100 * MIB
    heap.give_back()
    assert filled_bytes - read_resident_bytes(os.getpid()) > 40 * MIB
    assert 1_000 == len(kept)


def grow_a_little_and_more() -> None:
    """Leave a process alone that has hardly grown, and ask for another's memory."""
    heap = Heap()
    asked: list[int] = []

    def trim(kept_bytes: int) -> int:
        asked.append(kept_bytes)
        return 1

    heap._trim = trim
    heap.give_back()
    assert [] == asked
    more = make_pieces(4 * WORTH_BYTES // 60_000)
    heap.give_back()
    assert [0] == asked
    assert more
