"""The mark is on disk before anything is acknowledged, and a disk that does not take it acknowledges nothing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from hub.errors import StorageUnavailable
from hub.log.sqlite import mark
from hub.log.sqlite.mark import read_mark
from tests.log.engines import Follower, draft, drain, stored, wait_until
from tests.log.test_sqlite import _open


class Disk:
    """Where the marks go: it can hang, and fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.free.set()
        self.failures = 0
        self._write = mark._write_durably
        monkeypatch.setattr(mark, "_write_durably", self.write)

    def write(self, descriptor: int, line: bytes, offset: int) -> None:
        """Write as the real one does, once it may."""
        self.free.wait(10)
        if self.failures:
            self.failures -= 1
            raise OSError(5, "the pretended disk cannot write")
        self._write(descriptor, line, offset)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk that all marks of this test go to."""
    return Disk(monkeypatch)


async def test_nothing_is_acknowledged_before_its_mark_is_on_disk(tmp_path: Path, disk: Disk) -> None:
    """While the mark hangs, the record is in the file, and neither its publisher nor a subscriber hears of it."""
    log = await _open(tmp_path / "log")
    follower = Follower(log.follow())
    disk.free.clear()
    answer = asyncio.create_task(log.append([draft("a")]))
    await wait_until(lambda: (tmp_path / "log-wal").stat().st_size > 8_000, "the commit")
    await asyncio.sleep(0)
    assert (False, 0, []) == (answer.done(), log.head, follower.positions)
    disk.free.set()
    assert 1 == stored((await answer)[0]).position
    await follower.wait_for(1)
    found = read_mark(tmp_path / "log")
    assert found is not None
    assert (log.epoch, 1, 0) == (found.epoch, found.head, found.controls)
    await log.close()


async def test_many_commits_share_one_mark(tmp_path: Path, disk: Disk) -> None:
    """What was committed while the disk took one mark is covered by the next, and answered in order."""
    log = await _open(tmp_path / "log")
    follower = Follower(log.follow())
    disk.free.clear()
    answers = []
    for number in range(20):
        answers.append(asyncio.create_task(log.append([draft(str(number))])))
        await asyncio.sleep(0.002)
    disk.free.set()
    results = await asyncio.gather(*answers)
    assert list(range(1, 21)) == [stored(result[0]).position for result in results]
    await follower.wait_for(20)
    found = read_mark(tmp_path / "log")
    assert found is not None
    assert 20 == found.head
    await log.close()


async def test_a_mark_that_cannot_be_written_acknowledges_nothing_and_recovers(tmp_path: Path, disk: Disk) -> None:
    """The publisher is refused; once the disk is well what was stored is told of, and nothing comes twice."""
    log = await _open(tmp_path / "log")
    follower = Follower(log.follow())
    await log.append([draft("a", key=b"a")])
    disk.failures = 1
    with pytest.raises(StorageUnavailable):
        await log.append([draft("b", key=b"b")])
    await wait_until(lambda: log.writable and log.head == 2, "recovery")
    again = stored((await log.append([draft("again", key=b"b")]))[0])
    assert ("b", 2, True) == (again.id, again.position, again.duplicate)
    await follower.wait_for(2)
    assert [1, 2] == follower.positions == [record.position for record in await drain(log)]
    epoch = log.epoch
    await log.close()
    log = await _open(tmp_path / "log")
    assert epoch == log.epoch
    await log.close()
