"""A SQLite VFS that fails on demand: a disk that is full, or one that cannot write or sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

__all__ = ["Disk", "faulty_vfs"]


class Disk:
    """The state of the pretended disk: what the next calls meet, and how often something failed.

    `room_bytes`: what may still be written beyond the files' present size; None is as much as there is.
    """

    def __init__(self) -> None:
        self.room_bytes: int | None = None
        self.failing_syncs = 0
        self.failing_writes = 0
        self.failing_reads = 0
        self.faults = 0

    def take(self, grown_bytes: int) -> None:
        """Use up room.

        Raises:
            apsw.FullError: there is not enough.
        """
        if self.room_bytes is None or grown_bytes <= 0:
            return
        if grown_bytes > self.room_bytes:
            self.faults += 1
            raise apsw.FullError("no space left on the pretended disk")
        self.room_bytes -= grown_bytes


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        disk = self._disk
        if disk.failing_writes:
            disk.failing_writes -= 1
            disk.faults += 1
            raise apsw.IOError("the pretended disk cannot write")
        disk.take(offset + len(data) - self.xFileSize())
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        disk = self._disk
        super().xSync(flags)
        if disk.failing_syncs:
            disk.failing_syncs -= 1
            disk.faults += 1
            raise apsw.IOError("the pretended disk cannot sync")

    def xRead(self, amount: int, offset: int) -> bytes:
        disk = self._disk
        if disk.failing_reads:
            disk.failing_reads -= 1
            disk.faults += 1
            raise apsw.IOError("the pretended disk cannot read")
        return super().xRead(amount, offset)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:
        return _File(self._disk, name, flags)


@contextmanager
def faulty_vfs(name: str) -> Iterator[Disk]:
    """Register a VFS under `name`, with a disk of its own."""
    disk = Disk()
    vfs = _Vfs(name, disk)
    try:
        yield disk
    finally:
        vfs.unregister()
