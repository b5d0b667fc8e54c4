"""Cursors: what is written is read again, and what is not a cursor is nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cursor import Cursor, Epoch, new_epoch, parse_cursor

EPOCH = Epoch("abcdefghij")
LARGEST = 2**63 - 1

epochs = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=10, max_size=10).map(Epoch)
positions = st.integers(0, LARGEST)


@given(epoch=epochs, position=positions)
def test_round_trip(epoch: Epoch, position: int) -> None:
    """A cursor read from its own text is the same cursor."""
    cursor = Cursor(epoch, position)
    assert cursor == parse_cursor(str(cursor))


@given(epoch=epochs, position=positions)
def test_text_is_safe_everywhere(epoch: Epoch, position: int) -> None:
    """The text needs no escaping in a URL, a header, JSON or an SSE `id` line, and stays short."""
    text = str(Cursor(epoch, position))
    assert re.fullmatch(r"[a-z0-9-]{12,24}", text, re.ASCII)


@given(left=st.tuples(epochs, positions), right=st.tuples(epochs, positions))
def test_one_text_one_place(left: tuple[Epoch, int], right: tuple[Epoch, int]) -> None:
    """Two places never share a text."""
    assert (left == right) == (str(Cursor(*left)) == str(Cursor(*right)))


@pytest.mark.parametrize(
    ("position", "text"),
    [(0, "0"), (9, "9"), (10, "a"), (35, "z"), (36, "10"), (1295, "zz"), (1296, "100"), (LARGEST, "1y2p0ij32e8e7")],
)
def test_positions_are_written_in_base_36(position: int, text: str) -> None:
    """The digits are 0-9 and a-z, without leading zeros."""
    assert f"{EPOCH}-{text}" == str(Cursor(EPOCH, position))
    assert Cursor(EPOCH, position) == parse_cursor(f"{EPOCH}-{text}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "0",
        "abcdefghij",
        "abcdefghij-",
        "-0",
        "abcdefghi-0",
        "abcdefghijk-0",
        "ABCDEFGHIJ-0",
        "abcdefghij-A",
        "abcdefghij--1",
        "abcdefghij-+1",
        "abcdefghij-1_0",
        "abcdefghij-1 ",
        " abcdefghij-1",
        "abcdefghij-1\n",
        "abcdefghij-1\0",
        "abcdefghij-1-1",
        "abcdefghij_1",
        "abcdefghij-٣",
        "äbcdefghij-1",
        "abcdefghij-１",
        "abcdefghij-1y2p0ij32e8e8",  # one above the largest row id
        "abcdefghij-zzzzzzzzzzzzz",
        "abcdefghij-00000000000001",
        "\ud800bcdefghij-1",
        "x" * 100_000,
    ],
)
def test_no_cursor(text: str) -> None:
    """Anything else is not a cursor, and not an error: its client is told of a gap."""
    assert parse_cursor(text) is None


@given(text=st.text() | st.from_regex(r"\A[a-z0-9]{10}-[0-9a-z]{1,13}\Z"))
def test_parsing_never_fails(text: str) -> None:
    """Whatever a client sends, the answer is a cursor within the log's range or None."""
    cursor = parse_cursor(text)
    assert cursor is None or 0 <= cursor.position <= LARGEST


def test_new_epochs_differ() -> None:
    """Every new log has a life of its own, and its epoch can be part of a cursor."""
    made = {new_epoch() for _ in range(1000)}
    assert 1000 == len(made)
    for epoch in made:
        assert Cursor(epoch, 1) == parse_cursor(str(Cursor(epoch, 1)))
