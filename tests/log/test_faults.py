"""A disk that is full or failing: nothing false is acknowledged, reads go on, and the log gets well by itself."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from hub.errors import StorageUnavailable
from hub.log.port import Appended
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from tests.log.engines import Clock, Follower, draft, drain, stored, wait_until
from tests.log.faulty import Disk, faulty_vfs

_names = itertools.count()


def _may_mount() -> bool:
    attempt = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return os.geteuid() == 0 and 0 == subprocess.run(attempt, check=False, capture_output=True).returncode


_MEANS = ["limit", "ballast"] if _may_mount() else ["limit"]


@pytest.fixture
def vfs() -> str:
    """The name of this test's VFS."""
    return f"faulty-{next(_names)}"


@pytest.fixture
def disk(vfs: str) -> Iterator[Disk]:
    """The disk behind it."""
    with faulty_vfs(vfs) as disk:
        yield disk


async def _open(path: Path, clock: Clock, vfs: str) -> SqliteLog:
    return await open_sqlite_log(
        path / "hub.db",
        now=clock,
        retention_s=1_000,
        retention_records=100_000,
        idempotency_s=1_000,
        max_pending=1_000,
        vfs=vfs,
        checkpoint_bytes=128 * 2**10,
    )


@pytest.fixture
async def log(tmp_path: Path, clock: Clock, vfs: str, disk: Disk) -> AsyncIterator[SqliteLog]:
    """A log on a disk that fails on demand and is well again at the end."""
    log = await _open(tmp_path, clock, vfs)
    yield log
    disk.room_bytes = None
    disk.failing_syncs = disk.failing_writes = disk.failing_reads = 0
    await log.close()


async def _publish(log: SqliteLog, identifier: str, key: bytes | None = None) -> Appended:
    (result,) = await log.append([draft(identifier, key=key, payload=b'{"id":"%s"}' % identifier.encode() * 20)])
    return stored(result)


class TestDiskFull:
    async def test_full_disk_acknowledges_nothing_false_and_recovers(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk, log: SqliteLog
    ) -> None:
        """What was acknowledged is there, what was refused is not, and appends succeed soon after space is back."""
        follower = Follower(log.follow())
        disk.room_bytes = 400_000
        acked: list[int] = []
        refused: list[int | None] = []
        while len(refused) < 3:
            try:
                acked.append((await _publish(log, "n")).position)
            except StorageUnavailable as error:
                refused.append(error.retry_after_s)
        assert acked
        assert [1, 1, 1] == refused
        assert disk.faults
        assert not log.writable
        assert acked == [record.position for record in await drain(log)]

        disk.room_bytes = None
        await wait_until(lambda: log.writable, "readiness without traffic")
        acked.append((await _publish(log, "after")).position)
        await follower.wait_for(len(acked))
        assert acked == follower.positions == list(range(1, len(acked) + 1))
        await log.close()
        again = await _open(tmp_path, clock, vfs)
        assert acked == [record.position for record in await drain(again)]
        await again.close()

    async def test_appends_try_again_while_the_disk_is_full(self, disk: Disk, log: SqliteLog) -> None:
        """A publisher that retries does not have to wait for the writer's own probe."""
        await _publish(log, "a")
        disk.room_bytes = 0
        with pytest.raises(StorageUnavailable):
            await _publish_until_refused(log)
        disk.room_bytes = None
        async with asyncio.timeout(5):
            while True:
                try:
                    await _publish(log, "again")
                    break
                except StorageUnavailable:
                    await asyncio.sleep(0.05)
        assert log.writable

    @pytest.mark.parametrize("means", _MEANS)
    async def test_the_kernel_refuses_to_write(self, tmp_path: Path, means: str) -> None:
        """The same with the size of files limited, and on a small tmpfs where the process may mount one."""
        command = [sys.executable, "-m", "tests.log.full_disk", str(tmp_path), means]
        if means == "ballast":
            mount = 'mount -t tmpfs -o size=8m none "$0" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", mount, str(tmp_path), *command]
        result = await asyncio.to_thread(
            subprocess.run, command, check=False, capture_output=True, timeout=30, cwd=Path(__file__).parents[2]
        )
        assert 0 == result.returncode, result.stderr.decode()
        told = json.loads(result.stdout)
        assert told["acked"] == told["replayed_full"] > 0
        assert told["acked"] + 1 == told["replayed_after"]
        assert told["recovered_s"] <= 5
        assert "ok" == told["integrity"]


