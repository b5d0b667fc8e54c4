"""The writing side of the log's file: transactions, checkpoints, and recovery after a fault.

Used by one thread, the writer. Whatever raises leaves the file as it was before the call.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import IdempotencyConflict, SettingsError, StorageUnavailable
from hub.histogram import Histogram
from hub.log.port import Appended, Draft, Erased, Placed, Record
from hub.log.sqlite.applied import split_runs
from hub.log.sqlite.audit import check_newest
from hub.log.sqlite.batch import Batch, prepare_writing
from hub.log.sqlite.erasure import Erasure
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.mark import Mark, MarkFile, mark_path
from hub.log.sqlite.opening import OnDamage, open_log
from hub.log.sqlite.renewal import Renewals
from hub.log.sqlite.retention import Retention, delete_records
from hub.log.sqlite.schema import (
    WRITER_WAIT_MS,
    LogFile,
    check_engine,
    close_connection,
    open_writer,
    read_extent,
)
from hub.log.sqlite.watch import FileWatch

__all__ = ["FilesChanged", "Store", "Stored"]

#: A WAL so many times larger than it should be means that readers never left it alone; then they wait once.
_FORCED_CHECKPOINT = 8
#: How long: a reader reads a page and is gone, but a backup stays while it copies, and publishes wait meanwhile.
_FORCED_WAIT_MS = 100


class Stored(msgspec.Struct, frozen=True):
    """What one transaction stored, and the results of each group of drafts."""

    records: list[Record]
    results: list[list[Appended | IdempotencyConflict]]


class FilesChanged(Exception):
    """Somebody deleted, moved, replaced or wrote a file of the log; the text says which."""


class Store:
    """The log's file, made where it is missing, and ours alone to write until `finish`.

    Raises:
        SettingsError: another process writes it, it cannot be made, is damaged, of another schema, or no log.
        StorageUnavailable: the file cannot be opened or read.
    """

    def __init__(
        self,
        file: LogFile,
        retention: Retention,
        announce_first: Callable[[int], None],
        *,
        on_damage: OnDamage,
        fsyncs: Mapping[str, Histogram],
        now_s: float,
    ) -> None:
        self._fsyncs = fsyncs
        self._file = file
        self._retention = retention
        self._announce_first = announce_first
        self._wal_bytes = 0
        self._checkpoint_at_bytes = file.checkpoint_bytes
        self._forced_at_bytes = _FORCED_CHECKPOINT * file.checkpoint_bytes
        self._connection: apsw.Connection | None = None
        #: Of a mirror alone.
        self._renewals: Renewals | None = None
        #: Returns once no other thread writes a mark.
        self.settle: Callable[[], None] = lambda: None
        check_engine(apsw.sqlite_lib_version())
        try:
            file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = LogLock(file.path)
        except OSError as error:
            way_out = "give a folder that the hub's user may write, such as /var/lib/hub"
            raise SettingsError(f"HUB_DATA_DIR: {file.path} cannot be made: {_say(error)} ({way_out})") from error
        try:
            opened = open_log(file, on_damage, now_s)
        except BaseException:
            self._lock.release()
            raise
        self._mark: MarkFile = opened.mark
        self._inode = file.path.stat().st_ino
        self._extent = opened.extent
        self.epoch: Epoch = opened.extent.epoch
        self.head = opened.extent.head
        self.first = opened.extent.first
        self._controls = opened.extent.controls
        self._watch = FileWatch(file.path)
        try:
            self._use(opened.connection)
            # A first write makes the -wal and the -shm, whose names are watched from here on.
            opened.connection.execute("UPDATE meta SET first = first")
            self._watch.note_open()
        except BaseException:
            self._close()
            self._mark.close()
            self._lock.release()
            raise

    def write(self, groups: Sequence[Sequence[Draft]], now_s: float) -> Stored:
        """Store every group in one transaction and return after it is durable; `mark` has to be, too.

        Raises:
            apsw.Error: the file failed; nothing may be acknowledged.
            Exception: a draft holds something that cannot be stored.
        """
        connection = self._usable()
        try:
            batch = Batch(
                connection,
                groups,
                head=self.head,
                unchecked=self._extent.unchecked,
                now_s=now_s,
                spent=self._spent,
            )
            began_s = time.monotonic()
            batch.store()
            self._fsyncs["log"].observe(time.monotonic() - began_s)
        except BaseException:
            self._roll_back()
            raise
        self.head = batch.head
        self._controls += batch.controls
        return Stored(batch.records, batch.results)

    def apply(self, groups: Sequence[Sequence[Placed]]) -> Stored:
        """Store records at the positions that a stream gave them; those that are there already are left out.

        Where positions are missing between two of them, the stream no longer has what was there, nor what was before.

        Raises:
            apsw.Error: the file failed.
        """
        connection = self._usable()
        records: list[Record] = []
        for run in split_runs(
            [each for placed in groups for each in placed if each.position > self.head or not each.draft]
        ):
            try:
                if run[0].position > (self.first if run[0].draft is None else self.head + 1):
                    self._skip_to(connection, run[0].position)
                if run[0].draft is None:
                    continue
                assert self._renewals is not None
                batch = self._renewals.store(run)
            except BaseException:
                self._roll_back()
                raise
            self.head = batch.head
            self._controls += batch.controls
            records += batch.records
        return Stored(records, [[] for _ in groups])

    @property
    def mark(self) -> Mark:
        """The mark that says what the file holds.

        It is for `write_mark` after the commit, for a mark ahead of the file would be taken for a loss; and before
        anything is acknowledged, for a mark behind it would hide one.
        """
        return Mark(self.epoch, self.head, self._controls, self._inode)

    def write_mark(self, mark: Mark) -> None:
        """Put the mark on disk; the one thing that another thread may do, and until `settle` returns.

        Raises:
            OSError: it may not be there.
        """
        began_s = time.monotonic()
        self._mark.write(mark)
        self._fsyncs["mark"].observe(time.monotonic() - began_s)

    def purge(self, now_s: float) -> bool:
        """Delete one slice of what is due and return whether more is.

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
                announce_controls=self._let_controls_go,
            )
            more = self._renewals is not None and self._renewals.purge(purged.first, self._let_controls_go)
        except BaseException:
            self._roll_back()
            raise
        self.first = purged.first
        self._spent = self._clock.head_before(self._retention.idempotency_s)
        return purged.more or more

    def erase(self, erasure: Erasure) -> Erased | None:
        """Take one slice of an erasure; return what it came to once it is done.

        Raises:
            apsw.Error: the file failed; what the slice did is undone.
        """
        try:
            erased = erasure.step(self._usable())
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._watch.note_write()
        if erased is not None and erased.final:
            self._watch.note_emptied()
        return erased

    def checkpoint(self) -> None:
        """Move the WAL into the file once it has grown enough.

        Raises:
            apsw.Error: the file failed; everything is still in the WAL.
        """
        if self._wal_bytes < self._checkpoint_at_bytes:
            return
        # Set first: should it fail or stop short, the next try comes after as much again, not after each commit.
        self._checkpoint_at_bytes = self._wal_bytes + self._file.checkpoint_bytes
        forced = self._wal_bytes >= self._forced_at_bytes
        mode = apsw.SQLITE_CHECKPOINT_RESTART if forced else apsw.SQLITE_CHECKPOINT_PASSIVE
        connection = self._usable()
        if forced:
            connection.set_busy_timeout(_FORCED_WAIT_MS)
        try:
            in_wal, moved = connection.wal_checkpoint(mode=mode)
            if in_wal == moved:
                self._checkpoint_at_bytes = self._file.checkpoint_bytes
                self._forced_at_bytes = _FORCED_CHECKPOINT * self._file.checkpoint_bytes
        except apsw.BusyError:
            # Readers are in the WAL, and the next try finds them gone; one that stays is not waited for each time.
            self._forced_at_bytes = 2 * self._wal_bytes
        finally:
            if forced:
                connection.set_busy_timeout(WRITER_WAIT_MS)
            self._watch.note_write()

    def check_files(self) -> None:
        """Look whether the files are still where and what they were.

        Raises:
            FilesChanged: they are not.
        """
        if (trouble := self._watch.find_trouble()) is not None:
            raise FilesChanged(trouble)

    def save_what_is_open(self) -> None:
        """Bring into the log's file, if that is in its place, what another one that is gone still holds.

        The write-ahead log stays readable for a process that has it open, though its name was deleted.
        """
        self.settle()
        with contextlib.suppress(apsw.Error, OSError):
            if self._connection is not None and self._watch.is_file_in_place():
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
                self._watch.note_write()
                if not mark_path(self._file.path).exists():
                    mark_file = MarkFile(self._file.path)
                    mark_file.write(self.mark)
                    mark_file.close()

    def reopen(self) -> None:
        """Drop the connection and open a new one, proven able to write.

        A commit whose fsync failed may be in the page cache and not on disk, and the kernel counts those
        pages as clean. The complete checkpoint writes them anew; without it, later commits would stand on
        frames that a power cut takes away.

        Raises:
            HubError: the file cannot be opened, or acknowledged records are missing from it.
            FilesChanged: the files are not those that were opened; nothing was touched.
            apsw.Error, OSError: the file still fails.
        """
        self.settle()
        self.check_files()
        self._close()
        connection = open_writer(self._file)
        self._use(connection)
        extent = read_extent(connection)
        if extent.head < self.head or extent.epoch != self.epoch:
            raise StorageUnavailable("The log has lost acknowledged records; restore the file it had")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        if any(defect.spoils_file for defect in check_newest(connection, extent)):
            raise StorageUnavailable("The log's newest record is damaged; restart the hub")
        connection.execute("UPDATE meta SET first = first")
        self.head, self.first, self._controls = extent.head, extent.first, extent.controls
        self._mark.write(self.mark)
        self._watch.note_open()
        self._checkpoint_at_bytes = self._file.checkpoint_bytes

    def finish(self) -> None:
        """Move the whole WAL into the file, close, and let another process write.

        Raises:
            apsw.Error, FilesChanged: what was acknowledged is in the WAL, and the next start finds it there.
        """
        try:
            if self._connection is not None:
                self.check_files()
                with contextlib.suppress(apsw.Error), self._connection:
                    self._clock.note(self.head)
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except BaseException:
            self._leave_alone()
            raise
        finally:
            self._close()
            self._mark.close()
            self._lock.release()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._watch.note_close()
        if connection is not None:
            close_connection(connection)

    def _leave_alone(self) -> None:
        # The last connection that closes would write into what has the file's name now, and delete its -wal.
        if self._connection is not None:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def _use(self, connection: apsw.Connection) -> None:
        page_bytes = int(connection.pragma("page_size"))
        self._clock = self._retention.make_clock(connection)
        # Keys up to here are past their time, whether they are still there or not.
        self._spent = self._clock.head_before(self._retention.idempotency_s)

        def note_wal(connection: apsw.Connection, database: str, pages: int) -> int:
            self._wal_bytes = pages * page_bytes
            return apsw.SQLITE_OK

        prepare_writing(connection)
        if self._file.is_mirror:
            self._renewals = Renewals(connection)
        connection.set_wal_hook(note_wal)
        self._connection = connection

    def _skip_to(self, connection: apsw.Connection, position: int) -> None:
        self._announce_first(position)
        connection.execute("BEGIN IMMEDIATE")
        delete_records(connection, self.first, position)
        if position > self.head + 1 and self._renewals is not None:
            self._renewals.skip(position)
        connection.execute("UPDATE meta SET first = ?", (position,))
        connection.execute("COMMIT")
        self.first, self.head = position, max(self.head, position - 1)

    def _let_controls_go(self, count: int) -> None:
        # First, so that a mark that counts them still is never met by a log without them.
        self.settle()
        self._controls -= count
        self._mark.write(self.mark)

    def _usable(self) -> apsw.Connection:
        if self._connection is None:
            raise apsw.ConnectionClosedError("the connection to the log was dropped")
        return self._connection

    def _roll_back(self) -> None:
        # A fault mostly ends the transaction by itself; where even this fails, the connection is dropped anyway.
        with contextlib.suppress(apsw.Error):
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
                if self._renewals is not None:
                    self._renewals.reload()


def _say(error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file stands where its folder would be"
    return error.strerror or type(error).__name__
