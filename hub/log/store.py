"""The writing side of the log's file: transactions, checkpoints, and getting well after a fault.

Used by one thread, the writer. Whatever raises leaves the file as it was before the call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import HubError, SettingsError, StorageUnavailable
from hub.log.batch import Batch
from hub.log.lock import LogLock
from hub.log.port import Appended, Draft, Record
from hub.log.retention import Retention
from hub.log.schema import (
    Extent,
    LogFile,
    check_engine,
    check_newest,
    close_connection,
    make_file,
    open_writer,
    read_extent,
)

__all__ = ["Store", "Stored"]

#: A WAL so many times larger than it should be means that readers never left it alone; then they wait once.
_FORCED_CHECKPOINT = 8


class Stored(msgspec.Struct, frozen=True):
    """What one transaction stored, and the results of each group of drafts."""

    records: list[Record]
    results: list[list[Appended | HubError]]


class Store:
    """The log's file, made where it is missing, and ours alone to write until `finish`.

    Raises:
        SettingsError: another process writes it, it cannot be made, is damaged, of another schema, or no log.
        StorageUnavailable: the file cannot be opened or read.
    """

    def __init__(self, file: LogFile, retention: Retention, announce_first: Callable[[int], None]) -> None:
        self._file = file
        self._retention = retention
        self._announce_first = announce_first
        self._wal_bytes = 0
        self._checkpoint_at_bytes = file.checkpoint_bytes
        self._connection: apsw.Connection | None = None
        check_engine(apsw.sqlite_lib_version())
        try:
            make_file(file.path)
            self._lock = LogLock(file.path)
        except OSError as error:
            raise SettingsError(f"HUB_DATA_DIR: {file.path} cannot be made: {error.strerror}") from error
        try:
            extent = self._open()
        except BaseException:
            self._lock.release()
            raise
        self.epoch: Epoch = extent.epoch
        self.head = extent.head
        self.first = extent.first

    def write(self, groups: Sequence[Sequence[Draft]], now_s: float) -> Stored:
        """Store every group in one transaction and return after it is durable.

        Raises:
            apsw.Error: the file failed; nothing may be acknowledged.
            Exception: a draft holds something that cannot be stored.
        """
        connection = self._usable()
        try:
            connection.execute("BEGIN IMMEDIATE")
            batch = Batch(connection, groups, head=self.head, now_s=now_s, spent=self._spent)
            batch.store()
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.head = batch.head
        return Stored(batch.records, batch.results)

    def purge(self, now_s: float) -> bool:
        """Let go of one slice of what is due and return whether more is.

        Raises:
            apsw.Error: the file failed; nothing was taken.
        """
        try:
            purged = self._retention.purge(
                self._usable(),
                first=self.first,
                head=self.head,
                now_s=now_s,
                clock=self._clock,
                announce_first=self._announce_first,
            )
        except BaseException:
            self._roll_back()
            raise
        self.first = purged.first
        self._spent = self._clock.head_before(self._retention.idempotency_s)
        return purged.more

    def checkpoint(self) -> None:
        """Move the WAL into the file once it has grown enough.

        Raises:
            apsw.Error: the file failed; everything is still in the WAL.
        """
        if self._wal_bytes < self._checkpoint_at_bytes:
            return
        # Set first: should it fail or stop short, the next try comes after as much again, not after each commit.
        self._checkpoint_at_bytes = self._wal_bytes + self._file.checkpoint_bytes
        forced = self._wal_bytes >= _FORCED_CHECKPOINT * self._file.checkpoint_bytes
        mode = apsw.SQLITE_CHECKPOINT_RESTART if forced else apsw.SQLITE_CHECKPOINT_PASSIVE
        # Busy: readers are in the WAL, and the next try finds them gone.
        with contextlib.suppress(apsw.BusyError):
            in_wal, moved = self._usable().wal_checkpoint(mode=mode)
            if in_wal == moved:
                self._checkpoint_at_bytes = self._file.checkpoint_bytes

    def reopen(self) -> None:
        """Give up the connection and take a new one, proven able to write.

        A commit whose fsync failed may be in the page cache and not on disk, and the kernel counts those
        pages as clean. The complete checkpoint writes them anew; without it, later commits would stand on
        frames that a power cut takes away.

        Raises:
            HubError: the file cannot be opened, or acknowledged records are missing from it.
            apsw.Error: the file still fails.
        """
        self._close()
        extent = self._open()
        if extent.head < self.head or extent.epoch != self.epoch:
            raise StorageUnavailable("The log has lost acknowledged records; restore the file it had")
        connection = self._usable()
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        check_newest(connection, extent.head)
        connection.execute("UPDATE meta SET first = first")
        self._checkpoint_at_bytes = self._file.checkpoint_bytes
        self.head, self.first = extent.head, extent.first

    def finish(self) -> None:
        """Move the whole WAL into the file, close, and let another process write.

        Raises:
            apsw.Error: the file failed; what was acknowledged is in the WAL, and the next start finds it.
        """
        try:
            if self._connection is not None:
                with contextlib.suppress(apsw.Error), self._connection:
                    self._clock.note(self.head)
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._close()
            self._lock.release()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close_connection(connection)

    def _open(self) -> Extent:
        connection = open_writer(self._file)
        try:
            extent = read_extent(connection)
            page_bytes = int(connection.pragma("page_size"))
            self._clock = self._retention.make_clock(connection)
            # Keys up to here are past their time, whether they are still there or not.
            self._spent = self._clock.head_before(self._retention.idempotency_s)
        except BaseException:
            close_connection(connection)
            raise

        def note_wal(connection: apsw.Connection, database: str, pages: int) -> int:
            self._wal_bytes = pages * page_bytes
            return apsw.SQLITE_OK

        connection.set_wal_hook(note_wal)
        self._connection = connection
        return extent

    def _usable(self) -> apsw.Connection:
        if self._connection is None:
            raise apsw.ConnectionClosedError("the log's file was given up")
        return self._connection

    def _roll_back(self) -> None:
        # A fault mostly ends the transaction by itself; where even this fails, the connection is given up anyway.
        with contextlib.suppress(apsw.Error):
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
