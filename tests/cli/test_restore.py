"""`hub restore` and `hub check --deep`: a backup is checked whole, and nothing is touched unless it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.errors import SettingsError
from hub.log.sqlite.log import SqliteLog
from hub.log.sqlite.schema import LOG_NAME
from hub.target import CONTROL
from tests.cli.process import DevHub
from tests.cli.test_check import ENOUGH
from tests.log.engines import draft, drain
from tests.log.test_sqlite import _open

PAGE = (Path(__file__).parents[2] / "docs/operations/backup.md").read_text(encoding="utf-8")


async def _run(folder: Path, *arguments: str, **settings: str) -> Result:
    # In a thread: a command may run an event loop of its own.
    env = ENOUGH | {"HUB_DATA_DIR": str(folder)} | settings
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments), env=env)


async def _fill(path: Path, *names: str) -> SqliteLog:
    log = await _open(path)
    for name in names:
        await log.append([draft(name, key=name.encode())])
    await log.append([draft("shut out", CONTROL)])
    return log


@pytest.fixture
async def backup(tmp_path: Path) -> Path:
    """A backup of three records, one of them a revocation."""
    log = await _fill(tmp_path / "source", "a", "b")
    await log.close()
    shutil.copy(tmp_path / "source", tmp_path / "backup.sqlite3")
    return tmp_path / "backup.sqlite3"


def _flip_everywhere(path: Path, choice: random.Random) -> bytes:
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 512):
        content[at + choice.randrange(512)] ^= 1 << choice.randrange(8)
    path.write_bytes(content)
    return bytes(content)


class TestRestore:
    async def test_into_a_folder_with_a_log(self, tmp_path: Path, backup: Path) -> None:
        """The backup's records are there under a new epoch, and the old files are kept where it says."""
        folder = tmp_path / "data"
        log = await _fill(folder / LOG_NAME, *"abcdef")
        await log.close()
        before = (folder / LOG_NAME).read_bytes()
        done = await _run(folder, "restore", str(backup))
        assert 0 == done.exit_code, done.output
        assert "holds positions 1 to 3 and 1 revocations" in done.output
        (aside,) = [file for file in folder.iterdir() if file.is_dir()]
        assert str(aside) in done.output
        assert before == (aside / LOG_NAME).read_bytes()
        assert {LOG_NAME, f"{LOG_NAME}.mark", f"{LOG_NAME}.lock", aside.name} == {
            file.name for file in folder.iterdir()
        }
        assert 0o600 == (folder / LOG_NAME).stat().st_mode & 0o777
        again = await _open(folder / LOG_NAME, on_damage="refuse")
        assert log.epoch != again.epoch
        assert 3 == again.head
        assert 1 == len(await drain(again, CONTROL))
        await again.close()

    async def test_into_an_empty_folder(self, tmp_path: Path, backup: Path) -> None:
        """A new machine: the folder is made, and `--json` says the same to a program."""
        folder = tmp_path / "new" / "data"
        told = json.loads((await _run(folder, "restore", str(backup), "--json")).output)
        log = await _open(folder / LOG_NAME, on_damage="refuse")
        assert {"epoch": log.epoch, "first": 1, "head": 3, "revocations": 1, "replaced": None} == told
        await log.close()

    async def test_a_folder_that_was_copied_with_its_write_ahead_log(self, tmp_path: Path) -> None:
        """A snapshot of the folder, as a kill or a power cut would leave it."""
        log = await _fill(tmp_path / "live" / LOG_NAME, "a", "b")
        shutil.copytree(tmp_path / "live", tmp_path / "snapshot")
        await log.close()
        assert (tmp_path / "snapshot" / f"{LOG_NAME}-wal").stat().st_size
        before = {file.name: file.read_bytes() for file in (tmp_path / "snapshot").iterdir()}
        done = await _run(tmp_path / "data", "restore", str(tmp_path / "snapshot"))
        assert "positions 1 to 3" in done.output
        assert before == {file.name: file.read_bytes() for file in (tmp_path / "snapshot").iterdir()}

    async def test_a_copy_that_is_not_complete(self, tmp_path: Path) -> None:
        """The snapshot's own mark says that its write-ahead log was left out."""
        log = await _fill(tmp_path / "live" / LOG_NAME, "a", "b")
        shutil.copytree(tmp_path / "live", tmp_path / "snapshot")
        await log.close()
        (tmp_path / "snapshot" / f"{LOG_NAME}-wal").unlink()
        done = await _run(tmp_path / "data", "restore", str(tmp_path / "snapshot"))
        assert 1 == done.exit_code
        assert not (tmp_path / "data" / LOG_NAME).exists()

    async def test_the_log_onto_itself(self, tmp_path: Path) -> None:
        """After a snapshot of the volume was put back: the same records under a new epoch."""
        log = await _fill(tmp_path / LOG_NAME, "a", "b")
        await log.close()
        assert 0 == (await _run(tmp_path, "restore", str(tmp_path))).exit_code
        again = await _open(tmp_path / LOG_NAME, on_damage="refuse")
        assert (3, True) == (again.head, log.epoch != again.epoch)
        await again.close()

    async def test_a_copy_put_back_by_hand(self, tmp_path: Path, backup: Path) -> None:
        """After the commands of the page the hub starts with the copy under a new epoch, or refuses to if it must."""
        folder = tmp_path / "data"
        log = await _fill(folder / LOG_NAME, "a", "b", "c")
        await log.close()
        (block,) = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if ".broken" in text]
        block = block.replace("/backup/hub-20261122-031500Z.sqlite3", str(backup))
        shell = await asyncio.create_subprocess_exec(
            "sh", "-euc", block, env=os.environ | {"HUB_DATA_DIR": str(folder)}
        )
        assert 0 == await shell.wait()
        assert (tmp_path / "data.broken" / LOG_NAME).exists()
        with contextlib.closing(sqlite3.connect(backup)) as connection:
            ((epoch,),) = connection.execute("SELECT epoch FROM meta").fetchall()
        with pytest.raises(SettingsError, match="HUB_ON_DAMAGE=new-epoch"):
            await _open(folder / LOG_NAME, on_damage="refuse")
        again = await _open(folder / LOG_NAME)
        assert (3, True) == (again.head, again.epoch not in {epoch, log.epoch})
        await again.close()

    async def test_under_a_running_hub(self, dev_hub: DevHub, backup: Path) -> None:
        """It refuses, and the hub goes on."""
        done = await _run(dev_hub.folder, "restore", str(backup))
        assert 1 == done.exit_code
        assert "another process has" in done.output

    @pytest.mark.parametrize("what", ["damaged", "cut", "empty", "text", "database"])
    async def test_what_is_no_sound_backup(self, tmp_path: Path, backup: Path, what: str) -> None:
        """It is refused in one line, and the log that is there stays as it was."""
        log = await _fill(tmp_path / "data" / LOG_NAME, "x")
        await log.close()
        before = {file.name: file.read_bytes() for file in (tmp_path / "data").iterdir()}
        if what == "damaged":
            _flip_everywhere(backup, random.Random(7))
        elif what == "cut":
            backup.write_bytes(backup.read_bytes()[:8192])
        elif what == "empty":
            backup.write_bytes(b"")
        elif what == "text":
            backup.write_text("not a log\n" * 1_000)
        else:
            backup.unlink()
            connection = apsw.Connection(str(backup))
            connection.execute("CREATE TABLE customers (name)")
            connection.close()
        done = await _run(tmp_path / "data", "restore", str(backup))
        assert 1 == done.exit_code
        assert 1 == done.output.count("\n")
        assert before.keys() == {file.name for file in (tmp_path / "data").iterdir()}
        assert before[LOG_NAME] == (tmp_path / "data" / LOG_NAME).read_bytes()


