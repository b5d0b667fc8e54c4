"""What a node makes of the leader's replies, whose moment is not now."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from hub.cursor import Epoch
from hub.errors import StorageUnavailable
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.order import Order
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, NotInTime, Reply


async def test_a_reply_that_is_older_than_the_mirror() -> None:
    """Records that the mirror gets between the leader's reply and its arrival are no loss of the stream."""
    filling = SimpleNamespace(reached=5, skip_to=None)

    async def request(*_: Any, **__: Any) -> Reply:
        state = {"first_seq": 1, "last_seq": 5}
        config = {"name": "s", "metadata": {"hub.epoch": "e"}}
        # Meanwhile the tap brought more.
        filling.reached = 9
        return Reply(msgspec.json.encode({"config": config, "state": state}), {})

    nats = cast(Nats, SimpleNamespace(request=request))
    order: Order[bytes] = Order(5, max_held_bytes=1_000)
    catch_up = CatchUp(nats, Names("s"), order, cast(Any, filling), epoch=Epoch("e"))
    await catch_up._ask_leader()
    assert not catch_up.is_replaced
    assert catch_up.isolated_since_s is None


class _Leader:
    """Answers about the stream, or does not; `moment` is the monotonic clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.last, self.asked = "n1", 5, 0
        self.moment_s = 100.0
        monkeypatch.setattr("hub.log.jetstream.catch_up.time", SimpleNamespace(monotonic=lambda: self.moment_s))

    async def request(self, *_: Any, **__: Any) -> Reply:
        self.asked += 1
        await asyncio.sleep(0.01)
        if not self.name:
            raise NotInTime
        state = {"first_seq": 1, "last_seq": self.last}
        config = {"name": "s", "metadata": {"hub.epoch": "e"}}
        return Reply(msgspec.json.encode({"config": config, "state": state, "cluster": {"leader": self.name}}), {})


async def test_only_a_leader_that_has_led_for_a_while_knows_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was just elected, none, and one that was stopped meanwhile say nothing about what others may have."""
    leader = _Leader(monkeypatch)
    order: Order[bytes] = Order(5, max_held_bytes=1_000)
    filling = cast(Any, SimpleNamespace(reached=5, skip_to=None))
    catch_up = CatchUp(cast(Nats, leader), Names("s"), order, filling, epoch=Epoch("e"))

    async def is_known() -> bool:
        with contextlib.suppress(StorageUnavailable):
            return await catch_up.is_beyond_end(7)
        return False

    assert not await is_known()
    leader.moment_s += 20
    # All of them come before the reply.
    leader.asked = 0
    assert [True] * 50 == await asyncio.gather(*(is_known() for _ in range(50)))
    assert leader.asked <= 2
    leader.name = "n2"
    assert not await is_known()
    leader.moment_s += 20
    assert await is_known()
    leader.name = ""
    assert not await is_known()
    leader.name = "n2"
    await catch_up._ask_leader()
    assert not await is_known()
    leader.moment_s += 20
    leader.last = 7
    # Another node may have it already.
    assert not await is_known()
