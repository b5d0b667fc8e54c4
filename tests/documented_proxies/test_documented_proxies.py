"""The configurations on the page about proxies do what it says: real nginx, Caddy and Traefik, TLS, a real hub."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from httpx_sse import aconnect_sse
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from tests.documented_proxies.servers import Proxy, run_caddy, run_nginx, run_traefik
from tests.harness import EventStream, RunningHub, WebSocket, run_hub

#: What is held back by a buffer comes at the next heartbeat, after 30 s, or never.
AT_ONCE_S = 1.0
HELD_S = 1.5
ORIGIN = "https://app.avelarcompany.com.br"
Run = Callable[[Path, int], AbstractAsyncContextManager[Proxy]]
#: Traefik is fetched first, and so is for the long proofs.
each_proxy = pytest.mark.parametrize("run", [run_nginx, run_caddy, pytest.param(run_traefik, marks=pytest.mark.soak)])


@contextlib.asynccontextmanager
async def run_behind(run: Run, folder: Path) -> AsyncIterator[tuple[RunningHub, Proxy, httpx.AsyncClient]]:
    """Run a hub and a proxy before it, with a client of the proxy."""
    async with run_hub(folder / "hub", trusted_proxies=("127.0.0.1",)) as hub:
        logs = folder / "proxy"
        logs.mkdir()
        async with (
            run(logs, hub.port) as proxy,
            httpx.AsyncClient(base_url=f"https://localhost:{proxy.port}", verify=proxy.trust) as http,
        ):
            yield hub, proxy, http


@contextlib.asynccontextmanager
async def open_websocket(hub: RunningHub, proxy: Proxy, *, origin: str = ORIGIN) -> AsyncIterator[WebSocket]:
    """Connect as the browser client does, with the token as a subprotocol."""
    bearer = base64.urlsafe_b64encode(hub.token().encode()).decode().rstrip("=")
    protocols = [Subprotocol("hub.v1"), Subprotocol(f"hub.bearer.{bearer}")]
    url = f"wss://localhost:{proxy.port}/ws"
    async with connect(url, ssl=proxy.trust, subprotocols=protocols, origin=Origin(origin), proxy=None) as connection:
        yield WebSocket(connection)


@contextlib.asynccontextmanager
async def open_events(hub: RunningHub, http: httpx.AsyncClient, *, in_url: bool = False) -> AsyncIterator[EventStream]:
    """Connect over SSE, with the token in a header or, as an EventSource must, in the URL."""
    headers = {} if in_url else {"authorization": f"Bearer {hub.token()}"}
    where = f"/sse?token={hub.token()}" if in_url else "/sse"
    async with aconnect_sse(http, "GET", where, headers=headers) as source:
        yield EventStream(source.response, source.aiter_sse())


@each_proxy
async def test_events_come_at_once(run: Run, tmp_path: Path) -> None:
    """Each notification reaches a WebSocket and an event stream through the proxy within a second."""
    async with run_behind(run, tmp_path) as (hub, proxy, http), contextlib.AsyncExitStack() as clients:
        socket = await clients.enter_async_context(open_websocket(hub, proxy))
        stream = await clients.enter_async_context(open_events(hub, http))
        for client in (socket, stream):
            assert "connection_established" == (await client.frame())["type"]
        for number in range(5):
            published_s = time.monotonic()
            assert 202 == (await hub.publish(title=f"{number}")).status_code
            for client in (socket, stream):
                assert f"{number}" == (await client.frame())["title"]
            assert time.monotonic() - published_s < AT_ONCE_S


async def test_a_buffer_would_be_noticed(tmp_path: Path) -> None:
    """With what the page switches off switched on, nginx holds an event stream back."""

    def run(folder: Path, port: int) -> AbstractAsyncContextManager[Proxy]:
        held = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_buffers 8 64k; proxy_buffer_size 64k;"
        return run_nginx(folder, port, {"proxy_buffering off;": held})

    async with run_behind(run, tmp_path) as (hub, _, http):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HELD_S), open_events(hub, http) as stream:
                await stream.frame()


@each_proxy
async def test_a_client_that_left_is_forgotten(run: Run, tmp_path: Path) -> None:
    """The proxy ends its connection to the hub with the client's, long before a heartbeat finds it out."""
    async with run_behind(run, tmp_path) as (hub, proxy, http):
        async with open_websocket(hub, proxy) as socket, open_events(hub, http) as stream:
            await socket.frame()
            await stream.frame()
            assert 2 == len(hub.hub.subscribers)
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_a_negative_flush_interval_would_keep_it(tmp_path: Path) -> None:
    """Why the page has no `flush_interval -1` for Caddy: it keeps the stream of a client that is gone."""

    def run(folder: Path, port: int) -> AbstractAsyncContextManager[Proxy]:
        return run_caddy(folder, port, {"transport http {": "flush_interval -1\n\t\ttransport http {"})

    async with run_behind(run, tmp_path) as (hub, _, http):
        async with open_events(hub, http) as stream:
            await stream.frame()
        # Not even what is written to it tells the hub.
        await hub.publish()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HELD_S):
                await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


