"""What an ended connection leaves behind: nothing, and nothing for the collector either."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from tests.harness import USER, RunningHub, run_hub
from tests.transports.callers import ENDS, Caller

#: Of each kind of end; a circle that each leaves is told from one that the first leaves, in a cache say.
ROUNDS = 5
#: Stored notifications that a replay has to bring, more than the kernel takes for a peer that does not read.
REPLAYED = 30


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub that offers compression and lets a user have two connections."""
    async with run_hub(tmp_path, compression=True, max_connections_per_user=2) as running:
        yield running


async def make_caller(hub: RunningHub) -> Caller:
    """Return a caller who has missed something."""
    cursor = (await hub.publish()).json()["cursor"]
    for _ in range(REPLAYED):
        await hub.publish(data={"padding": "x" * 30_000})
    return Caller(hub.port, hub.token(), user_id=USER, cursor=cursor, key=hub.key)


async def wait_calm(hub: RunningHub) -> None:
    """Wait until no connection, no task of one and no subscriber is left."""
    await hub.http.aclose()
    state = hub.server.server_state
    await hub.wait_until(lambda: not (state.connections or state.tasks or len(hub.hub.subscribers)))
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", sorted({name.partition(",")[0] for name in ENDS}))
async def test_an_ended_connection_leaves_no_circle(hub: RunningHub, kind: str) -> None:
    """With the collector off, whatever a connection had is gone when it has ended: nothing is left to be found."""
    caller = await make_caller(hub)
    left: dict[str, dict[str, int]] = {}
    for name in (name for name in ENDS if name.partition(",")[0] == kind):
        await asyncio.to_thread(ENDS[name], caller)
        await wait_calm(hub)
        with collector_off() as found:
            for _ in range(ROUNDS):
                await asyncio.to_thread(ENDS[name], caller)
            await wait_calm(hub)
        # Of each round one; a single circle is somebody's cache or the test's.
        left[name] = {kind: count for kind, count in found.items() if count >= ROUNDS}
    assert {} == {name: kinds for name, kinds in left.items() if kinds}


@contextlib.contextmanager
def collector_off() -> Generator[Counter[str], None, None]:
    """Count by type what only the collector could take away."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(type(circle).__name__ for circle in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
