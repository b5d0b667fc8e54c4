"""The proxy gives up an idle connection before the hub does, so that no publish meets one that is being closed.

Over a network that takes its time the moment in which the two can miss each other is long, and is met on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from hub.settings import Settings
from tests.documented_proxies.network import SlowNetwork
from tests.documented_proxies.servers import PAGE, Proxy, read_page, run_caddy, run_nginx
from tests.harness import RunningHub, run_hub

DELAY_S = 0.15
#: Both scaled down from the page's 60 s and 620 s.
PROXY_S, HUB_S = 0.5, 1.2
Run = Callable[[Path, int, Mapping[str, str] | None], AbstractAsyncContextManager[Proxy]]


class Documented(NamedTuple):
    """A proxy on the page: how it says when a connection is given up, and what keeps publishes from the outside."""

    language: str
    run: Run
    clock: str
    scaled: str
    inside: dict[str, str]


NGINX = Documented(
    "nginx",
    run_nginx,
    "keepalive_timeout 60s;",
    "keepalive_timeout {}ms;",
    {"location /api/internal/ { return 404; }": ""},
)
CADDY = Documented(
    "caddyfile", run_caddy, "keepalive 60s", "keepalive {}ms", {"path /api/internal/* /metrics": "path /metrics"}
)
both = pytest.mark.parametrize("documented", [NGINX, CADDY], ids=["nginx", "Caddy"])


@contextlib.asynccontextmanager
async def run_publisher(
    documented: Documented, folder: Path, *, proxy_s: float, hub_s: float
) -> AsyncIterator[tuple[RunningHub, httpx.AsyncClient]]:
    """Run a hub, a slow network before it and a proxy before that; the client keeps no connection of its own."""
    async with run_hub(folder / "hub", keep_alive_s=hub_s) as hub, SlowNetwork(hub.port, delay_s=DELAY_S) as network:
        logs = folder / "proxy"
        logs.mkdir()
        changes = {**documented.inside, documented.clock: documented.scaled.format(round(proxy_s * 1000))}
        async with documented.run(logs, network.port, changes) as proxy:
            url = f"https://localhost:{proxy.port}"
            limits = httpx.Limits(max_keepalive_connections=0)
            async with httpx.AsyncClient(base_url=url, verify=proxy.trust, limits=limits) as http:
                yield hub, http


async def publish(hub: RunningHub, http: httpx.AsyncClient) -> int:
    """Publish once through the proxy; return the status."""
    body = b'{"type":"cart_updated","title":"t","message":"m","everyone":true}'
    return (await http.post("/api/internal/notify", content=body, headers=hub.headers())).status_code


@both
async def test_publishes_at_any_pace_pass(documented: Documented, tmp_path: Path) -> None:
    """Around the idle time of the proxy, around that of the hub, and between: none fails."""
    async with run_publisher(documented, tmp_path, proxy_s=PROXY_S, hub_s=HUB_S) as (hub, http):
        for clock_s in (PROXY_S, HUB_S):
            for early_s in (-2 * DELAY_S, -DELAY_S, 0.0, DELAY_S):
                await asyncio.sleep(clock_s + early_s)
                assert 202 == await publish(hub, http), f"{clock_s + early_s:.2f} s after the one before"
        assert 8 == hub.hub.metrics.published.total()


@both
async def test_the_other_order_loses_publishes(documented: Documented, tmp_path: Path) -> None:
    """With the hub's clock the shorter one, a publish that crosses its close is answered 502."""
    async with run_publisher(documented, tmp_path, proxy_s=60, hub_s=1.0) as (hub, http):
        assert 202 == await publish(hub, http)
        # On its way when the hub closes: it was answered DELAY_S ago.
        await asyncio.sleep(1.0 - 1.5 * DELAY_S)
        assert 502 == await publish(hub, http)


@both
def test_the_page_says_what_is_tested(documented: Documented) -> None:
    """The page sets each proxy's clock, and far below the hub's own default."""
    assert documented.clock in read_page(documented.language)
    seconds = re.search(r"\d+", documented.clock)
    assert seconds is not None
    assert Settings().keep_alive_s > 2 * int(seconds[0])


def test_every_proxy_that_needs_nothing_gives_up_first() -> None:
    """In the page's table, whoever has nothing to do keeps an idle connection for less than the hub does."""
    rows = re.findall(r"^\| .*? \| (\d+) s(?:, fixed)? \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert 7 == len(rows)
    default_s = Settings().keep_alive_s
    assert f"`HUB_KEEP_ALIVE` is {default_s:.0f} s" in PAGE.read_text()
    for seconds, advice in rows:
        assert (int(seconds) < default_s) == advice.startswith("nothing to do"), (seconds, advice)
