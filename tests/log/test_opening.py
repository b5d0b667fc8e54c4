"""What a hub finds when it opens a log: what is missing is said, and is never taken for something that never was."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from hub.errors import SettingsError
from hub.log.port import Appended
from hub.log.sqlite.log import SqliteLog
from hub.log.sqlite.mark import mark_path, read_mark
from hub.target import CONTROL
from tests.log.damage import Specimen, make_specimen
from tests.log.engines import Clock, draft, drain
from tests.log.test_sqlite import _open

_SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text()


@pytest.fixture
async def killed(tmp_path: Path) -> Specimen:
    """A log as a kill left it: half in the file, half in the write-ahead log."""
    specimen = await make_specimen(tmp_path / "killed", closed=False)
    specimen.put_back()
    return specimen


@pytest.fixture
async def stopped(tmp_path: Path) -> Specimen:
    """A log that was closed in order."""
    specimen = await make_specimen(tmp_path / "stopped", closed=True)
    specimen.put_back()
    return specimen


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _fill(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


_HARM: list[Callable[[Path], None]] = [_cut, _empty, _fill, Path.unlink]


class TestDamage:
    @pytest.mark.parametrize("harm", _HARM)
    @pytest.mark.parametrize("name", ["log", "log-wal"])
    async def test_a_file_that_is_cut_emptied_overwritten_or_deleted_is_noticed(
        self, killed: Specimen, name: str, harm: Callable[[Path], None]
    ) -> None:
        """Where revocations are among what is missing, the hub does not start, and says so each time it is asked."""
        harm(killed.path.with_name(name))
        outcome = await killed.judge()
        assert "is damaged" in outcome.refused or outcome.new_epoch
        if outcome.refused:
            assert outcome == await killed.judge()

    @pytest.mark.parametrize("harm", _HARM)
    async def test_without_revocations_it_starts_and_every_cursor_is_a_gap(
        self, tmp_path: Path, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Notifications alone are missing: how many is said, the epoch is new, once, and positions are not reused."""
        log = await _open(tmp_path / "log")
        await log.append([draft(str(number)) for number in range(50)])
        before = log.epoch
        await log.close()
        harm(tmp_path / "log")
        log = await _open(tmp_path / "log")
        assert before != log.epoch
        assert "is damaged" in caplog.text
        (stored,) = await log.append([draft("next")])
        assert isinstance(stored, Appended)
        after = log.epoch
        await log.close()
        log = await _open(tmp_path / "log")
        assert after == log.epoch
        assert ["next"] == [record.payload.decode().split('"')[3] for record in await drain(log, after=log.head - 1)]
        await log.close()

    async def test_the_missing_records_are_counted(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A write-ahead log that was deleted after a kill: which positions are gone is said."""
        log = await _open(tmp_path / "log", checkpoint_bytes=2**30)
        await log.append([draft("a")])
        kept = {name: (tmp_path / name).read_bytes() for name in ("log", "log-wal")}
        await log.append([draft(str(number)) for number in range(7)])
        await log.close()
        for name, content in kept.items():
            (tmp_path / name).write_bytes(content)
        log = await _open(tmp_path / "log")
        assert "positions 2 to 8 are missing: 7 acknowledged records" in caplog.text
        await log.close()

    @pytest.mark.parametrize("harm", _HARM)
    async def test_the_mark_itself_may_be_damaged(self, stopped: Specimen, harm: Callable[[Path], None]) -> None:
        """Without a mark nobody knows what the log must hold: a new epoch, or no start."""
        harm(mark_path(stopped.path))
        if harm is _cut:
            # One of its two places is left.
            assert not (await stopped.judge()).new_epoch
            return
        assert "log.mark" in (await stopped.judge("refuse")).refused
        assert (await stopped.judge()).new_epoch
        assert read_mark(stopped.path) is not None

    async def test_a_place_of_the_mark_that_is_damaged_is_said(
        self, stopped: Specimen, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The other one holds, and the hub starts; but a disk that flips bits is worth a line."""
        path = mark_path(stopped.path)
        content = bytearray(path.read_bytes())
        content[20] ^= 1
        path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert not (await stopped.judge()).new_epoch
        assert "one of the two places" in caplog.text


class TestCopies:
    async def test_an_old_copy_of_the_file_is_noticed(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Put back beside the mark of later, it has less than was acknowledged."""
        path = tmp_path / "log"
        await _published(path, "a")
        shutil.copy(path, tmp_path / "copy")
        before = await _published(path, "b")
        shutil.copyfile(tmp_path / "copy", path)
        log = await _open(path)
        assert before != log.epoch
        assert "positions 2 to 2 are missing" in caplog.text
        await log.close()

    async def test_an_old_copy_of_the_whole_folder_is_noticed(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The mark came back with it, but the file is another one than the mark was written for."""
        path = tmp_path / "data" / "log"
        before = await _published(path, "a")
        shutil.copytree(path.parent, tmp_path / "copy")
        await _published(path, "b")
        path.parent.rename(tmp_path / "broken")
        (tmp_path / "copy").rename(path.parent)
        log = await _open(path)
        assert before != log.epoch
        assert "is a copy of the file" in caplog.text
        await log.close()

    async def test_a_folder_that_moves_stays_what_it_is(self, tmp_path: Path) -> None:
        """Renamed within its file system it is the same log."""
        before = await _published(tmp_path / "data" / "log", "a")
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        log = await _open(tmp_path / "elsewhere" / "log")
        assert before == log.epoch
        await log.close()

    async def test_another_log_in_its_place_is_noticed(self, tmp_path: Path) -> None:
        """A log of another hub, whatever it holds, is not this one's."""
        await _published(tmp_path / "log", "a")
        other = await _published(tmp_path / "other", "a", "b", "c")
        shutil.copyfile(tmp_path / "other", tmp_path / "log")
        with pytest.raises(SettingsError, match="another log"):
            await _open(tmp_path / "log", on_damage="refuse")
        log = await _open(tmp_path / "log")
        assert other != log.epoch
        await log.close()


class TestUpgrade:
    async def test_a_log_of_schema_1_goes_on(self, tmp_path: Path) -> None:
        """Epoch, records, revocations and keys are what they were; what comes after has checksums."""
        log = await _upgraded(tmp_path / "log")
        assert ("a2b3c4d5e6", 3, 2) == (log.epoch, log.head, log.first)
        assert [2] == [record.position for record in await drain(log, after=1)]
        assert [b'{"id":"third"}'] == [record.payload for record in await drain(log, CONTROL, after=1)]
        assert [Appended("second", 2, True)] == await log.append([draft("again", key=b"key", body=b"body")])
        await log.append([draft("fourth")])
        await log.close()
        again = await _open(tmp_path / "log")
        assert ("a2b3c4d5e6", 4) == (again.epoch, again.head)
        await again.close()

    async def test_a_checksum_that_vanished_is_damage(self, tmp_path: Path) -> None:
        """Only what a hub of schema 1 wrote may be without one."""
        log = await _upgraded(tmp_path / "log")
        await log.append([draft("fourth")])
        await log.close()
        connection = apsw.Connection(str(tmp_path / "log"))
        connection.execute("UPDATE record SET checksum = NULL")
        connection.close()
        log = await _open(tmp_path / "log")
        assert "a2b3c4d5e6" != log.epoch
        await log.close()

    async def test_an_upgrade_that_was_cut_short_is_made_again(self, tmp_path: Path) -> None:
        """The mark is there and the new columns are not: as if it had not begun."""
        log = await _upgraded(tmp_path / "log")
        await log.close()
        mark = mark_path(tmp_path / "log").read_bytes()
        inode = (tmp_path / "log").stat().st_ino
        _write_schema_1(tmp_path / "old")
        (tmp_path / "log").write_bytes((tmp_path / "old").read_bytes())
        assert inode == (tmp_path / "log").stat().st_ino
        mark_path(tmp_path / "log").write_bytes(mark)
        log = await _open(tmp_path / "log")
        assert "a2b3c4d5e6" == log.epoch
        await log.close()


async def _published(path: Path, *names: str) -> str:
    log = await _open(path)
    for name in names:
        await log.append([draft(name)])
    await log.close()
    return log.epoch


def _write_schema_1(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(_SCHEMA_1)
    connection.close()


async def _upgraded(path: Path) -> SqliteLog:
    _write_schema_1(path)
    assert Clock().now_s < 1_800_086_400
    return await _open(path)
