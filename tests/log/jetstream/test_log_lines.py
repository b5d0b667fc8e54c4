"""The lines of a node's log that an operator looks for: each one provoked, and as the page has it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import msgspec
import pytest

from hub.cursor import Epoch, new_epoch
from hub.errors import StorageUnavailable
from hub.log.jetstream.append import Limits
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.filling import Filling
from hub.log.jetstream.founding import Founding, create_stream
from hub.log.jetstream.log import open_jetstream_log
from hub.log.jetstream.order import Order
from hub.log.jetstream.renewal import Renewer, Timing
from hub.log.jetstream.stream import Stream
from hub.log.jetstream.subject import Names
from hub.log.sqlite.renewal import Progress, RenewablePage, StateDamaged
from hub.log.sqlite.retention import Retention
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from hub.nats.port import Nats, NotInTime, Reply
from tests.nats_servers import shared_server
from tests.operator_lines import Lines, check_lines

#: Every event of the engine; `tests/test_operator_log.py` compares them with the code and the page.
NODE_LOG_EVENTS = {
    "catching_up",
    "repair_failed",
    "mirror_failed",
    "stream_missing",
    "stream_replaced",
    "stream_weak",
    "state_awaited",
    "state_missing",
    "state_renewed",
    "renewal_failed",
    "renewal_damaged",
}


class _FullMirror:
    head = 0

    async def apply(self, batch: Sequence[object]) -> None:
        raise StorageUnavailable


async def open_a_weak_stream(folder: Path) -> None:
    """Open the log of a stream that one server keeps."""
    servers, _ = read_servers(shared_server().url)
    nats = await open_nats(servers, name="test", timeout_s=20)
    stream = f"t{secrets.token_hex(6)}"
    founding = Founding(replicas=1, max_age_s=86_400, max_records=10)
    await create_stream(nats, Names(stream), founding, epoch=new_epoch())
    log = await open_jetstream_log(
        nats,
        stream=stream,
        node="a",
        path=folder / "log.sqlite3",
        limits=Limits(max_pending=1, deadline_s=1),
        retention=Retention(retention_s=86_400, retention_records=10, idempotency_s=86_400),
        now=time.time,
        owns_nats=True,
    )
    await log.close()


async def test_each_line_is_written(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """A slow start, a page that does not come, a full disk, a stream that is gone, another one, and a weak one."""
    caplog.set_level(logging.INFO, logger="hub")
    lines = Lines(caplog)

    is_missing = True

    async def request(*_: Any, **__: Any) -> Reply:
        if is_missing:
            return Reply(b'{"error":{"code":404,"err_code":10059}}', {})
        state = {"first_seq": 1, "last_seq": 5}
        return Reply(
            msgspec.json.encode({"config": {"name": "s", "metadata": {"hub.epoch": "other"}}, "state": state}), {}
        )

    async def request_many(*_: Any, **__: Any) -> list[Reply]:
        raise NotInTime

    nats = cast(Nats, SimpleNamespace(request=request, request_many=request_many))
    order: Order[bytes] = Order(0, max_held_bytes=1_000)
    filling = Filling(
        cast(Any, _FullMirror()),
        order,
        node="a",
        take_head=lambda head: None,
        take_received=lambda identifier: None,
        max_bytes=1_000,
    )
    catch_up = CatchUp(nats, Names("s"), order, filling, epoch=Epoch("e"), progress_s=0.0)
    tasks = [asyncio.create_task(work) for work in (catch_up.wait_applied(5), filling.run())]
    filling.skip_to(3, [])
    await lines.wait("mirror_failed")
    await lines.wait("catching_up")
    await catch_up._ask_leader()
    is_missing = False
    order.learn_head(5)
    await catch_up._read(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await open_a_weak_stream(tmp_path)
    await _renew()
    check_lines(lines, NODE_LOG_EVENTS)


async def _renew() -> None:
    """Wait in vain for state; then lead a round, fail to, and find the state damaged."""
    read_progress = AsyncMock(return_value=Progress(partial_upto=9))
    mirror = AsyncMock(read_progress=read_progress, head=9)
    stream = msgspec.convert({"config": {"max_msgs": 2}, "state": {"first_seq": 9, "last_seq": 9}}, Stream)
    publish = AsyncMock(return_value=10)
    renewer = Renewer(
        mirror,
        publish=publish,
        node="a",
        find_stream=lambda: stream,
        wall_s=lambda: 0.0,
        timing=Timing(look_s=0.0, whole_s=0.0),
    )
    await renewer.wait_whole()
    begun = Progress(round=10, leader=renewer.life)
    mirror.read_renewable.return_value = RenewablePage((), None)
    mirror.read_renewable_control.return_value = None
    for failure in (None, StorageUnavailable(), StateDamaged()):
        read_progress.side_effect = [Progress(), *[begun] * 9]
        publish.side_effect = failure if isinstance(failure, StorageUnavailable) else None
        mirror.read_renewable.side_effect = failure if isinstance(failure, StateDamaged) else None
        await renewer.look()
