"""The mirror's place: what is there is used if it is of the stream's life, moved aside otherwise, and never deleted.

A mirror is not made durable, so one that was open when the machine lost power may hold anything: a note beside it says
in which life of the machine it was opened, and it is made again from the stream.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import SettingsError
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.mirror import SqliteMirror, open_mirror
from hub.log.sqlite.opening import LogDamaged
from hub.log.sqlite.placement import move_aside
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import LogFile, close_connection, open_reader, read_life

__all__ = ["find_misfit", "note_close", "note_path", "open_place"]

logger = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOSED = "closed"


def note_path(path: Path) -> Path:
    """Return where the note of the mirror at `path` is; a log without one is not a mirror."""
    return path.with_name(f"{path.name}.mirror")


async def open_place(
    path: Path,
    *,
    epoch: Epoch,
    first: int,
    last: int,
    has_dropped: bool,
    now: Callable[[], float],
    retention: Retention,
) -> SqliteMirror:
    """Open the mirror at `path` of a stream that holds `first` to `last`; what does not fit it is moved aside.

    `has_dropped`: the stream had more before that.

    Raises:
        SettingsError: another process has it, or a log is there that is not a mirror and not in the stream.
        StorageUnavailable: the file cannot be opened or read.
    """
    open_here = partial(
        open_mirror,
        path,
        epoch=epoch,
        first=first,
        partial_upto=last if has_dropped else 0,
        now=now,
        retention=retention,
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = LogLock(path)
    try:
        reason = find_misfit(path, epoch, last)
        if reason is not None:
            _clear(path, reason, now())
    finally:
        lock.release()
    try:
        mirror = await open_here()
    except LogDamaged as error:
        _clear(path, f"is damaged ({error})", now())
        mirror = await open_here()
    note_path(path).write_text(_read_boot_id())
    return mirror


def note_close(path: Path) -> None:
    """Note that the mirror at `path` was closed in order."""
    with contextlib.suppress(OSError):
        note_path(path).write_text(_CLOSED)


def _clear(path: Path, reason: str, now_s: float) -> None:
    aside = move_aside(path, "replaced", now_s)
    with contextlib.suppress(FileNotFoundError):
        os.replace(note_path(path), aside / note_path(path).name)
    logger.warning(
        "the mirror %s %s: it is made again from the stream, and the old files are in %s", path, reason, aside
    )


def find_misfit(path: Path, epoch: Epoch, last: int) -> str | None:
    """Return why what is at `path` is not the stream's; None where it is, or nothing is there.

    Raises:
        SettingsError: it is the log of a hub alone, with records that no stream has.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    note = _read_note(path)
    if note not in (None, _CLOSED, _read_boot_id()):
        return "was open when the machine stopped"
    try:
        connection = open_reader(LogFile(path))
        try:
            found, head = read_life(connection)
        finally:
            close_connection(connection)
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        return f"cannot be read ({type(error).__name__})"
    if found != epoch:
        if note is None and head:
            raise SettingsError(
                f"HUB_DATA_DIR: {path} is the log of a hub alone, and its {head} positions are not in the stream:"
                " bring them there with `hub cluster init` on a new stream, or move the file away"
            )
        return "is of another life than the stream"
    return "reaches further than the stream" if head > last else None


def _read_note(path: Path) -> str | None:
    try:
        return note_path(path).read_text().strip()
    except OSError:
        return None


def _read_boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # Without one a power cut is not told from a restart: the checks at the start have to do.
        return _CLOSED
