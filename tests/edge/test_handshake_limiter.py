"""During a reconnect storm a few handshakes begin per loop iteration: in order, all of them, and publishes go past."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from hub.edge.handshake_limiter import PER_ITERATION, HandshakeLimiter
from hub.edge.server import ConnectionFactory
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub

LIVE = b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n"


def find_limiter(hub: RunningHub) -> HandshakeLimiter:
    """Return the limiter of a hub's server."""
    factory = cast("ConnectionFactory", hub.server.config.http_protocol_class)
    assert factory.context is not None
    return factory.context.limiter


@pytest.fixture
async def crowded(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> RunningHub:
    """A hub that lets no handshake begin by itself: the test does."""
    assert 200 == (await hub.http.get("/health/live")).status_code
    limiter = find_limiter(hub)
    monkeypatch.setattr(limiter, "_room", 0)
    monkeypatch.setattr(limiter, "_is_scheduled", True)
    return hub


def begin_waiting(hub: RunningHub) -> None:
    """Let those that wait begin."""
    find_limiter(hub)._begin_next()


def handshake(hub: RunningHub) -> bytes:
    """Return a WebSocket's first bytes."""
    return (
        f"GET /ws?token={hub.token()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


async def wait_queued(hub: RunningHub, count: int) -> None:
    """Wait until this many are waiting."""
    await hub.wait_until(lambda: len(find_limiter(hub)._waiting) >= count)


async def test_each_iteration_lets_its_share_in_and_keeps_the_order() -> None:
    """With three times as many as an iteration takes, each lets one share in, first come first served."""
    limiter = HandshakeLimiter(asyncio.get_running_loop())
    let_in: list[int] = []
    entered = [limiter.enter() for _ in range(PER_ITERATION + 1)]
    assert [True] * PER_ITERATION + [False] == entered
    for number in range(2 * PER_ITERATION + 1):
        limiter.wait(lambda number=number: let_in.append(number))  # type: ignore[misc]  # a lambda with its own number
    assert not limiter.enter(), "nobody overtakes"
    for turn in (1, 2, 3):
        await asyncio.sleep(0)
        assert list(range(min(turn * PER_ITERATION, 2 * PER_ITERATION + 1))) == let_in
    await asyncio.sleep(0)
    assert limiter.enter()


async def test_one_that_fails_keeps_nobody_out() -> None:
    """Whatever a newcomer does at the limiter, the next one comes in."""
    limiter = HandshakeLimiter(asyncio.get_running_loop())
    come = asyncio.Event()
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ValueError

    limiter.wait(fail)
    limiter.wait(come.set)
    async with asyncio.timeout(DEADLINE_S):
        await come.wait()
    assert 1 == len(failures)


async def test_a_publish_goes_past_those_who_wait(crowded: RunningHub) -> None:
    """Whoever comes to stay waits; a new connection that publishes does not."""
    async with Wire(crowded.port) as waiting:
        await waiting.send(handshake(crowded))
        await wait_queued(crowded, 1)
        assert 202 == (await crowded.publish()).status_code
        begin_waiting(crowded)
        assert 101 == (await waiting.response()).status


async def test_a_handshake_in_two_parts_waits_like_any_other(crowded: RunningHub) -> None:
    """What a request is asked for decides, and not how its first packet begins."""
    head = handshake(crowded)
    async with Wire(crowded.port) as waiting:
        await waiting.send(head[:2])
        await waiting.send(head[2:])
        await wait_queued(crowded, 1)
        begin_waiting(crowded)
        assert 101 == (await waiting.response()).status


async def test_a_stream_behind_another_request_waits_too(crowded: RunningHub) -> None:
    """A proxy that keeps its connections open brings a storm on connections that were there before."""
    async with Wire(crowded.port) as waiting:
        await waiting.send(LIVE)
        assert 200 == (await waiting.response()).status
        await waiting.send(f"GET /sse?token={crowded.token()} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
        await wait_queued(crowded, 1)
        begin_waiting(crowded)
        assert b"200 OK" in await waiting.read(65_536)


@pytest.mark.parametrize(
    ("target", "is_stream"),
    [
        *((target, True) for target in ("/sse", "/sse/", "/%73se", "/sse%2F", "http://hub/sse")),
        *((target, False) for target in ("//sse", "/sse//", "/./sse", "/%2Fsse", "/SSE", "/sse;a")),
    ],
)
async def test_however_its_path_is_written_a_stream_waits(crowded: RunningHub, target: str, is_stream: bool) -> None:
    """No way of writing the path opens a stream past the limiter: what does not wait there is not found."""
    async with Wire(crowded.port) as client, asyncio.TaskGroup() as tasks:
        await client.send(f"GET {target}?token={crowded.token()} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
        responding = tasks.create_task(client.response(head=True))
        await crowded.wait_until(lambda: responding.done() or len(find_limiter(crowded)._waiting) == 1)
        assert is_stream != responding.done()
        begin_waiting(crowded)
        assert (200 if is_stream else 404) == (await responding).status


async def test_a_stream_whose_client_left_while_it_waited_never_begins(crowded: RunningHub) -> None:
    """It takes no place among the subscribers."""
    async with Wire(crowded.port) as left:
        await left.send(f"GET /sse?token={crowded.token()} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
        await wait_queued(crowded, 1)
    await crowded.wait_until(lambda: len(crowded.server.server_state.connections) <= 1)
    begin_waiting(crowded)
    assert 0 == crowded.hub.metrics.connects["sse"]
    assert not [task for task in crowded.server.server_state.tasks if not task.done()]


async def test_one_that_left_while_it_waited_is_passed_over(crowded: RunningHub) -> None:
    """A peer that gave up costs nothing at the limiter, and the one behind it comes in."""
    async with Wire(crowded.port) as left, Wire(crowded.port) as stays:
        await left.send(handshake(crowded))
        await wait_queued(crowded, 1)
        await stays.send(handshake(crowded))
        await wait_queued(crowded, 2)
        await left.__aexit__()
        begin_waiting(crowded)
        assert 101 == (await stays.response()).status
    await crowded.wait_until(lambda: len(crowded.hub.subscribers) == 0)
