"""The fan-out that goes past the transports, in Python and compiled: the same promises for both."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import os
import re
import shutil
import socket
import struct
import sys
import sysconfig
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

import hub.edge.batch_send
from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.subscribers import Subscriber
from hub.edge.batch_send import (
    CONTRACT,
    FORMS,
    IMPLEMENTATIONS,
    Implementation,
    SendSocket,
    _find_implementations,
    send_batch,
)
from hub.edge.event_stream_link import EventStreamLink
from hub.edge.fanout import write_at_once, write_clear
from hub.edge.links import TransportLink
from hub.edge.websocket_links import DeflatedLink, WebSocketLink
from hub.edge.websocket_protocol import WebSocketProtocol
from tests.fakes import make_subscriber

DEADLINE_S = 10.0
#: Bytes that no socket of a test takes at once.
TOO_MUCH = 4_000_000
#: Sends in a count of references; `make soak` has a million.
SENDS = 20_000

each_implementation = pytest.mark.parametrize("how", IMPLEMENTATIONS, ids=[each.name for each in IMPLEMENTATIONS])


def make_envelope(position: int, size: int = 10) -> Envelope:
    """Return the notification at a position, of about `size` bytes, which compression hardly makes fewer."""
    title = Random(position).randbytes(size // 2).hex().encode()
    return Envelope(b'{"type":"x","title":"%b"}' % title, Epoch("e"), position)


class Pair:
    """A clear socket as the fan-out has it, its subscriber, and the far end."""

    def __init__(self, how: Implementation, form: int = 0) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.socket = how.make_socket(self.near.fileno(), form)
        self.socket.is_clear = True
        self.subscriber = make_subscriber(link=cast("Any", SimpleNamespace(send_socket=self.socket)))

    def read(self) -> bytes:
        """Return everything that has arrived."""
        received = b""
        with contextlib.suppress(BlockingIOError):
            while part := self.far.recv(1 << 20):
                received += part
        return received

    def fill(self) -> None:
        """Let the near end take no more."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.near.send(b"x" * 65_536)


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """What a test opened."""
    opened: list[Pair] = []
    yield opened
    for pair in opened:
        pair.near.close()
        pair.far.close()


def open_pairs(pairs: list[Pair], how: Implementation, *forms: int) -> dict[Subscriber, object]:
    """Open a pair for each form; return them as a target's subscribers."""
    pairs += [Pair(how, form) for form in forms]
    return {pair.subscriber: pair.socket for pair in pairs}


def test_both_are_tested_where_both_can_be() -> None:
    """Where there are a compiler and Python's headers, `make setup` has built the compiled one."""
    can_build = shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").exists()
    assert (["compiled", "Python"] if can_build else ["Python"]) == [each.name for each in IMPLEMENTATIONS]


@pytest.mark.parametrize(("number", "names"), [(CONTRACT, ["compiled", "Python"]), (CONTRACT + 1, ["Python"])])
def test_another_contract_is_not_used(monkeypatch: pytest.MonkeyPatch, number: int, names: list[str]) -> None:
    """Where the compiled module that is installed says that it does something else, Python runs."""
    module = SimpleNamespace(CONTRACT=number, SendSocket=SendSocket, send_batch=send_batch)
    monkeypatch.setitem(sys.modules, "hub_native", cast("Any", module))
    assert names == [each.name for each in _find_implementations(is_installed=True)]


