"""Peers that leave, or say the next thing, at a moment nobody expects: nothing leaks and nothing is logged."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from hub.auth.admission import Admission
from hub.auth.grant import Grant
from hub.bounds import Bounds
from hub.edge import event_stream_link
from hub.edge.http_protocol import HttpProtocol
from hub.edge.request_reader import MAX_HEAD_BYTES
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, USER, RunningHub, run_hub

UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub whose heartbeats are rare."""
    async with run_hub(tmp_path) as running:
        yield running


class Gate:
    """Holds every admission up until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = 0
        self.opened = asyncio.Event()
        admit = Admission.admit

        async def wait(
            self_: Admission, headers: Any, query: bytes, subprotocols: Sequence[str] = (), **options: Any
        ) -> Grant:
            self.waiting += 1
            await self.opened.wait()
            return await admit(self_, headers, query, subprotocols, **options)

        monkeypatch.setattr(Admission, "admit", wait)
        # As of a user who has to be looked up.
        monkeypatch.setattr(Admission, "admit_nowait", lambda *_, **__: None)


def stream(hub: RunningHub) -> bytes:
    """Return the request of an event stream."""
    return b"GET /sse HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n\r\n" % hub.token().encode()


def upgrade(hub: RunningHub) -> bytes:
    """Return the handshake of a WebSocket."""
    return b"GET /ws?token=%b HTTP/1.1\r\nHost: hub\r\n%b\r\n" % (hub.token().encode(), UPGRADE)


async def settle(hub: RunningHub) -> None:
    """Wait until nothing of any connection is left."""
    state = hub.server.server_state
    await hub.wait_until(lambda: not (len(hub.hub.subscribers) or state.tasks or state.connections))
    # Whatever a timer would have complained about has had its turn.
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["sse", "ws"])
async def test_a_peer_that_leaves_while_it_is_looked_up_is_no_failure(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Gone before the answer began: nothing is written to it, and nothing stays registered."""
    gate = Gate(monkeypatch)
    async with Wire(hub.port) as wire:
        await wire.send(stream(hub) if kind == "sse" else upgrade(hub))
        await hub.wait_until(lambda: gate.waiting == 1)
    await hub.wait_until(lambda: not hub.server.server_state.connections)
    gate.opened.set()
    await settle(hub)
    totals = hub.hub.metrics
    assert totals.connects.total() == totals.closes.total()


async def test_a_stream_with_a_request_behind_it_is_forgotten_with_its_peer(hub: RunningHub) -> None:
    """The peer that leaves is told to every request it had sent, not to the last alone."""
    async with Wire(hub.port) as wire:
        await wire.send(stream(hub) + b"GET /nothing HTTP/1.1\r\nHost: hub\r\n\r\n")
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
    await settle(hub)


async def test_a_stream_hears_that_its_peer_left_though_requests_came_behind_it(hub: RunningHub) -> None:
    """They are not answered, and they do not keep the hub from reading the end of the connection."""
    async with Wire(hub.port) as wire:
        await wire.send(stream(hub))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        await wire.send(b"GET /nothing HTTP/1.1\r\nHost: hub\r\n\r\n" * 3)
        await hub.wait_until(
            lambda: any(len(one._exchanges) for one in cast("set[HttpProtocol]", hub.server.server_state.connections))
        )
        # With an orderly end: a reset is heard of without reading.
        wire._writer.close()
        await settle(hub)


