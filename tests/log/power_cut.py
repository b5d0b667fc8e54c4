"""Lives of a log on a disk that keeps only what was synced, to be ended with kill -9.

`python -m tests.log.power_cut` reads `FOLDER SYNCHRONOUS SEED` lines and forks a life for each, so that
a life costs no start of Python. A life says its pid, then each acknowledged id with its
position, until it is killed; the server says `dead` once it is gone, after its last word.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import sys
from pathlib import Path

import apsw

from hub.log.port import Appended
from hub.log.sqlite import mark
from hub.log.sqlite.log import open_sqlite_log
from tests.log.engines import Clock, draft

__all__ = ["cut_power"]

_SUFFIX = ".durable"
#: Small, so that cuts meet checkpoints as well as commits.
_CHECKPOINT_BYTES = 96 * 2**10
_PUBLISHERS = 12
_BLOCK_BYTES = 512


class _DurableFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._name = str(name.filename() if isinstance(name, apsw.URIFilename) else name)
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        _keep(self._name)


def _keep(name: str) -> None:
    """Note that what is in the file now is on the disk."""
    partial = name + _SUFFIX + ".partial"
    shutil.copyfile(name, partial)
    os.replace(partial, name + _SUFFIX)


def _keep_marks() -> None:
    """Put the mark's writes on the same disk as SQLite's; they do not go through its VFS."""
    write = mark._write_durably

    def write_and_keep(descriptor: int, line: bytes, offset: int) -> None:
        write(descriptor, line, offset)
        _keep(os.readlink(f"/proc/self/fd/{descriptor}"))

    mark._write_durably = write_and_keep


class _DurableVfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("powercut", "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _DurableFile:
        return _DurableFile(name, flags)


def cut_power(folder: Path, choice: random.Random) -> None:
    """Leave in `folder` what a disk may hold after a power cut.

    What was synced is certain; of each file's later writes none, all, or any blocks may have made it. The
    file itself was made and synced empty; the shared-memory index never was on the disk.
    """
    for file in (folder / "hub.db", folder / "hub.db-wal", folder / "hub.db.mark"):
        durable = Path(str(file) + _SUFFIX)
        synced = durable.read_bytes() if durable.exists() else b""
        written = file.read_bytes() if file.exists() else b""
        file.write_bytes(choice.choice((_none, _all, _any))(synced, written, choice))
    (folder / "hub.db-shm").unlink(missing_ok=True)


def _none(synced: bytes, written: bytes, choice: random.Random) -> bytes:
    return synced


def _all(synced: bytes, written: bytes, choice: random.Random) -> bytes:
    return written


def _any(synced: bytes, written: bytes, choice: random.Random) -> bytes:
    size = max(len(synced), len(written))
    fates = (synced.ljust(size, b"\0"), written.ljust(size, b"\0"))
    return b"".join(choice.choice(fates)[at : at + _BLOCK_BYTES] for at in range(0, size, _BLOCK_BYTES))


async def _live(folder: Path, synchronous: str, seed: int) -> None:
    log = await open_sqlite_log(
        folder / "hub.db",
        now=Clock(),
        retention_s=1e6,
        retention_records=10**6,
        idempotency_s=1e6,
        max_pending=100,
        vfs="powercut",
        synchronous=synchronous,
        checkpoint_bytes=_CHECKPOINT_BYTES,
    )
    numbers = itertools.count()
    choice = random.Random(seed)

    async def publish() -> None:
        while True:
            names = [f"{seed}.{next(numbers)}" for _ in range(choice.choice((1, 1, 1, 5)))]
            results = await log.append([draft(name, key=name.encode()) for name in names])
            said = "".join(f"{result.id} {result.position}\n" for result in results if isinstance(result, Appended))
            os.write(1, said.encode())

    async with asyncio.TaskGroup() as group:
        for _ in range(_PUBLISHERS):
            group.create_task(publish())


def _serve() -> None:
    vfs = _DurableVfs()
    _keep_marks()
    for line in sys.stdin:
        folder, synchronous, seed = line.split()
        pid = os.fork()
        if not pid:
            try:
                asyncio.run(_live(Path(folder), synchronous, int(seed)))
            finally:
                os._exit(1)
        os.write(1, f"pid {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"dead\n")
    vfs.unregister()


if __name__ == "__main__":
    _serve()
