"""The log's file: its tables, how a connection to it is set up, and what is refused at the door.

    record       every notification, by position
    target       which positions are for whom; what a replay walks
    idempotency  keys on their own, so that one holds its time even when its record is gone
    meta         one row: the epoch, and the first position that retention has not passed

The newest position needs no row: it is the last record's, or `first - 1` once retention took them
all. So a position is never given twice.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import apsw
import msgspec

from hub.cursor import Epoch, new_epoch
from hub.errors import SettingsError, StorageUnavailable

__all__ = [
    "Extent",
    "LogFile",
    "check_engine",
    "check_newest",
    "close_connection",
    "make_file",
    "open_reader",
    "open_writer",
    "read_extent",
]

#: "hubl"; tells a log from any other SQLite file.
_APPLICATION_ID = 0x6875626C
_SCHEMA_VERSION = 1
#: The first SQLite without the WAL-reset bug (sqlite.org/wal.html, "The WAL-Reset Bug").
_OLDEST_ENGINE = (3, 51, 3)
#: Up to this size every page is checked at the start; above, the newest records alone.
_CHECKED_BYTES = 64 * 2**20
_CHECKED_RECORDS = 1_000
_WRITER_WAIT_MS = 2_000
_READER_WAIT_MS = 5_000

_TABLES = """
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, first INTEGER NOT NULL
) STRICT;
CREATE TABLE record (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, created_s REAL NOT NULL, expires_ms INTEGER,
    control INTEGER NOT NULL, targets TEXT NOT NULL, payload BLOB NOT NULL
) STRICT;
CREATE INDEX control ON record (expires_ms) WHERE control = 1;
CREATE TABLE target (
    target TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (target, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
    position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, id TEXT NOT NULL,
    created_s REAL NOT NULL
) STRICT;
"""


class LogFile(msgspec.Struct, frozen=True):
    """Where the log is and how SQLite treats it; all but `path` differ in tests only."""

    path: Path
    vfs: str | None = None
    synchronous: str = "FULL"
    checkpoint_bytes: int = 8 * 2**20


class Extent(msgspec.Struct, frozen=True):
    """Which positions the file holds: `first` to `head`, in the life called `epoch`."""

    epoch: Epoch
    head: int
    first: int


def check_engine(version: str) -> None:
    """Refuse a SQLite that can corrupt a WAL when a commit meets a checkpoint.

    Raises:
        SettingsError: `version` is older than 3.51.3.
    """
    if tuple(int(part) for part in version.split(".")[:3]) < _OLDEST_ENGINE:
        raise SettingsError(
            f"SQLite {version} has the WAL-reset bug; the log needs 3.51.3 or newer (install apsw >= 3.53)"
        )


def make_file(path: Path) -> None:
    """Make the folder (0700) and the file (0600) where they are missing, durably.

    SQLite gives its -wal and -shm files the mode of the file itself.
    """
    folder = path.parent
    made = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for directory in (folder, folder.parent) if made else (folder,):
        # Without this a power cut could take the file's name, and with it every acknowledged record.
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_writer(file: LogFile) -> apsw.Connection:
    """Return the one connection that writes and checkpoints, on a file that is a sound log of ours.

    Raises:
        SettingsError: the file is damaged, of another schema, or no log at all.
        StorageUnavailable: the file cannot be opened or read.
    """
    try:
        connection = apsw.Connection(str(file.path), vfs=file.vfs)
    except apsw.Error as error:
        raise StorageUnavailable("The log cannot be opened") from error
    try:
        connection.set_busy_timeout(_WRITER_WAIT_MS)
        _check_or_create(connection, file)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        close_connection(connection)
        raise SettingsError(f"HUB_DATA_DIR: {file.path} is damaged; restore a copy, or move it away") from error
    except apsw.Error as error:
        close_connection(connection)
        raise StorageUnavailable("The log cannot be opened") from error
    except BaseException:
        close_connection(connection)
        raise
    return connection


def open_reader(file: LogFile) -> apsw.Connection:
    """Return a connection that can only read."""
    connection = apsw.Connection(str(file.path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=file.vfs)
    connection.set_busy_timeout(_READER_WAIT_MS)
    connection.wal_autocheckpoint(0)
    connection.execute("PRAGMA query_only = ON")
    return connection


def close_connection(connection: apsw.Connection) -> None:
    """Close, whatever the disk says: SQLite may want to checkpoint once more, and its files are let go anyway."""
    with contextlib.suppress(apsw.Error):
        connection.close(True)


def read_extent(connection: apsw.Connection) -> Extent:
    """Return what the file holds now."""
    row = connection.execute(
        "SELECT epoch, first, max(first - 1, coalesce((SELECT max(position) FROM record), 0)) FROM meta"
    ).fetchone()
    if row is None:
        raise apsw.CorruptError("the log has no meta row")
    epoch, first, head = row
    return Extent(Epoch(epoch), head, first)


def check_newest(connection: apsw.Connection, head: int) -> None:
    """Read the newest records through, so that a torn page is met now and not by a replay."""
    connection.execute(
        "SELECT sum(length(r.payload)), count(t.position) FROM record r, json_each(r.targets) j"
        " LEFT JOIN target t ON t.target = j.value AND t.position = r.position WHERE r.position > ?",
        (head - _CHECKED_RECORDS,),
    ).fetchall()


def _check_or_create(connection: apsw.Connection, file: LogFile) -> None:
    application_id = connection.pragma("application_id")
    if application_id != _APPLICATION_ID and (application_id or connection.pragma("schema_version")):
        raise SettingsError(f"HUB_DATA_DIR: {file.path} is not a log of the hub; move it away")
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise SettingsError(f"HUB_DATA_DIR: {file.path} cannot use write-ahead logging; use a local disk")
    # Before the first commit, so that even the tables are made under the promise of the records.
    connection.pragma("synchronous", file.synchronous)
    connection.pragma("cache_size", -16_384)
    connection.pragma("trusted_schema", False)
    connection.wal_autocheckpoint(0)
    if not application_id:
        _create(connection)
    version = connection.pragma("user_version")
    if version != _SCHEMA_VERSION:
        raise SettingsError(
            f"HUB_DATA_DIR: {file.path} has schema {version} and this hub reads schema {_SCHEMA_VERSION};"
            " use the hub that wrote it, or move it away"
        )
    if file.path.stat().st_size <= _CHECKED_BYTES and connection.execute("PRAGMA quick_check(1)").fetchall() != [
        ("ok",)
    ]:
        raise apsw.CorruptError("quick_check found damage")
    check_newest(connection, read_extent(connection).head)


def _create(connection: apsw.Connection) -> None:
    # One transaction: a file without its id is empty, so a cut while creating leaves a file to create again.
    with connection:
        connection.execute(_TABLES)
        connection.execute("INSERT INTO meta VALUES (1, ?, 1)", (new_epoch(),))
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
