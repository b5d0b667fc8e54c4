"""Files that go away under a running hub: noticed within a second, nothing more is accepted, and it is said once."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hub.errors import StorageUnavailable
from hub.log.sqlite.log import SqliteLog
from tests.log.engines import draft, drain, wait_until
from tests.log.test_faults import _may_mount
from tests.log.test_sqlite import _open

_NAMES = ["log", "log-wal", "log-shm", "log.lock", "log.mark"]


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    """A log in use."""
    log = await _open(tmp_path / "data" / "log")
    await log.append([draft(str(number)) for number in range(20)])
    await drain(log)
    yield log
    await log.close()


def _replace(path: Path) -> None:
    shutil.copy(path, path.with_name("other"))
    path.with_name("other").replace(path)


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


async def _wait_noticed(log: SqliteLog) -> None:
    async with asyncio.timeout(5):
        while log.writable:
            await asyncio.sleep(0.01)
    with pytest.raises(StorageUnavailable):
        await log.append([draft("refused")])
    assert not log.writable


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("harm", [Path.unlink, _replace, _move])
async def test_a_file_that_goes_is_noticed_and_costs_nothing_that_was_acknowledged(
    tmp_path: Path,
    log: SqliteLog,
    name: str,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line names it; after a restart everything is there, or another epoch says that it is not."""
    harm(tmp_path / "data" / name)
    await _wait_noticed(log)
    before = log.epoch
    await log.close()
    assert 1 == caplog.text.count("nothing is accepted until")
    assert f"data/{name} was" in caplog.text
    again = await _open(tmp_path / "data" / "log")
    if before == again.epoch:
        assert [str(number) for number in range(20)] == [
            record.payload.decode().split('"')[3] for record in await drain(again)
        ]
    else:
        # Copies of these two are all that there is, and cannot be told from old ones.
        assert name in ("log", "log.mark")
    await again.close()


async def test_a_write_ahead_log_that_is_cut_is_noticed(tmp_path: Path, log: SqliteLog) -> None:
    """It stays the same file, and has less in it."""
    os.truncate(tmp_path / "data" / "log-wal", 100)
    await _wait_noticed(log)


async def test_a_file_that_somebody_writes_is_noticed(
    tmp_path: Path, log: SqliteLog, caplog: pytest.LogCaptureFixture
) -> None:
    """An old copy that is written over the file itself: the same file with something else in it."""
    path = tmp_path / "data" / "log"
    path.write_bytes(path.read_bytes())
    await _wait_noticed(log)
    assert "was written by somebody else" in caplog.text


async def test_a_folder_that_moves_and_comes_back_is_used_again(tmp_path: Path, log: SqliteLog) -> None:
    """While it is away nothing is accepted; as soon as it is back everything goes on, without a restart."""
    (tmp_path / "data").rename(tmp_path / "away")
    await _wait_noticed(log)
    (tmp_path / "away").rename(tmp_path / "data")
    await wait_until(lambda: log.writable, "the log to be used again")
    await log.append([draft("after")])
    assert 21 == len(await drain(log))


async def test_a_log_in_the_place_of_one_that_moved_is_left_alone(tmp_path: Path, log: SqliteLog) -> None:
    """At its end the hub writes nothing into what has its file's name now, and takes nothing of it away."""
    (tmp_path / "data").rename(tmp_path / "away")
    (tmp_path / "data").mkdir()
    for name in ("log", "log-wal"):
        (tmp_path / "data" / name).write_bytes(b"somebody else's")
    await _wait_noticed(log)
    await log.close()
    assert {"log": b"somebody else's", "log-wal": b"somebody else's"} == {
        file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()
    }


#: What the kernel says of a file system, or a real one where the process may mount it.
_MEANS = ["said", "mounted"] if _may_mount() else ["said"]


@pytest.mark.parametrize("means", _MEANS)
async def test_a_file_system_that_becomes_read_only_is_noticed(
    tmp_path: Path, log: SqliteLog, means: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are open stay writable for the process, so a write alone would not tell; it goes on once it can."""
    folder = tmp_path / "data"
    if means == "said":
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
            await _wait_noticed(log)
    else:
        subprocess.run(["mount", "-o", "bind,ro", str(folder), str(folder)], check=True)
        try:
            await _wait_noticed(log)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    await wait_until(lambda: log.writable, "the log to be used again")
    await log.append([draft("after")])
