"""The handshake: what RFC 6455 asks of a client, and the answers it gets."""

from __future__ import annotations

import pytest

from hub.transports.handshake import HandshakeRefused, negotiate, refuse

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
OFFER = b"permessage-deflate; client_max_window_bits"


def test_the_key_is_answered_as_the_rfc_has_it() -> None:
    """The example of RFC 6455 section 1.3."""
    answer = negotiate("GET", "1.1", [KEY, VERSION], compresses=False).answer(None, [])
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n")
    assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_subprotocols_are_read_from_every_header_and_one_is_answered() -> None:
    """Offers may stand in one header or several; the app picks."""
    offers = [(b"sec-websocket-protocol", b"hub.v1, hub.bearer.x"), (b"sec-websocket-protocol", b"chat")]
    handshake = negotiate("GET", "1.1", [KEY, VERSION, *offers], compresses=False)
    assert ["hub.v1", "hub.bearer.x", "chat"] == handshake.subprotocols
    assert b"\r\nsec-websocket-protocol: hub.v1\r\n" in handshake.answer("hub.v1", [])


@pytest.mark.parametrize(
    ("method", "version", "headers", "status"),
    [
        ("POST", "1.1", [KEY, VERSION], 400),
        ("GET", "1.0", [KEY, VERSION], 400),
        ("GET", "1.1", [KEY], 426),
        ("GET", "1.1", [KEY, (b"sec-websocket-version", b"8")], 426),
        ("GET", "1.1", [KEY, VERSION, VERSION], 426),
        ("GET", "1.1", [VERSION], 400),
        ("GET", "1.1", [KEY, KEY, VERSION], 400),
        ("GET", "1.1", [(b"sec-websocket-key", b"c2hvcnQ="), VERSION], 400),
        ("GET", "1.1", [(b"sec-websocket-key", b"not base64 at all!!!!!!!"), VERSION], 400),
        ("GET", "1.1", [(b"sec-websocket-key", b"\xff" * 24), VERSION], 400),
        ("GET", "1.1", [KEY, VERSION, (b"content-length", b"5")], 400),
        ("GET", "1.1", [KEY, VERSION, (b"transfer-encoding", b"chunked")], 400),
        ("GET", "1.1", [KEY, VERSION, (b"sec-websocket-protocol", b"a b")], 400),
    ],
)
def test_what_is_no_handshake_is_refused(
    method: str, version: str, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    """Another method or version, no proper key, a body: answered in full, and an old client is told the version."""
    with pytest.raises(HandshakeRefused) as refused:
        negotiate(method, version, headers, compresses=True)
    answer = refused.value.answer
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close\r\n" in answer
    assert (status == 426) == (b"sec-websocket-version: 13" in answer)


def test_compression_is_agreed_only_where_it_is_on_and_understood() -> None:
    """Off, not offered, or offered in a way nobody knows: no extension in the answer; a malformed offer is refused."""
    offer = (b"sec-websocket-extensions", OFFER)
    agreed = negotiate("GET", "1.1", [KEY, VERSION, offer], compresses=True)
    assert agreed.deflate is not None
    assert b"sec-websocket-extensions: permessage-deflate; server_no_context_takeover" in agreed.answer(None, [])
    unknown = (b"sec-websocket-extensions", b"permessage-deflate; mystery, x-other")
    for headers, compresses in (([offer], False), ([], True), ([unknown], True)):
        handshake = negotiate("GET", "1.1", [KEY, VERSION, *headers], compresses=compresses)
        assert handshake.deflate is None
        assert b"extensions" not in handshake.answer(None, [])
    with pytest.raises(HandshakeRefused):
        negotiate("GET", "1.1", [KEY, VERSION, (b"sec-websocket-extensions", b";;")], compresses=True)


def test_a_header_of_the_app_cannot_end_early() -> None:
    """A line break in a value would let it write the rest of the answer."""
    with pytest.raises(ValueError, match="end early"):
        refuse(403, [(b"x", b"a\r\nset-cookie: b")])
    with pytest.raises(ValueError, match="end early"):
        negotiate("GET", "1.1", [KEY, VERSION], compresses=False).answer(None, [(b"a\nb", b"c")])


def test_a_refusal_is_a_whole_answer() -> None:
    """Status, headers, length and body, and the connection ends."""
    answer = refuse(503, [(b"content-type", b"application/problem+json")], b"{}")
    assert (
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\nconnection: close\r\n"
        b"content-type: application/problem+json\r\n\r\n{}"
    ) == answer
