"""A real hub on a free port, and real clients for it: what the tests of transports, API and faults share."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from httpx_sse import ServerSentEvent, aconnect_sse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.app import HubApp
from hub.auth.grant import OPERATIONS
from hub.composition import Hub
from hub.edge.server import HubServer, configure, listen
from hub.settings import Settings

__all__ = ["ACCOUNT", "DEADLINE_S", "USER", "EventStream", "RunningHub", "WebSocket", "run_hub"]

#: How long a test waits for something that must happen; reaching it is a failure.
DEADLINE_S = 10.0

ACCOUNT = "12345678000190"
USER = "00000000191"

Frame = dict[str, Any]


class WebSocket:
    """A WebSocket client that hands out frames as objects."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        #: The greeting, once it was read.
        self.hello: Frame = {}

    async def frame(self) -> Frame:
        """Wait for the next frame."""
        async with asyncio.timeout(DEADLINE_S):
            frame: Frame = json.loads(await self.connection.recv())
            return frame

    async def frames(self, count: int) -> list[Frame]:
        """Wait for the next `count` frames."""
        return [await self.frame() for _ in range(count)]

    async def wait_closed(self) -> int:
        """Read until the connection is closed; return the close code."""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code


class EventStream:
    """An SSE client that hands out frames as objects and remembers the last event id, as a browser does."""

    def __init__(self, response: httpx.Response, events: AsyncIterator[ServerSentEvent]) -> None:
        self.response = response
        self._events = events
        self.last_event_id = ""
        #: How long it was last told to wait before it comes back.
        self.retry_ms: int | None = None
        #: The greeting, once it was read.
        self.hello: Frame = {}

    async def event(self) -> ServerSentEvent:
        """Wait for the next event that has data."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = await anext(self._events)
                self.last_event_id = event.id or self.last_event_id
                self.retry_ms = event.retry or self.retry_ms
                if event.data:
                    return event

    async def frame(self) -> Frame:
        """Wait for the next frame."""
        frame: Frame = json.loads((await self.event()).data)
        return frame

    async def frames(self, count: int) -> list[Frame]:
        """Wait for the next `count` frames."""
        return [await self.frame() for _ in range(count)]

    async def wait_closed(self) -> list[Frame]:
        """Read until the stream ends; return the frames that still came."""
        frames = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                frames.append(await self.frame())
        return frames


class RunningHub:
    """A hub that serves, with the credentials it knows."""

    def __init__(self, app: HubApp, server: HubServer, settings: Settings, port: int, key: str) -> None:
        self.app = app
        self.server = server
        self.settings = settings
        self.port = port
        self.key = key
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.url, timeout=DEADLINE_S)

    @property
    def hub(self) -> Hub:
        """The rooms inside, for looking at what no client can see."""
        return self.app.hub

    def token(
        self,
        user_id: str = USER,
        account_id: str | None = ACCOUNT,
        *,
        role: str = "user",
        ttl_s: float = 3600,
        secret: str | None = None,
        **claims: object,
    ) -> str:
        """Return a token as AvAdmin issues them."""
        payload = {
            "sub": user_id,
            "user_id": user_id,
            "account_id": account_id,
            "role": role,
            "enabled_modules": ["stocktech"],
            "whatsapp_verified": True,
            "cpf": user_id,
            "exp": time.time() + ttl_s,
            **claims,
        }
        return jwt.encode(payload, secret or self.settings.jwt_secret, algorithm="HS256")

    async def publish(self, *, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
        """Publish, by default a `stock_alert` to the default user."""
        body: dict[str, object] = {"type": "stock_alert", "title": "Estoque baixo", "message": "Faltam peças"}
        if not fields.keys() & {"user_id", "user_ids", "account_id", "everyone"}:
            body |= {"user_id": USER, "account_id": ACCOUNT}
        return await self.post("/api/internal/notify", {**body, **fields}, headers=headers)

    async def post(self, path: str, body: object, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """POST JSON with the service key."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.http.post(path, content=content, headers=self.headers(headers))

    def headers(self, further: dict[str, str] | None = None) -> dict[str, str]:
        """Return the headers of a service's request."""
        return {"authorization": f"Bearer {self.key}", "content-type": "application/json", **(further or {})}

    @contextlib.asynccontextmanager
    async def websocket(
        self,
        token: str | None = None,
        *,
        cursor: str | None = None,
        subprotocols: Sequence[str] = ("hub.v1",),
        greet: bool = True,
        **options: Any,
    ) -> AsyncIterator[WebSocket]:
        """Connect over WebSocket; the greeting was read and stands in `hello`."""
        query = f"?token={token or self.token()}" + (f"&cursor={cursor}" if cursor else "")
        async with connect(
            f"{self.ws_url}/ws{query}",
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            ping_interval=None,
            **options,
        ) as connection:
            client = WebSocket(connection)
            if greet:
                hello = await client.frame()
                assert hello["type"] == "connection_established", hello
                client.hello = hello
            yield client

    @contextlib.asynccontextmanager
    async def events(
        self,
        token: str | None = None,
        *,
        last_event_id: str | None = None,
        cursor: str | None = None,
        greet: bool = True,
        headers: dict[str, str] | None = None,
        protocol: str | None = None,
    ) -> AsyncIterator[EventStream]:
        """Connect over SSE; with the `protocol` hub.v1 as a client that knows every control frame."""
        sent = {"authorization": f"Bearer {token or self.token()}", **(headers or {})}
        if last_event_id:
            sent["last-event-id"] = last_event_id
        params = {name: value for name, value in (("cursor", cursor), ("protocol", protocol)) if value}
        async with aconnect_sse(self.http, "GET", "/sse", headers=sent, params=params) as source:
            stream = EventStream(source.response, source.aiter_sse())
            if greet:
                hello = await stream.frame()
                assert hello["type"] == "connection_established", hello
                stream.hello = hello
            yield stream

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something only the inside knows."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)


