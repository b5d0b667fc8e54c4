"""The end of a WebSocket where RFC 6455 wants something else than the library underneath does."""

from __future__ import annotations

import asyncio

from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub

#: Masked with zeros, so that the payload reads as it is.
UNFINISHED_TEXT = b"\x01\x82\0\0\0\0" + b"be"
CLOSE_1000 = b"\x88\x82\0\0\0\0" + b"\x03\xe8"


async def test_a_close_inside_an_unfinished_message_is_echoed(hub: RunningHub) -> None:
    """Section 5.4: control frames may come in the middle of a fragmented message (Autobahn 7.1.5)."""
    async with Wire(hub.port) as wire:
        await wire.send(
            f"GET /ws?token={hub.token()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert 101 == (await wire.response()).status
        await wire.send(UNFINISHED_TEXT + CLOSE_1000)
        async with asyncio.timeout(DEADLINE_S):
            assert b"\x88\x02\x03\xe8" == (await wire.rest())[-4:]
