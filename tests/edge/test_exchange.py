"""The server beneath any app: what an app does wrong ends its own connection, and its client learns of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hub.asgi import Application, Message, Receive, Scope, Send
from hub.edge.server import HubServer, configure, listen
from hub.settings import Settings
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S

GET = b"GET /x HTTP/1.1\r\nHost: hub\r\n\r\n"
HANDSHAKE = (
    b"GET /x HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def drain() -> None:
    """Send nobody away."""


@contextlib.asynccontextmanager
async def serve(
    app: Application, *, grace_s: int = 5, drain: Callable[[], Awaitable[None]] = drain
) -> AsyncIterator[int]:
    """Serve an app as the hub is served; yields the port. The shutdown waits `grace_s` for requests in flight."""

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})

    settings = Settings(port=0)
    listener = listen(settings)
    config = configure(with_lifespan, settings)
    config.timeout_graceful_shutdown = grace_s
    server = HubServer(config, drain=drain)
    serving = asyncio.create_task(server._serve([listener]))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def responding(*messages: Message, fails: bool = False) -> Application:
    """Return an app that sends these messages, and then ends or fails."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        if fails:
            raise ValueError("a fault")

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    """Return the message that begins a response."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(part: bytes, *, more: bool = False) -> Message:
    """Return the message that continues it."""
    return {"type": "http.response.body", "body": part, "more_body": more}


async def ask(app: Application, request: bytes = GET) -> bytes:
    """Return everything that the server sends until it ends the connection."""
    async with serve(app) as port, Wire(port) as wire:
        await wire.send(request)
        return await wire.rest()


@pytest.mark.parametrize("fails", [True, False])
async def test_an_app_that_does_not_respond_is_answered_for(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Its client gets the problem of an internal error, and the log says it."""
    said = await ask(responding(fails=fails))
    head, _, text = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in head
    assert "internal" == json.loads(text)["code"]
    assert 1 == len([record for record in caplog.records if record.name == "hub.edge"])


@pytest.mark.parametrize(
    "app",
    [
        responding(start(), body(b"part", more=True), fails=True),
        responding(start(), body(b"part", more=True)),
        responding(start((b"content-length", b"9")), body(b"short")),
        responding(start((b"content-length", b"3")), body(b"longer")),
        responding(start(), start()),
    ],
    ids=["failed", "ended", "short", "long", "twice"],
)
async def test_a_response_that_cannot_be_completed_ends_the_connection(app: Application) -> None:
    """Nothing follows it that a client could take for its rest or for the next response."""
    said = await ask(app)
    assert 1 == said.count(b"HTTP/1.1 ")
    assert not said.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("header", [(b"x", b"a\r\nset-cookie: b"), (b"a b", b"c"), (b"a:", b"c")])
async def test_a_header_that_would_end_early_is_not_written(header: tuple[bytes, bytes]) -> None:
    """A value with a line break would write the rest of the response; the client gets an internal error."""
    said = await ask(responding(start(header), body(b"")))
    assert b"set-cookie" not in said
    assert said.startswith(b"HTTP/1.1 500 ")


async def test_a_body_without_a_length_is_chunked() -> None:
    """Each part is a chunk, and an empty last one ends the response."""
    parts = [body(b"one", more=True), body(b"", more=True), body(b"two")]
    async with serve(responding(start(), *parts)) as port, Wire(port) as wire:
        await wire.send(GET)
        response = await wire.response()
    assert (200, b"onetwo") == (response.status, response.body)


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
async def test_a_response_without_a_body_has_none(method: bytes, status: int) -> None:
    """The next response on the connection follows its head."""
    request = GET.replace(b"GET", method)
    part = body(b"what a GET would get") if method == b"HEAD" else body(b"")
    async with serve(responding(start(status=status), part)) as port, Wire(port) as wire:
        await wire.send(request * 2)
        said = b""
        while said.count(b"\r\n\r\n") < 2:
            part_read = await wire.read(4_096)
            assert part_read, said
            said += part_read
    assert 2 == said.count(b"HTTP/1.1 %d " % status)
    assert said.endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in said


