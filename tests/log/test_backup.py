"""A copy of the log is made beside the writer, which does not wait for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hub.log.sqlite.schema import LogFile, close_connection, open_reader
from tests.log.engines import draft
from tests.log.test_sqlite import _open

#: Waiting two seconds for the reader at each checkpoint would take three minutes.
DEADLINE_S = 60.0
CHECKPOINT_BYTES = 2**16


async def test_a_reader_that_stays_holds_no_append_up(tmp_path: Path) -> None:
    """While a backup reads one moment of the log, appends go on; once it is gone, the write-ahead log starts over."""
    log = await _open(tmp_path / "log", checkpoint_bytes=CHECKPOINT_BYTES)
    await log.append([draft("first")])
    reader = open_reader(LogFile(tmp_path / "log"))
    reader.execute("BEGIN")
    assert [(1,)] == reader.execute("SELECT count(*) FROM record").fetchall()
    async with asyncio.timeout(DEADLINE_S):
        for number in range(100):
            await log.append([draft(str(number), payload=b"x" * 2 * CHECKPOINT_BYTES)])
    assert [(1,)] == reader.execute("SELECT count(*) FROM record").fetchall()
    close_connection(reader)
    grown_bytes = (tmp_path / "log-wal").stat().st_size
    assert grown_bytes > 100 * CHECKPOINT_BYTES
    for number in range(100):
        await log.append([draft(f"later {number}", payload=b"x" * 2 * CHECKPOINT_BYTES)])
    # SQLite keeps the file's size and writes from its beginning.
    assert (tmp_path / "log-wal").stat().st_size < 1.2 * grown_bytes
    await log.close()
