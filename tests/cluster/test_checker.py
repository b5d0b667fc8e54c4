"""The loss checker finds each fault of a hub that has it, and nothing at one that has none."""

from __future__ import annotations

import asyncio
import functools

import pytest

from tests.cluster.checker import Report, Target, check
from tests.cluster.lossy_hub import FAULTS, run_lossy_hub

RATE_PER_S = 150.0
RUN_S = 0.4


async def run(target: Target) -> Report:
    """Check a hub for a moment."""
    meanwhile = functools.partial(asyncio.sleep, RUN_S)
    return await check(target, rate_per_s=RATE_PER_S, meanwhile=meanwhile, seed=1, finish_s=1.0)


async def test_an_honest_hub_has_no_violation() -> None:
    """A run finds nothing, and did publish and listen over each transport."""
    async with run_lossy_hub() as target:
        report = await run(target)
    assert [] == report.violations
    assert report.acknowledged > 20
    assert report.deliveries > report.acknowledged
    assert {"websocket", "sse", "poll"} == set(report.connections)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_found(fault: str) -> None:
    """The report names the kind of violation that the fault is."""
    async with run_lossy_hub(fault) as target:
        report = await run(target)
    assert FAULTS[fault] in {violation.partition(":")[0] for violation in report.violations}
