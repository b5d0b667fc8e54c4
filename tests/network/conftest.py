"""A hub, a fault proxy before it, and a page in Chromium that knows only the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import figures
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, USER
from tests.network.browser import Browser, run_browser, serve_pages
from tests.proxy.proxy import FaultProxy

__all__ = ["Stage", "figures"]

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

    async def wait_alone(self) -> None:
        """Wait until the hub has no connection left."""
        headers = {"authorization": f"Bearer {self.hub.key}"}
        async with asyncio.timeout(HTTP_DEADLINE_S):
            while (await self.http.get("/api/internal/ws-stats", headers=headers)).json()["totalConnections"]:
                await asyncio.sleep(0.02)

    async def open_page(self) -> None:
        """Open the page that has the client and let it connect."""
        await self.browser.ask("open", url=f"{self.origin}/")
        await self.browser.start(self.proxy.url, self.token)

    async def wait_connected(self) -> tuple[str, float]:
        """Wait until the client is connected; return over what, and after how many seconds."""
        found = await self.browser.wait_until("statuses.find(([state]) => state === 'connected')")
        return found[1], found[2] / 1000


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Return a hub and a page, ready."""
    pages = tmp_path / "pages"
    pages.mkdir()
    with serve_pages(pages) as origin:
        hub = HubProcess(tmp_path / "hub", HUB_ALLOWED_ORIGINS=origin, HUB_MAX_CONNECTIONS_PER_USER="4")
        await hub.start()
        try:
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=HTTP_DEADLINE_S) as http,
                FaultProxy(hub.port) as proxy,
                run_browser() as browser,
            ):
                await wait_ready(http)
                yield Stage(hub, proxy, browser, origin, http)
        finally:
            await hub.stop()
