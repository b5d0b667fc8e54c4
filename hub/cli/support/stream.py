"""One connection to a hub as a subscriber, over either transport: its frames as they arrive, and how it ended."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import websockets
from httpx_sse import EventSource, SSEError, aconnect_sse
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from contracts.closing import CloseCode, may_return
from hub import routes
from hub.auth.egress import find_proxy, make_egress
from hub.cli.support.address import describe_unreachable, read_problem

__all__ = ["Ended", "Frame", "listen_events", "listen_websocket"]

_HUB_V1 = "hub.v1"
#: From the first byte sent to the hub's answer.
OPEN_S = 10.0
#: A hub is silent for one heartbeat at most; until it says how long that is, its default is assumed.
HEARTBEATS = 2.5
DEFAULT_HEARTBEAT_S = 30.0
#: A frame is a notification and its cursor; a body of the largest size the settings allow fits.
MAX_FRAME_BYTES = 2 * 2**20


class Frame(msgspec.Struct, kw_only=True, rename="camel"):
    """What a frame says, and `raw`, the frame itself.

    A heartbeat without a frame (an SSE comment) has an empty `raw` and a type that no frame has.
    """

    type: str
    title: str = ""
    message: str = ""
    timestamp: str = ""
    cursor: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    code: int = 0
    reason: str = ""
    within_seconds: float = 0.0
    raw: bytes = b""


class Ended(Exception):
    """The connection is over. `final`: coming back would change nothing. `expired`: it would with a newer token.

    `connected`: there was a hub, whatever it answered.
    """

    def __init__(self, reason: str, *, final: bool = False, expired: bool = False, connected: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.expired = expired
        self.connected = connected


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        # The token is in a subprotocol, which would go to wherever the redirect points.
        return exc


async def listen_websocket(url: str, token: str, cursor: str | None) -> AsyncGenerator[Frame, None]:
    """Yield the frames of `/ws` of the hub at `url`.

    Raises:
        Ended: always, unless it is closed before.
    """
    bearer = "hub.bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    address = f"ws{url.removeprefix('http')}{routes.WEBSOCKET}" + (f"?cursor={quote(cursor)}" if cursor else "")
    silence = _Silence()
    try:
        async with _Connect(
            address,
            subprotocols=[Subprotocol(_HUB_V1), Subprotocol(bearer)],
            compression=None,
            proxy=find_proxy(url, what="the hub"),
            open_timeout=OPEN_S,
            close_timeout=1,
            max_size=MAX_FRAME_BYTES,
        ) as connection:
            while True:
                async with asyncio.timeout(silence.limit_s):
                    raw = await connection.recv(decode=False)
                frame = _read(raw)
                silence.learn(frame)
                yield frame
    except websockets.ConnectionClosed as closed:
        received = closed.rcvd
        raise _ended_by(received.code if received else 1006, received.reason if received else "") from None
    except websockets.InvalidStatus as refused:
        raise _ended_by_status(refused.response.status_code, refused.response.body) from None
    except (websockets.InvalidHandshake, websockets.InvalidURI) as error:
        raise Ended(f"no WebSocket of a hub there: {type(error).__name__}", connected=False) from None
    except TimeoutError:
        raise Ended("no heartbeat in time", connected=silence.greeted) from None
    except OSError as error:
        raise Ended(describe_unreachable(error), connected=False) from None


async def listen_events(url: str, token: str, cursor: str | None) -> AsyncGenerator[Frame, None]:
    """Yield the frames of `/sse` of the hub at `url`, and an empty one for each heartbeat without a frame.

    Raises:
        Ended: always, unless it is closed before.
    """
    headers = {"authorization": f"Bearer {token}"} | ({"last-event-id": cursor} if cursor else {})
    silence = _Silence()
    closing: Frame | None = None
    try:
        async with contextlib.AsyncExitStack() as stack:
            timeout = httpx.Timeout(OPEN_S, read=None)
            client = await stack.enter_async_context(
                httpx.AsyncClient(timeout=timeout, **make_egress(url, what="the hub"))
            )
            async with asyncio.timeout(OPEN_S):
                source = await stack.enter_async_context(
                    aconnect_sse(client, "GET", f"{url}{routes.EVENT_STREAM}", headers=headers)
                )
                await _check(source)
            events = await stack.enter_async_context(contextlib.aclosing(_events(source)))
            while True:
                async with asyncio.timeout(silence.limit_s):
                    event = await anext(events, None)
                if event is None:
                    break
                frame = _read(event.data.encode()) if event.data else Frame(type="")
                frame.cursor = frame.cursor or event.id
                silence.learn(frame)
                if frame.type == "closing":
                    closing = frame
                yield frame
    except TimeoutError:
        raise Ended("no heartbeat in time", connected=silence.greeted) from None
    except SSEError:
        raise Ended("the answer is not an event stream", connected=False) from None
    except httpx.HTTPError as error:
        raise Ended(describe_unreachable(error), connected=silence.greeted) from None
    if closing is not None:
        raise _ended_by(closing.code, closing.reason)
    raise Ended("the stream ended")


class _Silence:
    """How long the hub may say nothing."""

    def __init__(self) -> None:
        self.limit_s = OPEN_S
        self.greeted = False

    def learn(self, frame: Frame) -> None:
        if frame.type == "connection_established":
            self.greeted = True
            self.limit_s = HEARTBEATS * _heartbeat_s(frame)


def _heartbeat_s(frame: Frame) -> float:
    try:
        said = msgspec.json.decode(frame.data).get("heartbeatSeconds")
    except (msgspec.MsgspecError, AttributeError):
        said = None
    return float(said) if isinstance(said, int | float) and 0 < said <= 3600 else DEFAULT_HEARTBEAT_S


def _events(source: EventSource) -> AsyncGenerator[Any, None]:
    return source.aiter_sse()


async def _check(source: EventSource) -> None:
    response = source.response
    if response.status_code != 200:
        await response.aread()
        raise _ended_by_status(response.status_code, response.content)


def _read(raw: bytes) -> Frame:
    try:
        frame = msgspec.json.decode(raw, type=Frame)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Ended("what came is not a valid frame", final=True) from None
    frame.raw = raw
    return frame


def _ended_by(code: int, reason: str) -> Ended:
    words = f"closed with {code}" + (f": {reason}" if reason else "")
    if code == CloseCode.INVALID_TOKEN:
        words += " (`hub token inspect` says why)"
    expired = code == CloseCode.TOKEN_EXPIRED
    # 1002 to 1010 say that one of the two breaks the protocol; it would again.
    return Ended(words, final=not may_return(code) or 1002 <= code <= 1003 or 1007 <= code <= 1010, expired=expired)


def _ended_by_status(status: int, body: bytes | bytearray) -> Ended:
    words = read_problem(httpx.Response(status, content=bytes(body)))
    if "(token_expired" in words:
        return Ended(words, expired=True)
    refused = status < 500 and "not a hub's problem" not in words
    return Ended(words, final=status < 500 or "(hub_full" in words, connected=refused or status in {401, 403, 503})
