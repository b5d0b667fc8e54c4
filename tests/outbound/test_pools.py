"""Which hosts' connections are kept, and when they are closed."""

from __future__ import annotations

import httpcore

from hub.outbound.pools import KEEP_ALIVE_S, MOST_KEPT, Pools
from tests.fakes import FakeClock


class Pool(httpcore.AsyncConnectionPool):
    """Remembers that it was closed."""

    closed = False

    async def aclose(self) -> None:
        """Close it."""
        self.closed = True
        await super().aclose()


class Stage:
    """Pools on a clock that a test sets."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pools = Pools(Pool, self.clock)

    async def use(self, name: str) -> Pool:
        """Use a host for a moment."""
        async with self.pools.take(name) as pool:
            assert isinstance(pool, Pool)
            assert not pool.closed
            return pool


async def test_a_host_has_one_pool_as_long_as_it_is_used() -> None:
    """Each use keeps it; of another host it is another; one that was left alone is closed at another's use."""
    stage = Stage()
    first, other = await stage.use("a"), await stage.use("b")
    for _ in range(3):
        stage.clock.now_s += KEEP_ALIVE_S - 1
        assert first is await stage.use("a")
    assert (False, True) == (first.closed, other.closed)
    assert other is not await stage.use("b")
    await stage.pools.close()
    assert first.closed


async def test_many_hosts_leave_few_pools() -> None:
    """Those that were used last are kept, and none is closed that a request is on."""
    stage = Stage()
    async with stage.pools.take("in use") as held:
        used = [await stage.use(str(number)) for number in range(10 * MOST_KEPT)]
        assert len(stage.pools) == MOST_KEPT
        assert isinstance(held, Pool)
        assert [False, True, False] == [held.closed, used[0].closed, used[-1].closed]
        stage.clock.now_s += KEEP_ALIVE_S + 1
        await stage.use("late")
        assert not held.closed
    await stage.pools.close()
    assert len(stage.pools) == 0
