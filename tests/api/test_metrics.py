"""`/metrics`: who may read it, in which format, and that its own port is bounded like the hub's."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from pathlib import Path

import httpx
import pytest

from hub.bounds import Bounds
from hub.composition import open_hub
from hub.errors import SettingsError
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub, make_settings, run_hub

OPENMETRICS = "application/openmetrics-text"
KEY = "hubk_of-the-scraper"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_the_key_is_a_bearer_like_any_other(tmp_path: Path) -> None:
    """One reading of `Authorization` for all: another scheme, two headers or no header are refused with 401."""
    digest = hashlib.sha256(KEY.encode()).hexdigest().upper()
    async with run_hub(tmp_path, metrics_key=digest) as hub:
        for value in (f"Bearer {KEY}", f"bearer  {KEY}"):
            assert 200 == (await hub.http.get("/metrics", headers={"authorization": value})).status_code
        twice = [("authorization", f"Bearer {KEY}")] * 2
        for headers in ([], twice, [("authorization", f"Basic {KEY}")], [("authorization", f"Bearer {hub.key}")]):
            answer = await hub.http.get("/metrics", headers=headers)
            assert (401, "Bearer") == (answer.status_code, answer.headers["www-authenticate"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ([], "text/plain; version=0.0.4; charset=utf-8"),
        (["*/*"], "text/plain; version=0.0.4; charset=utf-8"),
        (
            ["", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"],
            "application/openmetrics-text; version=1.0.0",
        ),
    ],
)
async def test_the_scraper_chooses_the_format(hub: RunningHub, accept: list[str], kind: str) -> None:
    """`Accept` is a list, of one line or several; Prometheus gets OpenMetrics where it asks for it."""
    headers = [*hub.headers().items(), *[("accept", value) for value in accept]]
    async with httpx.AsyncClient(base_url=hub.url) as http:
        http.headers.clear()
        answer = await http.get("/metrics", headers=headers)
    assert answer.headers["content-type"].startswith(kind)
    assert "hub_connections" in answer.text


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate", "gzip"), ("identity", None), ("gzip;q=0", None), ("br, gzip;q=0.5", "gzip")],
)
async def test_the_scraper_chooses_the_coding(hub: RunningHub, accepted: str, coding: str | None) -> None:
    """Compressed where the scraper takes that, plain else."""
    answer = await hub.http.get("/metrics", headers=hub.headers({"accept-encoding": accepted}))
    assert coding == answer.headers.get("content-encoding")
    assert "hub_connections" in answer.text


async def test_its_own_port_serves_nothing_else(tmp_path: Path) -> None:
    """The port gives metrics to everybody who reaches it, and problems for all other paths; a handshake is ignored."""
    port = free_port()
    async with run_hub(tmp_path, metrics_port=port) as hub:
        at = f"http://127.0.0.1:{port}"
        for path in ("/metrics", "/metrics/", "/"):
            assert "hub_connections" in (await hub.http.get(at + path)).text
        assert 200 == (await hub.http.head(f"{at}/metrics")).status_code
        assert 404 == (await hub.http.get(f"{at}/health/live")).status_code
        refused, options = await hub.http.post(f"{at}/metrics"), await hub.http.options(f"{at}/metrics")
        assert (405, 204) == (refused.status_code, options.status_code)
        assert "GET, HEAD, OPTIONS" == refused.headers["allow"] == options.headers["allow"]
        upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        assert 200 == (await hub.http.get(f"{at}/metrics", headers=upgrade)).status_code


async def test_its_own_port_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Peers that send half a request, or nothing, are gone after the deadline; the first where all places are gone."""
    port, bounds = free_port(), Bounds(head_timeout_s=0.5, metrics_connections=4)
    async with run_hub(tmp_path, metrics_port=port, bounds=bounds) as hub, contextlib.AsyncExitStack() as peers:
        wires = []
        for _ in range(6):
            wires.append(await peers.enter_async_context(Wire(port)))
            await wires[-1].send(b"GET /metrics HTTP/1.1\r\nX: ")
        assert [b"", b""] == [await wire.rest() for wire in wires[:2]]
        ends = await asyncio.gather(*[wire.rest() for wire in wires[2:]])
        assert all(end.startswith(b"HTTP/1.1 408 ") for end in ends)
        await peers.aclose()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):  # until their places are free
                    assert 200 == (await hub.http.get(f"http://127.0.0.1:{port}/metrics")).status_code
                    break
                await asyncio.sleep(0.02)


async def test_a_silent_connection_keeps_no_scraper_out(tmp_path: Path) -> None:
    """However many peers hold the port's places without a whole request, a scraper is answered at once."""
    port, bounds = free_port(), Bounds(metrics_connections=4)
    async with run_hub(tmp_path, metrics_port=port, bounds=bounds) as hub, contextlib.AsyncExitStack() as peers:
        for _ in range(12):
            wire = await peers.enter_async_context(Wire(port))
            await wire.send(b"GET /metrics HTTP/1.1\r\nX: ")
        for _ in range(3):
            async with httpx.AsyncClient() as scraper, asyncio.timeout(bounds.head_timeout_s / 2):
                assert 200 == (await scraper.get(f"http://127.0.0.1:{port}/metrics")).status_code
        assert 200 == (await hub.http.get("/health/live")).status_code


async def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """The start stops and names the variable, the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings, _ = make_settings(tmp_path, metrics_port=port)
        line = f"HUB_HOST, HUB_METRICS_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(SettingsError, match=line):
            async with open_hub(settings):
                pass


async def test_a_port_that_is_the_hubs_is_told_as_such(tmp_path: Path) -> None:
    """The same number for both ports is named as the mistake, not another program."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings, _ = make_settings(tmp_path, metrics_port=port, port=port)
        with pytest.raises(SettingsError, match=r"HUB_METRICS_PORT: .+ \(it is HUB_PORT too: "):
            async with open_hub(settings):
                pass
