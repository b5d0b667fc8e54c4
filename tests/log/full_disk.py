"""Fills a file system with a log, makes room again, and prints what became of it as JSON.

`python -m tests.log.full_disk FOLDER ballast` wants a small file system of its own in FOLDER and puts a
ballast file beside the log; `... limit` limits the size of this process's files instead.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path

import apsw

from hub.errors import StorageUnavailable
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from tests.log.engines import Clock, draft, drain

_LIMIT_BYTES = 2 * 2**20
_BALLAST_BYTES = 4 * 2**20


async def _fill(log: SqliteLog) -> int:
    acked = refused = 0
    while refused < 3:
        try:
            results = await log.append([draft(f"n{number}", payload=b"x" * 500) for number in range(20)])
            acked += len(results)
        except StorageUnavailable:
            refused += 1
    return acked


async def _recover(log: SqliteLog) -> float:
    started_s = time.monotonic()
    async with asyncio.timeout(10):
        while True:
            try:
                await log.append([draft("after")])
                return time.monotonic() - started_s
            except StorageUnavailable:
                await asyncio.sleep(0.05)


async def _main(folder: Path, means: str) -> None:
    path = folder / "hub.db"
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Without this the kernel ends a process that writes beyond the limit.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = await open_sqlite_log(
        path, now=Clock(), retention_s=1e6, retention_records=10**6, idempotency_s=1e6, max_pending=100
    )
    ballast = folder / "ballast"
    if means == "ballast":
        ballast.write_bytes(bytes(_BALLAST_BYTES))
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT_BYTES, unlimited[1]))
    told: dict[str, object] = {"acked": await _fill(log), "replayed_full": len(await drain(log))}
    if means == "ballast":
        ballast.unlink()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    told["recovered_s"] = await _recover(log)
    told["replayed_after"] = len(await drain(log))
    await log.close()
    connection = apsw.Connection(str(path))
    told["integrity"] = connection.pragma("integrity_check")
    connection.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
