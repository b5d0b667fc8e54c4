"""Backups under load: nothing acknowledged is missing from one, and after a restore every client is told the gap."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import apsw
import httpx
import pytest
from websockets.asyncio.client import connect

from tests.faults.load import ACCOUNTS, USERS, Ledger, Publisher
from tests.faults.process import HubProcess, wait_ready

DEADLINE_S = 60.0
LOAD = 8


async def run_command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `hub` on the data in `folder` to its end; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub", *arguments),
        env={"PATH": "/usr/bin:/bin", "HUB_DATA_DIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def read_ids(backup: Path) -> set[str]:
    """Return the ids of all that a backup holds."""
    connection = apsw.Connection(f"file:{backup}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        return {str(identifier) for (identifier,) in connection.execute("SELECT id FROM record")}
    finally:
        connection.close()


@contextlib.asynccontextmanager
async def listen(hub: HubProcess, cursor: str) -> Any:
    """Connect one user over WebSocket with a cursor; yield what reads the next frame."""
    url = f"ws://127.0.0.1:{hub.port}/ws?token={hub.token(ACCOUNTS[0], USERS[0])}&cursor={cursor}"
    async with connect(url, proxy=None, max_queue=None) as connection:

        async def read() -> dict[str, Any]:
            async with asyncio.timeout(DEADLINE_S):
                frame: dict[str, Any] = json.loads(await connection.recv())
                return frame

        yield read


async def wait_for_acknowledgements(ledger: Ledger, count: int) -> None:
    """Return once so many more were acknowledged than now."""
    wanted = len(ledger.acknowledged) + count
    async with asyncio.timeout(DEADLINE_S):
        while len(ledger.acknowledged) < wanted:
            ledger.acknowledgement.clear()
            await ledger.acknowledgement.wait()


async def test_a_backup_under_load_has_all_that_was_acknowledged_before_it(tmp_path: Path, figures: list[str]) -> None:
    """Each of several backups has every notification that was acknowledged before it began; publishing goes on."""
    hub = HubProcess(tmp_path / "hub")
    ledger = Ledger()
    stop = asyncio.Event()
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
            await wait_ready(client)
        async with asyncio.TaskGroup() as load:
            for number in range(LOAD):
                load.create_task(Publisher(hub, ledger, Random(number)).run(stop))
            for number in range(3):
                await wait_for_acknowledgements(ledger, 50)
                before = {receipt.id for receipt in ledger.acknowledged.values()}
                target = tmp_path / f"backup-{number}.sqlite3"
                code, out, err = await run_command(hub.data_dir, "backup", str(target), "--json")
                assert 0 == code, err
                meanwhile = len(ledger.acknowledged) - len(before)
                ids = read_ids(target)
                assert set() == before - ids
                made = json.loads(out)
                assert (1, len(ids)) == (made["first"], made["head"])
                figures.append(f"backup of {len(ids)} records, {meanwhile} acknowledged meanwhile")
            stop.set()
        assert [] == ledger.violations
        assert 0 == ledger.unanswered
    finally:
        await hub.stop()


async def test_after_a_restore_a_client_from_before_is_told_the_gap(tmp_path: Path) -> None:
    """A backup taken while the hub runs is restored and started: an old cursor gets a gap, and later ones replay."""
    hub = HubProcess(tmp_path / "hub")
    ledger = Ledger()
    publisher = Publisher(hub, ledger, Random(1))
    notice = {"type": "stock_alert", "message": "m", "account_id": ACCOUNTS[0], "user_id": USERS[0]}
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client, publisher:
            await wait_ready(client)
            await publisher.publish("a", notice | {"title": "kept"})
            code, _, err = await run_command(hub.data_dir, "backup", str(tmp_path / "backup.sqlite3"))
            assert 0 == code, err
            async with listen(hub, "") as read:
                assert "connection_established" == (await read())["type"]
                await publisher.publish("b", notice | {"title": "lost with the disk"})
                old = (await read())["cursor"]
            # A running hub keeps its log.
            assert 1 == (await run_command(hub.data_dir, "restore", str(tmp_path / "backup.sqlite3")))[0]
            await hub.kill()
            code, out, err = await run_command(hub.data_dir, "restore", str(tmp_path / "backup.sqlite3"), "--json")
            assert 0 == code, err
            await hub.start()
            await wait_ready(client)
            async with listen(hub, old) as read:
                hello = await read()
                assert ("connection_established", "gap") == (hello["type"], hello["data"]["resume"])
                assert "gap" == (await read())["type"]
                # Past the old cursor's position, which a hub of the same epoch would have served from.
                for title in ("c", "d", "e"):
                    await publisher.publish(title, notice | {"title": title})
                    assert title == (await read())["title"]
            async with listen(hub, old) as read:
                assert "gap" == (await read())["data"]["resume"]
            async with listen(hub, f"{json.loads(out)['epoch']}-0") as read:
                assert "replayed" == (await read())["data"]["resume"]
                assert ["kept", "c", "d", "e"] == [(await read())["title"] for _ in range(4)]
    finally:
        await hub.stop()


@pytest.mark.parametrize("stopping", ["in order", "by a kill"])
async def test_a_hub_that_stops_meanwhile(tmp_path: Path, stopping: str) -> None:
    """However the hub ends during a backup: the backup is whole, and the next start finds its log as it was."""
    hub = HubProcess(tmp_path / "hub")
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
            await wait_ready(client)
            async with Publisher(hub, ledger := Ledger(), Random(1)) as publisher:
                for number in range(20):
                    await publisher.publish(str(number), _large(f"n{number}"))
            command = asyncio.create_task(run_command(hub.data_dir, "backup", str(tmp_path / "backup.sqlite3")))
            async with asyncio.timeout(DEADLINE_S):
                # The copy has begun, or is about to.
                while not list(tmp_path.glob(".hub-backup-*.partial")):
                    await asyncio.sleep(0.001)
            if stopping == "in order":
                assert 0 == await hub.stop()
            else:
                await hub.kill()
            code, _, err = await command
            assert 0 == code, err
            assert {receipt.id for receipt in ledger.acknowledged.values()} <= read_ids(tmp_path / "backup.sqlite3")
            await hub.start()
            await wait_ready(client)
            assert "damaged" not in hub.log_path.read_text()
    finally:
        await hub.stop()


def _large(title: str) -> dict[str, Any]:
    return {
        "type": "stock_alert",
        "title": title,
        "message": "x" * 3_000,
        "everyone": True,
        "data": {"x": "y" * 50_000},
    }
