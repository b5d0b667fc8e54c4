"""Raw WebSocket bytes that no client sends: each connection ends in time and order, and the others notice nothing.

Close codes are those of RFC 6455 section 7.4; what a server must refuse stands in sections 5.1 to 5.5 and 8.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import struct
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from hub.bounds import Bounds
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub, run_hub

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
FIN = 0x80
MUTATIONS = 20_000
#: Frames thrown at one connection; most end it, so what comes behind them is not read any more.
PER_CONNECTION = 5
#: How long a flood may last on a machine with other work; the hub counts frames by the second.
FLOOD_DEADLINE_S = 30.0


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with its shipped bounds."""
    async with run_hub(tmp_path) as hub:
        yield hub


def frame(first: int, payload: bytes = b"", *, masked: bool = True, length: int | None = None) -> bytes:
    """Return a frame with this first byte; `length` is what it claims instead of the truth."""
    count = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    if count < 126:
        head = struct.pack("!BB", first, bit | count)
    elif count < 65_536:
        head = struct.pack("!BBH", first, bit | 126, count)
    else:
        head = struct.pack("!BBQ", first, bit | 127, count)
    if not masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return frame(FIN | CLOSE, struct.pack("!H", code) + reason)


class Peer(Wire):
    """A raw WebSocket client."""

    async def shake_hands(self, hub: RunningHub, *lines: str, token: str | None = None) -> int:
        """Send the handshake; return the answer's status."""
        head = [
            f"GET /ws?token={token or hub.token(secrets.token_hex(4))} HTTP/1.1",
            *("Host: hub", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *lines),
        ]
        await self.send(("\r\n".join(head) + "\r\n\r\n").encode())
        return (await self.response()).status

    async def frame(self) -> tuple[int, bytes]:
        """Read a frame of the server: its opcode and payload; opcode -1 at the end of the connection."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                first, size = await self._reader.readexactly(2)
                if size == 126:
                    (size,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
                return first & 0x0F, await self._reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return -1, b""

    async def close_code(self) -> int:
        """Read until the server's close, and answer it; 1006 where the connection just ended."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                await self.send(frame(FIN | CLOSE, payload[:2]))
                assert -1 == (await self.frame())[0], "something came after the close"
                return int(code)
            if opcode == -1:
                return 1006


@contextlib.asynccontextmanager
async def peer(hub: RunningHub, *lines: str) -> AsyncIterator[Peer]:
    """Connect, as a deployed frontend unless `lines` offer more."""
    async with Peer(hub.port) as client:
        assert 101 == await client.shake_hands(hub, *lines)
        yield client


