"""The WebSocket handshake (RFC 6455 section 4.2), on a request that is parsed already.

The library would be handed the request as bytes again, parse it a second time and build its answer through
objects: 230 us, half of what a connection costs. What is left to do is to judge five headers and to hash one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension, parse_subprotocol

from hub.envelope import DEFLATE_WINDOW_BITS

__all__ = ["Handshake", "HandshakeRefused", "negotiate", "refuse"]

Headers = Sequence[tuple[bytes, bytes]]

#: RFC 6455 section 1.3; the same for everybody, and no secret.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
_HEADER_END = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_REASONS = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    426: b"Upgrade Required",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}

#: Without context on either side a frame stands for itself, and no connection keeps a compressor.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    client_no_context_takeover=True,
    server_max_window_bits=DEFLATE_WINDOW_BITS,
    client_max_window_bits=DEFLATE_WINDOW_BITS,
)


class HandshakeRefused(Exception):
    """The request is no handshake of RFC 6455; `answer` says so to the client, in bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("no handshake")
        self.answer = answer


class Handshake:
    """What a client asked for: its subprotocols, and the compression both sides agree on, if any."""

    __slots__ = ("_accept", "_agreed", "deflate", "subprotocols")

    def __init__(
        self, accept: bytes, subprotocols: Sequence[str], agreed: str, deflate: PerMessageDeflate | None
    ) -> None:
        self._accept = accept
        self._agreed = agreed
        self.subprotocols = list(subprotocols)
        self.deflate = deflate

    def answer(self, subprotocol: str | None, headers: Headers) -> bytes:
        """Return the 101 that accepts, with the app's own headers."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
            self._accept,
            b"\r\n",
        ]
        if subprotocol:
            lines.append(b"sec-websocket-protocol: %b\r\n" % subprotocol.encode("latin-1"))
        if self._agreed:
            lines.append(b"sec-websocket-extensions: %b\r\n" % self._agreed.encode())
        return b"".join((*lines, *_lines(headers), b"\r\n"))


def negotiate(method: str, http_version: str, headers: Headers, *, compresses: bool) -> Handshake:
    """Return the handshake that this upgrade request asks for.

    Raises:
        HandshakeRefused: another method, version of HTTP or of the protocol, a body, or no proper key.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name.startswith(b"sec-websocket-") or name in {b"content-length", b"transfer-encoding"}:
            found.setdefault(name, []).append(value)
    if found.get(b"sec-websocket-version") != [b"13"]:
        raise HandshakeRefused(refuse(426, [(b"sec-websocket-version", b"13")]))
    key = found.get(b"sec-websocket-key", [])
    has_body = b"transfer-encoding" in found or found.get(b"content-length", [b"0"]) != [b"0"]
    if method != "GET" or http_version != "1.1" or has_body or len(key) != 1 or not _is_key(key[0]):
        raise HandshakeRefused(refuse(400))
    try:
        agreed, deflate = _agree(found.get(b"sec-websocket-extensions", []) if compresses else [])
        offered = found.get(b"sec-websocket-protocol", [])
        subprotocols = [name for value in offered for name in parse_subprotocol(value.decode("latin-1"))]
    except InvalidHeader:
        raise HandshakeRefused(refuse(400)) from None
    digest = hashlib.sha1(key[0] + _GUID, usedforsecurity=False).digest()
    return Handshake(base64.b64encode(digest), subprotocols, agreed, deflate)


def refuse(status: int, headers: Headers = (), body: bytes = b"") -> bytes:
    """Return a whole answer that refuses the upgrade and ends the connection."""
    first = b"HTTP/1.1 %d %b\r\ncontent-length: %d\r\nconnection: close\r\n" % (
        status,
        _REASONS.get(status, b""),
        len(body),
    )
    return b"".join((first, *_lines(headers), b"\r\n", body))


def _agree(offers: list[bytes]) -> tuple[str, PerMessageDeflate | None]:
    for value in offers:
        for name, parameters in parse_extension(value.decode("latin-1")):
            if name != _DEFLATE.name:
                continue
            try:
                agreed, extension = _DEFLATE.process_request_params(parameters, [])
            except NegotiationError:
                continue  # the client may have offered it with other parameters too
            assert isinstance(extension, PerMessageDeflate)
            return build_extension([(name, agreed)]), extension
    return "", None


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _lines(headers: Headers) -> list[bytes]:
    for name, value in headers:
        if _HEADER_END.search(name) or _HEADER_END.search(value):
            raise ValueError("a header would end early")
    return [b"%b: %b\r\n" % header for header in headers]