def make_settings(folder: Path, *, webhook: dict[str, object] | None = None, **changes: Any) -> tuple[Settings, str]:
    """Return settings for a hub in `folder`, and its service key, which may do everything."""
    key = f"hubk_{secrets.token_urlsafe(32)}"
    key_file = folder / "keys.json"
    entry: dict[str, object] = {
        "name": "tests",
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "everyone": True,
        "operations": ["publish", "stats", "disconnect", "observe", "observe_ids", "forget"],
    }
    if webhook is not None:
        entry |= {"webhook": webhook, "operations": [*OPERATIONS]}
    key_file.write_text(json.dumps({"keys": [entry]}))
    values: dict[str, Any] = {
        "port": 0,
        "data_dir": folder / "data",
        "service_keys_file": key_file,
        "jwt_secret": secrets.token_hex(32),
        # One clock makes and reads these tokens, and tests of expiry count on the moment.
        "jwt_leeway_s": 0,
        "allowed_origins": ("https://app.avelarcompany.com.br",),
        "drain_s": 0.0,
    }
    return Settings(**{**values, **changes}), key


@contextlib.asynccontextmanager
async def run_hub(
    folder: Path,
    *,
    now: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    webhook: dict[str, object] | None = None,
    **changes: Any,
) -> AsyncIterator[RunningHub]:
    """Run a hub in this loop on a free port; `changes` are settings, `webhook` is its service's."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, key = make_settings(folder, webhook=webhook, **changes)
    app = HubApp(settings, now=now, monotonic=monotonic)
    server = HubServer(configure(app, settings), drain=app.drain)
    listener = listen(settings)
    serving = asyncio.create_task(server._serve([listener]), name="server")
    async with asyncio.timeout(DEADLINE_S):
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
    if serving.done():
        listener.close()
        raise AssertionError(f"the hub did not start: {serving.exception()!r}")
    running = RunningHub(app, server, settings, listener.getsockname()[1], key)
    try:
        yield running
    finally:
        await running.http.aclose()
        server.should_exit = True
        async with asyncio.timeout(DEADLINE_S):
            await serving
