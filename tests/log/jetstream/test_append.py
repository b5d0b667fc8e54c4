"""What a node takes of a publish before the stream has answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from hub.errors import Overloaded, StorageUnavailable
from hub.log.jetstream.append import Appender, Limits
from hub.log.jetstream.record import decode_record
from hub.log.jetstream.subject import Names
from hub.log.port import Placed
from hub.nats.port import Message, Nats
from tests.log.engines import draft


async def _find_no_keys(keys: object) -> dict[bytes, tuple[bytes, str, int]]:
    return {}


def _make_appender(
    sent: list[str], find_keys: Any = _find_no_keys, *, replies: list[str] | None = None, first: int = 1, **limits: Any
) -> Appender:
    """Return one whose publishes are noted by their ids, and where the stream would reply to them."""

    def publish(subject: str, payload: bytes, *_: Any, reply: str) -> None:
        found = decode_record(payload)
        assert isinstance(found, Placed)
        assert found.draft is not None
        sent.append(found.draft.id)
        if replies is not None:
            replies.append(reply)

    return Appender(
        cast(Nats, SimpleNamespace(publish=publish)),
        Names("s"),
        Limits(max_pending=10, deadline_s=30.0, **limits),
        node="a",
        find_keys=find_keys,
        find_first=lambda: first,
        learn_head=lambda position: None,
        wall_s=lambda: 0.0,
        random=lambda: 0.5,
    )


async def test_the_order_of_calls_holds() -> None:
    """What has no key to be looked up does not overtake what has one; with nothing before it, it is sent at once."""
    sent: list[str] = []
    looked_up = asyncio.Event()

    async def find_keys(keys: object) -> dict[bytes, tuple[bytes, str, int]]:
        await looked_up.wait()
        return {}

    appender = _make_appender(sent, find_keys)
    running = asyncio.create_task(appender.run())
    appender.submit([draft("1")])
    assert ["1"] == sent
    appender.submit([draft("2", key=b"key")])
    appender.submit([draft("3")])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    appender.submit([draft("4")])
    assert ["1"] == sent
    looked_up.set()
    async with asyncio.timeout(20):
        while len(sent) < 4:
            await asyncio.sleep(0)
    assert ["1", "2", "3", "4"] == sent
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_timer_whose_moment_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop makes a plain handle then, and another is armed as before."""
    sent: list[str] = []
    appender = _make_appender(sent)
    appender.submit([draft("1")])
    monkeypatch.setattr(appender._attempts, "next_at_s", lambda: 0.0)
    appender._timer_at_s = 1e9
    for _ in range(2):
        appender._arm(-1_000.0)
        assert type(appender._timer).__name__ == "Handle"


async def test_a_fault_of_ours_fails_what_waits() -> None:
    """A publish that nobody looks after any more is told so, and so is the next one."""

    async def find_keys(keys: object) -> dict[bytes, tuple[bytes, str, int]]:
        raise RuntimeError("a fault")

    appender = _make_appender([], find_keys)
    running = asyncio.create_task(appender.run())
    waiting = appender.submit([draft("1", key=b"key")])
    with pytest.raises(RuntimeError):
        await running
    appender.end_broken()
    for future in (waiting, None):
        with pytest.raises(StorageUnavailable):
            await (future or appender.submit([draft("2")]))


async def test_what_has_no_room_is_refused_whole() -> None:
    """Of a batch for which there is no room nothing is sent: its publisher comes back with all of it."""
    sent: list[str] = []
    appender = _make_appender(sent, max_bytes=1_000)
    running = asyncio.create_task(appender.run())
    with pytest.raises(Overloaded):
        await appender.submit([draft(f"{number}") for number in range(100)])
    assert [] == sent
    appender.submit([draft("1")])
    while not sent:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_key_of_which_this_node_cannot_know() -> None:
    """A repeat of what the stream has dropped since, and this mirror has never had, is for another node to tell; of
    what this mirror would have, the key is over, and the draft is published under another message id."""
    for first, is_unknown in ((6, True), (5, False)):
        sent: list[str] = []
        replies: list[str] = []
        appender = _make_appender(sent, replies=replies, first=first)
        appender.take_head(9)
        running = asyncio.create_task(appender.run())
        future = appender.submit([draft("1", key=b"key")])
        async with asyncio.timeout(20):
            while not replies:
                await asyncio.sleep(0)
            appender._take_reply(Message(replies[0], b'{"seq":5,"duplicate":true}', {}))
            while not (future.done() or len(sent) > 1):
                await asyncio.sleep(0)
        if is_unknown:
            with pytest.raises(StorageUnavailable, match="Idempotency-Key"):
                await future
        assert ["1"] * (1 if is_unknown else 2) == sent
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_of_a_caller_that_is_gone_nothing_is_held() -> None:
    """When its publish came is not remembered: its record may be another's, and then never comes to this node."""
    sent: list[str] = []
    appender = _make_appender(sent)
    appender.submit([msgspec.structs.replace(draft("1", key=b"key"), received_s=1.0)]).cancel()
    await asyncio.sleep(0)
    running = asyncio.create_task(appender.run())
    async with asyncio.timeout(20):
        while not sent:
            await asyncio.sleep(0)
    assert appender.take_received("1") is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
