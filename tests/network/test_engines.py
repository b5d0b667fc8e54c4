"""The browser client in Firefox and in WebKit: the flows that a user meets, each against a real hub.

Chromium's are in test_browser.py and tests/e2e, with what only its tools can do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from hub.cli.support.connection_faults import Faults
from tests.faults.process import wait_ready
from tests.harness import ACCOUNT, USER
from tests.network.browser import Engine
from tests.network.conftest import Stage, run_stage

TITLES = [f"{number}" for number in range(20)]


@pytest.fixture(params=["firefox", pytest.param("webkit", marks=pytest.mark.soak)])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """Return a hub and a page in one of the browsers, ready."""
    async with run_stage(tmp_path, cast("Engine", request.param)) as stage:
        yield stage


async def test_it_connects_over_websocket_and_sees_what_is_published(stage: Stage) -> None:
    """The first transport works, and the page gets what is published in order, without duplicates."""
    await stage.open_page()
    assert "ws" == (await stage.wait_connected())[0]
    await stage.publish(*TITLES)
    await stage.wait_seen(*TITLES)


async def test_a_refused_websocket_falls_back_to_an_event_stream(stage: Stage) -> None:
    """Where a proxy refuses the handshake, the stream carries the same."""
    stage.proxy.plan = lambda random: Faults(upgrade="refuse")
    await stage.open_page()
    assert "sse" == (await stage.wait_connected())[0]
    await stage.publish(*TITLES)
    await stage.wait_seen(*TITLES)


async def test_a_held_event_stream_falls_back_to_polling(stage: Stage) -> None:
    """Where a proxy also delays the stream, the client polls and gets everything."""
    stage.proxy.plan = lambda random: Faults(upgrade="refuse", holds=True)
    await stage.open_page()
    assert "poll" == (await stage.wait_connected())[0]
    await stage.publish(*TITLES)
    await stage.wait_seen(*TITLES)


async def test_a_reload_misses_nothing_and_shows_nothing_twice(stage: Stage) -> None:
    """The cursor outlives the page: after a reload it gets what came meanwhile, and nothing that it had."""
    await stage.open_page()
    await stage.wait_connected()
    await stage.publish("before")
    await stage.wait_seen("before")
    await stage.browser.ask("open", url=f"{stage.origin}/old_hook.html")
    await stage.wait_connections(0)
    await stage.publish(*TITLES)
    await stage.open_page()
    await stage.wait_seen(*TITLES)
    assert 0 == await stage.browser.evaluate("gaps")


async def test_tabs_share_one_connection_and_another_takes_it_over(stage: Stage) -> None:
    """Both tabs see each notification once; when the one that holds the connection is closed, the other goes on."""
    for tab in (0, 1):
        await stage.open_page(tab=tab)
        await stage.wait_connected(tab=tab)
    await stage.wait_connections(1)
    await stage.publish("both")
    for tab in (0, 1):
        await stage.wait_seen("both", tab=tab)
    await stage.browser.ask("close", tab=0)
    await stage.publish(*TITLES)
    await stage.wait_seen("both", *TITLES, tab=1)
    await stage.wait_connections(1)


async def test_a_hub_that_is_killed_is_come_back_to(stage: Stage) -> None:
    """After kill -9 and a restart the page is connected again and sees what was published since, once."""
    await stage.open_page()
    await stage.wait_connected()
    await stage.publish("before")
    await stage.wait_seen("before")
    await stage.hub.kill()
    await stage.browser.wait_until("statuses.at(-1)[0] !== 'connected'")
    await stage.hub.start()
    await wait_ready(stage.http)
    await stage.publish(*TITLES)
    await stage.wait_seen("before", *TITLES)
    assert 0 == await stage.browser.evaluate("gaps")


async def test_a_cut_network_is_come_back_over(stage: Stage) -> None:
    """Nothing is lost while connections are reset and refused."""
    await stage.open_page()
    await stage.wait_connected()
    stage.proxy.plan = lambda random: Faults(ending="reset")
    stage.proxy.end("reset")
    await stage.browser.wait_until("statuses.at(-1)[0] !== 'connected'")
    await stage.publish(*TITLES)
    stage.proxy.plan = lambda random: Faults()
    await stage.wait_seen(*TITLES)
    assert 0 == await stage.browser.evaluate("gaps")


async def test_an_expired_token_is_replaced(stage: Stage) -> None:
    """Before the token expires the page asks for another one and presents it; nothing is missed."""
    short, long = (stage.hub.token(ACCOUNT, USER, ttl_s=ttl_s) for ttl_s in (5.0, 3600.0))
    await stage.open_page(short, long)
    await stage.wait_connected()
    await stage.publish("before")
    await stage.wait_seen("before")
    await stage.browser.wait_until("performance.now() - startedAt > 7000")
    await stage.publish(*TITLES)
    await stage.wait_seen("before", *TITLES)


async def test_the_old_hook_works_unchanged(stage: Stage) -> None:
    """The deployed frontends are greeted first and get each notification as it is."""
    await stage.browser.ask("open", url=f"{stage.origin}/old_hook.html")
    await stage.browser.start(f"ws://127.0.0.1:{stage.hub.port}/ws", stage.token)
    await stage.browser.wait_until("messages.length")
    await stage.publish("Pedido 1", "Pedido 2")
    await stage.browser.wait_until("lastMessage.title === 'Pedido 2'")
    types: Any = await stage.browser.evaluate("messages.map(({ type }) => type)")
    assert ["connection_established", "cart_updated", "cart_updated"] == types
