"""Tabs of the deployed frontends, which give no cursor, over restarts of the hub and at its limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest

from contracts.avelarsys import CartUpdated
from notification_hub import AsyncHub
from tests.faults.old_hook import OldHook
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, USER

TABS = 4
NOTIFICATIONS = 50
#: Those that are in the queue before the hub is stopped.
BEFORE = 40
#: Longer than the hook's longest wait.
DEADLINE_S = 30.0
#: The first wait of a hook whose connection ended, and a little more.
LONGEST_WAIT_S = 1.5


@contextlib.asynccontextmanager
async def open_tabs(hub: HubProcess, count: int) -> AsyncIterator[list[OldHook]]:
    """Run this many tabs of one user, with one token, and wait until all were greeted."""
    token = hub.token(ACCOUNT, USER)
    tabs = [OldHook(hub.port, token) for _ in range(count)]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(tab.run()) for tab in tabs]
        try:
            await wait_until(lambda: all(tab.messages for tab in tabs))
            yield tabs
        finally:
            for task in running:
                task.cancel()


def enqueue(service: AsyncHub, titles: list[str]) -> None:
    """Publish to the user in the background, over any restart."""
    for title in titles:
        assert service.enqueue(CartUpdated(title=title, message="m"), user_id=USER, account_id=ACCOUNT)


def has_shown(tabs: list[OldHook], titles: list[str]) -> bool:
    """Whether each tab has shown all of these."""
    return all(set(titles) <= set(tab.titles) for tab in tabs)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what the tabs see."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("rounds", [pytest.param(3, id="3"), pytest.param(100, id="100", marks=pytest.mark.soak)])
@pytest.mark.parametrize("end", ["SIGTERM", "kill -9"])
async def test_tabs_without_a_cursor_show_everything_once_over_restarts(
    tmp_path: Path, figures: list[str], end: str, rounds: int
) -> None:
    """Four tabs, and the hub stopped at any moment while 50 notifications leave a queue: each shows each, once."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    figures.append(f"old hook, {end}: seed {seed} (HUB_TEST_SEED)")
    random = Random(seed)
    hub = HubProcess(tmp_path)
    await hub.start()
    twice = 0
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as http,
            AsyncHub(f"http://127.0.0.1:{hub.port}", hub.key) as service,
        ):
            await wait_ready(http)
            async with open_tabs(hub, TABS) as tabs:
                for number in range(rounds):
                    await wait_until(lambda: all(tab.connected for tab in tabs))
                    titles = [f"{number}.{each}" for each in range(NOTIFICATIONS)]
                    for tab in tabs:
                        tab.messages.clear()
                    enqueue(service, titles[:BEFORE])
                    before = random.randrange(BEFORE)
                    await wait_until(partial(has_shown, tabs[:1], titles[:before]))
                    await asyncio.sleep(random.random() * 0.01)
                    if end == "SIGTERM":
                        stopping = asyncio.create_task(hub.stop())
                        enqueue(service, titles[BEFORE:])
                        assert 0 == await stopping
                    else:
                        await hub.kill()
                        enqueue(service, titles[BEFORE:])
                    await hub.start()
                    await wait_until(partial(has_shown, tabs, titles))
                    for tab in tabs:
                        twice += len(tab.titles) - len(set(tab.titles))
                        assert sorted(set(tab.titles), key=titles.index) == list(dict.fromkeys(tab.titles))
    finally:
        await hub.stop()
    figures.append(f"old hook, {end}: {rounds} restarts, {rounds * TABS * NOTIFICATIONS} shown, {twice} twice")
    assert 0 == twice


async def test_fifty_tabs_of_one_user_come_to_rest(tmp_path: Path, figures: list[str]) -> None:
    """Those that lose their place to a newer one stop for good; the others stay, also over a restart of the hub."""
    hub = HubProcess(tmp_path, HUB_MAX_CONNECTIONS_PER_USER="20")
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as http:
            await wait_ready(http)
            async with open_tabs(hub, 50) as tabs:
                await wait_until(lambda: 30 == sum(tab.stopped for tab in tabs))
                resting = [tab for tab in tabs if not tab.stopped]
                assert [1000] * 30 == [code for tab in tabs for code in tab.close_codes]
                assert 50 == sum(tab.tries for tab in tabs)
                await hub.kill()
                await hub.start()
                await wait_until(lambda: all(tab.connected and tab.opens == 2 for tab in resting))
                # Whoever is told to come back does so at the latest after this.
                await asyncio.sleep(LONGEST_WAIT_S)
                assert [2] * 20 == [tab.opens for tab in resting]
                assert 30 == sum(tab.stopped for tab in tabs)
                tries = sum(tab.tries for tab in tabs)
    finally:
        assert 0 == await hub.stop()
    figures.append(f"50 tabs of one user, 20 allowed: 20 stay, 30 stop, {tries} tries over one restart")
