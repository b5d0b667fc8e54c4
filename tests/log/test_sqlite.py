"""What the SQLite engine keeps beyond the contract: its files, its threads, and what it refuses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from hub.errors import SettingsError, StorageUnavailable
from hub.log.port import Reading, Record
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.opening import OnDamage
from hub.log.sqlite.reader import Readers
from hub.log.sqlite.schema import LogFile, check_engine, open_reader
from hub.log.sqlite.search import Searcher
from hub.target import EVERYONE, user_target
from tests.log.engines import Clock, Follower, draft, drain, stored, wait_until

_HOLD = """
import asyncio, sys
from pathlib import Path
from hub.log.sqlite.log import open_sqlite_log
async def hold():
    log = await open_sqlite_log(Path(sys.argv[1]), now=lambda: 0.0, retention_s=1, retention_records=1,
                                idempotency_s=1, max_pending=1)
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await log.close()
asyncio.run(hold())
"""


async def _open(path: Path, *, max_pending: int = 100, on_damage: OnDamage = "new-epoch", **bounds: Any) -> SqliteLog:
    """Open a log; `bounds` are further arguments of `open_sqlite_log`."""
    return await open_sqlite_log(
        path,
        now=Clock(),
        retention_s=1e6,
        retention_records=10**6,
        idempotency_s=1e6,
        max_pending=max_pending,
        on_damage=on_damage,
        **bounds,
    )


class TestFiles:
    async def test_modes_keep_strangers_out(self, tmp_path: Path) -> None:
        """The folder is made 0700; every file in it is 0600, the WAL and its index too."""
        path = tmp_path / "data" / "hub.db"
        log = await _open(path)
        await log.append([draft("a")])
        await drain(log)
        names = {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock", "hub.db.mark"}
        assert dict.fromkeys(names, 0o600) == {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert 0o700 == path.parent.stat().st_mode & 0o777
        await log.close()

    async def test_close_leaves_one_file_and_no_thread(self, tmp_path: Path) -> None:
        """The WAL is emptied into the file, which the mark stays beside, and every thread is gone."""
        before = set(threading.enumerate())
        log = await _open(tmp_path / "hub.db")
        await log.append([draft("a")])
        await drain(log)
        assert len(set(threading.enumerate()) - before) >= 2
        await log.close()
        assert before == set(threading.enumerate())
        assert {"hub.db", "hub.db.lock", "hub.db.mark"} == {file.name for file in tmp_path.iterdir()}

    async def test_the_wal_stays_small_under_load_and_reads(self, tmp_path: Path) -> None:
        """The writer checkpoints by size, also while readers come and go."""
        log = await _open(tmp_path / "hub.db", checkpoint_bytes=2**18)
        stop = False

        async def read() -> None:
            while not stop:
                await log.read([EVERYONE], after=0, upto=log.head, limit=50, limit_bytes=100_000)

        await log.append([draft("first")])
        reading = asyncio.create_task(read())
        for _ in range(100):
            await log.append([draft(str(number), payload=b"x" * 400) for number in range(100)])
        stop = True
        await reading
        assert (tmp_path / "hub.db-wal").stat().st_size < 9 * 2**18
        assert (tmp_path / "hub.db").stat().st_size > 2**20
        await log.close()

    async def test_a_reading_loads_no_more_than_it_returns(self, tmp_path: Path) -> None:
        """SQLite's own memory stays under its page cache, though the records that are due weigh six times as much."""
        log = await _open(tmp_path / "hub.db")
        for _ in range(4):
            await log.append([draft("large", payload=b"x" * 64_000) for _ in range(50)])
        await log.read([EVERYONE], after=0, upto=log.head, limit=200, limit_bytes=65_536)
        before_bytes = apsw.memory_used()
        apsw.memory_high_water(True)
        page = await log.read([EVERYONE], after=0, upto=log.head, limit=200, limit_bytes=65_536)
        assert ([1], 1) == ([record.position for record in page.records], page.upto)
        assert apsw.memory_high_water() - before_bytes < 2 * 2**20
        await log.close()

    async def test_settings_of_the_writer(self, tmp_path: Path) -> None:
        """The file is in WAL mode, and a reader's connection cannot write."""
        log = await _open(tmp_path / "hub.db")
        reader = open_reader(LogFile(tmp_path / "hub.db"))
        assert "wal" == reader.pragma("journal_mode")
        with pytest.raises(apsw.ReadOnlyError):
            reader.execute("DELETE FROM record")
        reader.close()
        await log.close()


