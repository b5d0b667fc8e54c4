"""Kilobytes that inflate to gigabytes: stopped at the size of one message, and the process does not grow by more."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hub.bounds import Bounds
from tests.attacks.wire import Wire
from tests.faults.measurement import read_peak_bytes, read_resident_bytes
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S

MIB = 1_048_576
PART_BYTES = 16_384
AT_ONCE = 20
#: An empty text, and a close with 1009.
HARMLESS = b"\x81\x80" + bytes(4) + b"\x88\x82" + bytes(4) + b"\x03\xf1"


def inflating(size_bytes: int) -> Iterator[bytes]:
    """Yield a deflate stream of that many zeros, in frames: text first, then its continuations."""
    compressor = zlib.compressobj(wbits=-12)
    body = b"".join(compressor.compress(bytes(MIB)) for _ in range(size_bytes // MIB))
    body += compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]
    for at in range(0, len(body), PART_BYTES):
        part = body[at : at + PART_BYTES]
        first = (0x41 if at == 0 else 0) | (0x80 if at + PART_BYTES >= len(body) else 0)
        yield struct.pack("!BBH", first, 0x80 | 126, len(part)) + bytes(4) + part


@pytest.mark.parametrize("size_bytes", [16 * MIB, 1024 * MIB], ids=["16 MiB", "1 GiB"])
async def test_a_bomb_costs_no_more_than_a_few_messages(tmp_path: Path, figures: list[str], size_bytes: int) -> None:
    """Twenty at once, compression on: each closed with 1009, and at most four times the largest message for each."""
    hub = HubProcess(tmp_path, HUB_COMPRESSION="on", WS_HEARTBEAT_INTERVAL="30")
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as client:
            await wait_ready(client)
        assert hub._process is not None
        # The first ones make what every connection needs once.
        await asyncio.gather(*(throw(hub, [HARMLESS]) for _ in range(AT_ONCE)))
        before_bytes = read_resident_bytes(hub._process.pid)
        bomb = list(inflating(size_bytes))
        codes = await asyncio.gather(*(throw(hub, bomb) for _ in range(AT_ONCE)))
        growth_bytes = read_peak_bytes(hub._process.pid) - before_bytes
    finally:
        assert 0 == await hub.stop()
    # Who is still sending when it is closed may get a reset in place of the close frame.
    assert {1009, 0 if len(bomb) > 1 else 1009} >= set(codes)
    assert growth_bytes <= 4 * Bounds().max_message_bytes * AT_ONCE
    figures.append(
        f"bombs: {AT_ONCE} at once of {size_bytes // MIB} MiB in {sum(map(len, bomb)) // 1024} KiB: closed with 1009, "
        f"{growth_bytes / AT_ONCE / 1024:.0f} KiB each at the peak"
    )


async def throw(hub: HubProcess, frames: list[bytes]) -> int:
    """Connect with compression, send these, read to the end; return the close code, 0 after a reset."""
    async with Wire(hub.port) as wire:
        await wire.send(
            f"GET /ws?token={hub.token(ACCOUNT, 'u')} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n".encode()
        )
        answer = await wire.response()
        assert (101, True) == (answer.status, "permessage-deflate" in answer.headers["sec-websocket-extensions"])
        for frame in frames:
            if not await wire.send(frame):
                break
        said = await wire.rest()
        at = said.rfind(b"\x88")
        return int.from_bytes(said[at + 2 : at + 4], "big")