async def test_requests_cut_off_behind_each_other_are_no_failure(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is found after the peer left is thrown away, however many requests wait behind it."""
    gate = Gate(monkeypatch)
    async with Wire(hub.port) as wire:
        await wire.send(stream(hub) + b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n" * 2)
        await hub.wait_until(lambda: gate.waiting == 1)
    gate.opened.set()
    await settle(hub)


async def test_nothing_takes_a_connection_over_while_it_carries_a_stream(hub: RunningHub) -> None:
    """A handshake behind an event stream is refused: two protocols on one connection would lose the first."""
    async with Wire(hub.port) as wire:
        await wire.send(stream(hub))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        await wire.send(upgrade(hub))
        assert 1 == (await wire.rest()).count(b"HTTP/1.1 ")
    await settle(hub)


@pytest.mark.parametrize(
    "early", [b"\x81\x02hi", b"\xf1\x80nonsense", b"\x81\x81\0\0\0\0\xff", b"\x88\x82\0\0\0\0\x03\xe8"]
)
async def test_frames_before_the_accept_are_no_failure(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch, early: bytes
) -> None:
    """Frames that break the protocol before there is one end the connection."""
    gate = Gate(monkeypatch)
    async with Wire(hub.port) as wire:
        await wire.send(upgrade(hub))
        await hub.wait_until(lambda: gate.waiting == 1)
        await wire.send(early)
        assert b"HTTP/1.1 101" not in await wire.rest()
        gate.opened.set()
        await settle(hub)


async def test_a_stream_that_ended_leaves_the_next_one_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of an ended stream does not outlive it: its connection may carry another by then."""
    close_timeout_s = 0.2
    # As if some bytes were always on their way.
    monkeypatch.setattr(event_stream_link.EventStreamLink, "_abort_stuck", lambda link: link.abort())
    bounds = Bounds(close_timeout_s=close_timeout_s)
    async with run_hub(tmp_path, bounds=bounds) as hub, Wire(hub.port) as wire:
        for _ in range(2):
            await wire.send(stream(hub))
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
            (subscriber,) = hub.hub.subscribers.everyone()
            hub.hub.connections.end(subscriber, 4001, "expired")
            text = b""
            while not text.endswith(b"\r\n0\r\n\r\n"):
                part = await wire.read(65_536)
                assert part
                text += part
        await wire.send(stream(hub))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        # The loop runs timers in the order in which they are due: those of both ended streams come before this one.
        await asyncio.sleep(close_timeout_s)
        (subscriber,) = hub.hub.subscribers.everyone()
        subscriber.link.write_retry(4_321)
        async with asyncio.timeout(DEADLINE_S):
            text = b""
            while b"retry: 4321" not in text:
                part = await wire.read(65_536)
                assert part, "the stream was ended by the deadline of another"
                text += part
    await settle(hub)


@pytest.mark.parametrize(
    "piece",
    [b"a: b\r\n" * 1_000, b"a" * 65_536, b"1;" + b"x" * 65_536],
    ids=["trailers", "one trailer", "chunk extension"],
)
async def test_what_surrounds_a_body_is_bounded_like_a_head(hub: RunningHub, piece: bytes) -> None:
    """Trailers and chunk extensions are headers by another name: without end they end the connection."""
    async with Wire(hub.port) as wire:
        head = b"POST /api/internal/notify HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n" % hub.key.encode()
        await wire.send(head + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        await wire.send(piece if piece.startswith(b"1;") else b"0\r\n" + piece)
        sent = len(piece)
        while sent < 64 * MAX_HEAD_BYTES and await wire.send(piece.removeprefix(b"1;")):
            sent += len(piece)
            await asyncio.sleep(0)
        assert sent < 64 * MAX_HEAD_BYTES
    await settle(hub)


async def test_a_shutdown_survives_a_stalled_peer_that_said_goodbye(tmp_path: Path) -> None:
    """A close frame from a peer with unread bytes on their way to it does not break the shutdown."""
    async with run_hub(tmp_path, link_budget_bytes=2**24) as hub:
        loop = asyncio.get_running_loop()
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.setblocking(False)
            await loop.sock_connect(peer, ("127.0.0.1", hub.port))
            await loop.sock_sendall(peer, upgrade(hub))
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
            (subscriber,) = hub.hub.subscribers.everyone()
            while subscriber.link.unsent_bytes < 100_000:
                await hub.publish(user_id=USER, account_id=subscriber.account_id, message="x" * 60_000)
            await loop.sock_sendall(peer, b"\x88\x82\0\0\0\0" + struct.pack("!H", 1000))
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
            hub.server.should_exit = True
            async with asyncio.timeout(DEADLINE_S):
                while hub.server.server_state.connections:
                    await asyncio.sleep(0.01)
