"""The lock that lets one process write a log: `flock` on a file beside it.

The kernel releases it when the process ends, however it ends, so a stale lock cannot keep a hub from starting.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hub.errors import SettingsError

__all__ = ["LogHeld", "LogLock", "find_holder", "is_held"]


class LogHeld(SettingsError):
    """Another process writes the log that this one was pointed at."""


class LogLock:
    """The right to write the log at `path`, held from construction to `release`.

    The file holds the number of the process, for a command that ends it.

    Raises:
        LogHeld: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise LogHeld(
                f"HUB_DATA_DIR: another process has {path} open for writing; stop it, or use another folder"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let the next process write."""
        os.close(self._descriptor)


def find_holder(path: Path) -> int | None:
    """Return the number of the process that writes the log at `path`; None where none does."""
    if not is_held(path):
        return None
    text = Path(f"{path}.lock").read_text().strip()
    return int(text) if text.isdigit() else None


def is_held(path: Path) -> bool:
    """Whether a process writes the log at `path`; for a moment this one holds it where none does."""
    try:
        LogLock(path).release()
    except LogHeld:
        return True
    return False
