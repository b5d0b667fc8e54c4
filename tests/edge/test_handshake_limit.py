"""A storm of newcomers is let in a few per turn of the loop: in order, everyone, and publishes go past it."""

from __future__ import annotations

import asyncio

import pytest

from hub.edge.handshake_limit import PER_TURN, Turnstile, find_turnstile
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub


@pytest.fixture
async def crowded(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> RunningHub:
    """A hub that lets nobody through by itself: the test holds the gate."""
    gate = find_turnstile(asyncio.get_running_loop())
    monkeypatch.setattr(gate, "_room", 0)
    monkeypatch.setattr(gate, "_turning", True)
    return hub


def open_gate() -> None:
    """Let the waiting in."""
    find_turnstile(asyncio.get_running_loop())._turn()


def handshake(hub: RunningHub) -> bytes:
    """Return a WebSocket's first bytes."""
    return (
        f"GET /ws?token={hub.token()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


async def wait_queued(count: int) -> None:
    """Wait until this many are waiting."""
    gate = find_turnstile(asyncio.get_running_loop())
    async with asyncio.timeout(DEADLINE_S):
        while len(gate._waiting) < count:
            await asyncio.sleep(0)


async def test_each_turn_lets_its_share_in_and_keeps_the_order() -> None:
    """With three times as many as a turn takes, each turn lets one share in, first come first served."""
    gate = Turnstile(asyncio.get_running_loop())
    let_in: list[int] = []
    entered = [gate.enter() for _ in range(PER_TURN + 1)]
    assert [True] * PER_TURN + [False] == entered
    for number in range(2 * PER_TURN + 1):
        gate.wait(lambda number=number: let_in.append(number))  # type: ignore[misc]  # a lambda with its own number
    assert not gate.enter(), "nobody overtakes"
    for turn in (1, 2, 3):
        await asyncio.sleep(0)
        assert list(range(min(turn * PER_TURN, 2 * PER_TURN + 1))) == let_in
    await asyncio.sleep(0)
    assert gate.enter()


async def test_one_that_fails_keeps_nobody_out() -> None:
    """Whatever a newcomer does at the gate, the next one comes in."""
    gate = Turnstile(asyncio.get_running_loop())
    come = asyncio.Event()
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ValueError

    gate.wait(fail)
    gate.wait(come.set)
    async with asyncio.timeout(DEADLINE_S):
        await come.wait()
    assert 1 == len(failures)


async def test_a_publish_goes_past_those_who_wait(crowded: RunningHub) -> None:
    """Whoever comes to stay waits; a new connection that publishes does not."""
    async with Wire(crowded.port) as waiting:
        await waiting.send(handshake(crowded))
        await wait_queued(1)
        assert 202 == (await crowded.publish()).status_code
        open_gate()
        assert 101 == (await waiting.response()).status


async def test_a_handshake_in_two_parts_is_put_together(crowded: RunningHub) -> None:
    """What comes while a connection waits is read after what came before."""
    head = handshake(crowded)
    async with Wire(crowded.port) as waiting:
        await waiting.send(head[:30])
        await wait_queued(1)
        await waiting.send(head[30:])
        open_gate()
        assert 101 == (await waiting.response()).status


async def test_one_that_left_while_it_waited_is_passed_over(crowded: RunningHub) -> None:
    """A peer that gave up costs nothing at the gate, and the one behind it comes in."""
    async with Wire(crowded.port) as left, Wire(crowded.port) as stays:
        await left.send(handshake(crowded))
        await wait_queued(1)
        await stays.send(handshake(crowded))
        await wait_queued(2)
        await left.__aexit__()
        open_gate()
        assert 101 == (await stays.response()).status
    await crowded.wait_until(lambda: len(crowded.hub.subscribers) == 0)
