"""The handshake: what RFC 6455 asks of a client, and the answers it gets."""

from __future__ import annotations

import pytest

from hub.edge.handshake import is_handshake, negotiate
from hub.edge.response_head import encode_last_response
from hub.errors import BadRequest, HubError
from hub.errors.problem import ProblemResponse, write_problem

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
NO_BODY = (b"content-length", b"0")
OFFER = b"permessage-deflate; client_max_window_bits"


def test_the_key_is_answered_as_the_rfc_has_it() -> None:
    """The example of RFC 6455 section 1.3."""
    answer = negotiate("GET", "1.1", [KEY, VERSION], compresses=False).accept(None, [])
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n")
    assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_subprotocols_are_read_from_every_header_and_one_is_answered() -> None:
    """Offers may stand in one header or several; the app picks."""
    offers = [(b"sec-websocket-protocol", b"hub.v1, hub.bearer.x"), (b"sec-websocket-protocol", b"chat")]
    handshake = negotiate("GET", "1.1", [KEY, VERSION, *offers], compresses=False)
    assert ["hub.v1", "hub.bearer.x", "chat"] == handshake.subprotocols
    assert b"\r\nsec-websocket-protocol: hub.v1\r\n" in handshake.accept("hub.v1", [])


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
    with pytest.raises(HubError) as refused:
        negotiate(method, version, headers, compresses=True)
    answer = encode_last_response(write_problem(refused.value))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close" in answer
    assert (status == 426) == (b"\r\nsec-websocket-version: 13\r\n" in answer) == (b"\r\nupgrade: websocket" in answer)


def test_lists_are_read_as_lists() -> None:
    """Empty elements, spaces and lines without any are no reason to refuse (RFC 9110 sections 5.3 and 5.6.1)."""
    headers = [
        KEY,
        (b"sec-websocket-version", b"13 "),
        (b"sec-websocket-protocol", b""),
        (b"sec-websocket-protocol", b" , hub.v1 ,\t,"),
        (b"sec-websocket-protocol", b"chat"),
        (b"sec-websocket-extensions", b" "),
        (b"sec-websocket-extensions", b', x-other; a="1" ,'),
        (b"sec-websocket-extensions", OFFER),
    ]
    handshake = negotiate("GET", "1.1", headers, compresses=True)
    assert ["hub.v1", "chat"] == handshake.subprotocols
    assert handshake.deflate is not None


@pytest.mark.parametrize(
    ("method", "version", "offers", "is_one"),
    [
        (b"GET", "1.1", [b"websocket"], True),
        (b"GET", "1.1", [b"h2c, WebSocket"], True),
        (b"GET", "1.1", [b"h2c", b", websocket ,"], True),
        (b"GET", "1.1", [b"h2c"], False),
        (b"GET", "1.1", [b"websocket/13"], False),
        (b"GET", "1.1", [b""], False),
        (b"GET", "1.0", [b"websocket"], False),
        (b"POST", "1.1", [b"websocket"], False),
    ],
)
def test_any_other_offer_is_passed_over(method: bytes, version: str, offers: list[bytes], is_one: bool) -> None:
    """Only a GET of HTTP/1.1 without a body that offers `websocket`, alone or among others, is a handshake."""
    headers = [(b"upgrade", offer) for offer in offers]
    assert is_one == is_handshake(method, version, headers) == is_handshake(method, version, [*headers, NO_BODY])
    for body in ((b"content-length", b"5"), (b"transfer-encoding", b"chunked")):
        assert not is_handshake(method, version, [*headers, body])


def test_compression_is_agreed_only_where_it_is_on_and_understood() -> None:
    """Off, not offered, or offered in a way nobody knows: no extension in the answer; a malformed offer is refused."""
    offer = (b"sec-websocket-extensions", OFFER)
    agreed = negotiate("GET", "1.1", [KEY, VERSION, offer], compresses=True)
    assert agreed.deflate is not None
    assert b"sec-websocket-extensions: permessage-deflate; server_no_context_takeover" in agreed.accept(None, [])
    unknown = (b"sec-websocket-extensions", b"permessage-deflate; mystery, x-other")
    for headers, compresses in (([offer], False), ([], True), ([unknown], True)):
        handshake = negotiate("GET", "1.1", [KEY, VERSION, *headers], compresses=compresses)
        assert handshake.deflate is None
        assert b"extensions" not in handshake.accept(None, [])
    with pytest.raises(BadRequest):
        negotiate("GET", "1.1", [KEY, VERSION, (b"sec-websocket-extensions", b";;")], compresses=True)


def test_a_header_of_the_app_cannot_end_early() -> None:
    """A line break in a value would let it write the rest of the answer."""
    with pytest.raises(ValueError, match="end early"):
        encode_last_response(ProblemResponse(403, [(b"x", b"a\r\nset-cookie: b")], b""))
    with pytest.raises(ValueError, match="end early"):
        negotiate("GET", "1.1", [KEY, VERSION], compresses=False).accept(None, [(b"a\nb", b"c")])


def test_a_refusal_is_a_whole_answer() -> None:
    """Status, headers, length and body, and the connection ends."""
    answer = encode_last_response(
        ProblemResponse(426, [(b"connection", b"upgrade"), (b"upgrade", b"websocket")], b"{}")
    )
    assert (
        b"HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\ncontent-length: 2\r\nconnection: close, upgrade"
        b"\r\n\r\n{}"
    ) == answer
