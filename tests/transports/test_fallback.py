"""Under a server that is not ours the hub is slower and just as right."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus

from hub.app import HubApp
from hub.bounds import Bounds
from hub.edge.server import HubServer
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, make_settings
from tests.transports.test_liveness import sse_request, websocket_request


@contextlib.asynccontextmanager
async def serve_plainly(folder: Path, http: str, **changes: Any) -> AsyncIterator[RunningHub]:
    """Run the app as any ASGI server would; `changes` are settings."""
    settings, key = make_settings(folder, heartbeat_s=0.5, **changes)
    app = HubApp(settings)
    config = uvicorn.Config(
        app,
        http=http,
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    server = HubServer(config, drain=app.drain)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]))
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                await asyncio.sleep(0.005)
        running = RunningHub(app, server, settings, listener.getsockname()[1], key)
        try:
            yield running
        finally:
            await running.http.aclose()
            server.should_exit = True
            async with asyncio.timeout(DEADLINE_S):
                await serving


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_both_transports_work_without_our_links(tmp_path: Path, http: str) -> None:
    """Greeting, delivery, replay, refusal, close and counts, over plain `send`."""
    async with serve_plainly(tmp_path, http) as hub:
        async with hub.websocket() as websocket, hub.events() as events:
            await hub.publish(title="1")
            first = await websocket.frame()
            assert "1" == first["title"]
            assert "1" == (await events.frame())["title"]
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
        await hub.publish(title="2")
        async with hub.websocket(cursor=first["cursor"]) as websocket:
            assert "2" == (await websocket.frame())["title"]
        async with hub.events(last_event_id=first["cursor"]) as events:
            assert "2" == (await events.frame())["title"]
            await hub.post("/api/internal/disconnect", {"account_id": "12345678000190"})
            assert 4502 == (await events.wait_closed())[-1]["code"]
        async with hub.websocket(hub.token(ttl_s=-1), greet=False) as told:
            assert 4001 == await told.wait_closed()
        with pytest.raises(InvalidStatus):
            async with hub.websocket("x", subprotocols=()):
                pass
        assert 401 == (await hub.http.get("/sse")).status_code
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_many_notifications_come_in_order_without_our_links(tmp_path: Path) -> None:
    """Queued frames keep their order, and the drain ends the connection after the last."""
    async with serve_plainly(tmp_path, "httptools") as hub, hub.websocket() as websocket, hub.events() as events:
        item = {"type": "cart_updated", "message": "m", "account_id": "12345678000190"}
        batch = {"notifications": [{**item, "title": str(number)} for number in range(300)]}
        await hub.post("/api/internal/notify/batch", batch)
        expected = [str(number) for number in range(300)]
        over_websocket: list[object] = []
        while len(over_websocket) < 300:
            frame = await websocket.frame()
            if frame["type"] == "cart_updated":
                over_websocket.append(frame["title"])
        assert expected == over_websocket
        assert expected == [frame["title"] for frame in await events.frames(300)]
        await hub.app.drain()
        assert 1012 == await websocket.wait_closed()
        assert 1012 == (await events.wait_closed())[-1]["code"]


async def test_the_plain_server_answers_http(tmp_path: Path) -> None:
    """The API needs nothing of our server."""
    async with serve_plainly(tmp_path, "h11") as hub, httpx.AsyncClient(base_url=hub.url) as client:
        assert 200 == (await client.get("/health/ready")).status_code


@pytest.mark.parametrize("request_of", [websocket_request, sse_request])
async def test_a_stalled_peer_holds_nothing_of_the_hub(tmp_path: Path, request_of: Callable[[RunningHub], str]) -> None:
    """Closed as slow, it gets its time to take the end; then its task goes, though the server still waits to send."""
    async with serve_plainly(tmp_path, "httptools", bounds=Bounds(close_timeout_s=0.3)) as hub:
        loop = asyncio.get_running_loop()
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.setblocking(False)
            await loop.sock_connect(peer, ("127.0.0.1", hub.port))
            await loop.sock_sendall(peer, request_of(hub).replace("\n", "\r\n").encode())
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
            while len(hub.hub.subscribers):
                await hub.publish(user_id=USER, account_id=ACCOUNT, message="x" * 60_000)
            await hub.wait_until(lambda: not hub.server.server_state.tasks)
