"""What `hub check` finds out about a log in SQLite: nothing is changed, and a hub may write the log meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from hub.errors import SettingsError
from hub.finding import Finding, State, find_safely
from hub.log.sqlite.audit import check_all, compare_with_mark
from hub.log.sqlite.lock import is_held
from hub.log.sqlite.mark import count_damaged_slots, mark_path, read_mark
from hub.log.sqlite.schema import (
    LOG_NAME,
    LogFile,
    check_engine,
    close_connection,
    is_outdated,
    open_reader,
    read_extent,
)

__all__ = ["check", "find_newest_write"]

_MIB = 2**20


def check(folder: Path, *, refuses_damage: bool, deep: bool) -> Iterator[Finding]:
    """Yield what is found of the log in `folder`, and of the SQLite that reads it.

    `refuses_damage`: damage would stop a hub. `deep` reads every page, record, target and key.
    """
    path = folder / LOG_NAME
    yield find_safely("log", lambda: _look_at_log(path, refuses_damage))
    if deep and path.exists():
        yield from _read_whole(path)
    yield _look_at_engine()


def find_newest_write(folder: Path) -> float | None:
    """Return when a file of the log was written last (Unix seconds); None where there is none.

    Raises:
        OSError: the folder cannot be looked at.
    """
    return max((path.stat().st_mtime for path in folder.glob(f"{LOG_NAME}*")), default=None)


def _look_at_log(path: Path, refuses_damage: bool) -> tuple[State, str]:
    # The mark first: what is stored meanwhile is in the log by the time that one is looked at.
    mark = read_mark(path)
    if not path.exists():
        if mark is not None:
            return "fail", f"{path} is gone, and {mark.head} records with it"
        return "ok", "there is none yet; it will be made"
    held = "; a running hub holds it" if is_held(path) else ""
    try:
        connection = open_reader(LogFile(path))
        try:
            if is_outdated(connection):
                return "ok", "an earlier version wrote it; the next start brings it up to date"
            extent = read_extent(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        return "fail", f"{path} cannot be read: {type(error).__name__}"
    if found := list(compare_with_mark(extent, mark, path)):
        stops = refuses_damage or any(defect.loses_controls for defect in found)
        return "fail" if stops else "warn", "; ".join(defect.text for defect in found)
    size = f"{path.stat().st_size / _MIB:,.1f} MiB"
    return "ok", f"positions {extent.first} to {extent.head}, {size}{held}"


def _read_whole(path: Path) -> Iterator[Finding]:
    """Read the whole log as it is at one moment; a line for each thing that is wrong."""
    found: list[str] = []
    mark = read_mark(path)
    if count_damaged_slots(path):
        found.append(f"one of the two places of {mark_path(path).name} is damaged")
    try:
        connection = open_reader(LogFile(path))
        try:
            if is_outdated(connection):
                yield Finding(
                    "whole log",
                    "warn",
                    "an earlier version wrote it; the next start brings it up to date, and it can be checked then",
                )
                return
            connection.execute("BEGIN")
            extent = read_extent(connection)
            found += (defect.text for defect in compare_with_mark(extent, mark, path))
            found += (defect.text for defect in check_all(connection, extent))
        finally:
            close_connection(connection)
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        found.append(f"it cannot be read: {type(error).__name__}")
    yield from (Finding("whole log", "fail", text) for text in found)
    if not found:
        unchecked = max(0, extent.unchecked - extent.first + 1)
        words = f"; {unchecked} of them are of an earlier version and have no checksum" if unchecked else ""
        yield Finding("whole log", "ok", f"{extent.head - extent.first + 1} records are as they were stored{words}")


def _look_at_engine() -> Finding:
    version = apsw.sqlite_lib_version()
    try:
        check_engine(version)
    except SettingsError as error:
        return Finding("SQLite", "fail", error.detail)
    return Finding("SQLite", "ok", version)
