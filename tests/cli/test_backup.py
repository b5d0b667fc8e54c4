"""`hub backup`: what it writes, what it refuses, and that what it wrote can be restored."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from hub.log.sqlite.schema import LOG_NAME
from hub.target import CONTROL
from tests.cli.process import DevHub, environment
from tests.cli.test_restore import _fill, _run
from tests.log.engines import draft, drain
from tests.log.test_opening import _write_schema_1
from tests.log.test_sqlite import _open


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder whose log holds two notifications and a revocation; no hub runs."""
    log = await _fill(tmp_path / "data" / LOG_NAME, "a", "b")
    await log.close()
    return tmp_path / "data"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestBackup:
    async def test_is_one_file_for_its_owner(self, tmp_path: Path, folder: Path) -> None:
        """One file of mode 0600, which needs no other beside it and can be read from a read-only disk."""
        (tmp_path / "there").mkdir()
        done = await _run(folder, "backup", str(tmp_path / "there" / "b.sqlite3"))
        assert 0 == done.exit_code, done.output
        assert "holds positions 1 to 3 and 1 revocations" in done.output
        assert {"b.sqlite3"} == _names(tmp_path / "there")
        backup = tmp_path / "there" / "b.sqlite3"
        assert 0o600 == backup.stat().st_mode & 0o777
        (tmp_path / "there").chmod(0o500)
        connection = apsw.Connection(
            f"file:{backup}?immutable=0", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        assert ("delete", 3) == (
            connection.pragma("journal_mode"),
            connection.execute("SELECT count(*) FROM record").fetchall()[0][0],
        )
        connection.close()
        (tmp_path / "there").chmod(0o700)

    async def test_can_be_restored(self, tmp_path: Path, folder: Path) -> None:
        """Notifications, idempotency keys and revocations are there again, under another epoch."""
        backup = tmp_path / "b.sqlite3"
        told = json.loads((await _run(folder, "backup", str(backup), "--json")).output)
        assert {"path": str(backup), "first": 1, "head": 3, "revocations": 1, "removed": []} == {
            name: told[name] for name in ("path", "first", "head", "revocations", "removed")
        }
        assert backup.stat().st_size == told["size_bytes"]
        assert 0 == (await _run(tmp_path / "new", "restore", str(backup))).exit_code
        log = await _open(tmp_path / "new" / LOG_NAME, on_damage="refuse")
        assert (3, True) == (log.head, log.epoch != told["epoch"])
        assert 1 == len(await drain(log, CONTROL))
        await log.close()
        assert 0 == (await _run(tmp_path / "new", "check", "--deep")).exit_code

    async def test_leaves_the_log_as_it_is(self, tmp_path: Path, folder: Path) -> None:
        """No byte of the log, its write-ahead log or its mark changes, also after a hub that was killed."""
        log = await _open(folder / LOG_NAME)
        await log.append([draft("in the write-ahead log")])
        (tmp_path / "killed").mkdir()
        for name in (LOG_NAME, f"{LOG_NAME}-wal", f"{LOG_NAME}.mark"):
            (tmp_path / "killed" / name).write_bytes((folder / name).read_bytes())
        await log.close()
        before = {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}
        assert before[f"{LOG_NAME}-wal"]
        assert b"in the write-ahead log" not in before[LOG_NAME]
        done = await _run(tmp_path / "killed", "backup", str(tmp_path / "b.sqlite3"))
        assert 0 == done.exit_code, done.output
        assert "positions 1 to 4" in done.output
        assert before == {name: (tmp_path / "killed" / name).read_bytes() for name in before}

    async def test_of_a_running_hub(self, tmp_path: Path, dev_hub: DevHub) -> None:
        """The hub goes on, and the command needs none of its secrets."""
        done = await _run(dev_hub.folder, "backup", str(tmp_path / "b.sqlite3"), JWT_SECRET="", HUB_SERVICE_KEYS="")
        assert 0 == done.exit_code, done.output
        assert 0 == (await _run(dev_hub.folder, "check", "--live", "--url", dev_hub.url)).exit_code

    async def test_of_an_earlier_schema(self, tmp_path: Path) -> None:
        """A log that the next start would bring up to date is copied as it is, for the hub that wrote it."""
        (tmp_path / "data").mkdir()
        _write_schema_1(tmp_path / "data" / LOG_NAME)
        done = await _run(tmp_path / "data", "backup", str(tmp_path / "b.sqlite3"))
        assert 0 == done.exit_code, done.output
        connection = apsw.Connection(str(tmp_path / "b.sqlite3"))
        assert 1 == connection.pragma("user_version")
        connection.close()
        assert 0 == (await _run(tmp_path / "new", "restore", str(tmp_path / "b.sqlite3"))).exit_code


class TestRefusals:
    @pytest.mark.parametrize("what", ["file", "link"])
    async def test_what_is_there_already(self, tmp_path: Path, folder: Path, what: str) -> None:
        """No file is replaced, not even one that leads nowhere."""
        target = tmp_path / "b.sqlite3"
        target.write_text("precious") if what == "file" else target.symlink_to(tmp_path / "nowhere")
        done = await _run(folder, "backup", str(target))
        assert (1, f"hub: {target} exists already; a backup replaces no file\n") == (done.exit_code, done.output)
        assert {"data", "b.sqlite3"} == _names(tmp_path)
        assert what == "link" or "precious" == target.read_text()

    async def test_a_file_that_came_meanwhile(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another backup that got the name first keeps it, on a file system with second names and on one without."""
        link = os.link
        for has_links in (True, False):
            target = tmp_path / f"b{has_links}.sqlite3"

            def appear(source: Path, path: Path, target: Path = target, has_links: bool = has_links) -> None:
                target.write_text("first")
                if not has_links:
                    raise PermissionError(1, "no links here")
                link(source, path)

            monkeypatch.setattr(os, "link", appear)
            done = await _run(folder, "backup", str(target))
            assert 1 == done.exit_code
            assert "exists already" in done.output
            assert "first" == target.read_text()

    async def test_a_file_system_without_links(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The backup gets its name all the same."""

        def refuse(source: Path, path: Path) -> None:
            raise PermissionError(1, "no links here")

        monkeypatch.setattr(os, "link", refuse)
        assert 0 == (await _run(folder, "backup", str(tmp_path / "b.sqlite3"))).exit_code
        assert {"data", "b.sqlite3"} == _names(tmp_path)

    @pytest.mark.parametrize(
        ("target", "words"),
        [("missing/b.sqlite3", "there is no folder"), ("data/log.sqlite3", "exists already")],
    )
    async def test_where_no_backup_can_be(self, tmp_path: Path, folder: Path, target: str, words: str) -> None:
        """A folder that is missing is not made: it may be a disk that is not mounted."""
        done = await _run(folder, "backup", str(tmp_path / target))
        assert (1, 1, True) == (done.exit_code, done.output.count("\n"), words in done.output)

    @pytest.mark.parametrize("content", [None, b"", b"not a log\n" * 1_000])
    async def test_what_is_no_log(self, tmp_path: Path, content: bytes | None) -> None:
        """One line says so, and nothing is written."""
        (tmp_path / "data").mkdir()
        if content is not None:
            (tmp_path / "data" / LOG_NAME).write_bytes(content)
        done = await _run(tmp_path / "data", "backup", str(tmp_path / "b.sqlite3"))
        assert (1, 1) == (done.exit_code, done.output.count("\n"))
        assert {"data"} == _names(tmp_path)

    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("UPDATE record SET payload = x'00' WHERE position = 1", "1 stretches of records are damaged"),
            ("DELETE FROM record WHERE position = 2", "1 records between positions"),
            ("DELETE FROM record WHERE position = 3; DELETE FROM target WHERE position = 3", "positions 3 to 3 are"),
            ("DELETE FROM target WHERE position = 2", "the index of targets lacks 1 entries"),
            ("DROP TABLE idempotency", "no backup was made"),
        ],
    )
    async def test_a_damaged_log(self, tmp_path: Path, folder: Path, statement: str, words: str) -> None:
        """A backup that could not be restored is not made: a search for the newest one finds the last good one."""
        connection = apsw.Connection(str(folder / LOG_NAME))
        connection.execute(statement)
        connection.close()
        done = await _run(folder, "backup", str(tmp_path / "b.sqlite3"))
        assert (1, 1, True) == (done.exit_code, done.output.count("\n"), words in done.output), done.output
        assert {"data"} == _names(tmp_path)

    async def test_a_disk_without_room(self, tmp_path: Path, folder: Path) -> None:
        """One line says so, and no part of a backup is left."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

        done = subprocess.run(
            [sys.executable, "-m", "hub", "backup", str(tmp_path / "b.sqlite3")],
            # Where coverage is measured, what it writes would have no room either, and would say so.
            env={name: value for name, value in environment(folder).items() if not name.startswith("COVERAGE_")},
            preexec_fn=limit,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (1, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
        assert done.stderr.startswith("hub: ")
        assert {"data"} == _names(tmp_path)


class TestFolder:
    async def test_gets_a_name_by_its_time(self, tmp_path: Path, folder: Path) -> None:
        """In a folder a backup is called after its second, in UTC; `hub restore` takes the newest name."""
        (tmp_path / "backups").mkdir()
        done = await _run(folder, "backup", str(tmp_path / "backups"), "--json")
        (made,) = (tmp_path / "backups").glob("hub-2???????-??????Z.sqlite3")
        assert str(made) == json.loads(done.output)["path"]

    async def test_keeps_as_many_as_it_is_told(self, tmp_path: Path, folder: Path) -> None:
        """The oldest go once the new one is whole; files of other names stay."""
        backups = tmp_path / "backups"
        backups.mkdir()
        for name in ("hub-20260101-000000Z.sqlite3", "hub-20260102-000000Z.sqlite3", "hub-monthly.sqlite3", "notes"):
            (backups / name).write_text("old")
        done = await _run(folder, "backup", str(backups), "--keep", "2")
        assert 0 == done.exit_code, done.output
        assert f"removed {backups}/hub-20260101-000000Z.sqlite3\n" in done.output
        left = _names(backups)
        assert {"hub-20260102-000000Z.sqlite3", "hub-monthly.sqlite3", "notes"} < left
        assert 4 == len(left)

    async def test_keeps_the_old_ones_when_it_fails(self, tmp_path: Path, folder: Path) -> None:
        """A log that cannot be backed up takes no backup away."""
        backups = tmp_path / "backups"
        backups.mkdir()
        (backups / "hub-20260101-000000Z.sqlite3").write_text("old")
        (folder / LOG_NAME).write_bytes(b"damaged" * 2_000)
        assert 1 == (await _run(folder, "backup", str(backups), "--keep", "1")).exit_code
        assert {"hub-20260101-000000Z.sqlite3"} == _names(backups)

    async def test_keep_is_for_a_folder(self, tmp_path: Path, folder: Path) -> None:
        """A file as the target has no others to remove."""
        done = await _run(folder, "backup", str(tmp_path / "b.sqlite3"), "--keep", "1")
        assert (1, f"hub: --keep is for a folder, and {tmp_path / 'b.sqlite3'} is not a folder\n") == (
            done.exit_code,
            done.output,
        )

    async def test_what_a_killed_command_left(self, tmp_path: Path, folder: Path) -> None:
        """Half a backup is never called one; a day later the next command removes it, and a younger one stays."""
        for name, age_s in ((".hub-backup-1.partial", 90_000), (".hub-backup-2.partial", 60)):
            (tmp_path / name).write_text("half")
            then_s = (tmp_path / name).stat().st_mtime - age_s
            os.utime(tmp_path / name, (then_s, then_s))
        done = await _run(folder, "backup", str(tmp_path))
        made = Path(done.output.split()[0]).name
        assert {"data", made, ".hub-backup-2.partial"} == _names(tmp_path)
