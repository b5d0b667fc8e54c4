"""The WebSocket handshake (RFC 6455 section 4.2), on a request that is parsed already.

The library would be handed the request as bytes again, parse it a second time and build its response through
objects: 230 us, half of what a connection costs. What is left to do is to judge five headers and to hash one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension, parse_subprotocol

from hub.delivery.envelope import DEFLATE_WINDOW_BITS
from hub.edge.request_head import has_body
from hub.edge.response_head import check_headers
from hub.errors import BadRequest, UpgradeRequired
from hub.header_fields import Headers, join_lines, list_tokens

__all__ = ["Handshake", "is_handshake", "negotiate"]

#: RFC 6455 section 1.3; the same for everybody, and no secret.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
#: Of a compression that agrees on no smaller one (RFC 7692 section 7.1.2).
_LARGEST_WINDOW_BITS = 15

#: Without context on either side a frame stands for itself, and no connection keeps a compressor.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=DEFLATE_WINDOW_BITS,
    client_max_window_bits=DEFLATE_WINDOW_BITS,
)


class _Agreement(NamedTuple):
    text: str
    extension: PerMessageDeflate
    window_bits: int


class Handshake:
    """What a client asked for: its subprotocols, and the compression both sides agree on, if any."""

    __slots__ = ("_accept", "_agreed", "deflate", "subprotocols", "takes_shared_frames")

    def __init__(self, accept: bytes, subprotocols: Sequence[str], agreed: _Agreement | None) -> None:
        self._accept = accept
        self._agreed = b"" if agreed is None else agreed.text.encode()
        self.subprotocols = list(subprotocols)
        self.deflate = None if agreed is None else agreed.extension
        #: Whether a frame that was compressed once for everybody can be read there: its window may be smaller.
        self.takes_shared_frames = agreed is not None and agreed.window_bits >= DEFLATE_WINDOW_BITS

    def accept(self, subprotocol: str | None, headers: Headers) -> bytes:
        """Return the 101 that accepts, with the app's own headers."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
            self._accept,
            b"\r\n",
        ]
        if subprotocol:
            lines.append(b"sec-websocket-protocol: %b\r\n" % subprotocol.encode("latin-1"))
        if self._agreed:
            lines.append(b"sec-websocket-extensions: %b\r\n" % self._agreed)
        return b"".join((*lines, *(b"%b: %b\r\n" % header for header in check_headers(headers)), b"\r\n"))


def is_handshake(method: bytes, http_version: str, headers: Headers) -> bool:
    """Whether a request that offers an upgrade asks for a WebSocket.

    Any other offer is passed over and the request served as it is (RFC 9110 section 7.8): h2c, which Java's client
    and `curl --http2` put on each first request, or anything else. So is one of HTTP/1.0, with another method, or
    with a body, which nothing after an upgrade would read.
    """
    if method != b"GET" or http_version != "1.1" or has_body(headers):
        return False
    return any(token.lower() == b"websocket" for token in list_tokens(headers, b"upgrade"))


def negotiate(method: str, http_version: str, headers: Headers, *, compresses: bool) -> Handshake:
    """Return the handshake that this upgrade request asks for.

    Raises:
        UpgradeRequired: another version of the protocol.
        BadRequest: another method or version of HTTP, a body, no proper key, or a list that is none.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name.startswith(b"sec-websocket-"):
            found.setdefault(name, []).append(value.strip(b" \t"))
    if found.get(b"sec-websocket-version") != [b"13"]:
        raise UpgradeRequired("Sec-WebSocket-Version must be 13 (RFC 6455)")
    key = found.get(b"sec-websocket-key", [])
    if method != "GET" or http_version != "1.1":
        raise BadRequest("A WebSocket handshake is a GET of HTTP/1.1")
    if has_body(headers):
        raise BadRequest("A WebSocket handshake has no body")
    if len(key) != 1 or not _is_key(key[0]):
        raise BadRequest("Sec-WebSocket-Key must be 16 bytes in base64")
    agreed = _agree(headers) if compresses else None
    try:
        offered = list_tokens(headers, b"sec-websocket-protocol") if b"sec-websocket-protocol" in found else []
        subprotocols = [name for token in offered for name in parse_subprotocol(token.decode("latin-1"))]
    except InvalidHeader:
        raise BadRequest("Sec-WebSocket-Protocol is not a list of tokens") from None
    digest = hashlib.sha1(key[0] + _GUID, usedforsecurity=False).digest()
    return Handshake(base64.b64encode(digest), subprotocols, agreed)


def _agree(headers: Headers) -> _Agreement | None:
    offers = join_lines(headers, b"sec-websocket-extensions")
    try:
        extensions = parse_extension(offers.decode("latin-1")) if offers else []
    except InvalidHeader:
        raise BadRequest("Sec-WebSocket-Extensions cannot be read") from None
    for name, parameters in extensions:
        if name != _DEFLATE.name:
            continue
        try:
            agreed, extension = _DEFLATE.process_request_params(parameters, [])
        except NegotiationError:
            continue  # the client may have offered it with other parameters too
        assert isinstance(extension, PerMessageDeflate)
        window_bits = int(dict(agreed).get("server_max_window_bits") or _LARGEST_WINDOW_BITS)
        return _Agreement(build_extension([(name, agreed)]), extension, window_bits)
    return None


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