async def test_what_waits_for_a_continue_and_does_not_get_it_ends_the_connection() -> None:
    """Whether the body comes after all only the client knows (RFC 9110 section 10.1.1)."""
    request = b"POST /x HTTP/1.1\r\nHost: hub\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    said = await ask(responding(start((b"content-length", b"0")), body(b"")), request)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in said


@pytest.mark.parametrize("fails", [True, False])
async def test_an_app_that_does_not_answer_a_handshake_is_answered_for(fails: bool) -> None:
    """Its client gets a whole response, and not a connection that just ends."""
    said = await ask(responding(fails=fails), HANDSHAKE)
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b'"code":"internal"' in said


@pytest.mark.parametrize(
    "request_bytes", [GET[:-2] + b"Content-Length: 9\r\n\r\npart", HANDSHAKE], ids=["body", "socket"]
)
async def test_what_a_shutdown_overtakes_is_told_to_come_back(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A request whose app still waits at the end of the shutdown gets 503 `draining`, and is no fault in the log."""
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    async with contextlib.AsyncExitStack() as stack:
        async with serve(app, grace_s=0) as port:
            wire = await stack.enter_async_context(Wire(port))
            await wire.send(request_bytes)
            async with asyncio.timeout(DEADLINE_S):
                await begun.wait()
        response = await wire.response()
    assert (503, "draining") == (response.status, json.loads(response.body)["code"])
    assert "retry-after" in response.headers
    assert [] == [record for record in caplog.records if record.name == "hub.edge"]


async def test_a_response_during_the_drain_ends_its_connection() -> None:
    """A connection that stays open has its next request answered then, and is not used for another one."""
    told = asyncio.Event()

    async def drain() -> None:
        await wire.send(GET)
        response = await wire.response()
        assert (200, "close") == (response.status, response.headers["connection"])
        assert b"" == await wire.rest()
        told.set()

    app = responding(start((b"content-length", b"2")), body(b"ok"))
    async with contextlib.AsyncExitStack() as stack, serve(app, drain=drain) as port:
        wire = await stack.enter_async_context(Wire(port))
        await wire.send(GET)
        response = await wire.response()
        assert "connection" not in response.headers
    assert told.is_set()


async def test_an_app_refuses_a_handshake_with_a_response_of_its_own() -> None:
    """ASGI's denial response; without one it is a 403."""
    own: list[Message] = [
        {"type": "websocket.http.response.start", "status": 418, "headers": [(b"x", b"y")]},
        {"type": "websocket.http.response.body", "body": b"no"},
    ]
    said = await ask(responding(*own), HANDSHAKE)
    assert said.startswith(b"HTTP/1.1 418 ")
    assert said.endswith(b"no")
    assert (await ask(responding({"type": "websocket.close", "code": 1000}), HANDSHAKE)).startswith(b"HTTP/1.1 403 ")


async def test_an_app_cannot_speak_after_its_close(caplog: pytest.LogCaptureFixture) -> None:
    """What it sends then is a fault of the app, and goes nowhere."""
    sent: list[Message] = [
        {"type": "websocket.accept"},
        {"type": "websocket.send", "text": "hello"},
        {"type": "websocket.close", "code": 4_001, "reason": "bye"},
        {"type": "websocket.send", "text": "more"},
    ]
    async with serve(responding(*sent)) as port, Wire(port) as wire:
        await wire.send(HANDSHAKE)
        said = b""
        while not said.endswith(b"\x88\x05\x0f\xa1bye"):
            part = await wire.read(4_096)
            assert part, said
            said += part
    assert b"\x81\x05hello" in said
    assert b"more" not in said
    assert any("the app failed" in record.message for record in caplog.records)