@each_proxy
async def test_a_foreign_origin_is_refused(run: Run, tmp_path: Path) -> None:
    """The browser's `Origin` arrives as it was sent: an unknown one is refused, a known one is not."""
    async with run_behind(run, tmp_path) as (hub, proxy, _):
        async with open_websocket(hub, proxy, origin="https://elsewhere.example") as socket:
            assert 4501 == await socket.wait_closed()
        async with open_websocket(hub, proxy) as socket:
            assert "connection_established" == (await socket.frame())["type"]


@each_proxy
async def test_the_inside_stays_inside(run: Run, tmp_path: Path) -> None:
    """Publishing and metrics are not there from the outside, whatever key is shown; the health is."""
    async with run_behind(run, tmp_path) as (hub, _, http):
        for path in ("/api/internal/notify", "/api/internal/ws-stats", "/metrics"):
            answer = await http.get(path, headers=hub.headers())
            assert (404, b"hub" in answer.content) == (answer.status_code, False)
        assert 200 == (await http.get("/health/ready")).status_code


@each_proxy
async def test_no_token_is_logged(run: Run, tmp_path: Path) -> None:
    """A token in the URL, in a header or in a subprotocol is in none of the proxy's logs."""
    async with run_behind(run, tmp_path) as (hub, proxy, http):
        async with open_websocket(hub, proxy) as socket, open_events(hub, http, in_url=True) as stream:
            await socket.frame()
            await stream.frame()
        # Caddy logs no stream that its client left; this ends by itself.
        assert 200 == (await http.get(f"/poll?token={hub.token()}")).status_code
        await hub.wait_until(lambda: all(name in proxy.written() for name in proxy.names))
        written = proxy.written()
    # All tokens of an issuer begin alike, also once more encoded.
    start = hub.token().split(".")[0]
    encoded = base64.urlsafe_b64encode(start.encode()).decode().rstrip("=")[:-2]
    assert start not in written
    assert encoded not in written


async def test_the_hub_may_stand_under_a_path(tmp_path: Path) -> None:
    """With nginx taking the path away, the page, the document and a WebSocket work there, as the page says."""

    def run(folder: Path, port: int) -> AbstractAsyncContextManager[Proxy]:
        moved = "location /hub/ {\n        proxy_set_header X-Forwarded-Prefix /hub;\n        proxy_pass http://hub/;"
        return run_nginx(folder, port, {"location / {\n        proxy_pass http://hub;": moved})

    async with run_behind(run, tmp_path) as (hub, proxy, http):
        page = await http.get("/hub/")
        links = re.findall(r'href="([^"]+)"', page.text)
        assert 8 == len(links)
        for link in links:
            assert 200 == (await http.get(link)).status_code, link
        document = await http.get("/hub/schema/openapi.json")
        assert [{"/hub"}] == [{server["url"] for server in document.json()["servers"]}]
        assert 'href="schema/openapi.json"' in (await http.get("/hub/schema")).text
        url = f"wss://localhost:{proxy.port}/hub/ws?token={hub.token()}"
        async with connect(url, ssl=proxy.trust, proxy=None) as connection:
            assert "connection_established" == (await WebSocket(connection).frame())["type"]