class TestWrite:
    """One call, many sockets."""

    @each_implementation
    def test_each_gets_its_form(self, how: Implementation, pairs: list[Pair]) -> None:
        """Every clear socket gets the notification in its own form, and is counted by its transport."""
        registered = open_pairs(pairs, how, 0, 1, 2, 3, 2)
        envelope = make_envelope(7)
        assert ([], [], 2, 3) == how.write(registered, envelope)
        for pair in pairs:
            assert getattr(envelope, FORMS[pair.socket.form]) == pair.read()
            assert (7, True) == (pair.socket.position, pair.socket.is_clear)

    @each_implementation
    def test_only_the_forms_that_are_needed_are_made(self, how: Implementation, pairs: list[Pair]) -> None:
        """A form that no clear socket has is not encoded."""
        registered = open_pairs(pairs, how, 0, 2)
        pairs[1].socket.is_clear = False
        envelope = make_envelope(1)
        how.write(registered, envelope)
        assert envelope._frame is not None
        assert envelope._chunk is None

    @each_implementation
    def test_nobody_is_written_to_twice(self, how: Implementation, pairs: list[Pair]) -> None:
        """A notification that a socket has had, and an older one, are left to the caller, who knows the session."""
        registered = open_pairs(pairs, how, 0)
        for position in (7, 7, 6):
            how.write(registered, make_envelope(position))
        assert make_envelope(7).frame == pairs[0].read()
        assert [pairs[0].subscriber] == how.write(registered, make_envelope(7))[0]

    @each_implementation
    def test_what_is_not_clear_is_left(self, how: Implementation, pairs: list[Pair]) -> None:
        """Sockets that are not clear, links without one, and other objects are not touched, and stay in order."""
        registered = open_pairs(pairs, how, 0, 0, 0, 0)
        pairs[1].socket.is_clear = False
        registered[pairs[2].subscriber] = None
        registered[pairs[3].subscriber] = SimpleNamespace(is_clear=True, descriptor=pairs[3].near.fileno(), form=0)
        left, cut, websocket, sse = how.write(registered, make_envelope(1))
        assert ([pair.subscriber for pair in pairs[1:]], [], 1, 0) == (left, cut, websocket, sse)
        assert [True, False, False, False] == [pair.read() != b"" for pair in pairs]

    @each_implementation
    def test_a_full_socket_is_left_and_no_longer_clear(self, how: Implementation, pairs: list[Pair]) -> None:
        """Where not one byte fits nothing was written, and the next one goes the long way too."""
        registered = open_pairs(pairs, how, 0, 0)
        pairs[0].fill()
        assert ([pairs[0].subscriber], [], 1, 0) == how.write(registered, make_envelope(1))
        assert (0, False) == (pairs[0].socket.position, pairs[0].socket.is_clear)

    @each_implementation
    def test_a_part_is_told(self, how: Implementation, pairs: list[Pair]) -> None:
        """A socket that takes a part has that much of it, counts as written to, and is no longer clear."""
        registered = open_pairs(pairs, how, 0)
        envelope = make_envelope(1, TOO_MUCH)
        left, cut, websocket, _ = how.write(registered, envelope)
        ((subscriber, sent),) = cut
        assert ([], pairs[0].subscriber, 1) == (left, subscriber, websocket)
        assert 0 < sent < len(envelope.frame)
        assert envelope.frame[:sent] == pairs[0].read()
        assert (1, False) == (pairs[0].socket.position, pairs[0].socket.is_clear)

    @each_implementation
    @pytest.mark.parametrize("how_gone", ["left", "closed", "never"])
    def test_a_broken_descriptor_keeps_it_from_nobody(
        self, how: Implementation, pairs: list[Pair], how_gone: str
    ) -> None:
        """A peer that left, a descriptor that was closed and one that never was raise nothing and send no signal."""
        registered = open_pairs(pairs, how, 0, 0)
        if how_gone == "left":
            pairs[0].far.close()
        elif how_gone == "closed":
            pairs[0].near.close()
        else:
            pairs[0].socket = registered[pairs[0].subscriber] = how.make_socket(-1, 0)
            pairs[0].socket.is_clear = True
        assert ([pairs[0].subscriber], [], 1, 0) == how.write(registered, make_envelope(1))
        assert not pairs[0].socket.is_clear
        assert make_envelope(1).frame == pairs[1].read()

    @each_implementation
    def test_what_the_envelope_raises_comes_out(self, how: Implementation, pairs: list[Pair]) -> None:
        """A notification that cannot be encoded is the caller's failure, and was written to nobody."""
        registered = open_pairs(pairs, how, 0)
        with pytest.raises(AttributeError):
            how.write(registered, cast("Any", SimpleNamespace(position=1)))
        with pytest.raises(AttributeError):
            how.write(registered, cast("Any", SimpleNamespace(frame=b"x")))
        with pytest.raises(TypeError):
            how.write(registered, cast("Any", SimpleNamespace(position=1, frame="text")))
        assert b"" == pairs[0].read()

    @each_implementation
    def test_there_are_four_forms(self, how: Implementation) -> None:
        """A socket of no form, or without its two arguments, is not made."""
        for form in (-1, len(FORMS)):
            with pytest.raises(ValueError, match="no such form"):
                how.make_socket(3, form)
        make: Any = how.make_socket
        with pytest.raises(TypeError):
            make(3)
        with pytest.raises(TypeError):
            make(descriptor=3, form=0)

    @each_implementation
    def test_nobody_is_fine(self, how: Implementation) -> None:
        """A target without subscribers costs nothing, not even a form."""
        assert ([], [], 0, 0) == how.write({}, make_envelope(1))

    @each_implementation
    def test_references_stay(self, how: Implementation, pairs: list[Pair]) -> None:
        """What is sent, left, cut or fails holds nothing afterwards: not a key, a socket, an envelope, nor a form."""
        count_references(how, pairs, SENDS)

    @each_implementation
    @pytest.mark.soak
    def test_references_stay_over_a_million(self, how: Implementation, pairs: list[Pair]) -> None:
        """The same over a million sends."""
        count_references(how, pairs, 1_000_000)


