"""kill -9 under load: what was acknowledged is there afterwards, once, in order, for everybody it was meant for.

This proves what a dying process can break (buffers, the replay seam, retried requests). What a power cut
can break it does not: the kernel keeps what the process had written.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import sqlite3
import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.load import CLIENTS, LAST, Client, Ledger, Publisher
from tests.faults.process import HubProcess

PUBLISHERS = 8
#: A restart may take this long until the first acknowledgement; more is a failure of its own.
RESTART_DEADLINE_S = 20.0
CATCH_UP_DEADLINE_S = 30.0


async def test_nothing_acknowledged_is_lost_in_five_kills(tmp_path: Path, figures: list[str]) -> None:
    """0 lost, 0 twice, 0 out of order, one record per key, over five kills under load."""
    await kill_repeatedly(tmp_path, figures, kills=5)


@pytest.mark.soak
async def test_nothing_acknowledged_is_lost_in_two_hundred_kills(tmp_path: Path, figures: list[str]) -> None:
    """As above, 200 times."""
    await kill_repeatedly(tmp_path, figures, kills=200)


async def kill_repeatedly(folder: Path, figures: list[str], *, kills: int) -> None:
    """Run publishers and clients over `kills` deaths of the hub, then compare what everybody saw."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    figures.append(f"kill -9: seed {seed} (HUB_TEST_SEED)")
    random = Random(seed)
    hub, ledger = HubProcess(folder), Ledger()
    clients = [Client(hub, user, ledger, Random(random.random())) for user in CLIENTS]
    publishers = [Publisher(hub, ledger, Random(random.random())) for _ in range(PUBLISHERS)]
    stop = asyncio.Event()
    restarts_s: list[float] = []
    acknowledged_between: list[int] = []
    await hub.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(client.run())
            async with asyncio.timeout(RESTART_DEADLINE_S):
                await asyncio.gather(*(client.connected.wait() for client in clients))
            publishing = [tasks.create_task(publisher.run(stop)) for publisher in publishers]
            for _ in range(kills):
                before = len(ledger.acknowledged)
                await wait_for_acknowledgement(ledger)
                await asyncio.sleep(random.uniform(0.0, 1.5))
                await hub.kill()
                acknowledged_between.append(len(ledger.acknowledged) - before)
                if random.random() < 0.2:  # and once more while it starts
                    await hub.start()
                    await asyncio.sleep(random.uniform(0.0, 1.5))
                    await hub.kill()
                await hub.start()
                ledger.acknowledgement.clear()
                await wait_for_acknowledgement(ledger)
                restarts_s.append(time.monotonic() - hub.started_s)
            await asyncio.sleep(random.uniform(0.0, 1.0))
            stop.set()
            async with asyncio.timeout(CATCH_UP_DEADLINE_S):
                await asyncio.gather(*publishing)
            async with Publisher(hub, ledger, random) as last:
                await last.publish(LAST, {"type": "stock_alert", "title": LAST, "message": "", "everyone": True})
            async with asyncio.timeout(CATCH_UP_DEADLINE_S):
                await asyncio.gather(*(client.finished.wait() for client in clients))
    finally:
        status = await hub.stop()

    figures.append(
        f"kill -9: {kills} kills, {len(ledger.acknowledged)} acknowledged ({ledger.duplicates} repeats), "
        f"{ledger.unanswered} requests without an answer, {sum(len(c.seen) for c in clients)} deliveries to "
        f"{len(clients)} clients over {sum(c.connects['websocket'] for c in clients)} WebSocket and "
        f"{sum(c.connects['sse'] for c in clients)} SSE connections; "
        f"exec to first acknowledgement {min(restarts_s):.2f} to {max(restarts_s):.2f} s"
    )
    # A run that killed nobody at work proves nothing.
    assert kills == len(acknowledged_between)
    assert min(acknowledged_between) > 0, "a hub was killed that had acknowledged nothing"
    assert ledger.unanswered >= kills, "the hub was killed at rest"
    assert all(min(client.connects.values()) > 0 for client in clients) or kills < 20

    assert 0 == status
    assert [] == ledger.violations
    assert "Traceback" not in hub.log_path.read_text()
    stored = read_stored(hub.data_dir)
    titles = [title for _, _, title in stored]
    assert len(titles) == len(set(titles)), "a key has more than one record"
    by_title = {title: (identifier, position) for position, identifier, title in stored}
    assert ledger.audience.keys() | {LAST} == by_title.keys()
    assert {} == {t: a for t, a in ledger.acknowledged.items() if by_title.get(t) != a}
    for client in clients:
        expected = [(p, t) for p, _, t in stored if t == LAST or client.user in ledger.audience[t]]
        assert expected == client.seen, describe_difference(expected, client.seen)


async def wait_for_acknowledgement(ledger: Ledger) -> None:
    """Wait until a publish was acknowledged by the hub that runs now."""
    async with asyncio.timeout(RESTART_DEADLINE_S):
        await ledger.acknowledgement.wait()


def read_stored(data_dir: Path) -> list[tuple[int, str, str]]:
    """Return (position, id, title) of every record, read without the hub's own code."""
    connection = sqlite3.connect(f"file:{data_dir / 'log.sqlite3'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT position, id, payload FROM record ORDER BY position")
        return [(position, identifier, json.loads(payload)["title"]) for position, identifier, payload in rows]
    finally:
        connection.close()


def describe_difference(expected: list[tuple[int, str]], seen: list[tuple[int, str]]) -> str:
    """Say in numbers what is wrong with what a client saw."""
    lost, foreign = set(expected) - set(seen), set(seen) - set(expected)
    twice = len(seen) - len(set(seen))
    disordered = sum(later <= earlier for earlier, later in itertools.pairwise(seen))
    return f"lost {sorted(lost)[:5]}, not meant for it {sorted(foreign)[:5]}, {twice} twice, {disordered} out of order"
