"""Links over the server's transport: what is gathered leaves in one write, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from hub.delivery.envelope import text_frame
from hub.edge.flow import Flow
from hub.edge.websocket_links import WebSocketLink
from hub.header_fields import Headers
from tests.harness import run_hub


class RecordingTransport:
    """Keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def get_extra_info(self, name: str) -> object:
        return object() if name == "sslcontext" else None

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 7

    def write(self, body: bytes) -> None:
        self.written.append(body)


class RecordingProtocol:
    """Writes its close to the transport, past the link."""

    def __init__(self, transport: RecordingTransport) -> None:
        self.flow = Flow(cast("Any", transport), cast("Any", None), stall_timeout_s=15.0)
        self._transport = transport

    def accept(self, subprotocol: str | None, headers: Headers) -> None:
        self._transport.write(b"accept")

    def send_close(self, code: int, reason: str) -> None:
        self._transport.write(b"close %d" % code)


@pytest.fixture
def transport() -> RecordingTransport:
    """A transport that takes everything."""
    return RecordingTransport()


@pytest.fixture
def link(transport: RecordingTransport) -> WebSocketLink:
    """A link over it."""
    return WebSocketLink(cast("Any", transport), RecordingProtocol(transport))


def test_what_is_corked_leaves_in_one_write(link: WebSocketLink, transport: RecordingTransport) -> None:
    """In order, at the uncork; afterwards each write goes by itself again."""
    link.cork()
    assert 0 == link.write_bytes(b"head")
    link.write_control(b"{}")
    assert [] == transport.written
    link.uncork()
    assert 7 == link.write_bytes(b"tail")
    assert [b"head" + text_frame(b"{}"), b"tail"] == transport.written


def test_a_close_comes_after_what_was_corked(link: WebSocketLink, transport: RecordingTransport) -> None:
    """Whoever ends a connection meanwhile takes nothing from it."""
    link.cork()
    link.write_bytes(b"head")
    link.close(1000, "")
    link.uncork()
    assert [b"head", b"close 1000"] == transport.written


def test_nothing_corked_goes_to_a_lost_transport(link: WebSocketLink, transport: RecordingTransport) -> None:
    """It may be another's by then."""
    link.cork()
    link.write_bytes(b"head")
    link.connection_lost()
    link.uncork()
    assert [] == transport.written


@pytest.mark.parametrize("speaks_hub_v1", [True, False])
async def test_the_greeting_comes_with_the_handshake(tmp_path: Any, *, speaks_hub_v1: bool) -> None:
    """One write, and so mostly one packet: the answer to the upgrade and the first frame."""
    subprotocol = b"Sec-WebSocket-Protocol: hub.v1\r\n" if speaks_hub_v1 else b""
    async with run_hub(tmp_path) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(
            b"GET /ws?token=%b HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
            % (hub.token().encode(), subprotocol)
        )
        first = await asyncio.wait_for(reader.read(4096), 5)
        assert first.startswith(b"HTTP/1.1 101 ")
        assert b'"type":"connection_established"' in first
        writer.close()