class TestRefusals:
    def test_a_sqlite_that_can_corrupt_the_log(self) -> None:
        """Versions with the WAL-reset bug are refused, the first sound one is not."""
        check_engine("3.51.3")
        check_engine(apsw.sqlite_lib_version())
        for version in ("3.40.1", "3.51.2", "3.7.0"):
            with pytest.raises(SettingsError, match="WAL-reset"):
                check_engine(version)

    async def test_a_second_process(self, tmp_path: Path) -> None:
        """While another process writes the log it is refused with a plain sentence; after a kill -9 it opens."""
        path = tmp_path / "hub.db"
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        try:
            assert holder.stdout is not None
            assert b"open\n" == await asyncio.to_thread(holder.stdout.readline)
            with pytest.raises(SettingsError, match="another process"):
                await _open(path)
        finally:
            holder.kill()
            holder.communicate()
        log = await _open(path)
        await log.close()

    async def test_a_log_of_another_schema(self, tmp_path: Path) -> None:
        """A file written by another version is refused and left as it is."""
        path = tmp_path / "hub.db"
        await (await _open(path)).close()
        _alter(path, "PRAGMA user_version = 9")
        with pytest.raises(SettingsError, match="schema 9"):
            await _open(path)

    async def test_somebody_elses_database(self, tmp_path: Path) -> None:
        """A database that is not a log is not touched."""
        path = tmp_path / "hub.db"
        _alter(path, "CREATE TABLE customers (name)")
        before = path.read_bytes()
        with pytest.raises(SettingsError, match="not a log"):
            await _open(path)
        assert before == path.read_bytes()

    @pytest.mark.parametrize("damage", ["noise", "cut", "header", "meta"])
    async def test_a_damaged_file(self, tmp_path: Path, damage: str) -> None:
        """Where damage is refused, noise, a short file, a broken page or a missing row stop the start."""
        path = tmp_path / "hub.db"
        log = await _open(path)
        await log.append([draft(str(number), payload=b"x" * 500) for number in range(200)])
        await log.close()
        content = path.read_bytes()
        if damage == "noise":
            path.write_bytes(b"this is not a database " * 400)
        elif damage == "cut":
            path.write_bytes(content[: len(content) // 2])
        elif damage == "header":
            path.write_bytes(content[:8192] + b"\xff" * 4096 + content[12288:])
        else:
            _alter(path, "DELETE FROM meta")
        threads = threading.active_count()
        with pytest.raises(SettingsError, match="damaged"):
            await _open(path, on_damage="refuse")
        assert threads == threading.active_count()
        path.write_bytes(content)
        again = await _open(path)
        assert 200 == again.head
        await again.close()

    async def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """A path below a file is a setting that cannot be used."""
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(SettingsError, match="HUB_DATA_DIR"):
            await _open(tmp_path / "file" / "data" / "hub.db")

    async def test_a_disk_that_cannot_be_opened(self, tmp_path: Path) -> None:
        """A SQLite that cannot open the file is an outage, not a bad setting."""
        (tmp_path / "hub.db").write_bytes(b"")
        with pytest.raises(StorageUnavailable):
            await open_sqlite_log(
                tmp_path / "hub.db",
                now=Clock(),
                retention_s=1,
                retention_records=1,
                idempotency_s=1,
                max_pending=1,
                vfs="no such vfs",
            )

    async def test_too_many_targets(self, tmp_path: Path) -> None:
        """A read for more targets than SQLite can merge is refused rather than slow."""
        log = await _open(tmp_path / "hub.db")
        with pytest.raises(ValueError, match="100 targets"):
            await log.read(
                [user_target("a", str(number)) for number in range(101)], after=0, upto=1, limit=1, limit_bytes=1
            )
        await log.close()


class TestTailBehind:
    async def test_a_consumer_that_sleeps_through_much_misses_nothing(self, tmp_path: Path) -> None:
        """More records than the tail buffers come in order all the same, and live ones after them."""
        log = await _open(tmp_path / "hub.db")
        tail = log.follow()
        for _ in range(13):
            await log.append([draft(str(number)) for number in range(1_000)])
        follower = Follower(tail)
        await log.append([draft("live")])
        await follower.wait_for(13_001)
        assert list(range(1, 13_002)) == follower.positions
        await log.close()
        await follower.wait_end()


class TestDeadlines:
    async def test_a_disk_that_hangs_does_not_hold_publishers(self, tmp_path: Path) -> None:
        """An append whose turn never comes is refused after its deadline; the record may still be stored."""
        log = await _open(tmp_path / "hub.db", append_deadline_s=0.05)
        blocker = apsw.Connection(str(tmp_path / "hub.db"))
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="in time"):
            await log.append([draft("late")])
        blocker.execute("ROLLBACK")
        blocker.close()
        await wait_until(lambda: log.head == 1, "the refused record")
        (result,) = await log.append([draft("next")])
        assert 2 == stored(result).position
        await log.close()

    async def test_a_foreign_lock_is_refused_and_survived(self, tmp_path: Path) -> None:
        """A tool that holds SQLite's write lock makes appends fail, and they succeed once it releases the lock."""
        log = await _open(tmp_path / "hub.db")
        blocker = apsw.Connection(str(tmp_path / "hub.db"))
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            await log.append([draft("refused")])
        assert not log.writable
        blocker.execute("ROLLBACK")
        blocker.close()
        await wait_until(lambda: log.writable, "recovery")
        assert 1 == stored((await log.append([draft("a")]))[0]).position
        await log.close()

    async def test_a_read_that_takes_too_long_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader that hangs is not waited for; closing waits for it."""
        log = await _open(tmp_path / "hub.db", read_deadline_s=0.05)
        held = threading.Event()
        original: Callable[..., object] = Readers._fetch

        def hang(readers: Readers, read: object) -> object:
            held.wait(5)
            return original(readers, read)

        monkeypatch.setattr(Readers, "_fetch", hang)
        with pytest.raises(StorageUnavailable, match="in time"):
            await log.read([EVERYONE], after=0, upto=1, limit=1, limit_bytes=1)
        held.set()
        await log.close()


def _alter(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


class TestSearch:
    """Looking for a record in a file that fails."""

    async def test_search_takes_no_longer_than_its_deadline(self) -> None:
        """A log that is not searched in time is no proof that the record is not there."""

        async def hang(read: object, upto: int) -> Reading:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("unreachable")

        searcher = Searcher(hang, deadline_s=0.05)
        with pytest.raises(StorageUnavailable, match="cursor"):
            await searcher.find("one", first=1, head=10, at=None)

    async def test_damage_is_no_proof_either(self) -> None:
        """Where the file is damaged, the search says so and not that there is no such record."""

        async def damaged(read: object, upto: int) -> Reading:
            return Reading([Record.damaged(upto)], upto)

        with pytest.raises(StorageUnavailable, match="damaged"):
            await Searcher(damaged, deadline_s=10).find("one", first=1, head=10, at=None)