def count_references(how: Implementation, pairs: list[Pair], sends: int) -> None:
    """Send so often, to a socket that takes it, one that is full, one whose peer left and one that gets a part."""
    registered = open_pairs(pairs, how, 0, 2, 0, 0)
    pairs[1].fill()
    pairs[2].far.close()
    envelope = make_envelope(1)
    held = [each for pair in pairs for each in (pair.subscriber, pair.socket)]
    held += [envelope, envelope.frame, envelope.chunk, registered]

    def count() -> list[int]:
        gc.collect()
        return [sys.getrefcount(each) for each in held]

    def send() -> None:
        for pair in pairs:
            pair.socket.is_clear, pair.socket.position = True, 0
        how.write(registered, envelope)
        pairs[0].read()

    for _ in range(100):
        send()
    before, objects, blocks = count(), len(gc.get_objects()), sys.getallocatedblocks()
    for number in range(sends):
        send()
        # In between it is full, too.
        if number % 2_000 == 0:
            pairs[3].read()
    assert before == count()
    assert abs(len(gc.get_objects()) - objects) < 50
    assert abs(sys.getallocatedblocks() - blocks) < 500


@pytest.fixture(params=IMPLEMENTATIONS, ids=[each.name for each in IMPLEMENTATIONS])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Implementation:
    """Have new links use one of the two."""
    implementation = cast("Implementation", request.param)
    monkeypatch.setattr(hub.edge.batch_send, "chosen", implementation)
    return implementation


class Connected:
    """A link over a real transport, which was written to once past it, and the other end."""

    def __init__(self, transport: asyncio.Transport, far: socket.socket, link: TransportLink) -> None:
        self.transport, self.far, self.link = transport, far, link
        self.subscriber = make_subscriber(link=cast("Any", link))
        self.registered = {self.subscriber: link.send_socket}
        assert [] == write_at_once(make_envelope(1), [self.subscriber])
        assert link.send_socket.is_clear

    def offer(self, position: int) -> bool:
        """Offer a notification; whether it was written without a look at the link."""
        left, websocket, sse = write_clear(make_envelope(position), self.registered)
        assert 1 == len(left) + websocket + sse
        return not left

    async def read(self, body: bytes) -> None:
        """Read so much, which has to be this."""
        loop, received = asyncio.get_running_loop(), b""
        async with asyncio.timeout(DEADLINE_S):
            while len(received) < len(body):
                received += await loop.sock_recv(self.far, len(body) - len(received))
        assert body == received


