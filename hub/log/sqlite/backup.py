"""A copy of the log at one moment, beside a running hub or without one: checked whole before it gets its name."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import SettingsError
from hub.log.sqlite.audit import check_all, compare_with_mark
from hub.log.sqlite.mark import Mark, read_mark
from hub.log.sqlite.schema import (
    Extent,
    LogFile,
    bring_up_to_date,
    check_engine,
    close_connection,
    is_empty,
    is_outdated,
    open_reader,
    read_extent,
    sync_folder,
)

__all__ = ["BACKUP_NAMES", "BackedUp", "back_up_log", "name_backup", "remove_old_backups"]

#: What `name_backup` gives, as a pattern of the file system.
BACKUP_NAMES = "hub-[0-9]*Z.sqlite3"
_PARTIAL = ".hub-backup-{}.partial"
#: A copy that nobody wrote to for so long was left by a command that was killed.
_STALE_S = 86_400.0
#: Copied at a time; one moment of the log is held all along.
_STEP_PAGES = 1_000
#: Only this process knows the copy's name, and network file systems lock badly.
_UNLOCKED_VFS = "unix-none"


class BackedUp(msgspec.Struct, frozen=True):
    """The backup, and what is in it: `first` to `head` in the life `epoch`, with so many revocations."""

    path: Path
    epoch: Epoch
    first: int
    head: int
    revocations: int
    size_bytes: int


def name_backup(now_s: float) -> str:
    """Return a name for a backup of this second; names sort by time."""
    return time.strftime("hub-%Y%m%d-%H%M%SZ.sqlite3", time.gmtime(now_s))


def back_up_log(path: Path, target: Path, *, now_s: float) -> BackedUp:
    """Copy the log at `path` to `target`, a new file; the log is only read, whether a hub writes it or not.

    What was acknowledged before the call is in the copy. The copy is read whole, and is on disk before it gets its
    name: a file called `target` is always a whole backup.

    Raises:
        SettingsError: there is no log, it is damaged, `target` exists, or the copy cannot be written.
    """
    check_engine(apsw.sqlite_lib_version())
    if not path.is_file() or not path.stat().st_size:
        raise SettingsError(f"{path} cannot be backed up: there is no such log, or nothing in it")
    if os.path.lexists(target):
        raise SettingsError(f"{target} exists already; a backup replaces no file")
    if not target.parent.is_dir():
        raise SettingsError(f"{target} cannot be written: there is no folder {target.parent}")
    try:
        with _partial_file(target.parent, now_s) as partial:
            mark = read_mark(path)
            copied = _copy(path, partial)
            extent = _check(path, partial, copied, mark if mark == read_mark(path) else _head_alone(mark))
            size_bytes = partial.stat().st_size
            _sync(partial)
            _give_name(partial, target)
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror}") from error
    return BackedUp(target, extent.epoch, extent.first, extent.head, extent.controls, size_bytes)


def remove_old_backups(folder: Path, *, keep: int) -> list[Path]:
    """Remove all but the newest `keep` of the backups in `folder` that `name_backup` named; return the removed ones.

    Raises:
        SettingsError: one cannot be removed.
    """
    old = sorted(folder.glob(BACKUP_NAMES))[:-keep]
    try:
        for path in old:
            path.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise SettingsError(f"old backups in {folder} cannot be removed: {error.strerror}") from error
    return old


@contextlib.contextmanager
def _partial_file(folder: Path, now_s: float) -> Iterator[Path]:
    """Make an empty file for the copy; at the end nothing is left under its name."""
    for stale in folder.glob(_PARTIAL.format("*")):
        with contextlib.suppress(FileNotFoundError):
            if stale.stat().st_mtime < now_s - _STALE_S:
                stale.unlink()
    partial = folder / _PARTIAL.format(os.getpid())
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield partial
    finally:
        for name in (partial, Path(f"{partial}-journal"), Path(f"{partial}-wal")):
            name.unlink(missing_ok=True)


def _copy(path: Path, partial: Path) -> Extent:
    """Copy the log as it is at one moment, and return what it holds then."""
    try:
        source = open_reader(LogFile(path))
        try:
            # Everything below reads as of here: a hub that writes all the time would start the copy over for ever.
            source.execute("BEGIN")
            if is_empty(source):
                raise SettingsError(f"{path} is not a log of the hub, or is empty")
            copy = apsw.Connection(str(partial), vfs=_UNLOCKED_VFS)
            try:
                # Nobody needs half a copy: it is synced once, at the end.
                copy.pragma("journal_mode", "OFF")
                copy.pragma("synchronous", "OFF")
                with copy.backup("main", source, "main") as backup:
                    while not backup.done:
                        backup.step(_STEP_PAGES)
            finally:
                close_connection(copy)
            return _read_extent(source)
        finally:
            close_connection(source)
    except (apsw.CorruptError, apsw.NotADBError, msgspec.MsgspecError, UnicodeError) as error:
        raise SettingsError(f"{path} is damaged: {type(error).__name__}; no backup was made") from error
    except apsw.Error as error:
        raise SettingsError(f"{path} cannot be backed up: {error}") from error


def _check(path: Path, partial: Path, copied: Extent, mark: Mark | None) -> Extent:
    """Read the copy whole, and leave it as one file that needs no other."""
    try:
        connection = apsw.Connection(str(partial), vfs=_UNLOCKED_VFS)
        try:
            # A log has the write-ahead log in its header; without it the copy can be read from a read-only disk.
            connection.pragma("locking_mode", "EXCLUSIVE")
            connection.pragma("journal_mode", "DELETE")
            connection.execute("BEGIN")
            if is_outdated(connection):
                # For looking only: the hub that wrote it must be able to take it back.
                bring_up_to_date(connection)
            extent = read_extent(connection)
            damage = [defect.text for defect in check_all(connection, extent)]
            connection.execute("ROLLBACK")
        finally:
            close_connection(connection)
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise SettingsError(f"the copy of {path} cannot be read: {type(error).__name__}; no backup was made") from error
    if (extent.epoch, extent.head, extent.controls) != (copied.epoch, copied.head, copied.controls):
        damage.append("the copy holds something else than the log")
    if mark is not None and mark.epoch == extent.epoch:
        lost = mark.head > extent.head or mark.controls > extent.controls
        damage += [defect.text for defect in compare_with_mark(extent, mark, path)] if lost else []
    if damage:
        raise SettingsError(f"{path} is damaged: {'; '.join(damage)}; no backup was made")
    return extent


def _head_alone(mark: Mark | None) -> Mark | None:
    # Written meanwhile: control records may have come to the end of their time between it and the copy.
    return None if mark is None else msgspec.structs.replace(mark, controls=0)


def _read_extent(connection: apsw.Connection) -> Extent:
    if not is_outdated(connection):
        return read_extent(connection)
    # Schema 1 has no columns for the rest.
    ((epoch, first, head, controls),) = connection.execute(
        "SELECT epoch, first, max(first - 1, coalesce((SELECT max(position) FROM record), 0)),"
        " (SELECT count(*) FROM record WHERE control = 1) FROM meta"
    ).fetchall()
    return msgspec.convert({"epoch": epoch, "first": first, "head": head, "controls": controls}, Extent)


def _sync(partial: Path) -> None:
    descriptor = os.open(partial, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_name(partial: Path, target: Path) -> None:
    """Call the whole copy `target`, durably, unless something has that name by now."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise SettingsError(f"{target} exists already; a backup replaces no file") from None
    except OSError:
        # A file system without second names: the name is taken first, and never anybody else's file replaced.
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            raise SettingsError(f"{target} exists already; a backup replaces no file") from None
        os.replace(partial, target)
    sync_folder(target.parent)
