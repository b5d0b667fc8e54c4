"""Memory that was let go of goes back to the system."""

from __future__ import annotations

import os

from hub.cli.heap import WORTH_BYTES, Heap
from tests.faults.gauge import read_resident_bytes

MIB = 2**20


def make_pieces(count: int) -> list[bytes]:
    """Return as many pieces of 60 KB, each of its own."""
    return [b"%d" % number + b"x" * 60_000 for number in range(count)]


def test_what_was_freed_below_what_is_used_goes_back() -> None:
    """Every other of many pieces is kept, so that none of the freed ones lies at the end: half of it all returns."""
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


def test_little_is_not_worth_it() -> None:
    """A process that has hardly grown is left alone."""
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