V1 = "Sec-WebSocket-Protocol: hub.v1"
BIG = 70_000
#: name -> (bytes, close codes that are right)
VIOLATIONS: dict[str, tuple[bytes, set[int]]] = {
    "unmasked text": (frame(FIN | TEXT, b"x", masked=False), {1002}),
    "unmasked ping": (frame(FIN | PING, b"x", masked=False), {1002}),
    "unmasked close": (frame(FIN | CLOSE, b"\x03\xe8", masked=False), {1002}),
    "reserved bit 1": (frame(FIN | 0x40 | TEXT, b"x"), {1002}),
    "reserved bit 2": (frame(FIN | 0x20 | TEXT, b"x"), {1002}),
    "reserved bit 3": (frame(FIN | 0x10 | TEXT, b"x"), {1002}),
    **{f"reserved opcode {code:x}": (frame(FIN | code, b"x"), {1002}) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "frame beyond the limit": (frame(FIN | TEXT, b"x" * BIG), {1009}),
    "frame that claims 2^63": (struct.pack("!BBQ", FIN | TEXT, 0xFF, 2**63) + b"mask", {1002, 1009}),
    "frame that claims 2^62": (struct.pack("!BBQ", FIN | TEXT, 0xFF, 2**62) + b"mask", {1009}),
    "message beyond the limit": (
        frame(TEXT, b"x" * 40_000) + frame(FIN | CONTINUATION, b"x" * 40_000),
        {1009},
    ),
    "binary beyond the limit": (frame(FIN | BINARY, b"x" * BIG), {1009}),
    "ping of 126 bytes": (frame(FIN | PING, b"x" * 126), {1002}),
    "close of 126 bytes": (close(1000, b"x" * 124), {1002}),
    "fragmented ping": (frame(PING, b"x"), {1002}),
    "fragmented close": (frame(CLOSE, b"\x03\xe8"), {1002}),
    "continuation of nothing": (frame(FIN | CONTINUATION, b"x"), {1002}),
    "text inside a fragmented text": (frame(TEXT, b"x") + frame(FIN | TEXT, b"y"), {1002}),
    "invalid UTF-8": (frame(FIN | TEXT, b"\xff\xfe"), {1007}),
    "overlong UTF-8": (frame(FIN | TEXT, b"\xc0\xaf"), {1007}),
    "surrogate in UTF-8": (frame(FIN | TEXT, b"\xed\xa0\x80"), {1007}),
    "cut UTF-8": (frame(FIN | TEXT, b"\xc3"), {1007}),
    "invalid UTF-8 in two frames": (frame(TEXT, b"\xc3") + frame(FIN | CONTINUATION, b"\x28"), {1007}),
    "close of one byte": (frame(FIN | CLOSE, b"\x03"), {1002}),
    **{
        f"close code {code}": (close(code), {1002})
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
    "close with invalid UTF-8": (close(1000, b"\xff"), {1002, 1007}),
    "close without a code": (frame(FIN | CLOSE), {1000, 1005}),
    "close of its own": (close(4999, b"bye"), {4999}),
    "close twice": (close(1000) + close(1001), {1000}),
    "frame after the close": (close(1000) + frame(FIN | TEXT, b"x"), {1000}),
    "HTTP after the handshake": (b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n", {1002}),
}
#: What hub.v1 clients may not say; whoever offers no subprotocol is not listened to.
NONSENSE = {
    "not JSON": b"hello",
    "empty": b"",
    "another type": b'{"type":"publish"}',
    "no token": b'{"type":"auth"}',
    "token that is a number": b'{"type":"auth","token":7}',
    "more than asked": b'{"type":"auth","token":"x","account_id":"y"}',
    "nested": b"[" * 60_000,
    "deep token": b'{"type":"auth","token":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "lone surrogate": rb'{"type":"auth","token":"\ud800"}',
    "NUL": rb'{"type":"auth","token":"\u0000"}',
    "token of 60 KB": b'{"type":"auth","token":"%b"}' % (b"x" * 60_000),
}


async def test_each_violation_ends_its_connection_with_its_code(hub: RunningHub) -> None:
    """What the protocol forbids is answered with the close code it asks for; an ordinary close with its echo."""
    wrong = []
    for name, (sent, codes) in VIOLATIONS.items():
        for whole in (True, False):
            async with peer(hub) as client:
                for piece in [sent] if whole else [sent[at : at + 3_000] for at in range(0, len(sent), 3_000)]:
                    await client.send(piece)
                code = await client.close_code()
                # Who goes on sending into a close may meet a reset before it is read.
                if code not in codes and not (code == 1006 and len(sent) > 60_000):
                    wrong.append(f"{name}: {code}")
    assert [] == wrong
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_nonsense_of_a_hub_v1_client_ends_its_connection(hub: RunningHub) -> None:
    """A message that is no `auth` closes with 1008, a bad token with 4500, a binary one with 1008; never with 1011."""
    wrong = []
    for name, text in NONSENSE.items():
        for opcode in (TEXT, BINARY):
            async with peer(hub, V1) as client:
                await client.send(frame(FIN | opcode, text))
                code = await client.close_code()
                if code not in ({1008, 4500} if opcode == TEXT else {1008}):
                    wrong.append(f"{name}: {code}")
    assert [] == wrong


async def test_who_offers_no_subprotocol_is_not_listened_to(hub: RunningHub) -> None:
    """A deployed frontend may say anything that is a message; it stays connected."""
    async with peer(hub) as client:
        for text in NONSENSE.values():
            await client.send(frame(FIN | TEXT, text) + frame(FIN | BINARY, text))
        await client.send(frame(FIN | PING, b"still?"))
        while (answer := await client.frame())[0] == TEXT:
            pass
        assert (PONG, b"still?") == answer


async def test_a_peers_close_code_is_not_taken_for_one_of_ours(hub: RunningHub) -> None:
    """A client that closes with our "slow" is no drop in the statistics, and fifty codes are not as many labels."""
    for code in (4000, 4502, *range(3000, 3050)):
        async with peer(hub) as client:
            await client.send(close(code))
            assert code == await client.close_code()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    assert 0 == hub.hub.metrics.drops
    assert {1000: 52} == dict(hub.hub.metrics.closes)


async def test_a_compression_bomb_is_refused_while_it_inflates(tmp_path: Path) -> None:
    """A small frame that would inflate to 64 MiB is closed with 1009 at no cost in memory or time."""
    squeeze = zlib.compressobj(wbits=-15)
    bomb = squeeze.compress(bytes(64 * 2**20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    bomb = bomb.removesuffix(b"\x00\x00\xff\xff")
    assert len(bomb) < 70_000
    before_bytes = resident_bytes()
    async with run_hub(tmp_path, compression=True) as hub, hub.websocket() as healthy:
        for part in (bomb, bomb[:60_000]):
            async with Peer(hub.port) as client:
                assert 101 == await client.shake_hands(hub, "Sec-WebSocket-Extensions: permessage-deflate")
                await client.send(frame(FIN | 0x40 | TEXT, part))
                await hub.publish(title="meanwhile")
                assert "meanwhile" == (await healthy.frame())["title"]
                assert await client.close_code() in {1009, 1006}
    assert resident_bytes() - before_bytes < 16 * 2**20


FLOODS = {
    "pings": frame(FIN | PING, b"x" * 125),
    "pongs": frame(FIN | PONG, b"x" * 125),
    "empty continuations": frame(CONTINUATION),
    "one-byte fragments": frame(CONTINUATION, b"x"),
    "empty texts": frame(FIN | TEXT),
    "messages": frame(FIN | TEXT, b"x" * 1_000),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_is_cut_off(hub: RunningHub, flood: str) -> None:
    """A peer that sends without end and reads nothing is cut off, costs no memory and holds up nobody."""
    before_bytes = resident_bytes()
    begin = frame(TEXT) if flood in {"empty continuations", "one-byte fragments"} else b""
    async with peer(hub) as client, hub.websocket() as healthy:
        await client.send(begin)
        burst = FLOODS[flood] * 1_000
        began_s = time.monotonic()
        sent = 0
        while await client.send(burst):
            sent += 1_000
            await hub.publish(title=str(sent))
            assert str(sent) == (await healthy.frame())["title"]
            assert time.monotonic() - began_s < FLOOD_DEADLINE_S, "the flood goes on"
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
    assert resident_bytes() - before_bytes < 16 * 2**20


async def test_a_peer_that_only_answers_is_not_cut_off(hub: RunningHub) -> None:
    """The budget for frames is one for floods: a pong for each ping and a ping a second are far below it."""
    async with peer(hub) as client:
        for number in range(50):
            await client.send(frame(FIN | PONG, b"hub"))
            await client.send(frame(FIN | PING, b"%d" % number))
        opcodes = [(await client.frame())[0] for _ in range(51)]
        assert [TEXT] + [PONG] * 50 == opcodes


async def test_a_close_that_is_not_read_is_ended(tmp_path: Path) -> None:
    """After a close, from either side, nothing keeps the socket: not silence, not half a frame."""
    async with run_hub(tmp_path, bounds=Bounds(close_timeout_s=0.3)) as hub:
        async with peer(hub) as silent, peer(hub) as half:
            await half.send(frame(FIN | TEXT, b"x" * 100)[:50])
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 2)
            for subscriber in hub.hub.subscribers.everyone():
                hub.hub.connections.end(subscriber, 4502, "bye")
            assert 4502 == await silent.close_code()
            assert 4502 == await half.close_code()
        await hub.wait_until(lambda: len(hub.server.server_state.connections) <= 1)


async def test_frames_sent_with_the_handshake_are_no_failure(hub: RunningHub) -> None:
    """A client that does not wait for the answer is out of order; it is served or closed, and that is all."""
    async with Peer(hub.port) as client:
        head = f"GET /ws?token={hub.token()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        await client.send(head.encode() + frame(FIN | TEXT, b"early") + close(1000))
        assert 101 == (await client.response()).status
        await client.send(close(1000))
        assert await client.close_code() in {1000, 1002, 1006}


async def test_mutated_frames_on_live_sockets(hub: RunningHub) -> None:
    """20,000 mutated frames: no crash, no traceback, and healthy clients get each notification meanwhile."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    random = Random(seed)
    pools = [random.getrandbits(32) for _ in range(8)]
    done = asyncio.Event()

    async def watch() -> int:
        number = 0
        async with hub.websocket() as healthy, hub.events() as events:
            while not done.is_set():
                number += 1
                assert 202 == (await hub.publish(title=str(number))).status_code, f"seed {seed}"
                frame = await healthy.frame()
                while frame["type"] == "heartbeat":  # on a slow machine
                    frame = await healthy.frame()
                assert str(number) == frame["title"], f"seed {seed}"
                assert str(number) == (await events.frame())["title"], f"seed {seed}"
        return number

    watching = asyncio.create_task(watch())
    counts = await asyncio.gather(*(mutate(hub, Random(pool), MUTATIONS // len(pools)) for pool in pools))
    done.set()
    assert await watching > 10
    assert sum(counts) >= MUTATIONS
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def mutate(hub: RunningHub, random: Random, count: int) -> int:
    """Send `count` mutated frames over as many connections as it takes; return how many were sent."""
    seeds = [sent[:2_000] for sent, _ in VIOLATIONS.values()] + [
        frame(FIN | TEXT, text[:500]) for text in NONSENSE.values()
    ]
    sent = 0
    while sent < count:
        # The mutators share a few users, whose connections push each other out as well.
        token = hub.token(f"mutator-{random.randrange(4)}")
        async with Peer(hub.port) as client:
            assert await client.shake_hands(hub, *[V1] * random.randrange(2), token=token) in {101, 503}
            for _ in range(PER_CONNECTION):
                sent += 1
                if not await client.send(mutation(random, random.choice(seeds))):
                    break
                if random.random() < 0.1:
                    await asyncio.sleep(0)
            if random.random() < 0.5:  # half of them read what comes, half just go
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.rest()
    return sent


def mutation(random: Random, data: bytes) -> bytes:
    """Return `data` with bits flipped, parts cut, doubled or made up, masked or not."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        kind = random.randrange(5)
        at = random.randrange(len(changed)) if changed else 0
        if kind == 0 and changed:
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            del changed[at : at + random.randint(1, 8)]
        elif kind == 2:
            changed[at:at] = random.randbytes(random.randint(1, 8))
        elif kind == 3:
            changed += changed[at : at + 50]
        elif changed:
            changed[0] = random.randrange(256)
    return bytes(changed)


def resident_bytes() -> int:
    """Return the memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
