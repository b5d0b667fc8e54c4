"""Writing past the transports: only where nothing waits, and whatever a socket does not take goes the long way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.subscribers import Subscriber
from hub.edge.fanout import write_at_once
from hub.edge.websocket_links import WebSocketLink
from tests.fakes import FakeLink, make_subscriber

DEADLINE_S = 10.0


class Peer:
    """A link over a real socket, and the other end of it, which reads when it is told to."""

    def __init__(self, transport: asyncio.Transport, far: socket.socket) -> None:
        self.transport = transport
        self.far = far
        self.link = WebSocketLink(transport, cast("Any", None))
        self.subscriber = subscribe(self.link)

    async def read(self, count: int) -> bytes:
        """Return the next bytes that arrive."""
        loop = asyncio.get_running_loop()
        received = b""
        async with asyncio.timeout(DEADLINE_S):
            while len(received) < count:
                received += await loop.sock_recv(self.far, count - len(received))
        return received


def subscribe(link: Any) -> Subscriber:
    """Return a subscriber with this link."""
    return make_subscriber(link=link)


def make_envelope(size: int = 10) -> Envelope:
    """Return a notification of about `size` bytes."""
    return Envelope(b'{"type":"x","title":"%b"}' % (b"t" * size), Epoch("e"), 1)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """What a test opened."""
    opened: list[socket.socket] = []
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
async def peer(sockets: list[socket.socket]) -> AsyncIterator[Peer]:
    """A peer that has not read anything yet."""
    near, far = socket.socketpair()
    sockets += [near, far]
    near.setblocking(False)
    far.setblocking(False)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, near)
    try:
        yield Peer(transport, far)
    finally:
        transport.abort()
        await asyncio.sleep(0)


async def test_a_free_socket_takes_the_frame_at_once(peer: Peer) -> None:
    """Nothing is left in the transport, and nobody for the long way."""
    envelope = make_envelope()
    assert [] == write_at_once(envelope, [peer.subscriber])
    assert 0 == peer.transport.get_write_buffer_size()
    assert envelope.frame == await peer.read(len(envelope.frame))


async def test_nothing_overtakes_what_waits(peer: Peer) -> None:
    """Behind bytes that the peer has not taken, the next ones go through the transport, in order."""
    first, second = make_envelope(4_000_000), make_envelope()
    peer.link.write(first)
    assert peer.transport.get_write_buffer_size() > 0
    assert [peer.subscriber] == write_at_once(second, [peer.subscriber])
    peer.link.write(second)
    assert first.frame + second.frame == await peer.read(len(first.frame) + len(second.frame))


async def test_the_rest_of_a_frame_follows_its_beginning(peer: Peer) -> None:
    """A socket that takes a part only gets the remainder later, whole and before anything else."""
    first, second = make_envelope(4_000_000), make_envelope()
    assert [] == write_at_once(first, [peer.subscriber])
    assert 0 < peer.transport.get_write_buffer_size() < len(first.frame)
    assert [peer.subscriber] == write_at_once(second, [peer.subscriber])
    peer.link.write(second)
    assert first.frame + second.frame == await peer.read(len(first.frame) + len(second.frame))


async def test_a_full_socket_is_left_to_its_transport(peer: Peer) -> None:
    """Where not one byte fits nothing was written, and the caller is told so."""
    descriptor = peer.link.find_socket()
    assert descriptor is not None
    with socket.socket(fileno=descriptor) as near:
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(b"x" * 65_536)
        near.detach()
    assert [peer.subscriber] == write_at_once(make_envelope(), [peer.subscriber])
    assert 0 == peer.transport.get_write_buffer_size()


async def test_a_peer_that_left_does_not_keep_it_from_the_others(peer: Peer, sockets: list[socket.socket]) -> None:
    """A broken socket raises nothing here; its own transport finds out."""
    near, far = socket.socketpair()
    sockets += [near, far]
    near.setblocking(False)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, near)
    gone = Peer(transport, far)
    far.close()
    envelope = make_envelope()
    assert [gone.subscriber] == write_at_once(envelope, [gone.subscriber, peer.subscriber])
    assert envelope.frame == await peer.read(len(envelope.frame))
    transport.abort()


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_no_socket_is_written_once_its_transport_was_ended(peer: Peer, end: str) -> None:
    """Its descriptor may be another connection's a moment later, and that one's frames are not ours to write."""
    getattr(peer.transport, end)()
    assert [peer.subscriber] == write_at_once(make_envelope(), [peer.subscriber])
    peer.link.connection_lost()
    await asyncio.sleep(0)
    assert [peer.subscriber] == write_at_once(make_envelope(), [peer.subscriber])
    assert b"" == await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer.far, 100), DEADLINE_S)


async def test_other_links_are_left_to_themselves() -> None:
    """A link that is no transport's gets its notification from its own `write`."""
    subscriber = subscribe(FakeLink())
    assert [subscriber] == write_at_once(make_envelope(), [subscriber])


