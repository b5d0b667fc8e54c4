"""Web Push to everybody of a large account, some of whose push services are dead: bounded in time, memory and loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.log.port import Change
from hub.push.subscription import Subscription, endpoint_key
from hub.push.subscriptions import _ALL, _encode, _put_known, store_changes
from hub.target import user_target
from tests.faults.measurement import read_resident_bytes
from tests.harness import ACCOUNT, RunningHub, run_hub
from tests.push.browser import Browser
from tests.push.harness import make_push_settings, push_of
from tests.push.services import KINDS, Services, run_services

#: One in so many subscriptions is at each of the services that are not good.
DEAD_SHARE = 20
#: What one loop iteration may take of the CPU; in time that is more on a machine that does other things.
MOST_CPU_S = 0.05
#: What all of it may take beside what the hub has with these subscriptions.
MOST_BYTES = 64 * 2**20


@pytest.mark.parametrize(
    ("count", "timeout_s", "deadline_s"),
    [
        # A silent service is waited for until the test has ended: nothing else may be.
        pytest.param(400, 60.0, 60.0, id="400"),
        pytest.param(10_000, 5.0, 600.0, id="10000", marks=pytest.mark.soak),
    ],
)
async def test_everybody_of_an_account(
    tmp_path: Path, figures: list[str], count: int, timeout_s: float, deadline_s: float
) -> None:
    """Each browser gets the message once; dead services delay nobody, and what is for them waits or is forgotten."""
    settings = make_push_settings(tmp_path, outbound_timeout_s=timeout_s, push_backoff_base_s=5.0, push_tick_s=0.5)
    async with run_services() as services, run_hub(tmp_path / "hub", **settings) as hub:
        expected = await _fill(hub, services, count)
        before_bytes, began_s, began_cpu_s = read_resident_bytes(os.getpid()), time.monotonic(), time.process_time()
        async with _watch_loop() as iterations, asyncio.timeout(deadline_s):
            await hub.publish(type="order_created", account_id=ACCOUNT)
            while (counts := await services.count())["good"]["messages"] < expected["good"]:
                await asyncio.sleep(0.02)
            good_s = time.monotonic() - began_s
            push = push_of(hub)
            while sum(hub.hub.metrics.push.values()) < count - expected["silent"]:
                await asyncio.sleep(0.02)
            counts = await services.count()
        grown_bytes = read_resident_bytes(os.getpid()) - before_bytes
        cpu_s = time.process_time() - began_cpu_s
        figures.append(
            f"push: {count:,} subscriptions, the good ones in {good_s:.1f} s, {cpu_s / count * 1e3:.2f} ms of CPU each,"
            f" longest loop iteration {max(iterations) * 1e3:.1f} ms of CPU, {grown_bytes / 2**20:.1f} MiB more"
        )
        outcomes = dict(hub.hub.metrics.push)
        assert {"sent": expected["good"] + expected["slow"], "gone": expected["gone"]} == outcomes
        assert count - expected["gone"] == len(push.subscriptions)
        # One that waits in the log and is tried again counts twice.
        assert expected["silent"] <= sum(push.pusher.lanes.measure().values()) + len(push.pusher.waiting)
        assert 1 <= counts["silent"]["most_open"] <= hub.settings.bounds.outbound_requests_each
        assert [expected[kind] for kind in KINDS[:3]] == [counts[kind]["messages"] for kind in KINDS[:3]]
        # The silent one is tried again.
        assert [0, 0, 0] == [counts[kind]["again"] for kind in KINDS[:3]]
        assert MOST_CPU_S > max(iterations)
        assert MOST_BYTES > grown_bytes


async def _fill(hub: RunningHub, services: Services, count: int) -> dict[str, int]:
    """Let each of so many users have a browser; return how many of them each service has."""
    browser = Browser("")
    found = dict.fromkeys(KINDS, 0)
    changes: list[Change] = []
    for number in range(count):
        kind = {0: "gone", 1: "slow", 2: "silent"}.get(number % DEAD_SHARE, "good")
        found[kind] += 1
        endpoint = f"http://127.0.0.1:{services.ports[kind]}/{number}"
        user = user_target(ACCOUNT, f"{number:011d}")
        kept = Subscription(
            user=user,
            role="user",
            endpoint=endpoint,
            point=browser.point,
            auth=browser.auth,
            subscribed_at_s=time.time(),
        )
        assert endpoint_key(endpoint) == kept.key
        changes += [_put_known(kept), Change(_ALL + user, kept.key, _encode(kept))]
    for start in range(0, len(changes), 1_000):
        await store_changes(hub.hub.log, changes[start : start + 1_000])
    # Which counts anew who has any.
    await push_of(hub).subscriptions.sweep(lambda _: False)
    assert count == len(push_of(hub).subscriptions)
    return found


@contextlib.asynccontextmanager
async def _watch_loop() -> AsyncIterator[list[float]]:
    """Collect what loop iterations take of this thread's CPU, about a millisecond of each being the wait's own."""
    taken_s = [0.0]

    async def watch() -> None:
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0.001)
            taken_s[0] = max(taken_s[0], time.thread_time() - began_s)

    # The tests' own objects are not the hub's to look through.
    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch())
    try:
        yield taken_s
    finally:
        watching.cancel()
        gc.unfreeze()
