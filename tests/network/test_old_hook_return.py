"""The old hook in Chromium, four tabs of one user: each shows once what comes while the hub restarts."""

from __future__ import annotations

import asyncio
import json

import pytest

from contracts.avelarsys import CartUpdated
from notification_hub import AsyncHub
from tests.harness import ACCOUNT, USER
from tests.network.conftest import Stage

TABS = range(4)
NOTIFICATIONS = 50
#: Those that are in the queue before the hub is stopped, those in it before the hub has ended, and those that a tab
#: shows before all that. A hub that ends in order may still deliver everything that came in time.
QUEUED = 40
QUEUED_MEANWHILE = 45
SHOWN = 15
#: Longer than the hook's longest wait.
RETURN_DEADLINE_S = 40.0
SHOWN_TITLES = "messages.filter(({ type }) => type !== 'connection_established').map(({ title }) => title)"


@pytest.mark.parametrize("end", ["SIGTERM", "kill -9"])
async def test_each_tab_shows_each_notification_once_over_a_restart(stage: Stage, end: str, figures: list[str]) -> None:
    """Stopped in the middle of 50 notifications from a service's queue, and started again."""
    hub, browser = stage.hub, stage.browser
    token = stage.token
    for tab in TABS:
        await browser.ask("open", url=f"{stage.origin}/old_hook.html", tab=tab)
        await browser.start(f"ws://127.0.0.1:{hub.port}/ws", token, tab=tab)
        await browser.wait_until("isConnected && messages.length", tab=tab)
    titles = [f"Pedido {number}" for number in range(NOTIFICATIONS)]
    async with AsyncHub(f"http://127.0.0.1:{hub.port}", hub.key) as service:
        enqueue(service, titles[:QUEUED])
        await browser.wait_until(f"messages.length > {SHOWN}")
        if end == "SIGTERM":
            stopping = asyncio.create_task(hub.stop())
            enqueue(service, titles[QUEUED:QUEUED_MEANWHILE])
            assert 0 == await stopping
        else:
            await hub.kill()
            enqueue(service, titles[QUEUED:QUEUED_MEANWHILE])
        enqueue(service, titles[QUEUED_MEANWHILE:])
        await browser.wait_until("!isConnected")
        before = len(await browser.evaluate(SHOWN_TITLES))
        await hub.start()
        last = json.dumps(titles[-1])
        for tab in TABS:
            await browser.wait_until(f"{SHOWN_TITLES}.includes({last})", RETURN_DEADLINE_S, tab=tab)
            assert titles == await browser.evaluate(SHOWN_TITLES, tab=tab)
            assert {"connection_established", "cart_updated"} == set(
                await browser.evaluate("messages.map(({ type }) => type)", tab=tab)
            )
    figures.append(f"Chromium, old hook, 4 tabs, {end}: {before} of {NOTIFICATIONS} before, each once in all")
    assert before < NOTIFICATIONS


async def test_an_evicted_tab_stays_where_it_is(stage: Stage) -> None:
    """Six tabs of one user where four are allowed: the two that are closed stop, and no tab closes another again."""
    for tab in range(6):
        await stage.browser.ask("open", url=f"{stage.origin}/old_hook.html", tab=tab)
        await stage.browser.start(f"ws://127.0.0.1:{stage.hub.port}/ws", stage.token, tab=tab)
        await stage.browser.wait_until("opens", tab=tab)
    for tab in (0, 1):
        assert [1000] == await stage.browser.wait_until("closeCodes.length && closeCodes", tab=tab)
    # The hook would be back after a second, by a timer that is older than these.
    for tab in (0, 1):
        await stage.browser.evaluate("new Promise((resolve) => setTimeout(() => resolve(true), 1_000))", tab=tab)
    assert [1, 1, 1, 1, 1, 1] == [await stage.browser.evaluate("tries", tab=tab) for tab in range(6)]
    assert [False, False, True, True, True, True] == [
        await stage.browser.evaluate("isConnected", tab=tab) for tab in range(6)
    ]


def enqueue(service: AsyncHub, titles: list[str]) -> None:
    """Publish to the user in the background, over any restart."""
    for title in titles:
        assert service.enqueue(CartUpdated(title=title, message="m"), user_id=USER, account_id=ACCOUNT)
