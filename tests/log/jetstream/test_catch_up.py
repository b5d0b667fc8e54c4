"""What a node makes of the leader's replies, whose moment is not now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from hub.cursor import Epoch
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.order import Order
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, Reply


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
