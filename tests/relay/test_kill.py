"""kill -9 of relays under load: each committed row is in the hub's log once, and each key in order."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from pathlib import Path
from random import Random

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import httpx
import pytest

from tests.faults.process import HubProcess, wait_ready
from tests.pooler import run_pooler
from tests.postgres import Postgres, run_postgres
from tests.relay.outbox import Outbox, open_outbox, read_titles, write_rows
from tests.relay.processes import RelayProcess

RELAYS = 3
KEYS = 20
DEADLINE_S = 60.0


async def test_nothing_is_lost_or_published_twice_when_relays_are_killed(
    postgres: Postgres, tmp_path: Path, figures: list[str]
) -> None:
    """1,000 rows through three relays, of which one at a time is killed; one of them is behind a pooler."""
    await kill_relays(postgres, tmp_path, figures, rows=1000, kills=4, everything=False)


@pytest.mark.soak
async def test_nothing_is_lost_or_published_twice_in_a_hundred_kills(tmp_path: Path, figures: list[str]) -> None:
    """As above with 20,000 rows; the hub is killed and the database crashes in between."""
    with run_postgres() as server:
        server.start()
        await kill_relays(server, tmp_path, figures, rows=20_000, kills=100, everything=True)


async def kill_relays(
    server: Postgres, folder: Path, figures: list[str], *, rows: int, kills: int, everything: bool
) -> None:
    """Write rows in transactions of every kind while relays die; then compare the hub's log with what was committed."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    random = Random(seed)
    hub = HubProcess(folder / "hub")
    url = f"http://127.0.0.1:{hub.port}"
    await hub.start()
    with run_pooler(server) as pooler:
        async with open_outbox(server) as outbox, httpx.AsyncClient(base_url=url) as client:
            relays = [
                RelayProcess(folder / f"relay-{number}.log", pooler.url if number == 0 else outbox.url, url, hub.key)
                for number in range(RELAYS)
            ]
            begun_s = time.monotonic()
            try:
                await wait_ready(client)
                await asyncio.gather(*(relay.start() for relay in relays))
                writing = asyncio.create_task(write_all(outbox.url, rows, Random(random.random())))
                at_work = 0
                for number in range(kills):
                    await wait_published(outbox, (number + 1) * rows // (kills + 2))
                    relay = random.choice(relays)
                    at_work += await outbox.count("published_at IS NULL") > 0
                    await relay.kill()
                    if everything and number % 10 == 3:
                        await hub.kill()
                        await hub.start()
                    if everything and number % 25 == 9:
                        server.stop()
                        server.start()
                        await outbox.reconnect()
                    await relay.start()
                written = await writing
                await wait_published(outbox, rows)
                statuses = [await relay.stop() for relay in relays]
            finally:
                for relay in relays:
                    await relay.stop()
                await hub.stop()
    figures.append(
        f"relay kill -9: seed {seed} (HUB_TEST_SEED), {kills} kills ({at_work} with rows waiting), {rows} rows through"
        f" {RELAYS} relays in {time.monotonic() - begun_s:.1f} s"
    )
    assert at_work > 0, "a run that killed nobody at work proves nothing"
    # One that was started a moment ago has no handler of the signal yet, and nothing to end.
    assert {0, -signal.SIGTERM} >= set(statuses)
    for relay in relays:
        assert "Traceback" not in relay.log_path.read_text()
    titles = read_titles(hub.data_dir)
    assert len(titles) == len(set(titles)), "a row was published twice"
    assert {title for _, title in written} == set(titles)
    for key in range(KEYS):
        mine = [title for title in titles if title.startswith(f"{key}:")]
        expected = [title for each, title in written if each == f"key-{key}"]
        assert expected == mine, f"key {key} is out of order"


async def write_all(url: str, rows: int, random: Random) -> list[tuple[str, str]]:
    """Commit rows as a service does, one transaction after another for each key, some of them rolled back."""
    written: list[tuple[str, str]] = []
    number = 0
    connection: asyncpg.Connection | None = None
    try:
        while number < rows:
            size = min(random.choice([1, 1, 2, 5, 20]), rows - number)
            part = [(f"key-{(number + n) % KEYS}", f"{(number + n) % KEYS}:{number + n:06}") for n in range(size)]
            try:
                connection = connection or await asyncpg.connect(url)
                transaction = connection.transaction()
                await transaction.start()
                await write_rows(connection, part)
                if random.random() < 0.1:
                    await transaction.rollback()
                    continue
                await transaction.commit()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                # The database crashed; a service asks whether its transaction was committed.
                if connection is not None:
                    connection.terminate()
                connection = await reconnect(url)
                if not await connection.fetchval(
                    "SELECT count(*) FROM notification_outbox WHERE body ->> 'title' = $1", part[0][1]
                ):
                    continue
            written += part
            number += size
    finally:
        if connection is not None:
            await connection.close()
    return written


async def reconnect(url: str) -> asyncpg.Connection:
    """Return a connection once the database takes one."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await asyncpg.connect(url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)


async def wait_published(outbox: Outbox, count: int) -> None:
    """Wait until so many rows are marked as published."""
    await outbox.wait_for(
        f"(SELECT count(*) FROM notification_outbox WHERE published_at IS NOT NULL) >= {count}", DEADLINE_S
    )
