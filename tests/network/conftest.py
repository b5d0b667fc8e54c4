"""A hub, a fault proxy before it, and a page in a browser that knows only the proxy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hub.cli.support.fault_proxy import FaultProxy
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, USER
from tests.network.browser import Browser, Engine, run_browser, serve_pages

__all__ = ["Stage"]

HTTP_DEADLINE_S = 10.0


@dataclass
class Stage:
    """What a network test needs."""

    hub: HubProcess
    proxy: FaultProxy
    browser: Browser
    origin: str
    http: httpx.AsyncClient

    @property
    def token(self) -> str:
        """The user's token."""
        return self.hub.token(ACCOUNT, USER)

    async def publish(self, *titles: str) -> None:
        """Publish to the user, in order."""
        for title in titles:
            assert 202 == (await publish(self.http, self.hub, title, user_id=USER)).status_code

    async def wait_connections(self, count: int) -> None:
        """Wait until the hub has as many connections."""
        headers = {"authorization": f"Bearer {self.hub.key}"}
        async with asyncio.timeout(HTTP_DEADLINE_S):
            while (await self.http.get("/api/internal/ws-stats", headers=headers)).json()["totalConnections"] != count:
                await asyncio.sleep(0.02)

    async def open_page(self, *tokens: str, tab: int = 0) -> None:
        """Open the page that has the client and let it connect, with these tokens one after the other."""
        await self.browser.ask("open", url=f"{self.origin}/", tab=tab)
        await self.browser.start(self.proxy.url, *(tokens or (self.token,)), tab=tab)

    async def wait_connected(self, *, tab: int = 0) -> tuple[str, float]:
        """Wait until the client is connected; return over what, and after how many seconds."""
        found = await self.browser.wait_until("statuses.find(([state]) => state === 'connected')", tab=tab)
        return found[1], found[2] / 1000

    async def wait_seen(self, *titles: str, tab: int = 0) -> None:
        """Wait until a page has seen as many notifications; they must be these."""
        seen = await self.browser.wait_until(f"seen.length >= {len(titles)} && seen", tab=tab)
        assert list(titles) == seen


@contextlib.asynccontextmanager
async def run_stage(tmp_path: Path, engine: Engine) -> AsyncIterator[Stage]:
    """Run a hub, a proxy and a browser."""
    pages = tmp_path / "pages"
    pages.mkdir()
    with serve_pages(pages) as origin:
        hub = HubProcess(tmp_path / "hub", HUB_ALLOWED_ORIGINS=origin, HUB_MAX_CONNECTIONS_PER_USER="4")
        await hub.start()
        try:
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=HTTP_DEADLINE_S) as http,
                FaultProxy(hub.port) as proxy,
                run_browser(engine) as browser,
            ):
                await wait_ready(http)
                yield Stage(hub, proxy, browser, origin, http)
        finally:
            await hub.stop()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Return a hub and a page in Chromium, ready."""
    async with run_stage(tmp_path, "chromium") as stage:
        yield stage