async def test_bytes_never_go_past_encryption() -> None:
    """Under TLS the socket itself would carry them in the clear."""
    link = WebSocketLink(cast("Any", TlsTransport()), cast("Any", None))
    subscriber = subscribe(link)
    assert link.find_socket() is None
    assert [subscriber] == write_at_once(make_envelope(), [subscriber])


class TlsTransport:
    """As asyncio's under TLS: it has a socket, and must not be passed by."""

    def get_extra_info(self, name: str) -> object:
        return {"sslcontext": object(), "socket": socket}.get(name)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("room_bytes", [0, 8_192, 10_000_000])
@pytest.mark.parametrize("size", [10, 3_000, 200_000])
async def test_a_page_arrives_whole_whatever_the_socket_takes(peer: Peer, size: int, room_bytes: int) -> None:
    """A page of a replay is written in parts, as the peer reads; no byte is lost, and little waits in the transport."""
    page = [make_envelope(size + number) for number in range(3_000_000 // (size + 10_000))]
    expected = b"".join([envelope.frame for envelope in page])
    loop, written, received = asyncio.get_running_loop(), 0, b""
    while written < len(page):
        count = peer.link.write_page(page[written:], room_bytes=room_bytes)
        assert 1 <= count <= len(page) - written
        written += count
        assert peer.transport.get_write_buffer_size() <= room_bytes + len(page[written - 1].frame)
        while peer.transport.get_write_buffer_size() > room_bytes:
            received += await asyncio.wait_for(loop.sock_recv(peer.far, 100_000), DEADLINE_S)
    received += await peer.read(len(expected) - len(received))
    assert expected == received


async def test_a_page_that_fits_is_one_write(peer: Peer) -> None:
    """The socket takes all of it at once, past the transport."""
    page = [make_envelope() for _ in range(100)]
    assert 100 == peer.link.write_page(page, room_bytes=0)
    assert 0 == peer.transport.get_write_buffer_size()


async def test_a_page_overtakes_nothing(peer: Peer) -> None:
    """Behind bytes that wait, at least one notification of a page goes through the transport, in order."""
    first, page = make_envelope(4_000_000), [make_envelope() for _ in range(3)]
    peer.link.write(first)
    assert 1 == peer.link.write_page(page, room_bytes=100)
    assert first.frame + page[0].frame == await peer.read(len(first.frame) + len(page[0].frame))


async def test_a_page_for_a_full_or_a_lost_socket(peer: Peer) -> None:
    """Where not one byte fits, the transport gets what there is room for; a connection that is gone gets nothing."""
    descriptor = peer.link.find_socket()
    assert descriptor is not None
    with socket.socket(fileno=descriptor) as near:
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(b"x" * 65_536)
        near.detach()
    page = [make_envelope(1_000) for _ in range(5)]
    assert 2 == peer.link.write_page(page, room_bytes=1_500)
    peer.link.connection_lost()
    assert 5 == peer.link.write_page(page, room_bytes=0)
