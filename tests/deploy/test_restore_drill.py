"""The restore drill passes on a backup that can be restored, fails on one that cannot, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from hub.log.sqlite.backup import back_up_log
from tests.cli.test_restore import _fill
from tests.deploy.test_files import DEPLOY

SCRIPT = DEPLOY / "backup/restore-drill.sh"
DEADLINE_S = 120.0


@pytest.fixture
async def backups(tmp_path: Path) -> Path:
    """A folder with a backup of three records, as the timer leaves it."""
    log = await _fill(tmp_path / "live" / "log.sqlite3", "a", "b")
    (tmp_path / "backups").mkdir()
    back_up_log(tmp_path / "live/log.sqlite3", tmp_path / "backups/hub-20261122-031500Z.sqlite3", now_s=0.0)
    await log.close()
    return tmp_path / "backups"


async def drill(source: Path, scratch: Path, **environ: str) -> tuple[int, str]:
    """Run the script to its end; return its exit code and its last line. Nothing of it is left."""
    scratch.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, source),
        env={
            "PATH": "/usr/bin:/bin",
            "TMPDIR": str(scratch),
            "HUB": str(Path(sys.executable).with_name("hub")),
            # What a real hub's environment would have; the drill must not use it.
            "HUB_DATA_DIR": str(source.parent / "live"),
            "HUB_DIRECTORY_URL": "postgresql://nowhere.invalid/none",
            **environ,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, _ = await process.communicate()
    assert [] == os.listdir(scratch)
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines()[-1]


async def test_a_good_backup_passes(tmp_path: Path, backups: Path) -> None:
    """The newest backup of a folder is restored, served and told apart from the log before it."""
    before = {path.name: path.read_bytes() for path in (tmp_path / "live").iterdir()}
    code, line = await drill(backups, tmp_path / "scratch")
    assert (0, f"restore drill PASSED: {backups}/hub-20261122-031500Z.sqlite3, 3 records") == (code, line)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "live").iterdir()}


async def test_a_damaged_backup_fails(tmp_path: Path, backups: Path) -> None:
    """One flipped byte of a record is enough."""
    (backup,) = backups.iterdir()
    content = backup.read_bytes()
    at = content.index(b'{"id":"a"}')
    backup.write_bytes(content[:at] + b"[" + content[at + 1 :])
    code, line = await drill(backup, tmp_path / "scratch")
    assert (1, f"restore drill FAILED: {backup} cannot be restored") == (code, line)


async def test_an_old_backup_fails(tmp_path: Path, backups: Path) -> None:
    """Backups that stopped being made are noticed, as is a folder without any."""
    (backup,) = backups.iterdir()
    then_s = backup.stat().st_mtime - 49 * 3_600
    os.utime(backup, (then_s, then_s))
    assert (1, f"restore drill FAILED: {backup} is older than 48 hours") == await drill(backups, tmp_path / "scratch")
    code, _ = await drill(backups, tmp_path / "scratch", DRILL_MAX_AGE_HOURS="50")
    assert 0 == code
    backup.unlink()
    assert (1, f"restore drill FAILED: there is no backup in {backups}") == await drill(backups, tmp_path / "scratch")
