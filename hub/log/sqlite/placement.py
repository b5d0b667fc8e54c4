"""Putting another file in the log's place: the old ones are kept aside, and a power cut at any moment is noticed."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import apsw
import msgspec

from hub.cursor import new_epoch
from hub.log.port import Record
from hub.log.sqlite.checksum import checksum_head, checksum_key, checksum_record
from hub.log.sqlite.mark import mark_path
from hub.log.sqlite.schema import LogFile, close_connection, create_tables, open_writer, sync_folder
from hub.log.sqlite.state import StateRow, insert_rows

__all__ = ["aside_folder", "begin_epoch", "clear_away", "move_aside", "put_in_place", "write_anew"]


def begin_epoch(connection: apsw.Connection) -> None:
    """Give the log another epoch, after all it holds: no cursor that was given before fits it any more."""
    connection.execute(
        "UPDATE meta SET epoch = ?, since = max(first - 1, coalesce((SELECT max(position) FROM record), 0))",
        (new_epoch(),),
    )
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def write_anew(
    file: LogFile,
    *,
    first: int,
    controls: list[Record],
    keys: list[tuple[int, bytes, bytes, bytes, int]],
    states: list[StateRow],
    now_s: float,
) -> None:
    """Make a new log in `file` that holds these control records, from position `first` on, keys and rows of state.

    A control record counts as stored now: it is kept for as long as it is good, from now on.
    """
    file.path.unlink(missing_ok=True)
    connection = open_writer(file)
    try:
        create_tables(connection, first=first)
        with connection:
            for position, record in enumerate(controls, start=first):
                _insert_control(connection, position, record, round(now_s * 1000))
            for position, key, body_digest, identifier, created_ms in keys:
                checksum = checksum_key(position, key, body_digest, identifier, created_ms)
                connection.execute(
                    "INSERT OR IGNORE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                    (position, key, body_digest, identifier.decode(), created_ms / 1000, checksum),
                )
            insert_rows(connection, states)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        close_connection(connection)
    os.chmod(file.path, 0o600)


def aside_folder(path: Path, word: str, now_s: float) -> Path:
    """Make and return a folder beside the log for the files that were there: `log.sqlite3.WORD-20261122-101500`."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_s))
    for number in range(1, 1_000):
        folder = path.with_name(f"{path.name}.{word}-{stamp}" + (f".{number}" if number > 1 else ""))
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder
    raise FileExistsError(f"{path.name}.{word}-{stamp}")


def put_in_place(prepared: Path, path: Path, aside: Path) -> None:
    """Move the log at `path` into the folder `aside`, and `prepared` to its place.

    Until the mark is written again, opening the log shows that it is not the mark's.
    """
    if path.exists():
        # A second name, so that there is a file at `path` all the time; first, since a -wal belongs to its file.
        os.link(path, aside / path.name)
    clear_away(path, aside)
    os.replace(prepared, path)
    sync_folder(aside)
    sync_folder(path.parent)


def move_aside(path: Path, word: str, now_s: float) -> Path:
    """Move the log at `path`, with all that belongs to it, into a folder beside it; return that."""
    aside = aside_folder(path, word, now_s)
    clear_away(path, aside)
    for each in (path, mark_path(path)):
        with contextlib.suppress(FileNotFoundError):
            os.replace(each, aside / each.name)
    sync_folder(path.parent)
    return aside


def clear_away(path: Path, aside: Path) -> None:
    """Move the write-ahead log of the log at `path` into the folder `aside`; another file must never meet it."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(f"{path}-wal", aside / f"{path.name}-wal")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}-shm")


def _insert_control(connection: apsw.Connection, position: int, record: Record, created_ms: int) -> None:
    targets = msgspec.json.encode(record.targets)
    expires_ms = None if record.expires_at_s is None else round(record.expires_at_s * 1000)
    identifier = b"%d" % position
    head_sum = checksum_head(position, created_ms, expires_ms, 1, identifier, targets, len(record.payload))
    connection.execute(
        "INSERT INTO record VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
        (
            position,
            identifier.decode(),
            created_ms / 1000,
            expires_ms,
            targets.decode(),
            record.payload,
            checksum_record(head_sum, record.payload),
        ),
    )
    connection.executemany(
        "INSERT INTO target (target, position) VALUES (?, ?)", [(target, position) for target in record.targets]
    )
