"""The file of resume points: one slot for each connection without a cursor, mapped into memory.

A store costs no system call, and what was stored outlives the process, also one that was killed. The size is fixed,
and no slot is a Python object. `docs/decisions/0006-clients-without-a-cursor.md` says what is certain and what is not.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from pathlib import Path

from hub.cursor import Epoch

__all__ = [
    "ASKED",
    "BROKEN",
    "CONFIRMED",
    "DOUBTFUL",
    "FREE",
    "LEFT",
    "LIVE",
    "MARK",
    "START_MS",
    "STATE",
    "SUCCEEDED",
    "WRITTEN",
    "ResumeTable",
    "word_of",
]

logger = logging.getLogger("hub.resume")

_MAGIC = b"HUBRP\0\0\1"
#: Magic, the log's epoch, how many slots follow, and the table's clock when the hub was last alive.
_HEADER = struct.Struct("<8s16sQQ")
_HEADER_WORDS = 8
_ALIVE = 4
#: A slot: the key (two words), these words, and one that is free.
_SLOT = struct.Struct("<16sQQQQQ8x")
_SLOT_WORDS = 8
MARK, WRITTEN, CONFIRMED, ASKED, STATE = range(2, 7)
#: The state is the low byte of its word; the rest of the word is when the connection ended, by the table's clock.
FREE, LIVE, DOUBTFUL, SUCCEEDED, BROKEN, LEFT = range(6)
#: The clock begins here in every life, so that what ended before has an earlier moment.
START_MS = 10**9


class ResumeTable:
    """A number of slots, read and written as 64-bit words.

    What the hub's last life left at `path` comes first, where it was of the same log and ended at most `keep_ms`
    before that life's end: slots 0 to `kept`, the first to end first.
    """

    def __init__(self, path: Path | None, *, epoch: Epoch, slots: int, keep_ms: int) -> None:
        image, self.kept = _make_image(path, epoch, slots, keep_ms)
        self.words = memoryview(_map_image(path, image)).cast("Q")

    def key(self, slot: int) -> bytes:
        """Return whose slot it is: 16 bytes."""
        at = word_of(slot, 0)
        return self.words[at : at + 2].tobytes()

    def set_key(self, slot: int, key: bytes) -> None:
        """Give the slot to somebody."""
        at = word_of(slot, 0)
        self.words[at : at + 2] = memoryview(key).cast("Q")

    def state(self, slot: int) -> int:
        """Return one of the states above."""
        return self.words[word_of(slot, STATE)] & 0xFF

    def ended_ms(self, slot: int) -> int:
        """Return when the slot's connection ended, by the table's clock; 0 where it has not."""
        return self.words[word_of(slot, STATE)] >> 8

    def set_state(self, slot: int, state: int, *, ended_ms: int = 0) -> None:
        """Change what the slot holds."""
        self.words[word_of(slot, STATE)] = ended_ms << 8 | state

    def set_alive(self, now_ms: int) -> None:
        """Note that the hub is alive at this moment of the table's clock."""
        self.words[_ALIVE] = now_ms


def word_of(slot: int, word: int) -> int:
    """Return where a word of a slot is among the table's words."""
    return _HEADER_WORDS + slot * _SLOT_WORDS + word


def _make_image(path: Path | None, epoch: Epoch, slots: int, keep_ms: int) -> tuple[bytearray, int]:
    """Return a table with what the hub's last life left, and how many entries that is; first ended first."""
    image = bytearray(8 * (_HEADER_WORDS + slots * _SLOT_WORDS))
    _HEADER.pack_into(image, 0, _MAGIC, epoch.encode(), slots, START_MS)
    kept = _read_last_life(path, epoch, keep_ms)[-slots:] if path is not None else []
    for slot, entry in enumerate(kept):
        _SLOT.pack_into(image, 8 * (_HEADER_WORDS + slot * _SLOT_WORDS), *entry)
    return image, len(kept)


def _read_last_life(path: Path, epoch: Epoch, keep_ms: int) -> list[tuple[bytes, int, int, int, int, int]]:
    try:
        image = path.read_bytes()
        magic, of, slots, alive_ms = _HEADER.unpack_from(image)
    except (OSError, struct.error):  # none yet
        return []
    if magic != _MAGIC or of.rstrip(b"\0") != epoch.encode() or len(image) != 8 * (_HEADER_WORDS + slots * _SLOT_WORDS):
        return []
    entries = []
    for key, mark, written, confirmed, _, word in _SLOT.iter_unpack(image[8 * _HEADER_WORDS :]):
        state, ended_ms = word & 0xFF, word >> 8
        if state in {LIVE, DOUBTFUL}:
            # The kernel went on to send what it had taken, but not to a peer that did not answer any more.
            confirmed = max(confirmed, written) if state == LIVE else confirmed
            state, ended_ms = BROKEN, alive_ms
        elif state not in {BROKEN, LEFT} or ended_ms + keep_ms < alive_ms:
            continue
        moment = START_MS - max(0, alive_ms - ended_ms)
        entries.append((key, mark, confirmed, confirmed, confirmed, moment << 8 | state))
    return sorted(entries, key=lambda entry: entry[5] >> 8)


def _map_image(path: Path | None, image: bytearray) -> mmap.mmap:
    """Return the image mapped into memory, at `path` where that can be, and filled at once where it cannot."""
    if path is not None:
        try:
            return _map_file(path, image)
        except OSError as error:
            logger.warning("clients without a cursor are not remembered over a restart: %s", error.strerror)
    mapped = mmap.mmap(-1, len(image))
    mapped[:] = bytes(image)
    return mapped


def _map_file(path: Path, image: bytearray) -> mmap.mmap:
    # Beside it first: a hub that is killed here leaves the old one whole. Every block is written, since a page of a
    # file that has no room on the disk ends the process that touches it.
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(image)
        os.replace(draft, path)
        return mmap.mmap(descriptor, len(image))
    finally:
        os.close(descriptor)
