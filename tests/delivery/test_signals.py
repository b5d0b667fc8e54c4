"""Signals on their way out: to those who asked, bounded for those who are slow."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.delivery.signals import Signals
from hub.delivery.subscribers import Subscriber
from hub.target import EVERYONE, account_target, user_target
from tests.delivery.harness import Harness
from tests.fakes import FakeLink

KIND = "orders:updated"
ROOM_BYTES = 100
HELD_BYTES = 400


class SignalHarness(Harness):
    """The parts of delivery, and signals over them."""

    def __init__(self) -> None:
        super().__init__()
        self.signals = Signals(
            self.subscribers, self.metrics, self, room_bytes=ROOM_BYTES, held_bytes=HELD_BYTES, tick_s=0.001
        )

    async def join(self, user_id: str = "u1", account_id: str = "a1", *kinds: str) -> tuple[Subscriber, FakeLink]:
        """Connect somebody who asks for these types."""
        subscriber, link = await self.connect(user_id, account_id)
        subscriber.signals = frozenset(kinds or (KIND,))
        link.said.clear()
        return subscriber, link


def prefix(number: object) -> bytes:
    """Return a frame up to `missed`."""
    return json.dumps({"type": KIND, "data": {"id": number}}).encode()[:-1]


def read(link: FakeLink) -> list[tuple[Any, int]]:
    """Return the ids of the signals that were written, each with what it says was missed."""
    frames: list[dict[str, Any]] = link.controls
    return [(frame["data"]["id"], frame["missed"]) for frame in frames]


async def test_only_who_asked_gets_it() -> None:
    """A signal reaches the connections of its targets that asked for its type, and no other."""
    harness = SignalHarness()
    _, mine = await harness.join("u1", "a1")
    _, colleague = await harness.join("u2", "a1", "customers:updated")
    _, stranger = await harness.join("u1", "a2")
    assert 1 == await harness.signals.send([account_target("a1")], KIND, "", prefix(1))
    assert 0 == await harness.signals.send([user_target("a1", "u2")], KIND, "", prefix(2))
    assert 2 == await harness.signals.send([EVERYONE], KIND, "", prefix(3))
    assert [(1, 0), (3, 0)] == read(mine)
    assert [] == read(colleague)
    assert [(3, 0)] == read(stranger)
    assert 3 == harness.metrics.signals[KIND]


async def test_slow_client_gets_the_newest_of_each_key() -> None:
    """While a peer takes nothing, nothing is written; then it gets the newest of each key, and how many it missed."""
    harness = SignalHarness()
    _, link = await harness.join()
    link.unsent_bytes = ROOM_BYTES + 1
    for number in range(10):
        assert 1 == await harness.signals.send([EVERYONE], KIND, str(number % 2), prefix(number))
    harness.signals.look()
    assert [] == read(link)
    link.unsent_bytes = 0
    harness.signals.look()
    assert [(8, 8), (9, 0)] == read(link)
    assert 8 == harness.metrics.signals_missed
    await harness.signals.send([EVERYONE], KIND, "", prefix("later"))
    assert ("later", 0) == read(link)[-1]


async def test_what_is_held_stays_in_order() -> None:
    """A signal that comes while older ones are held waits behind them, though the peer takes bytes by now."""
    harness = SignalHarness()
    _, link = await harness.join()
    link.unsent_bytes = ROOM_BYTES + 1
    await harness.signals.send([EVERYONE], KIND, "a", prefix(1))
    link.unsent_bytes = 0
    await harness.signals.send([EVERYONE], KIND, "b", prefix(2))
    assert [] == read(link)
    harness.signals.look()
    assert [(1, 0), (2, 0)] == read(link)


async def test_ended_connection_is_forgotten() -> None:
    """What is held for a connection that ends goes with it."""
    harness = SignalHarness()
    subscriber, link = await harness.join()
    link.unsent_bytes = ROOM_BYTES + 1
    await harness.signals.send([EVERYONE], KIND, "", prefix(1))
    subscriber.session.close()
    harness.signals.look()
    assert {} == harness.signals._held
    assert [] == read(link)


async def test_broken_link_stops_nobody() -> None:
    """A link that fails is ended, and the others get the signal."""
    harness = SignalHarness()
    _, broken = await harness.join("u1")
    _, other = await harness.join("u2")
    broken.breaks = True
    await harness.signals.send([EVERYONE], KIND, "", prefix(1))
    assert [(1, 0)] == read(other)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.integers(1, 200)), max_size=40))
async def test_every_signal_is_written_or_counted(steps: list[tuple[str, bool, int]]) -> None:
    """Whatever the pace of a peer: what is held is bounded, each signal arrives or counts as missed, in order."""
    harness = SignalHarness()
    _, link = await harness.join()
    for number, (key, slow, size) in enumerate(steps):
        link.unsent_bytes = ROOM_BYTES + 1 if slow else 0
        if not slow:
            harness.signals.look()
        padded = prefix(number)[:-1] + b',"p":"%b"}' % (b"x" * size)
        await harness.signals.send([EVERYONE], KIND, key, padded)
        for held in harness.signals._held.values():
            assert held.size_bytes == sum(map(len, held.frames.values()))
            assert held.size_bytes <= HELD_BYTES or len(held.frames) == 1
    link.unsent_bytes = 0
    harness.signals.look()
    told = read(link)
    assert sorted(number for number, _ in told) == [number for number, _ in told]
    assert len(steps) == len(told) + sum(missed for _, missed in told)
    if steps:
        assert len(steps) - 1 == told[-1][0]
