"""Peers that are slow, silent, stalled or gone: each is found, and none holds up another."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.log.port import Reading
from hub.target import Target
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

STALLED = "00000000353"


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub whose heartbeat comes twice a second."""
    async with run_hub(tmp_path, heartbeat_s=0.5, link_budget_bytes=65_536) as running:
        yield running


@pytest.fixture
def peers() -> Iterator[list[socket.socket]]:
    """Raw sockets, closed at the end."""
    opened: list[socket.socket] = []
    yield opened
    for peer in opened:
        peer.close()


async def dial(hub: RunningHub, peers: list[socket.socket], request: str) -> socket.socket:
    """Connect with a small receive buffer, send a request and read the beginning of the answer."""
    loop = asyncio.get_running_loop()
    peer = socket.socket()
    peers.append(peer)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.setblocking(False)
    await loop.sock_connect(peer, ("127.0.0.1", hub.port))
    await loop.sock_sendall(peer, request.replace("\n", "\r\n").encode())
    async with asyncio.timeout(DEADLINE_S):
        await loop.sock_recv(peer, 1024)
    return peer


def websocket_request(hub: RunningHub, user_id: str = USER) -> str:
    """Return the handshake of a deployed frontend."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws?token={hub.token(user_id)} HTTP/1.1\nHost: hub\nUpgrade: websocket\nConnection: Upgrade\n"
        f"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: {key}\n\n"
    )


def sse_request(hub: RunningHub, user_id: str = USER) -> str:
    """Return the request of an EventSource."""
    return f"GET /sse?token={hub.token(user_id)} HTTP/1.1\nHost: hub\nAccept: text/event-stream\n\n"


async def test_hub_v1_clients_see_heartbeats_and_others_do_not(quick: RunningHub) -> None:
    """Browsers cannot see pings; a deployed frontend would show a heartbeat as a message."""
    async with quick.websocket() as told, quick.websocket(subprotocols=()) as old:
        beat = await told.frame()
        assert "heartbeat" == beat["type"]
        await told.frame()
        await quick.publish(title="first thing the old one sees")
        assert "first thing the old one sees" == (await old.frame())["title"]


async def test_a_heartbeat_moves_the_cursor(quick: RunningHub) -> None:
    """A user who gets nothing for weeks must not come back with a cursor that retention has passed."""
    async with quick.websocket() as websocket, quick.events() as events:
        receipt = (await quick.publish(user_id="00000000999", account_id=ACCOUNT)).json()
        while (beat := await websocket.frame())["cursor"] != receipt["cursor"]:
            assert "heartbeat" == beat["type"]
        # The comment of an event stream moves its last event id, without an event.
        async with asyncio.timeout(DEADLINE_S):
            while events.last_event_id != receipt["cursor"]:
                event = await anext(events._events)
                assert "" == event.data
                events.last_event_id = event.id


async def test_a_websocket_that_answers_no_ping_is_gone_within_two_intervals(
    quick: RunningHub, peers: list[socket.socket]
) -> None:
    """A peer that is gone without a word misses one ping and is dropped at the next."""
    await dial(quick, peers, websocket_request(quick))
    await quick.wait_until(lambda: len(quick.hub.subscribers) == 1)
    began_s = asyncio.get_running_loop().time()
    await quick.wait_until(lambda: len(quick.hub.subscribers) == 0)

    assert asyncio.get_running_loop().time() - began_s < 2 * quick.settings.heartbeat_s + 0.5
    assert 1 == quick.hub.metrics.closes[1006]


async def test_clients_that_answer_stay(quick: RunningHub) -> None:
    """Four intervals later everyone who answers is still there."""
    async with quick.websocket() as told, quick.websocket(subprotocols=()) as old, quick.events() as events:
        for _ in range(4):
            assert "heartbeat" == (await told.frame())["type"]
        await quick.publish(title="still")
        assert "still" == (await old.frame())["title"]
        assert "still" == (await events.frame())["title"]


@pytest.mark.parametrize("request_of", [websocket_request, sse_request])
async def test_a_client_that_stops_reading_is_ended_and_misses_nothing(
    tmp_path: Path, peers: list[socket.socket], request_of: object
) -> None:
    """It falls behind, and is ended when it took nothing for a heartbeat; others go on, and the log has the rest."""
    assert callable(request_of)
    async with run_hub(tmp_path, heartbeat_s=1.0) as hub, hub.websocket(subprotocols=()) as healthy:
        stalled = await dial(hub, peers, request_of(hub, STALLED))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 2)
        text = "x" * 30_000
        first = None
        for number in range(400):
            answer = await hub.publish(title=str(number), message=text, user_ids=[USER, STALLED], account_id=ACCOUNT)
            first = first or answer.json()["cursor"]
            assert str(number) == (await healthy.frame())["title"]
            if hub.hub.metrics.fallen_behind:
                break
        assert 1 == hub.hub.metrics.fallen_behind
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        # It reads nothing, so it cannot answer the close either: aborted, its socket is gone.
        await hub.wait_until(lambda: len(hub.server.server_state.connections) <= 2)
        stalled.close()
        async with hub.events(hub.token(STALLED), last_event_id=first) as back:
            assert [str(n) for n in range(1, number + 1)] == [f["title"] for f in await back.frames(number)]


@pytest.mark.parametrize("request_of", [websocket_request, sse_request])
async def test_a_client_that_reads_slowly_gets_everything_on_its_connection(
    tmp_path: Path, peers: list[socket.socket], request_of: object
) -> None:
    """One that pauses beyond its budget stays: each notification once, in order, small and large, and live again."""
    assert callable(request_of)
    async with run_hub(tmp_path) as hub:
        slow = await dial(hub, peers, request_of(hub, STALLED))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        count = 0
        while not hub.hub.metrics.fallen_behind or count % 20:
            text = "x" * (60_000 if count % 2 else 10)
            await hub.publish(title=f"<{count}>", message=text, user_id=STALLED, account_id=ACCOUNT)
            count += 1
        slow.settimeout(DEADLINE_S)
        data = b""
        while f"<{count - 1}>".encode() not in data:
            data += await asyncio.to_thread(slow.recv, 20_000)
        assert [str(number).encode() for number in range(count)] == re.findall(rb"<(\d+)>", data)
        assert (0, 1) == (hub.hub.metrics.drops, len(hub.hub.subscribers))
        await hub.publish(title="<live>", user_id=STALLED, account_id=ACCOUNT)
        while b"<live>" not in data:
            data += await asyncio.to_thread(slow.recv, 20_000)


async def test_a_stalled_event_stream_without_traffic_is_dropped(quick: RunningHub, peers: list[socket.socket]) -> None:
    """The kernel gives a peer that takes nothing two and a half heartbeat intervals (TCP_USER_TIMEOUT)."""
    stalled = await dial(quick, peers, sse_request(quick, STALLED))
    await quick.wait_until(lambda: len(quick.hub.subscribers) == 1)
    # Fill what the peer's kernel takes, so that heartbeats stay in ours.
    await quick.publish(message="x" * 60_000, user_id=STALLED, account_id=ACCOUNT)
    await quick.wait_until(lambda: len(quick.hub.subscribers) == 0)
    assert stalled.fileno() != -1


async def test_a_reset_connection_is_forgotten_at_once(quick: RunningHub, peers: list[socket.socket]) -> None:
    """A connection that ends without a close leaves nothing behind, on either transport."""
    for request in (websocket_request(quick), sse_request(quick)):
        peer = await dial(quick, peers, request)
        await quick.wait_until(lambda: len(quick.hub.subscribers) == 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await quick.wait_until(lambda: len(quick.hub.subscribers) == 0)


async def test_a_shutdown_does_not_wait_for_stalled_clients(tmp_path: Path, peers: list[socket.socket]) -> None:
    """Clients that read nothing are aborted, so the process ends within its budget."""
    async with run_hub(tmp_path) as hub:
        for number in range(5):
            await dial(hub, peers, websocket_request(hub, f"0000000{number:04d}"))
            await dial(hub, peers, sse_request(hub, f"0000000{number:04d}"))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 10)
        for _ in range(20):
            await hub.publish(message="x" * 60_000, everyone=True)
        began_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began_s < 9


async def test_a_drain_tells_each_client_when_to_come_back(tmp_path: Path) -> None:
    """hub.v1 clients get a window, streams a retry and a closing frame; all end with 1012."""
    async with run_hub(tmp_path, drain_s=1) as hub:
        async with hub.websocket() as told, hub.websocket(subprotocols=()) as old, hub.events() as events:
            drain = asyncio.create_task(hub.app.drain())
            reconnect = await told.frame()
            assert ("reconnect", 1.0) == (reconnect["type"], reconnect["withinSeconds"])
            assert 1012 == await told.wait_closed()
            assert 1012 == await old.wait_closed()
            assert 1012 == (await events.wait_closed())[-1]["code"]
            await drain
        assert 503 == (await hub.http.get("/health/ready")).status_code
        answer = await hub.http.get("/sse", params={"token": hub.token()})
        assert (503, "draining") == (answer.status_code, answer.json()["code"])


async def test_a_client_that_speaks_during_its_replay_is_heard_alive(
    quick: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pongs are read, and what it says is heard, although the hub is busy with its replay."""
    cursor = (await quick.publish(title="seen")).json()["cursor"]
    await quick.publish(title="missed")
    read, may_read = quick.hub.log.read, asyncio.Event()

    async def read_later(targets: Sequence[Target], **bounds: Any) -> Reading:
        await may_read.wait()
        return await read(targets, **bounds)

    monkeypatch.setattr(quick.hub.log, "read", read_later)
    async with quick.websocket(cursor=cursor) as websocket:
        await websocket.connection.send(f'{{"type":"auth","token":"{quick.token(ttl_s=7200)}"}}')
        assert "auth_accepted" == (await websocket.frame())["type"]
        for _ in range(5):
            assert ("heartbeat", cursor) == ((beat := await websocket.frame())["type"], beat["cursor"])
        may_read.set()
        assert "missed" == (await websocket.frame())["title"]