async def _publish_until_refused(log: SqliteLog) -> None:
    for number in range(1_000):
        await _publish(log, f"more{number}")


class TestFailingDisk:
    @pytest.mark.parametrize("fault", ["failing_syncs", "failing_writes"])
    async def test_an_error_is_survived_without_a_restart(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk, log: SqliteLog, fault: str
    ) -> None:
        """Three failures refuse, reads go on, the log reopens by itself; head, tail and file agree afterwards."""
        follower = Follower(log.follow())
        acked = [await _publish(log, f"n{number}") for number in range(5)]
        setattr(disk, fault, 3)
        with pytest.raises(StorageUnavailable):
            await _publish(log, "refused")
        assert not log.writable
        assert 5 <= len(await drain(log))
        await wait_until(lambda: log.writable, "recovery without traffic")
        assert 3 == disk.faults
        acked.append(await _publish(log, "after"))
        await wait_until(lambda: follower.positions[-1:] == [log.head], "the tail at the head")
        assert list(range(1, log.head + 1)) == follower.positions
        assert follower.records == await drain(log)
        assert {result.position for result in acked} <= set(follower.positions)
        await log.close()
        again = await _open(tmp_path, clock, vfs)
        assert follower.records == await drain(again)
        await again.close()

    async def test_a_refused_record_that_is_durable_is_announced_and_known(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk
    ) -> None:
        """When a refused record turns out to be in the file, the tail yields it and a retry gets its id."""
        log = await _open(tmp_path, clock, vfs)
        follower = Follower(log.follow())
        # The commit's sync fails, and so does the checkpoint with which the only connection closes: the WAL
        # stays, and reopening finds the frames of the refused commit in it.
        disk.failing_syncs = 2
        with pytest.raises(StorageUnavailable):
            await _publish(log, "first", key=b"k")
        await wait_until(lambda: log.writable, "recovery")
        again = await _publish(log, "retry", key=b"k")
        await follower.wait_for(1)
        assert [again.position] == follower.positions
        assert [again.position] == [record.position for record in await drain(log)]
        assert Appended("first", 1, True) == again
        await log.close()

    async def test_a_file_that_lost_acknowledged_records_is_not_written_on(
        self, tmp_path: Path, disk: Disk, log: SqliteLog
    ) -> None:
        """Going on would give positions a second time; publishers are refused until somebody looks."""
        for number in range(3):
            await _publish(log, f"n{number}")
        thief = apsw.Connection(str(tmp_path / "hub.db"))
        thief.execute("DELETE FROM record WHERE position > 1")
        thief.close()
        disk.failing_syncs = 1
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await _publish(log, "refused")
        assert not log.writable
        assert [(1, False), (2, True), (3, True)] == [
            (record.position, record.is_damaged) for record in await drain(log)
        ]

    async def test_a_failing_checkpoint_takes_no_acknowledged_record(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk, log: SqliteLog
    ) -> None:
        """Errors that strike anywhere under load lose nothing that was acknowledged."""
        acked: list[str] = []
        for number in range(400):
            if number % 40 == 20:
                disk.failing_syncs, disk.failing_writes = number % 3, number % 2
            try:
                acked.append((await _publish(log, f"n{number}")).id)
            except StorageUnavailable:
                await wait_until(lambda: log.writable, "recovery")
        assert disk.faults > 5
        assert len(acked) > 200
        await log.close()
        again = await _open(tmp_path, clock, vfs)
        kept = {json.loads(record.payload[: len(record.payload) // 20])["id"] for record in await drain(again)}
        assert set(acked) <= kept
        await again.close()

    async def test_a_read_that_fails_says_so_and_the_next_succeeds(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk, log: SqliteLog
    ) -> None:
        """A page that cannot be read is an error of that read alone."""
        await _publish(log, "a")
        disk.failing_reads = 1
        with pytest.raises(StorageUnavailable):
            await drain(log)
        assert 1 == len(await drain(log))
        assert log.writable

    async def test_a_close_on_a_failing_disk_keeps_what_was_acknowledged(
        self, tmp_path: Path, clock: Clock, vfs: str, disk: Disk, log: SqliteLog
    ) -> None:
        """The last checkpoint may fail; the next start finds the records in the WAL."""
        await _publish(log, "a")
        disk.failing_syncs = 100
        await log.close()
        disk.failing_syncs = 0
        again = await _open(tmp_path, clock, vfs)
        assert 1 == len(await drain(again))
        await again.close()
