"""Putting a backup in the log's place: checked whole first, under a new epoch, with the old files kept aside."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import SettingsError
from hub.log.sqlite.audit import check_all, compare_with_mark
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.mark import Mark, MarkFile, mark_path, read_mark
from hub.log.sqlite.placement import aside_folder, begin_epoch, put_in_place
from hub.log.sqlite.schema import (
    LOG_NAME,
    Extent,
    LogFile,
    bring_up_to_date,
    check_engine,
    close_connection,
    is_empty,
    is_outdated,
    open_writer,
    read_extent,
)

__all__ = ["Restored", "restore_log"]


class Restored(msgspec.Struct, frozen=True):
    """What is in the log's place now, under which epoch, and where the files are that were there before."""

    epoch: Epoch
    first: int
    head: int
    revocations: int
    replaced: Path | None


def restore_log(backup: Path, path: Path, *, now_s: float) -> Restored:
    """Put `backup`, a log's file or a folder with one, in the place of the log at `path`.

    Nothing is touched unless the backup is whole. `backup` itself is only read.

    Raises:
        SettingsError: a hub runs on that log, the backup is damaged or not a log, or the files cannot be written.
    """
    check_engine(apsw.sqlite_lib_version())
    source = backup / LOG_NAME if backup.is_dir() else backup
    if not source.is_file() or not source.stat().st_size:
        raise SettingsError(f"{source} is not a backup: there is no such file, or it is empty")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = LogLock(path)
        try:
            return _restore(source, path, now_s)
        finally:
            lock.release()
    except OSError as error:
        raise SettingsError(f"{path} cannot be restored: {error.strerror}") from error


def _restore(source: Path, path: Path, now_s: float) -> Restored:
    with _copied(source, path) as prepared:
        extent = _prepare(source, prepared)
        aside = None
        if path.exists() or Path(f"{path}-wal").exists() or mark_path(path).exists():
            aside = aside_folder(path, "replaced", now_s)
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(mark_path(path), aside / mark_path(path).name)
            put_in_place(prepared, path, aside)
        else:
            os.replace(prepared, path)
    # Last: until here the mark is the old log's, and a hub that starts after a cut sees that they do not belong
    # together.
    mark = MarkFile(path)
    try:
        mark.write(Mark(extent.epoch, extent.head, extent.controls, path.stat().st_ino))
    finally:
        mark.close()
    return Restored(extent.epoch, extent.first, extent.head, extent.controls, aside)


@contextlib.contextmanager
def _copied(source: Path, path: Path) -> Iterator[Path]:
    """Copy the backup, and a write-ahead log that belongs to it, beside the log; at the end no copy is left."""
    prepared = path.with_name(f"{path.name}.restoring")
    copies = [Path(f"{prepared}{suffix}") for suffix in ("", "-wal", "-shm")]
    for copy in copies:
        copy.unlink(missing_ok=True)
    try:
        for copy, suffix in zip(copies[:2], ("", "-wal"), strict=True):
            with contextlib.suppress(FileNotFoundError), open(f"{source}{suffix}", "rb") as content:
                descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "wb") as target:
                    shutil.copyfileobj(content, target)
        yield prepared
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)


def _prepare(source: Path, prepared: Path) -> Extent:
    """Check the copy, and give it a new epoch.

    Raises:
        SettingsError: it is damaged, or not a log.
    """
    try:
        connection = open_writer(LogFile(prepared))
    except apsw.CorruptError as error:
        raise SettingsError(f"{source} is damaged: {error}; nothing was changed") from error
    try:
        if is_empty(connection):
            raise SettingsError(f"{source} is not a log of the hub; nothing was changed")
        if is_outdated(connection):
            with connection:
                bring_up_to_date(connection)
        extent = read_extent(connection)
        damage = [defect.text for defect in check_all(connection, extent)]
        # A backup that was made by copying the folder has its mark, which says whether the copy is complete.
        if (mark := read_mark(source)) is not None and mark.epoch == extent.epoch and mark.head > extent.head:
            damage += [defect.text for defect in compare_with_mark(extent, mark, source)]
        if damage:
            raise SettingsError(f"{source} is damaged: {'; '.join(damage)}; nothing was changed")
        begin_epoch(connection)
        return read_extent(connection)
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise SettingsError(f"{source} is damaged: {type(error).__name__}; nothing was changed") from error
    finally:
        close_connection(connection)