class TestDeepCheck:
    async def test_a_sound_log(self, tmp_path: Path) -> None:
        """Beside a running hub or without one, everything is read and found as it was stored."""
        tmp_path.chmod(0o700)
        log = await _fill(tmp_path / LOG_NAME, "a", "b")
        done = await _run(tmp_path, "check", "--deep")
        assert (0, True) == (done.exit_code, "ok    whole log   3 records are as they were stored" in done.output)
        await log.close()
        assert 0 == (await _run(tmp_path, "check", "--deep")).exit_code

    async def test_where_no_hub_could_run(self, tmp_path: Path, backup: Path) -> None:
        """A shell that has HUB_DATA_DIR alone restores, reads and backs up; that a hub lacks settings is a line."""
        nothing = dict.fromkeys((*ENOUGH, "HUB_PORT"), "")
        assert 0 == (await _run(tmp_path / "data", "restore", str(backup), **nothing)).exit_code
        done = await _run(tmp_path / "data", "check", "--deep", **nothing)
        assert (1, True) == (done.exit_code, done.output.startswith("fail  settings    JWT_SECRET: is missing"))
        assert "ok    whole log   3 records are as they were stored" in done.output
        assert 0 == (await _run(tmp_path / "data", "backup", str(tmp_path / "b.sqlite3"), **nothing)).exit_code

    @pytest.mark.parametrize(
        ("statement", "words"),
        [
            ("UPDATE record SET payload = x'00' WHERE position = 1", "1 stretches of records are damaged"),
            ("UPDATE record SET expires_ms = 1 WHERE position = 2", "1 stretches of records are damaged"),
            ("DELETE FROM record WHERE position = 1", "1 records between positions"),
            ("DELETE FROM target WHERE position = 2", "the index of targets lacks 1 entries"),
            ("UPDATE idempotency SET body = x'00' WHERE position = 2", "1 idempotency keys are damaged"),
            ("UPDATE record SET targets = '[\"e\"]' WHERE position = 3", "1 revocations are damaged"),
            ("DELETE FROM record WHERE control = 1", "1 revocations are missing"),
            ("UPDATE meta SET epoch = 'a2b3c4d5e6'", "it is another log"),
            ("DROP INDEX control", "the tables are not defined as the hub defined them"),
        ],
    )
    async def test_a_line_for_each_thing_that_is_wrong(self, tmp_path: Path, statement: str, words: str) -> None:
        """Exit code 1, and the log is left as it is."""
        log = await _fill(tmp_path / LOG_NAME, "a", "b")
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute(statement)
        connection.close()
        before = (tmp_path / LOG_NAME).read_bytes()
        done = await _run(tmp_path, "check", "--deep")
        assert 1 == done.exit_code
        assert [line for line in done.output.splitlines() if line.startswith("fail  whole log") and words in line]
        assert before == (tmp_path / LOG_NAME).read_bytes()

    @pytest.mark.parametrize(("choice", "state"), [("new-epoch", "warn"), ("refuse", "fail")])
    async def test_the_plain_check_knows_what_a_start_would_do(self, tmp_path: Path, choice: str, state: str) -> None:
        """A log that has less than its mark says: a doubt where it starts all the same, a failure where not."""
        log = await _fill(tmp_path / LOG_NAME, "a")
        await log.append([draft("b")])
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute("DELETE FROM record WHERE position = 3")
        connection.close()
        done = await _run(tmp_path, "check", HUB_ON_DAMAGE=choice)
        assert f"{state}  log         positions 3 to 3 are missing: 1 acknowledged records" in done.output
