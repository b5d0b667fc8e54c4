"""What one peer can make the hub hold without a stream: answers it does not take, waiting requests, bodies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from hub.bounds import Bounds
from hub.delivery.pages import PAGE_BYTES
from hub.edge.http_protocol import HttpProtocol
from tests.attacks.wire import Wire
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

OTHER_USER = "00000000272"
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n"


@pytest.fixture
def peers() -> Iterator[ExitStack]:
    """Sockets that are closed at the end."""
    with ExitStack() as stack:
        yield stack


async def stall(hub: RunningHub, peers: ExitStack, request: bytes) -> socket.socket:
    """Ask, and take next to nothing of the answer."""
    peer = peers.enter_context(socket.socket())
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(peer, ("127.0.0.1", hub.port))
    await loop.sock_sendall(peer, request)
    return peer


def poll_request(hub: RunningHub, cursor: str, user_id: str = USER) -> bytes:
    """Return a request for the page after this cursor."""
    token = hub.token(user_id)
    return f"GET /poll?cursor={cursor} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def publish_much(hub: RunningHub) -> str:
    """Publish more than the kernel takes for a peer that does not read; return the cursor before it."""
    cursor = str((await hub.publish()).json()["cursor"])
    for _ in range(8):
        await hub.publish(account_id=ACCOUNT, data={"padding": "x" * 60_000})
    return cursor


def held_bytes(hub: RunningHub) -> int:
    """Return what answers to polls weigh that were not taken yet."""
    return hub.hub.poll._responses.held_bytes


async def test_pages_that_are_not_taken_are_bounded_for_each_user(tmp_path: Path, peers: ExitStack) -> None:
    """A user with too much unread gets 503 and a time to come back; others are served, and a reader frees its share."""
    bounds = Bounds(send_buffer_bytes=4_096, poll_user_bytes=3 * PAGE_BYTES)
    async with run_hub(tmp_path, bounds=bounds) as hub:
        cursor = await publish_much(hub)
        request = poll_request(hub, cursor)
        stalled = [await stall(hub, peers, request) for _ in range(3)]
        await hub.wait_until(lambda: held_bytes(hub) >= 3 * PAGE_BYTES)
        headers = {"authorization": f"Bearer {hub.token()}"}
        refused = await hub.http.get("/poll", headers=headers)
        assert (503, "overloaded", "1") == (
            refused.status_code,
            refused.json()["code"],
            refused.headers["retry-after"],
        )
        other = await hub.http.get("/poll", headers={"authorization": f"Bearer {hub.token(OTHER_USER)}"})
        assert 200 == other.status_code
        stalled[0].close()
        await hub.wait_until(lambda: held_bytes(hub) < 3 * PAGE_BYTES)
        assert 200 == (await hub.http.get("/poll", headers=headers)).status_code


async def test_pages_that_are_not_taken_are_bounded_in_all(tmp_path: Path, peers: ExitStack) -> None:
    """Users together hold no more than the whole, and all of it comes back."""
    bounds = Bounds(send_buffer_bytes=4_096, poll_total_bytes=4 * PAGE_BYTES)
    async with run_hub(tmp_path, bounds=bounds) as hub:
        cursor = await publish_much(hub)
        for user_id in range(4):
            await stall(hub, peers, poll_request(hub, cursor, str(user_id)))
        await hub.wait_until(lambda: held_bytes(hub) >= 4 * PAGE_BYTES)
        headers = {"authorization": f"Bearer {hub.token(OTHER_USER)}"}
        assert 503 == (await hub.http.get("/poll", headers=headers)).status_code
        peers.close()
        await hub.wait_until(lambda: held_bytes(hub) == 0)
        assert 200 == (await hub.http.get("/poll", headers=headers)).status_code


async def test_long_polls_that_are_not_taken_are_bounded_for_each_user(tmp_path: Path, peers: ExitStack) -> None:
    """What came for a request that waited weighs like a page, once it is no connection any more."""
    bounds = Bounds(send_buffer_bytes=4_096, poll_user_bytes=3 * PAGE_BYTES)
    async with run_hub(tmp_path, bounds=bounds) as hub:
        token = hub.token()
        request = (
            f"GET /streams/me?offset=now&live=long-poll HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        for _ in range(3):
            await stall(hub, peers, request)
        await hub.wait_until(lambda: 3 == len(hub.hub.subscribers))
        await hub.publish(account_id=ACCOUNT, data={"padding": "x" * 60_000})
        await hub.wait_until(lambda: held_bytes(hub) > 180_000)
        assert 0 == len(hub.hub.subscribers)
        refused = await hub.http.get("/poll", headers={"authorization": f"Bearer {token}"})
        assert (503, "overloaded") == (refused.status_code, refused.json()["code"])
        peers.close()
        await hub.wait_until(lambda: held_bytes(hub) == 0)
        assert 200 == (await hub.http.get("/poll", headers={"authorization": f"Bearer {token}"})).status_code


async def test_a_peer_that_takes_nothing_of_its_answer_is_dropped(tmp_path: Path, peers: ExitStack) -> None:
    """In the time of the clock, and what was held for it is free again."""
    async with run_hub(tmp_path, bounds=Bounds(send_buffer_bytes=4_096, stall_timeout_s=0.2)) as hub:
        cursor = await publish_much(hub)
        await stall(hub, peers, poll_request(hub, cursor))
        await hub.wait_until(lambda: held_bytes(hub) > 0)
        await hub.wait_until(lambda: held_bytes(hub) == 0)
        await hub.http.aclose()
        await hub.wait_until(lambda: not hub.server.server_state.connections)


async def test_a_peer_that_takes_nothing_after_its_stream_is_dropped(tmp_path: Path, peers: ExitStack) -> None:
    """A stream has its own deadline; the response behind it on the same connection has the clock's again."""
    async with run_hub(tmp_path, bounds=Bounds(send_buffer_bytes=4_096, stall_timeout_s=0.2)) as hub:
        cursor = await publish_much(hub)
        peer = await stall(hub, peers, f"GET /sse?token={hub.token()} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        (subscriber,) = hub.hub.subscribers.everyone()
        hub.hub.connections.end(subscriber, 4001, "expired")
        loop, data = asyncio.get_running_loop(), b""
        async with asyncio.timeout(DEADLINE_S):
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += await loop.sock_recv(peer, 65_536)
        await loop.sock_sendall(peer, poll_request(hub, cursor))
        await hub.wait_until(lambda: held_bytes(hub) > 0)
        await hub.wait_until(lambda: held_bytes(hub) == 0)


async def test_a_body_that_nobody_read_is_not_kept_with_an_idle_connection(hub: RunningHub) -> None:
    """What was sent of a body is released with the response to it, however long its connection then stays."""
    head = b"POST /api/internal/notify HTTP/1.1\r\nHost: hub\r\nContent-Length: 60000\r\n\r\n"
    async with Wire(hub.port) as wire:
        await wire.send(head + b"x" * 60_000)
        assert 401 == (await wire.response()).status
        (connection,) = [
            one
            for one in cast("set[HttpProtocol]", hub.server.server_state.connections)
            if one._exchanges.reading is not None
        ]
        exchange = connection._exchanges.reading
        assert exchange is not None
        assert 0 == len(exchange._body)


async def test_a_peer_that_takes_its_answer_slowly_gets_it(tmp_path: Path, peers: ExitStack) -> None:
    """As long as it takes some between two looks of the clock, it gets all."""
    async with run_hub(tmp_path, bounds=Bounds(send_buffer_bytes=4_096, stall_timeout_s=0.2)) as hub:
        cursor = await publish_much(hub)
        peer = await stall(hub, peers, poll_request(hub, cursor))
        data = b""
        loop = asyncio.get_running_loop()
        while b'"resume"' not in data:
            data += await loop.sock_recv(peer, 2_048)
            await asyncio.sleep(0.01)  # the pace of the peer, many times slower than the clock allows in all
        assert data.count(b"padding") == 1


async def test_requests_behind_each_other_are_read_one_by_one(hub: RunningHub) -> None:
    """A packet of a thousand requests is answered whole and in order, and two of them are in memory at a time."""
    count = 1_000
    most = 0

    def look() -> None:
        nonlocal most
        waiting = [len(cast("HttpProtocol", one)._exchanges) for one in hub.server.server_state.connections]
        most = max(most, *waiting, 0)

    async with Wire(hub.port) as wire:
        await wire.send(HEALTH * count + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        data = b""
        while part := await wire.read(4_096):
            data += part
            look()
    assert count + 1 == data.count(b"HTTP/1.1 200")
    assert most <= 1


async def test_bodies_behind_each_other_arrive_whole(hub: RunningHub) -> None:
    """Publishes in one packet, in pieces and with line ends in their bodies are stored, each once and in order."""
    head = (await hub.http.get("/poll", headers={"authorization": f"Bearer {hub.token()}"})).json()["cursor"]
    requests = b""
    for number in range(50):
        body = (
            b'{"type":"info","title":"%d","message":"m","user_id":"%s","account_id":"%s",\r\n\r\n"data":{"a":\r\n\r\n1}}'
            % (number, USER.encode(), ACCOUNT.encode())
        ).replace(b'"type":"info"', b'"type":"cart_updated"')
        requests += (
            b"POST /api/internal/notify HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (hub.key.encode(), len(body), body)
        )
    async with Wire(hub.port) as wire:
        for start in range(0, len(requests), 3_001):
            await wire.send(requests[start : start + 3_001])
        data = b""
        while data.count(b"HTTP/1.1 ") < 50:
            part = await wire.read(65_536)
            assert part, data
            data += part
    assert 50 == data.count(b"HTTP/1.1 202"), data[:2_000]
    page = (
        await hub.http.get("/poll", params={"cursor": head}, headers={"authorization": f"Bearer {hub.token()}"})
    ).json()
    assert [str(number) for number in range(50)] == [frame["title"] for frame in page["frames"]]


async def test_bodies_under_way_are_bounded_in_all(tmp_path: Path) -> None:
    """Where requests that drip hold too much, the next is told to come back; what they held is free when they end."""
    async with run_hub(tmp_path, body_budget_bytes=1_048_576) as hub:
        head = (
            b"POST /api/internal/notify/batch HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" % hub.key.encode()
        )
        async with Wire(hub.port) as dripping:
            await dripping.send(head + b"[" * 999_999)
            await hub.wait_until(lambda: hub.hub.bodies.held_bytes == 999_999)
            refused = await hub.publish(message="x" * 60_000)
            assert (503, "overloaded", "1") == (
                refused.status_code,
                refused.json()["code"],
                refused.headers["retry-after"],
            )
            assert 202 == (await hub.publish()).status_code
        await hub.wait_until(lambda: hub.hub.bodies.held_bytes == 0)
        assert 202 == (await hub.publish(message="x" * 60_000)).status_code
