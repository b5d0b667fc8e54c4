"""The browser client sees exactly what was published, in order and once, whatever the network does.

A failure names its schedule's seed. `HUB_TEST_SEED=<number before the slash>` runs the same schedules again: the same
faults and steps, though not the client's jitter.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from hub.cli.support.fault_proxy import FaultProxy
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT
from tests.schedules.pages import Page, Pages, run_pages
from tests.schedules.schedule import Schedule

#: For everything between two steps, and for the end: the longest is a stalled line that the client gives up after
#: 15 s, a wait of 20 s and three transports, in its own time a tenth of that.
DEADLINE_S = 60.0
AT_ONCE = 40
LAST = "the last"


class Course:
    """Runs one schedule after another against one hub."""

    def __init__(self, hub: HubProcess, pages: Pages, http: httpx.AsyncClient, *, forgetful: bool) -> None:
        self._hub = hub
        self._pages = pages
        self._http = http
        self._forgetful = forgetful
        self._users = 0
        self.connections = 0
        self.notifications = 0
        self.transports: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()

    async def run(self, schedule: Schedule) -> str | None:
        """Run a schedule; return what went wrong, None if nothing did."""
        self._users += 1
        user = f"{self._users:011d}"
        async with FaultProxy(self._hub.port, plan=schedule.break_connection, seed=schedule.seed) as proxy:
            token = self._hub.token(ACCOUNT, user)
            page = Page(self._pages, schedule.seed, proxy.url, token, forgetful=self._forgetful)
            try:
                await self._follow(schedule, proxy, page, user)
            except TimeoutError:
                return f"{schedule}: nothing more came after {page.seen}, {page.gaps} gaps; {page.state}; {proxy.drawn}"
            self.connections += len(proxy.drawn)
            self.notifications += len(page.seen)
            self.transports.update(page.transports)
            self.steps.update(step for step, _ in schedule.steps)
            if page.gaps or page.seen != [*schedule.published, LAST]:
                return f"{schedule}: saw {page.seen} and {page.gaps} gaps over {page.transports}; {proxy.drawn}"
        return None

    async def _follow(self, schedule: Schedule, proxy: FaultProxy, page: Page, user: str) -> None:
        await page.open()
        async with asyncio.timeout(DEADLINE_S):
            # A page that was never connected has missed nothing yet.
            await page.wait_until(lambda: page.state == "connected")
        titles = iter(schedule.published)
        for step, pause_s in schedule.steps:
            # The pace of the schedule, not a wait for something.
            await asyncio.sleep(pause_s)
            match step:
                case "publish":
                    await self._publish(next(titles), user)
                case "leave":
                    await page.close()
                case "return":
                    await page.open()
                case ending:
                    proxy.end(ending)
        proxy.plan = schedule.heal
        if self._forgetful:
            # It would miss the last one too, and be waited for in vain.
            async with asyncio.timeout(DEADLINE_S):
                await page.wait_until(lambda: page.state == "connected")
        await self._publish(LAST, user)
        async with asyncio.timeout(DEADLINE_S):
            await page.wait_until(lambda: LAST in page.seen)
            await page.close()

    async def _publish(self, title: str, user: str) -> None:
        assert 202 == (await publish(self._http, self._hub, title, user_id=user)).status_code


async def run_schedules(
    folder: Path, schedules: Iterable[Schedule], *, forgetful: bool = False
) -> tuple[Course, list[str]]:
    """Run schedules, many at a time; return what was run and what went wrong."""
    hub = HubProcess(folder, WS_HEARTBEAT_INTERVAL="1")
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as http:
            await wait_ready(http)
            async with run_pages(folder) as pages:
                course = Course(hub, pages, http, forgetful=forgetful)
                places = asyncio.Semaphore(AT_ONCE)

                async def run_one(schedule: Schedule) -> str | None:
                    async with places:
                        return await course.run(schedule)

                failures = await asyncio.gather(*(run_one(schedule) for schedule in schedules))
                return course, [failure for failure in failures if failure]
    finally:
        await hub.stop()


async def prove(folder: Path, figures: list[str], *, count: int) -> None:
    """Run `count` schedules; none may fail."""
    seed = os.environ.get("HUB_TEST_SEED", "") or str(secrets.randbelow(2**32))
    figures.append(f"fault schedules: seed {seed} (HUB_TEST_SEED)")
    started_s = time.monotonic()
    course, failures = await run_schedules(folder, [Schedule.draw(f"{seed}/{number}") for number in range(count)])
    figures.append(
        f"fault schedules: {count} in {time.monotonic() - started_s:.0f} s, {len(failures)} failed; "
        f"{course.notifications} notifications over {course.connections} connections; "
        f"connected over {dict(course.transports)}; {dict(course.steps)}"
    )
    assert [] == failures


async def test_eighty_schedules_lose_nothing(tmp_path: Path, figures: list[str]) -> None:
    """Each of 80 pages saw what was published, in order, once, without a gap."""
    await prove(tmp_path, figures, count=80)


@pytest.mark.soak
async def test_a_thousand_schedules_lose_nothing(tmp_path: Path, figures: list[str]) -> None:
    """As above, 1,000 times."""
    await prove(tmp_path, figures, count=1_000)


async def test_a_page_without_a_cursor_loses_some(tmp_path: Path) -> None:
    """The schedules are hard enough: pages that keep no cursor over a reload lose what came meanwhile."""
    schedules = [Schedule.draw(f"forgetful/{number}") for number in range(12)]
    losing = [schedule for schedule in schedules if schedule.publishes_while_away]
    assert 4 <= len(losing)
    _, failures = await run_schedules(tmp_path, losing, forgetful=True)
    assert len(losing) == len(failures)
