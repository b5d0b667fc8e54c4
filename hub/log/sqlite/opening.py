"""Opening the log for writing: it is checked first, and what is missing or damaged is reported and acted on.

After that either everything acknowledged is in the file, or the log has another epoch and every client is told of a
gap, or the hub does not start.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Literal

import apsw
import msgspec

from hub.errors import SettingsError, StorageUnavailable
from hub.log.port import Record
from hub.log.sqlite.audit import (
    Defect,
    check_controls,
    check_file,
    check_newest,
    check_targets,
    compare_with_mark,
    read_controls,
    read_keys,
)
from hub.log.sqlite.mark import Mark, MarkFile, count_damaged_slots, mark_path, read_mark
from hub.log.sqlite.placement import aside_folder, begin_epoch, put_in_place, write_anew
from hub.log.sqlite.renewal import mark_partial
from hub.log.sqlite.schema import (
    Extent,
    LogFile,
    NotALog,
    bring_up_to_date,
    close_connection,
    create_tables,
    has_mark,
    is_empty,
    is_outdated,
    make_file,
    open_writer,
    read_extent,
)
from hub.log.sqlite.state import StateRow, read_rows

__all__ = ["LogDamaged", "OnDamage", "Opened", "open_log"]

logger = logging.getLogger(__name__)

#: `new-epoch`: start, and tell every client of one gap. `refuse`: do not start.
OnDamage = Literal["new-epoch", "refuse"]

#: Up to this size every page is checked at the start.
_CHECKED_BYTES = 64 * 2**20
#: How long the start may take to compare records with the index, from the newest back.
_CHECKED_S = 2.0
#: What a write-ahead log with a page in it weighs at least.
_WAL_BYTES = 32 + 24 + 512


class LogDamaged(SettingsError):
    """The log is damaged, and is not to be replaced."""


class Opened(msgspec.Struct, frozen=True):
    """A log that may be written: its connection, what it holds, and its mark, which says so too."""

    connection: apsw.Connection
    extent: Extent
    mark: MarkFile


class _Damage(Exception):
    """What is wrong with a log, and what can be saved of it."""

    def __init__(self, defects: list[Defect], connection: apsw.Connection | None, extent: Extent | None) -> None:
        super().__init__("; ".join(defect.text for defect in defects))
        self.defects = defects
        self.connection = connection
        self.extent = extent


def open_log(file: LogFile, on_damage: OnDamage, now_s: float) -> Opened:
    """Open the log in `file`, made where there is none, and leave it with a mark that agrees with it.

    Raises:
        SettingsError: it is damaged and must not or cannot be replaced, of another schema, or not a log.
        StorageUnavailable: the file cannot be opened or read.
    """
    try:
        mark = read_mark(file.path)
        if mark is not None and count_damaged_slots(file.path):
            # The other place holds at least the mark before it, and the log itself has what came after.
            logger.warning("one of the two places of %s is damaged, by a power cut or the disk", mark_path(file.path))
        try:
            connection, extent = _open_sound(file, mark, on_damage)
        except _Damage as damage:
            connection, extent = _start_anew(file, mark, damage, on_damage, now_s)
    except (apsw.Error, msgspec.MsgspecError) as error:
        raise StorageUnavailable("The log cannot be opened") from error
    except OSError as error:
        raise SettingsError(f"HUB_DATA_DIR: {file.path} cannot be used: {error.strerror}") from error
    try:
        mark_file = MarkFile(file.path)
        mark_file.write(Mark(extent.epoch, extent.head, extent.controls, file.path.stat().st_ino))
    except OSError as error:
        close_connection(connection)
        raise SettingsError(f"HUB_DATA_DIR: {mark_path(file.path)} cannot be written: {error.strerror}") from error
    except BaseException:
        close_connection(connection)
        raise
    return Opened(connection, extent, mark_file)


def _open_sound(file: LogFile, mark: Mark | None, on_damage: OnDamage) -> tuple[apsw.Connection, Extent]:
    path = file.path
    if not _size_bytes(path) and (mark is not None or _size_bytes(Path(f"{path}-wal")) > _WAL_BYTES):
        held = "" if mark is None else f", and {mark.head} records with it"
        raise _Damage([Defect(f"the file is gone or empty{held}", spoils_file=True)], None, None)
    make_file(path)
    try:
        connection = open_writer(file)
    except NotALog as error:
        if mark is None:
            raise
        raise _Damage([Defect(error.detail.partition(": ")[2], spoils_file=True)], None, None) from None
    except apsw.CorruptError as error:
        raise _Damage([Defect(f"it cannot be read: {error}", spoils_file=True)], None, None) from None
    extent, defects = _read_through(file, connection, mark)
    if on_damage == "new-epoch" and all(defect.is_told for defect in defects):
        for defect in defects:
            logger.error("the log %s is damaged: %s; those they are for are told of a gap", path, defect.text)
    elif defects:
        raise _Damage(defects, connection, extent)
    assert extent is not None
    return connection, extent


def _read_through(file: LogFile, connection: apsw.Connection, mark: Mark | None) -> tuple[Extent | None, list[Defect]]:
    """Return what an open log holds and what is wrong with it; an empty one gets its tables, an old one an upgrade."""
    extent = None
    try:
        if is_empty(connection):
            if mark is not None:
                return None, [Defect("the file is empty", spoils_file=True)]
            with connection:
                create_tables(connection, first=file.first, epoch=file.epoch)
                if file.partial_upto:
                    mark_partial(connection, file.partial_upto)
            return read_extent(connection), []
        if is_outdated(connection):
            mark = _upgrade(file, connection, mark)
        extent = read_extent(connection)
        return extent, _look_through(connection, extent, mark, file.path)
    except (apsw.CorruptError, apsw.SQLError, msgspec.MsgspecError, UnicodeError) as error:
        return extent, [Defect(f"it cannot be read: {type(error).__name__}", spoils_file=True)]
    except BaseException:
        close_connection(connection)
        raise


def _look_through(connection: apsw.Connection, extent: Extent, mark: Mark | None, path: Path) -> list[Defect]:
    defects = list(check_file(connection, deep=_size_bytes(path) <= _CHECKED_BYTES))
    if not defects:
        defects += compare_with_mark(extent, mark, path)
        defects += check_controls(connection, extent)
        defects += check_newest(connection, extent)
        defects += check_targets(connection, extent, budget_s=_CHECKED_S)
    return defects


def _upgrade(file: LogFile, connection: apsw.Connection, mark: Mark | None) -> Mark | None:
    """Bring a log of an earlier schema up to date; one of schema 1 had no mark, so it gets one that fits it."""
    connection.execute("BEGIN IMMEDIATE")
    never_marked = not has_mark(connection)
    bring_up_to_date(connection)
    if mark is None and never_marked:
        extent = read_extent(connection)
        mark = Mark(extent.epoch, extent.head, extent.controls, file.path.stat().st_ino)
        mark_file = MarkFile(file.path)
        # Before the commit: cut in between, the log is still of schema 1 and the mark fits it all the same.
        mark_file.write(mark)
        mark_file.close()
    connection.execute("COMMIT")
    return mark


def _start_anew(
    file: LogFile, mark: Mark | None, damage: _Damage, on_damage: OnDamage, now_s: float
) -> tuple[apsw.Connection, Extent]:
    path = file.path
    connection, extent = damage.connection, damage.extent
    try:
        for defect in damage.defects:
            logger.error("the log %s is damaged: %s", path, defect.text)
        if on_damage == "refuse":
            raise LogDamaged(
                f"HUB_DATA_DIR: {path} is damaged: {damage}. Put a backup in its place (hub restore), or set"
                " HUB_ON_DAMAGE=new-epoch to start with what there is and tell every client of a gap"
            )
        spoilt = any(defect.spoils_file for defect in damage.defects)
        controls = _save_controls(connection, extent)
        if any(defect.loses_controls for defect in damage.defects) or (
            spoilt and (mark is None or len(controls) < mark.controls)
        ):
            raise SettingsError(
                f"HUB_DATA_DIR: {path} is damaged: {damage}. Revocations may be among what is missing, and without"
                " them somebody who was shut out could come back. Put a backup in its place (hub restore) and make"
                " later ones again; or change JWT_SECRET, move the log away and start with an empty one"
            )
        if spoilt:
            connection = _replace(file, mark, extent, connection, controls, now_s)
        else:
            assert connection is not None
            begin_epoch(connection)
        extent = read_extent(connection)
    except BaseException:
        if connection is not None:
            close_connection(connection)
        raise
    logger.error("the log starts a new epoch after position %d: every client is told of one gap", extent.head)
    return connection, extent


def _replace(
    file: LogFile,
    mark: Mark | None,
    extent: Extent | None,
    connection: apsw.Connection | None,
    controls: list[Record],
    now_s: float,
) -> apsw.Connection:
    path = file.path
    keys, states = _save_keys(connection, extent), _save_states(connection)
    if connection is not None:
        close_connection(connection)
    # Where the file's own head may be nonsense, the mark says what was given to clients at most.
    head = mark.head if mark is not None else 0 if extent is None else extent.head
    first = max([head, *(key[0] for key in keys), *(row[0] for row in states)]) + 1
    prepared = LogFile(path.with_name(f"{path.name}.new"), file.vfs, file.synchronous)
    write_anew(prepared, first=first, controls=controls, keys=keys, states=states, now_s=now_s)
    aside = aside_folder(path, "damaged", now_s)
    put_in_place(prepared.path, path, aside)
    logger.error("the damaged files are in %s; nothing needs them any more", aside)
    return open_writer(file)


def _save_controls(connection: apsw.Connection | None, extent: Extent | None) -> list[Record]:
    """Return the control records that are whole."""
    saved: list[Record] = []
    if connection is not None and extent is not None:
        with contextlib.suppress(apsw.Error, msgspec.MsgspecError, UnicodeError):
            saved += (record for record in read_controls(connection, extent) if not record.is_damaged)
    return saved


def _save_keys(connection: apsw.Connection | None, extent: Extent | None) -> list[tuple[int, bytes, bytes, bytes, int]]:
    """Return the idempotency keys that are whole, so that a repeat is still recognized."""
    saved: list[tuple[int, bytes, bytes, bytes, int]] = []
    if connection is not None and extent is not None:
        with contextlib.suppress(apsw.Error, msgspec.MsgspecError, UnicodeError):
            saved += (key for key in read_keys(connection, extent) if key is not None)
    return saved


def _save_states(connection: apsw.Connection | None) -> list[StateRow]:
    """Return the rows of the state index that are whole, and belong to no notification: those are gone."""
    saved: list[StateRow] = []
    if connection is not None:
        with contextlib.suppress(apsw.Error, msgspec.MsgspecError, UnicodeError):
            saved += (row for row in read_rows(connection) if row[-1] and row[-2] is None)
    return saved


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
