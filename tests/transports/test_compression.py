"""Compression: off by default; turned on, a notification is compressed once for every client that takes it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.extensions import ClientExtensionFactory
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from hub.cursor import Epoch
from hub.delivery.envelope import Envelope, deflated_frame, text_frame
from tests.harness import RunningHub, run_hub

MESSAGE = "Pedido confirmado. " * 50


async def receive(hub: RunningHub, extension: ClientExtensionFactory | None) -> tuple[str | None, dict[str, object]]:
    """Connect with this offer; return what was agreed and a notification received over it."""
    async with connect(
        f"{hub.ws_url}/ws?token={hub.token()}", compression=None, extensions=[extension] if extension else None
    ) as connection:
        assert connection.response is not None
        agreed = connection.response.headers.get("Sec-WebSocket-Extensions")
        await connection.recv()
        await hub.publish(message=MESSAGE)
        return agreed, json.loads(await connection.recv())


async def test_compression_is_off_by_default(hub: RunningHub) -> None:
    """A client that offers it gets no compression, and its notifications."""
    agreed, frame = await receive(hub, ClientPerMessageDeflateFactory())
    assert agreed is None
    assert MESSAGE == frame["message"]


@pytest.mark.parametrize(
    "offer",
    [
        ClientPerMessageDeflateFactory(),
        ClientPerMessageDeflateFactory(client_max_window_bits=True),
        ClientPerMessageDeflateFactory(server_max_window_bits=9),
        ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
        None,
    ],
)
async def test_every_client_gets_the_same_notification(tmp_path: Path, offer: ClientExtensionFactory | None) -> None:
    """Whatever a client offers, small windows and nothing at all included, it reads the same text."""
    async with run_hub(tmp_path, compression=True) as hub:
        agreed, frame = await receive(hub, offer)
        assert (offer is None) == (agreed is None)
        assert MESSAGE == frame["message"]


async def test_no_context_is_kept_between_frames(tmp_path: Path) -> None:
    """Both sides agree to start each message afresh, so that one frame can serve every client."""
    async with run_hub(tmp_path, compression=True) as hub:
        agreed, _ = await receive(hub, ClientPerMessageDeflateFactory())
        assert agreed is not None
        assert "server_no_context_takeover" in agreed
        assert "client_no_context_takeover" in agreed


async def test_a_bomb_is_stopped_while_it_inflates(tmp_path: Path) -> None:
    """16 MiB of zeros in 16 KiB: closed with 1009 at the limit of one message, not after inflating."""
    async with (
        run_hub(tmp_path, compression=True) as hub,
        connect(f"{hub.ws_url}/ws?token={hub.token()}", compression="deflate", max_size=None) as connection,
    ):
        await connection.recv()
        await connection.send("0" * 16_777_216)
        await connection.wait_closed()
        assert 1009 == connection.close_code


def test_a_deflated_frame_inflates_to_its_text() -> None:
    """RSV1 is set, and the payload with the flush's end is a deflate stream of the text."""
    envelope = Envelope(json.dumps({"message": MESSAGE}).encode(), Epoch("abcdefghij"), 7)
    frame = envelope.deflated
    assert 0xC1 == frame[0]
    assert len(frame) < len(envelope.frame) / 4
    body = frame[2 if frame[1] < 126 else 4 :]
    inflater = zlib.decompressobj(wbits=-12)
    assert envelope.json == inflater.decompress(body + b"\x00\x00\xff\xff")
    assert envelope.deflated is frame


def test_what_compression_makes_longer_goes_as_it_is() -> None:
    """A tiny text is an ordinary frame."""
    assert text_frame(b"{}") == deflated_frame(b"{}")
