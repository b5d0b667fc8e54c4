"""The high-water mark: what the log must hold, written beside it, so that a loss is noticed.

A small file beside the log that says, on disk before a publish is answered, how far the log reaches. A log that
reaches less far has lost records that were acknowledged. SQLite alone cannot know: to it, a write-ahead
log that was cut, or whose frames are damaged, simply ends there.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from zlib import crc32

import msgspec

from hub.cursor import Epoch
from hub.log.sqlite.schema import sync_folder

__all__ = ["Mark", "MarkFile", "count_damaged_slots", "mark_path", "read_mark"]

#: Two places, written in turn: a power cut while one is written leaves the other whole. A block each, since a disk may
#: lose the block it is writing.
_SLOTS = 2
_SLOT_BYTES = 4_096
_LINE_BYTES = 256
_LINE = re.compile(rb"hub-mark 1 ([0-9]+) ([a-z0-9]+) ([0-9]+) ([0-9]+) ([0-9]+) ([0-9a-f]{8})\n *\n", re.ASCII)


#: 0 where the system has none.
_DSYNC: int = getattr(os, "RWF_DSYNC", 0)


class Mark(msgspec.Struct, frozen=True):
    """What the log holds at least: in the life called `epoch` all up to `head`, `controls` control records among it.

    `inode` is the number of the log's file in its file system; a copy has another one.
    """

    epoch: Epoch
    head: int
    controls: int
    inode: int


class MarkFile:
    """The open mark of the log at `path`, made with mode 0600 where it is missing; used by one thread.

    Raises:
        OSError: it cannot be opened or made.
    """

    def __init__(self, path: Path) -> None:
        self._path = mark_path(path)
        self._sequence = max((sequence for sequence, _ in _read_slots(self._path)), default=0)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(self._descriptor).st_size < _SLOTS * _SLOT_BYTES:
                # Room for both places now: writing then never needs space, and syncing never the file's size.
                os.pwrite(self._descriptor, bytes(_SLOTS * _SLOT_BYTES), 0)
                os.fsync(self._descriptor)
                sync_folder(self._path.parent)
        except BaseException:
            os.close(self._descriptor)
            raise

    def write(self, mark: Mark) -> None:
        """Put `mark` on disk, and return once it is there.

        Raises:
            OSError: it may not be there; the mark before it still is.
        """
        self._sequence += 1
        words = b"hub-mark 1 %d %s %d %d %d " % (
            self._sequence,
            mark.epoch.encode(),
            mark.head,
            mark.controls,
            mark.inode,
        )
        line = b"%s%08x\n" % (words, crc32(words))
        _write_durably(self._descriptor, line.ljust(_LINE_BYTES - 1) + b"\n", self._sequence % _SLOTS * _SLOT_BYTES)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def mark_path(path: Path) -> Path:
    """Return where the mark of the log at `path` is."""
    return path.with_name(f"{path.name}.mark")


def read_mark(path: Path) -> Mark | None:
    """Return the newest mark of the log at `path`; None where there is none that can be read.

    Raises:
        OSError: the file is there and cannot be read.
    """
    newest = max(_read_slots(mark_path(path)), default=None, key=lambda slot: slot[0])
    return None if newest is None else newest[1]


def count_damaged_slots(path: Path) -> int:
    """Return how many places of the mark of the log at `path` hold something that is not a mark."""
    try:
        content = mark_path(path).read_bytes()
    except FileNotFoundError:
        return 0
    written = sum(any(content[start : start + _LINE_BYTES]) for start in range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES))
    return written - len(_read_slots(mark_path(path)))


def _read_slots(path: Path) -> list[tuple[int, Mark]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    slots = []
    for start in range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES):
        match = _LINE.match(content[start : start + _LINE_BYTES])
        if match is not None and int(match[6], 16) == crc32(content[start : start + match.start(6)]):
            sequence, _, head, controls, inode = (int(word) if word.isdigit() else 0 for word in match.groups()[:5])
            slots.append((sequence, Mark(Epoch(match[2].decode()), head, controls, inode)))
    return slots


def _write_durably(descriptor: int, line: bytes, offset: int) -> None:
    try:
        # One call, because each releases the GIL.
        written = os.pwritev(descriptor, [line], offset, _DSYNC)
        synced = bool(_DSYNC)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        # A file system that cannot sync a write by itself.
        written, synced = os.pwrite(descriptor, line, offset), False
    if not synced:
        os.fsync(descriptor)
    if written != len(line):
        raise OSError(errno.EIO, "the mark was written in part")
