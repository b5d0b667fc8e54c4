"""What a node takes of a publish before the stream has answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hub.errors import Overloaded
from hub.log.jetstream.append import Appender, Limits
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats
from tests.log.engines import draft


async def _find_no_keys(keys: object) -> dict[bytes, tuple[bytes, str, int]]:
    return {}


async def test_what_has_no_room_is_refused_whole() -> None:
    """Of a batch for which there is no room nothing is sent: its publisher comes back with all of it."""
    sent: list[bytes] = []

    def publish(subject: str, payload: bytes, *_: Any, **__: Any) -> None:
        sent.append(payload)

    appender = Appender(
        cast(Nats, SimpleNamespace(publish=publish)),
        Names("s"),
        Limits(max_pending=10, deadline_s=30.0, max_bytes=1_000),
        node="a",
        find_keys=_find_no_keys,
        learn_head=lambda position: None,
        wall_s=lambda: 0.0,
        random=lambda: 0.5,
    )
    running = asyncio.create_task(appender.run())
    with pytest.raises(Overloaded):
        await appender.submit([draft(f"{number}") for number in range(100)])
    assert [] == sent
    appender.submit([draft("1")])
    while not sent:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
