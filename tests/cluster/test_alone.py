"""The loss checker against one hub, which is killed and stopped under load: what a cluster has to keep as well."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.cluster.checker import Target, check
from tests.faults.process import HubProcess, wait_ready


async def test_kills_and_restarts_lose_nothing(tmp_path: Path, figures: list[str]) -> None:
    """Two ends of the hub, by kill -9 and in order: no loss, no repeat, one order, no gap."""
    await end_repeatedly(tmp_path, figures, ends=2, rate_per_s=20)


@pytest.mark.soak
async def test_many_kills_and_restarts_lose_nothing(tmp_path: Path, figures: list[str]) -> None:
    """As above, fifty times at 200 a second."""
    await end_repeatedly(tmp_path, figures, ends=50, rate_per_s=200)


async def end_repeatedly(folder: Path, figures: list[str], *, ends: int, rate_per_s: float) -> None:
    """Check a hub that ends and starts `ends` times."""
    hub, random = HubProcess(folder), Random(ends)
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as http:
            await wait_ready(http)

            async def end() -> None:
                for number in range(ends):
                    await asyncio.sleep(random.uniform(0.2, 1.0))
                    if number % 2 == 1:
                        await hub.stop()
                    else:
                        await hub.kill()
                    await hub.start()
                    await wait_ready(http)

            target = Target([f"http://127.0.0.1:{hub.port}"], hub.key, hub.secret)
            report = await check(target, rate_per_s=rate_per_s, meanwhile=end, seed=ends)
    finally:
        await hub.stop()
    figures.append(f"loss checker, one hub ended {ends} times: {report.describe()}")
    assert [] == report.violations
    assert report.acknowledged > 5 * ends
    assert sum(report.refusals.values()) > 0, "the hub was ended at rest"
