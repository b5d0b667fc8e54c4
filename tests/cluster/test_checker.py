"""The loss checker finds each fault of a hub that has it, and nothing at one that has none."""

from __future__ import annotations

import asyncio
import functools

import pytest

from tests.cluster.checker import Report, Target, check
from tests.cluster.lossy_hub import FAULTS, run_lossy_hub

RATE_PER_S = 150.0
#: A machine that is busy takes as long as it takes.
LEAST = 60
#: A listener that lost the last notification waits in vain.
FINISH_S = {False: 60.0, True: 1.0}


async def run(target: Target, *, fault_is_expected: bool) -> Report:
    """Check a hub for a moment."""
    meanwhile = functools.partial(asyncio.sleep, 0)
    return await check(
        target, rate_per_s=RATE_PER_S, meanwhile=meanwhile, seed=1, finish_s=FINISH_S[fault_is_expected], least=LEAST
    )


async def test_an_honest_hub_has_no_violation() -> None:
    """A run finds nothing, and did publish and listen over each transport."""
    async with run_lossy_hub() as target:
        report = await run(target, fault_is_expected=False)
    assert [] == report.violations
    assert report.acknowledged >= LEAST
    assert report.deliveries > report.acknowledged
    assert {"websocket", "sse", "poll"} == set(report.connections)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_found(fault: str) -> None:
    """The report names the kind of violation that the fault is."""
    async with run_lossy_hub(fault) as target:
        report = await run(target, fault_is_expected=True)
    assert FAULTS[fault] in {violation.partition(":")[0] for violation in report.violations}