@pytest.fixture(params=[WebSocketLink, DeflatedLink, EventStreamLink])
async def connected(chosen: Implementation, request: pytest.FixtureRequest) -> AsyncIterator[Connected]:
    """A connection of each kind."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, near)
    ended = {"send_close": lambda code, reason: None, "wake_app": lambda: None, "close_timeout_s": DEADLINE_S}
    stand_in = SimpleNamespace(**ended)
    try:
        yield Connected(transport, far, request.param(transport, stand_in))
    finally:
        transport.abort()
        await asyncio.sleep(0)
        far.close()


class TestLinks:
    """When a socket is clear, and what ends that."""

    async def test_it_stays_clear(self, connected: Connected) -> None:
        """After one look the next notifications need none, and arrive in order."""
        assert [True, True] == [connected.offer(2), connected.offer(3)]
        forms = [getattr(make_envelope(position), connected.link.form) for position in (1, 2, 3)]
        await connected.read(b"".join(forms))

    async def test_nothing_overtakes_what_the_link_writes(self, connected: Connected) -> None:
        """A control frame, a heartbeat or a replayed page goes through the transport, and what follows waits for it."""
        connected.link.write_bytes(b"page" * 500_000)
        assert not connected.offer(2)

    async def test_nothing_overtakes_what_is_held(self, connected: Connected) -> None:
        """Between `cork` and `uncork` nothing is written, whichever way."""
        connected.link.cork()
        assert not connected.offer(2)
        assert [connected.subscriber] == write_at_once(make_envelope(2), [connected.subscriber])

    @pytest.mark.parametrize("end", ["close", "abort", "connection_lost"])
    async def test_the_end_ends_it(self, connected: Connected, end: str) -> None:
        """Once a link was closed, aborted or lost, its descriptor is no longer written to."""
        getattr(connected.link, end)(*((1000, "") if end == "close" else ()))
        assert not connected.offer(2)
        assert [connected.subscriber] == write_at_once(make_envelope(2), [connected.subscriber])

    async def test_a_reused_descriptor_gets_nothing(self, connected: Connected) -> None:
        """Another connection that was given the same number gets none of these notifications."""
        connected.link.connection_lost()
        with contextlib.ExitStack() as opened:
            near, far = (opened.enter_context(each) for each in socket.socketpair())
            far.setblocking(False)
            number = connected.link.send_socket.descriptor
            os.dup2(near.fileno(), number)
            assert not connected.offer(2)
            with pytest.raises(BlockingIOError):
                far.recv(1)

    async def test_the_rest_of_a_part_comes_first(self, connected: Connected) -> None:
        """What a socket took in part is completed by its transport, and the next one waits behind it."""
        large = make_envelope(2, TOO_MUCH)
        left, websocket, sse = write_clear(large, connected.registered)
        assert ([], 1) == (left, websocket + sse)
        next_one = make_envelope(3)
        assert not connected.offer(3)
        connected.link.write(next_one)
        form = connected.link.form
        await connected.read(b"".join(getattr(each, form) for each in (make_envelope(1), large, next_one)))


class LostProtocol(asyncio.Protocol):
    """Notes whether the descriptor still is this connection's when the event loop says that it is lost."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.descriptor = -1
        self._file = (0, 0)
        self.made = asyncio.Event()
        self.was_open: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.descriptor = transport.get_extra_info("socket").fileno()
        self._file = self._identify()
        self.made.set()

    def connection_lost(self, exc: Exception | None) -> None:
        try:
            self.was_open.set_result(self._identify() == self._file)
        except OSError:
            self.was_open.set_result(False)

    def _identify(self) -> tuple[int, int]:
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino


@pytest.mark.parametrize("end", ["close", "abort", "the peer leaves", "the peer resets"])
async def test_a_descriptor_is_closed_after_connection_lost(end: str) -> None:
    """However a connection ends, the event loop closes its descriptor only after it has told the protocol."""
    loop = asyncio.get_running_loop()
    protocol = LostProtocol()
    server = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as peer:
        async with asyncio.timeout(DEADLINE_S):
            await protocol.made.wait()
            if end in {"close", "abort"}:
                getattr(protocol.transport, end)()
            elif end == "the peer resets":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
            else:
                peer.close()
            assert await protocol.was_open
    server.close()
    await server.wait_closed()


async def test_a_pong_is_not_overtaken(chosen: Implementation) -> None:
    """What the WebSocket protocol writes by itself, such as a pong or a close frame, ends a clear socket too."""
    written: list[bytes] = []
    transport = SimpleNamespace(write=written.append, is_closing=lambda: False, close=lambda: None)
    protocol = WebSocketProtocol(cast("Any", SimpleNamespace()))
    protocol.transport = cast("Any", transport)
    protocol._core = cast("Any", SimpleNamespace(data_to_send=lambda: [b"pong"]))
    near, far = socket.socketpair()
    with near, far:
        transport.get_extra_info = {"socket": near}.get
        link = protocol._link = WebSocketLink(cast("Any", transport), cast("Any", protocol))
        link.send_socket.is_clear = True
        protocol._flush()
    assert [b"pong"] == written
    assert not link.send_socket.is_clear


#: Who writes to a transport: each either ends a clear socket first, or writes where there is no link yet, or any more.
WRITERS = {
    "exchange.receive": "before the response",
    "exchange._respond": "a whole response",
    "exchange._start": "a response has a link or parts",
    "exchange._write": "the end, after `EventStreamLink.finish`",
    "lingering_close.__init__": "a connection without a response",
    "links._send": "ends it",
    "websocket_protocol.accept": "a handshake without a link",
    "websocket_protocol.send_refusal": "ends it",
    "websocket_protocol._flush": "ends it",
}


def find_writers() -> Iterator[str]:
    """Yield module and function of every call of a transport's write in the edge."""
    for path in sorted(Path(hub.edge.batch_send.__file__).parent.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and re.search(
                        r"transport\.(write|writelines|write_eof)$", ast.unparse(node.func)
                    ):
                        yield f"{path.stem}.{function.name}"


def test_who_writes_to_a_transport() -> None:
    """A new place that writes to a transport has to end the clear socket of its connection, or say why it need not."""
    assert set(WRITERS) == set(find_writers())
