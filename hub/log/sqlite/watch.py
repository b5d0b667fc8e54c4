"""Whether the log's files are still the ones that were opened, where they were.

A process that has a file open keeps it when somebody deletes, moves or replaces it: the log would go on writing into
a file that has no name any more. So the names are compared with what is open.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hub.log.sqlite.mark import mark_path

__all__ = ["FileWatch"]

#: A file as its file system knows it: the device and the number.
Identity = tuple[int, int]


class FileWatch:
    """Remembers the files of the log at `path` as they are now: itself, its lock and its mark.

    Raises:
        OSError: one of them is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent
        self._known = {name: _identify(os.stat(name)) for name in (str(path), f"{path}.lock", str(mark_path(path)))}
        self._known[str(self._folder)] = _identify(os.stat(self._folder))
        # When the file was written last, and its size; None while nobody watches that.
        self._main: tuple[int, int] | None = None
        self._wal_bytes = 0

    def note_open(self) -> None:
        """Remember what belongs to an open log, too: its -wal and -shm, and that nobody else writes into the file.

        Raises:
            OSError: one of them is not there.
        """
        for name in (f"{self._path}-wal", f"{self._path}-shm"):
            self._known[name] = _identify(os.stat(name))
        self._wal_bytes = 0
        self._main = _stamp(os.stat(self._path))

    def note_close(self) -> None:
        """Forget what SQLite may take away and write when the last connection closes."""
        self._known.pop(f"{self._path}-wal", None)
        self._known.pop(f"{self._path}-shm", None)
        self._main = None

    def note_write(self) -> None:
        """Note that the log itself wrote into its file: any other change is foreign."""
        with contextlib.suppress(OSError):
            status = os.stat(self._path)
            if self._main is not None and _identify(status) == self._known[str(self._path)]:
                self._main = _stamp(status)

    def note_emptied(self) -> None:
        """Note that the log itself has cut its -wal: it is there to be written again from the start."""
        self._wal_bytes = 0

    def find_trouble(self) -> str | None:
        """Return what is wrong with the files, in words; None where they are as they were."""
        for name, known in self._known.items():
            try:
                status = os.stat(name)
            except FileNotFoundError:
                return f"{name} was deleted or moved away"
            except OSError as error:
                return f"{name} cannot be looked at: {error.strerror}"
            if _identify(status) != known:
                return f"{name} was replaced by another file"
            if name.endswith("-wal"):
                if status.st_size < self._wal_bytes:
                    return f"{name} was cut"
                self._wal_bytes = status.st_size
            elif name == str(self._path) and self._main is not None and _stamp(status) != self._main:
                return f"{name} was written by somebody else"
        try:
            if os.statvfs(self._folder).f_flag & os.ST_RDONLY:
                return f"the file system of {self._folder} became read-only"
        except OSError as error:
            return f"{self._folder} cannot be looked at: {error.strerror}"
        return None

    def is_file_in_place(self) -> bool:
        """Whether the log's file itself, without what belongs to it, is where and what it was."""
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        return _identify(status) == self._known[str(self._path)] and self._main in (None, _stamp(status))


def _identify(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size
