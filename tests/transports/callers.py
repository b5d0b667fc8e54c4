"""Raw clients in blocking sockets, each of which ends its connection in a way of its own.

They are called from a thread and keep nothing, so that whatever is left afterwards is the hub's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable

from tests.harness import ACCOUNT, DEADLINE_S

__all__ = ["ENDS", "Caller"]

GREETING = b"connection_established"
#: A masked close frame with code 1000, a ping, and a text that is no message of hub.v1.
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
PING = b"\x89\x80\0\0\0\0"
TEXT = b"\x81\x82\0\0\0\0{}"
V1 = "Sec-WebSocket-Protocol: hub.v1\r\n"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
#: Old enough that everything since then is replayed, and more than a stalled peer is sent.
RESET = struct.pack("ii", 1, 0)


class Caller:
    """What a client needs to know of a hub, and one connection after the other to it."""

    def __init__(self, port: int, token: str, *, user_id: str, cursor: str, key: str) -> None:
        self.port = port
        self.user_id = user_id
        self.token = token
        #: From here on there is something to replay.
        self.cursor = cursor
        self.key = key

    def dial(self, request: bytes, *, receive_buffer_bytes: int = 0) -> socket.socket:
        """Connect and send."""
        peer = socket.socket()
        if receive_buffer_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        peer.settimeout(DEADLINE_S)
        peer.connect(("127.0.0.1", self.port))
        peer.sendall(request)
        return peer

    def websocket(self, query: str = "", headers: str = V1, *, token: str | None = None, path: str = "/ws") -> bytes:
        """Return a handshake."""
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET {path}?token={token or self.token}{query} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n"
        ).encode()

    def get(self, path: str, query: str = "", headers: str = "", *, version: str = "1.1") -> bytes:
        """Return a request with the token."""
        return f"GET {path}?token={self.token}{query} HTTP/{version}\r\nHost: hub\r\n{headers}\r\n".encode()

    def post(self, path: str, body: object, *, key: str | None = None) -> bytes:
        """Return a service's request."""
        text = json.dumps(body)
        return (
            f"POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key or self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        ).encode()


def until(peer: socket.socket, marker: bytes) -> None:
    """Read until the marker came; the end of the connection before it is a failure."""
    data = b""
    while marker not in data:
        part = peer.recv(65_536)
        assert part, data
        data += part


def to_end(peer: socket.socket) -> None:
    """Read up to the end of the connection."""
    with contextlib.suppress(ConnectionError):
        while peer.recv(65_536):
            pass


def reset(peer: socket.socket) -> None:
    """End by RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _greeted(caller: Caller, request: bytes, *, then: bytes = b"", ends: bool = False, resets: bool = False) -> None:
    with caller.dial(request) as peer:
        until(peer, GREETING)
        peer.sendall(then)
        if ends:
            to_end(peer)
        if resets:
            reset(peer)


def _answered(caller: Caller, request: bytes, marker: bytes, *, ends: bool = False) -> None:
    with caller.dial(request) as peer:
        until(peer, marker)
        if ends:
            to_end(peer)


def _left(caller: Caller, request: bytes, *, resets: bool = False) -> None:
    with caller.dial(request) as peer:
        if resets:
            reset(peer)


def _stalled(caller: Caller, request: bytes) -> None:
    with caller.dial(request, receive_buffer_bytes=4096) as peer:
        until(peer, b"\r\n\r\n")
        reset(peer)


def _half_closed(caller: Caller, request: bytes) -> None:
    with caller.dial(request) as peer:
        until(peer, GREETING)
        peer.shutdown(socket.SHUT_WR)
        to_end(peer)


def _evicted(caller: Caller, request: bytes) -> None:
    with caller.dial(request) as peer:
        until(peer, GREETING)
        # The hub of these tests lets a user have two.
        with caller.dial(caller.websocket()) as second, caller.dial(caller.websocket()) as third:
            until(second, GREETING)
            until(third, GREETING)
            until(peer, b"another connection")


def _disconnected(caller: Caller, request: bytes) -> None:
    body = {"account_id": ACCOUNT, "user_id": caller.user_id, "revoke": False}
    with caller.dial(request) as peer:
        until(peer, GREETING)
        with caller.dial(caller.post("/api/internal/disconnect", body)) as service:
            until(service, b"HTTP/1.1 200")
        until(peer, b"operator")
        peer.sendall(CLOSE if b"Upgrade" in request else b"")
        to_end(peer)


def _chunked(caller: Caller, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {caller.key}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ).encode()


NOTIFY = "/api/internal/notify"
STREAM = "/streams/me"
NOTICE = {"type": "stock_alert", "title": "t", "message": "m", "user_id": "nobody", "account_id": ACCOUNT}

#: Every end that a connection can come to, by name.
ENDS: dict[str, Callable[[Caller], None]] = {
    "websocket, fin": lambda c: _greeted(c, c.websocket()),
    "websocket, rst": lambda c: _greeted(c, c.websocket(), resets=True),
    "websocket, half closed": lambda c: _half_closed(c, c.websocket()),
    "websocket, closed by the client": lambda c: _greeted(c, c.websocket(), then=CLOSE, ends=True),
    "websocket, closed and left": lambda c: _greeted(c, c.websocket(), then=CLOSE),
    "websocket, an old frontend's": lambda c: _greeted(c, c.websocket(headers=""), then=PING + TEXT),
    "websocket, compressed": lambda c: _greeted(c, c.websocket(headers=V1 + DEFLATE), then=CLOSE, ends=True),
    "websocket, pinged": lambda c: _greeted(c, c.websocket(), then=PING * 5),
    "websocket, no message": lambda c: _greeted(c, c.websocket(), then=TEXT + CLOSE, ends=True),
    "websocket, reserved bits": lambda c: _greeted(c, c.websocket(), then=b"\xff\x80\0\0\0\0", ends=True),
    "websocket, unmasked": lambda c: _greeted(c, c.websocket(), then=b"\x81\x01x", ends=True),
    "websocket, no UTF-8": lambda c: _greeted(c, c.websocket(), then=b"\x81\x81\0\0\0\0\xff", ends=True),
    "websocket, too large": lambda c: _greeted(c, c.websocket(), then=b"\x81\xff\0\0\0\0\0\1\0\1\0\0\0\0", ends=True),
    "websocket, half a frame": lambda c: _greeted(c, c.websocket(), then=b"\x81\xfe\x10"),
    "websocket, a fragment": lambda c: _greeted(c, c.websocket(), then=b"\x01\x81\0\0\0\0x" + CLOSE, ends=True),
    "websocket, too many frames": lambda c: _greeted(c, c.websocket(), then=PING * 300, ends=True),
    "websocket, replayed": lambda c: _greeted(c, c.websocket(f"&cursor={c.cursor}")),
    "websocket, left in its replay": lambda c: _stalled(c, c.websocket(f"&cursor={c.cursor}")),
    "websocket, a gap": lambda c: _greeted(c, c.websocket("&cursor=aaaaaaaaaa-1")),
    "websocket, no cursor": lambda c: _answered(c, c.websocket("&cursor=nonsense"), b"\x88"),
    "websocket, evicted": lambda c: _evicted(c, c.websocket()),
    "websocket, disconnected": lambda c: _disconnected(c, c.websocket()),
    "websocket, refused before": lambda c: _answered(c, c.websocket(headers="", token="x.y.z"), b"problem", ends=True),
    "websocket, refused after": lambda c: _answered(c, c.websocket(token="x.y.z"), b"\x88", ends=False),
    "websocket, refused and answered": lambda c: _refused_and_answered(c),
    "websocket, another path": lambda c: _answered(c, c.websocket(path="/other"), b"HTTP/1.1 4", ends=True),
    "websocket, no handshake": lambda c: _answered(
        c, c.websocket().replace(b"Version: 13", b"Version: 8"), b"HTTP/1.1 426", ends=True
    ),
    "websocket, no key": lambda c: _answered(c, c.websocket().replace(b"Key: ", b"Key: x"), b"HTTP/1.1 400", ends=True),
    "websocket, left at once": lambda c: _left(c, c.websocket()),
    "websocket, reset at once": lambda c: _left(c, c.websocket(), resets=True),
    "sse, fin": lambda c: _greeted(c, c.get("/sse")),
    "sse, rst": lambda c: _greeted(c, c.get("/sse"), resets=True),
    "sse, half closed": lambda c: _greeted(c, c.get("/sse")),
    "sse, HTTP/1.0": lambda c: _greeted(c, c.get("/sse", version="1.0")),
    "sse, replayed": lambda c: _greeted(c, c.get("/sse", f"&cursor={c.cursor}")),
    "sse, left in its replay": lambda c: _stalled(c, c.get("/sse", f"&cursor={c.cursor}")),
    "sse, evicted": lambda c: _evicted(c, c.get("/sse")),
    "sse, disconnected": lambda c: _disconnected(c, c.get("/sse", headers="Connection: close\r\n")),
    "sse, refused": lambda c: _answered(c, c.get("/sse", "&token=x.y.z"), b"problem+json"),
    "sse, with a request behind it": lambda c: _greeted(c, c.get("/sse") + c.get("/poll")),
    "sse, left at once": lambda c: _left(c, c.get("/sse")),
    "sse, reset at once": lambda c: _left(c, c.get("/sse"), resets=True),
    "poll, a page": lambda c: _answered(c, c.get("/poll", f"&cursor={c.cursor}"), b"replayed"),
    "poll, the head": lambda c: _answered(c, c.get("/poll", headers="Connection: close\r\n"), b"live", ends=True),
    "poll, not taken": lambda c: _stalled(c, c.get("/poll", f"&cursor={c.cursor}") * 3),
    "poll, refused": lambda c: _answered(c, c.get("/poll", "&token=x.y.z"), b"problem+json"),
    "poll, left at once": lambda c: _left(c, c.get("/poll")),
    "stream, read": lambda c: _answered(c, c.get(STREAM, "&offset=-1"), b"stream-next-offset"),
    "stream, live": lambda c: _answered(c, c.get(STREAM, "&offset=now&live=sse"), b"upToDate"),
    "stream, left while it waits": lambda c: _left(c, c.get(STREAM, "&offset=now&live=long-poll")),
    "stream, gone": lambda c: _answered(c, c.get(STREAM, "&offset=aaaaaaaaaa-1"), b"HTTP/1.1 410"),
    "http, one after the other": lambda c: _answered(c, c.get("/poll") * 5, b"live"),
    "http, health": lambda c: _answered(c, c.get("/health/live"), b"HTTP/1.1 200"),
    "http, nowhere": lambda c: _answered(c, c.get("/nowhere"), b"HTTP/1.1 404"),
    "http, another method": lambda c: _answered(c, c.get("/sse").replace(b"GET", b"PUT"), b"HTTP/1.1 405"),
    "http, published": lambda c: _answered(c, c.post(NOTIFY, NOTICE), b"HTTP/1.1 202"),
    "http, published in chunks": lambda c: _answered(c, _chunked(c, NOTIFY), b"HTTP/1.1 400"),
    "http, published twice": lambda c: _conflict(c),
    "http, a batch": lambda c: _answered(
        c, c.post(f"{NOTIFY}/batch", {"notifications": [NOTICE, {}, 7]}), b"HTTP/1.1 202"
    ),
    "http, no JSON": lambda c: _answered(c, c.post(NOTIFY, NOTICE).replace(b"{", b"["), b"HTTP/1.1 400"),
    "http, no key": lambda c: _answered(c, c.post(NOTIFY, NOTICE, key="hubk_x"), b"HTTP/1.1 401"),
    "http, half a body": lambda c: _left(c, c.post(NOTIFY, NOTICE)[:-5]),
    "http, half a head": lambda c: _left(c, c.get("/poll")[:-5]),
    "http, two hosts": lambda c: _answered(c, c.get("/poll", headers="Host: x\r\n"), b"HTTP/1.1 400", ends=True),
    "http, none": lambda c: _answered(c, b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 400", ends=True),
    "nothing at all": lambda c: _left(c, b""),
}


def _conflict(caller: Caller) -> None:
    for title in ("a", "b"):
        request = caller.post(NOTIFY, {**NOTICE, "title": title})
        _answered(caller, request.replace(b"Host", b"Idempotency-Key: k\r\nHost"), b"HTTP/1.1 ")


def _refused_and_answered(caller: Caller) -> None:
    with caller.dial(caller.websocket(token="x.y.z")) as peer:
        until(peer, b"\x88")
        peer.sendall(b"\x88\x80\0\0\0\0")
        to_end(peer)
