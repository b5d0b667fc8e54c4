"""How the clocks of nodes differ: what is said of it is certain, however late messages are. In virtual time."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from hub.cluster.clocks import ClockDifference
from tests.cluster.bus import Bus
from tests.cluster.nodes import Node
from tests.simulation.loop import VirtualLoop

#: Of a monitoring's query, and of a warning in the log.
_LIMIT_S = 1.0


def test_a_late_message_makes_no_clock_wrong() -> None:
    """Whatever a message waited, it proves only that the clock is not less far ahead."""
    clock = ClockDifference()
    assert 0.0 == clock.known_s
    for late_s in (5.0, 9.0, 7.0):
        clock.note_message(100.0, 100.0 + late_s)
    assert (0.0, True) == (clock.known_s, clock.seems_behind(_LIMIT_S))
    clock.note_answer(at_s=112.0, asked_s=110.0)
    assert 0.0 == clock.known_s
    clock.note_message(120.0, 120.01)
    assert not clock.seems_behind(_LIMIT_S)


def test_ahead_is_known_at_once_and_behind_after_an_answer() -> None:
    """A clock that is ahead shows in a message; one that is behind in what it says after it was asked."""
    clock = ClockDifference()
    clock.note_message(160.0, 101.0)
    assert 59.0 == clock.known_s
    clock = ClockDifference()
    clock.note_message(40.0, 101.0)
    clock.note_answer(at_s=42.0, asked_s=101.0)
    clock.note_answer(at_s=46.0, asked_s=103.0)
    assert -59.0 == clock.known_s


def test_a_clock_that_was_set_is_believed() -> None:
    """What was known of it before is dropped after a few messages."""
    clock = ClockDifference()
    clock.note_message(160.0, 100.0)
    for moment_s in range(200, 205):
        clock.note_message(moment_s, moment_s + 0.01)
    assert 0.0 == clock.known_s


def _watch(caplog: pytest.LogCaptureFixture, *, clock_s: float, delays_s: list[float]) -> list[list[str]]:
    """Run two nodes for a minute under each of these delays; return who was reported meanwhile."""

    async def run() -> list[list[str]]:
        loop, bus, reported = asyncio.get_running_loop(), Bus(), []

        def wall() -> float:
            return 1_800_000_000 + loop.time()

        nodes = [
            Node(bus, name, clock_s=seconds, wall=wall, monotonic=loop.time, node_presence_s=2.0, node_answer_s=1.0)
            for name, seconds in (("a", 0.0), ("b", clock_s))
        ]
        for node in nodes:
            await node.start()
        for delay_s in delays_s:
            caplog.clear()
            bus.delay_s, bus.jitter_s = delay_s, delay_s / 2
            await asyncio.sleep(60)
            found = (re.search("the clock of the node (. is [a-z]+)", record.getMessage()) for record in caplog.records)
            reported.append(sorted({each[1] for each in found if each}))
        for node in nodes:
            await node.cluster.close()
        return reported

    caplog.set_level(logging.WARNING, logger="hub.cluster")
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def test_starved_nodes_are_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Messages that wait for seconds, both ways and for a minute, make no line: the clocks are equal."""
    assert [[], [], [], []] == _watch(caplog, clock_s=0.0, delays_s=[0.0, 0.4, 1.5, 4.0])


def test_a_wrong_clock_is_reported_whatever_the_delay_was(caplog: pytest.LogCaptureFixture) -> None:
    """Both nodes say it; while no answer comes in time, the one that cannot be sure says nothing."""
    both = ["a is ahead", "b is behind"]
    assert [["a is ahead"], both] == _watch(caplog, clock_s=-60.0, delays_s=[4.0, 0.3])
