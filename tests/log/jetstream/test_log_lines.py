"""The lines of a node's log that an operator looks for: each one provoked, and as the page has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from hub.cursor import Epoch
from hub.errors import StorageUnavailable
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.filling import Filling
from hub.log.jetstream.order import Order
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, NotInTime, Reply
from tests.operator_lines import Lines, check_lines

#: Every event of the engine; `tests/test_operator_log.py` compares them with the code and the page.
NODE_LOG_EVENTS = {"catching_up", "repair_failed", "mirror_failed", "stream_replaced"}


class _FullMirror:
    head = 0

    async def apply(self, batch: Sequence[object]) -> None:
        raise StorageUnavailable


async def test_each_line_is_written(caplog: pytest.LogCaptureFixture) -> None:
    """A slow start, a page that does not come, a full disk, and another stream of the same name."""
    caplog.set_level(logging.INFO, logger="hub")
    lines = Lines(caplog)

    async def request(*_: Any, **__: Any) -> Reply:
        state = {"first_seq": 1, "last_seq": 5}
        return Reply(
            msgspec.json.encode({"config": {"name": "s", "metadata": {"hub.epoch": "other"}}, "state": state}), {}
        )

    async def request_many(*_: Any, **__: Any) -> list[Reply]:
        raise NotInTime

    nats = cast(Nats, SimpleNamespace(request=request, request_many=request_many))
    order: Order[bytes] = Order(0, max_held_bytes=1_000)
    filling = Filling(cast(Any, _FullMirror()), order, node="a", take_head=lambda head: None, max_bytes=1_000)
    catch_up = CatchUp(nats, Names("s"), order, filling, epoch=Epoch("e"), progress_s=0.0)
    tasks = [asyncio.create_task(work) for work in (catch_up.wait_applied(5), filling.run())]
    filling.skip_to(3, [])
    await lines.wait("mirror_failed")
    await lines.wait("catching_up")
    order.learn_head(5)
    await catch_up._read(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    check_lines(lines, NODE_LOG_EVENTS)
