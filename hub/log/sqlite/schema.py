"""The log's file: its tables, how a connection to it is set up, and which files are refused.

    record       everything, by position; `control` is its kind (`hub.log.port.Kind`)
    target       which positions are for whom; what a replay walks. For an inbox, which counts without a look at the
                 records, also a digest of the notification's type and id, and when it expires. The digest is -1 for
                 what is not a notification, and NULL where none was written: then only the record says what it is.
                 A superseded record is under `superseded_target` of its targets, where nobody looks
    state        what the records have changed, as it is now: one row for each owner and key, by the record that put it
    idempotency  keys on their own, so that one holds its time even when its record is gone
    meta         one row: the epoch, the first position that retention has not passed, `since`: the epoch began after
                 this position, and `unchecked`: rows up to this one may have no checksum, a hub of schema 1 wrote them

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
    "LOG_NAME",
    "SCHEMA_VERSION",
    "WRITER_WAIT_MS",
    "Extent",
    "LogFile",
    "NotALog",
    "bring_up_to_date",
    "check_engine",
    "close_connection",
    "create_tables",
    "expected_schemas",
    "has_mark",
    "is_empty",
    "is_outdated",
    "make_file",
    "open_reader",
    "open_writer",
    "read_extent",
    "read_life",
    "read_schema",
    "sync_folder",
]

#: The log's file in the data folder.
LOG_NAME = "log.sqlite3"
#: "hubl"; tells a log from any other SQLite file.
_APPLICATION_ID = 0x6875626C
SCHEMA_VERSION = 3
#: The first schema with checksums, and with a mark beside the log.
_CHECKED_SCHEMA = 2
#: The first SQLite without the WAL-reset bug (sqlite.org/wal.html, "The WAL-Reset Bug").
_OLDEST_ENGINE = (3, 51, 3)
#: How long the writer waits for another connection.
WRITER_WAIT_MS = 2_000
_READER_WAIT_MS = 5_000
#: Clients that come back together read the same stretch of the log; each record is on a page of its own, at worst.
_READER_CACHE_KIB = 6_144

_TABLES = """
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, first INTEGER NOT NULL,
    since INTEGER NOT NULL DEFAULT 0, unchecked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE record (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, created_s REAL NOT NULL, expires_ms INTEGER,
    control INTEGER NOT NULL, targets TEXT NOT NULL, payload BLOB NOT NULL, checksum INTEGER
) STRICT;
CREATE INDEX control ON record (expires_ms) WHERE control = 1;
CREATE TABLE target (
    target TEXT NOT NULL, position INTEGER NOT NULL, digest INTEGER, expires_ms INTEGER, PRIMARY KEY (target, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (
    position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL, id TEXT NOT NULL,
    created_s REAL NOT NULL, checksum INTEGER
) STRICT;
"""
#: Rows are few beside those of the other tables, and each is a unit of its own, as an idempotency key is.
_STATE = """
CREATE TABLE state (
    position INTEGER NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    person TEXT, ends INTEGER, checksum INTEGER NOT NULL, PRIMARY KEY (position, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX state_key ON state (owner, key);
CREATE INDEX state_person ON state (person) WHERE person IS NOT NULL;
CREATE INDEX state_ends ON state (ends) WHERE ends IS NOT NULL;
"""
# Columns alone, so that it takes the same moment whatever the log holds: the rows there are stay as they are.
_FROM_SCHEMA_1 = """
ALTER TABLE record ADD COLUMN checksum INTEGER;
ALTER TABLE idempotency ADD COLUMN checksum INTEGER;
ALTER TABLE meta ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN unchecked INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET unchecked = max(first - 1, coalesce((SELECT max(position) FROM record), 0));
"""
_FROM_SCHEMA_2 = f"""
ALTER TABLE target ADD COLUMN digest INTEGER;
ALTER TABLE target ADD COLUMN expires_ms INTEGER;
{_STATE}
"""

_TABLES_2 = _TABLES.replace(" digest INTEGER, expires_ms INTEGER,", "")
_TABLES_1 = _TABLES_2.replace(
    ",\n    since INTEGER NOT NULL DEFAULT 0, unchecked INTEGER NOT NULL DEFAULT 0", ""
).replace(", checksum INTEGER", "")


class LogFile(msgspec.Struct, frozen=True):
    """Where the log is and how SQLite treats it, which differs in tests and in mirrors only.

    `epoch` and `first` are those of a log that is made here; without them it begins a life of its own, at 1. A mirror
    stores what a stream has given a position, and can be made again from that: it is not made durable. One that is made
    `partial_upto` a position lacks the state from before its first one (`hub.log.sqlite.renewal`).
    """

    path: Path
    vfs: str | None = None
    synchronous: str = "FULL"
    checkpoint_bytes: int = 8 * 2**20
    epoch: Epoch | None = None
    first: int = 1
    is_mirror: bool = False
    partial_upto: int = 0

    def measure_bytes(self) -> int:
        """Return what the file and those beside it take of the disk."""
        size_bytes = 0
        for each in self.path.parent.glob(f"{self.path.name}*"):
            with contextlib.suppress(FileNotFoundError):  # SQLite removes a file of its own at any moment.
                size_bytes += each.stat().st_size
        return size_bytes


class Extent(msgspec.Struct, frozen=True):
    """Which positions the file holds: `first` to `head`, in the life called `epoch`, which began after `since`.

    Rows up to `unchecked` may have no checksum. `controls` is how many control records there are.
    """

    epoch: Epoch
    head: int
    first: int
    since: int = 0
    unchecked: int = 0
    controls: int = 0


class NotALog(SettingsError):
    """The file is not a database, or not a log of the hub."""


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
        sync_folder(directory)


def sync_folder(folder: Path) -> None:
    """Return once the names in `folder` are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_writer(file: LogFile) -> apsw.Connection:
    """Return the one connection that writes and checkpoints, on a file that is a log of ours or empty.

    The tables of an empty one, and what another schema lacks, are not made yet: see `is_empty`, `create_tables` and
    `bring_up_to_date`.

    Raises:
        NotALog: it is not a database, or not a log of the hub.
        apsw.CorruptError: the file is damaged.
        SettingsError: it is of a newer schema, or where no log can be.
        StorageUnavailable: the file cannot be opened or read.
    """
    try:
        connection = apsw.Connection(str(file.path), vfs=file.vfs)
    except apsw.Error as error:
        raise StorageUnavailable("The log cannot be opened") from error
    try:
        connection.set_busy_timeout(WRITER_WAIT_MS)
        _prepare(connection, file)
    except apsw.NotADBError:
        close_connection(connection)
        raise NotALog(f"HUB_DATA_DIR: {file.path} is damaged, or not a log of the hub; move it away") from None
    except apsw.CorruptError:
        close_connection(connection)
        raise
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
    # Where no hub runs it is the last to close, and would move the -wal into the file: what is damaged stays as it is.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.set_busy_timeout(_READER_WAIT_MS)
    connection.wal_autocheckpoint(0)
    connection.pragma("cache_size", -_READER_CACHE_KIB)
    connection.execute("PRAGMA query_only = ON")
    return connection


def close_connection(connection: apsw.Connection) -> None:
    """Close, whatever the disk says: SQLite may try a last checkpoint, and its files are closed anyway."""
    with contextlib.suppress(apsw.Error):
        connection.close(True)


def read_extent(connection: apsw.Connection) -> Extent:
    """Return what the file holds now.

    Raises:
        apsw.CorruptError: it does not say.
    """
    row = connection.execute(
        "SELECT CAST(epoch AS BLOB), CAST(first AS INTEGER), CAST(since AS INTEGER), CAST(unchecked AS INTEGER),"
        " max(first - 1, coalesce((SELECT max(position) FROM record), 0)),"
        " (SELECT count(*) FROM record WHERE control = 1) FROM meta"
    ).fetchone()
    if row is None:
        raise apsw.CorruptError("the log has no meta row")
    epoch, first, since, unchecked, head, controls = msgspec.convert(row, tuple[bytes, int, int, int, int, int])
    return Extent(Epoch(epoch.decode("ascii", "replace")), head, first, since, unchecked, controls)


def read_life(connection: apsw.Connection) -> tuple[Epoch, int]:
    """Return the epoch and the newest position, of a file of any schema."""
    row = connection.execute(
        "SELECT CAST(epoch AS BLOB), max(first - 1, coalesce((SELECT max(position) FROM record), 0)) FROM meta"
    ).fetchone()
    epoch, head = msgspec.convert(row, tuple[bytes, int])
    return Epoch(epoch.decode("ascii", "replace")), head


def is_empty(connection: apsw.Connection) -> bool:
    """Whether the file has no tables yet."""
    return not connection.pragma("application_id")


def is_outdated(connection: apsw.Connection) -> bool:
    """Whether a hub of an earlier schema wrote the file last."""
    return bool(connection.pragma("user_version") < SCHEMA_VERSION)


def has_mark(connection: apsw.Connection) -> bool:
    """Whether the hub that wrote the file last also wrote a mark beside it."""
    return bool(connection.pragma("user_version") >= _CHECKED_SCHEMA)


def create_tables(connection: apsw.Connection, *, first: int = 1, epoch: Epoch | None = None) -> None:
    """Make an empty log whose first position will be `first`, in a life of its own unless `epoch` says which."""
    # One transaction: a file without its id is empty, so a cut while creating leaves a file to create again.
    with connection:
        connection.execute(_TABLES + _STATE)
        connection.execute("INSERT INTO meta VALUES (1, ?, ?, ?, 0)", (epoch or new_epoch(), first, first - 1))
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def bring_up_to_date(connection: apsw.Connection) -> None:
    """Give a file of an earlier schema what it lacks; the caller begins and commits."""
    if connection.pragma("user_version") < _CHECKED_SCHEMA:
        connection.execute(_FROM_SCHEMA_1)
    connection.execute(_FROM_SCHEMA_2)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def read_schema(connection: apsw.Connection) -> list[tuple[str, str]]:
    """Return the name and the text of every table and index, in order."""
    found = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").fetchall()
    return msgspec.convert(found, list[tuple[str, str]])


def expected_schemas() -> list[list[tuple[str, str]]]:
    """Return what `read_schema` may find: in a file that began in this schema, or in an earlier one."""
    schemas = []
    for script in (_TABLES + _STATE, _TABLES_2 + _FROM_SCHEMA_2, _TABLES_1 + _FROM_SCHEMA_1 + _FROM_SCHEMA_2):
        connection = apsw.Connection(":memory:")
        connection.execute(script)
        schemas.append(read_schema(connection))
        connection.close()
    return schemas


def _prepare(connection: apsw.Connection, file: LogFile) -> None:
    application_id = connection.pragma("application_id")
    if application_id != _APPLICATION_ID and (application_id or connection.pragma("schema_version")):
        raise NotALog(f"HUB_DATA_DIR: {file.path} is not a log of the hub; move it away")
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise SettingsError(f"HUB_DATA_DIR: {file.path} cannot use write-ahead logging; use a local disk")
    # Before the first commit, so that even the tables are made under the promise of the records.
    connection.pragma("synchronous", file.synchronous)
    connection.pragma("cache_size", -16_384)
    connection.pragma("trusted_schema", False)
    connection.wal_autocheckpoint(0)
    # What a change of a page leaves behind is overwritten where that page is written anyway: an erasure then has to
    # look after free pages alone (`hub/log/sqlite/erasure.py`).
    connection.pragma("secure_delete", "FAST")
    version = connection.pragma("user_version")
    if application_id and not 1 <= version <= SCHEMA_VERSION:
        raise SettingsError(
            f"HUB_DATA_DIR: {file.path} has schema {version} and this hub reads schema {SCHEMA_VERSION};"
            " use the hub that wrote it, or move it away"
        )
