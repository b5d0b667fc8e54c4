"""Tests of a PostgreSQL that crashes, hangs and comes back, with a cache before it as in the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from hub.directory.cached import CachedDirectory
from hub.directory.sql import SqlDirectory
from hub.errors import DirectoryUnavailable
from tests.directory.conftest import open_directory
from tests.postgres import Postgres

#: What a look-up may take here, and how much later its caller must have the answer.
TIMEOUT_S = 0.5
GRACE_S = 2.0


@pytest.fixture
def server(filled_postgres: Postgres) -> Iterator[Postgres]:
    """PostgreSQL, put in order again whatever the test did to it."""
    yield filled_postgres
    if filled_postgres.is_running():
        filled_postgres.resume()
    else:
        filled_postgres.start()


@pytest.fixture
async def directory(server: Postgres) -> AsyncIterator[SqlDirectory]:
    """A directory with a connection that was used already."""
    opened = open_directory(server.url, timeout_s=TIMEOUT_S)
    assert await opened.find_user("00000000001") is not None
    yield opened
    await opened.close()


async def fail_in_time(directory: SqlDirectory | CachedDirectory, user_id: str = "00000000002") -> None:
    """Look somebody up, which must fail as an outage and soon."""
    async with asyncio.timeout(TIMEOUT_S + GRACE_S):
        with pytest.raises(DirectoryUnavailable):
            await directory.find_user(user_id)


async def recover(directory: SqlDirectory) -> None:
    """Look somebody up until it works again."""
    async with asyncio.timeout(15):
        while True:
            try:
                assert await directory.find_user("00000000003") is not None
            except DirectoryUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_crash_is_an_outage_until_the_restart(server: Postgres, directory: SqlDirectory) -> None:
    """A server that was killed gives 503 within the time-out, connections cut included, and works after a restart."""
    server.stop()
    for _ in range(6):
        await fail_in_time(directory)
    async with asyncio.timeout(TIMEOUT_S + GRACE_S):
        with pytest.raises(DirectoryUnavailable):
            await directory.check()
    server.start()
    await recover(directory)


async def test_restart_between_look_ups_costs_nothing(server: Postgres, directory: SqlDirectory) -> None:
    """Connections that died while nobody looked are replaced, and the look-up goes on over a new one."""
    await asyncio.gather(*(directory.find_user("00000000001") for _ in range(20)))
    server.stop()
    server.start()
    found = await asyncio.gather(*(directory.find_user("00000000001") for _ in range(20)))
    assert None not in found


async def _fails(directory: SqlDirectory | CachedDirectory) -> bool:
    try:
        await directory.find_user("00000000001")
    except DirectoryUnavailable:
        return True
    return False


async def test_hanging_server_holds_nobody(server: Postgres, directory: SqlDirectory) -> None:
    """A server that says nothing gives 503 within the time-out, again and again and to many at once."""
    server.pause()
    for _ in range(3):
        await fail_in_time(directory)
    await asyncio.gather(*(fail_in_time(directory) for _ in range(50)))
    server.resume()
    await recover(directory)


async def test_hanging_server_does_not_hold_up_the_close(server: Postgres) -> None:
    """A shutdown waits for a server that hangs no longer than the time-out."""
    opened = open_directory(server.url, timeout_s=TIMEOUT_S)
    assert await opened.find_user("00000000001") is not None
    server.pause()
    await fail_in_time(opened)
    async with asyncio.timeout(TIMEOUT_S + GRACE_S):
        await opened.close()


async def test_known_users_get_in_while_the_server_hangs(server: Postgres, directory: SqlDirectory) -> None:
    """With a cache, known users are answered at once, and a storm of unknown ones fails at once but for the first."""
    clock = [1000.0]
    cached = CachedDirectory(directory, ttl_s=60, now=lambda: clock[0])
    assert await cached.find_user("00000000001") is not None
    server.pause()
    await fail_in_time(cached)
    async with asyncio.timeout(GRACE_S):
        for number in range(1000):
            assert await cached.find_user("00000000001") is not None
            with pytest.raises(DirectoryUnavailable):
                await cached.find_user(f"unknown{number}")
    server.resume()
    clock[0] += 60
    async with asyncio.timeout(15):
        while await _fails(cached):
            clock[0] += 1
