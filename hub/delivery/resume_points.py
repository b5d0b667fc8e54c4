"""Where each connection without a cursor stands, so that its client resumes there when it comes back.

The frontends in the field give no cursor, so the hub remembers for them: how far the kernel has taken what was written
to a connection, and how far the peer has confirmed it. The table is a file mapped into memory: a store costs no system
call, and what was stored outlives the process, also one that was killed. Its size is fixed, and no entry is an object
of Python's. `docs/decisions/0006-clients-without-a-cursor.md` says what is certain and what is not.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from hub.cursor import Epoch

__all__ = ["RESUME_POINTS_NAME", "Client", "ResumePoint", "ResumePoints", "identify_client"]

logger = logging.getLogger("hub.resume")

#: The table's file in the data folder, beside the log.
RESUME_POINTS_NAME = "resume-points"
_MAGIC = b"HUBRP\0\0\1"
#: Magic, the log's epoch, how many slots follow, and the table's clock when the hub was last alive.
_HEADER = struct.Struct("<8s16sQQ")
_HEADER_WORDS = 8
_ALIVE = 4
#: A slot: the key (two words), these words, and one that is free.
_SLOT = struct.Struct("<16sQQQQQ8x")
_SLOT_WORDS = 8
_MARK, _WRITTEN, _CONFIRMED, _ASKED, _STATE = range(2, 7)
#: The state is the low byte of its word; the rest of the word is when the connection ended, by the table's clock.
_FREE, _LIVE, _DOUBTFUL, _SUCCEEDED, _BROKEN, _LEFT = range(6)
_CONNECTED = (_LIVE, _DOUBTFUL, _SUCCEEDED)
#: The clock begins here in every life, so that what ended before has an earlier moment.
_START_MS = 10**9
#: When a frontend in the field tries again after its connection broke: it waits 1, 2, 4, 8 and 16 s.
_RETRIES_MS = (1_000, 3_000, 7_000, 15_000, 31_000)
#: Of connections whose clients are this close to when one of them would come back, each may be the one.
_ALIKE_MS = 500
#: Of how many connections of one token, the last first, somebody may be the return.
_CHOICE = 64
_LEAST_SLOTS = 64


class Client(NamedTuple):
    """Whose connection it is: the token and its account (`key`), and what the browser says of itself (`mark`)."""

    key: bytes
    mark: int


def identify_client(account_id: str, token_digest: str, headers: Iterable[tuple[bytes, bytes]]) -> Client:
    """Return who comes with this token; pages of another origin or browser have another mark."""
    key = hashlib.blake2b(f"{account_id}\0{token_digest}".encode(), digest_size=16).digest()
    told = b"\0".join(value for name, value in headers if name in {b"origin", b"user-agent"})
    return Client(key, int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little"))


class ResumePoint:
    """One connection's entry in the table; of no effect once the entry went to the client's next connection.

    `resumes_at` is the position after which its client has seen nothing yet, or None on a first visit.
    """

    __slots__ = (
        "_generation",
        "_slot",
        "_table",
        "asked_s",
        "asked_word",
        "confirmed_word",
        "gone",
        "left",
        "resumes_at",
        "words",
        "written_word",
    )

    def __init__(self, table: ResumePoints, slot: int, generation: int, resumes_at: int | None) -> None:
        self._table = table
        self._slot = slot
        self._generation = generation
        self.resumes_at = resumes_at
        #: The table, for whoever writes to the connection to store the position of what the kernel took whole.
        self.words = table.words
        self.written_word = table.word(slot, _WRITTEN)
        self.confirmed_word = table.word(slot, _CONFIRMED)
        self.asked_word = table.word(slot, _ASKED)
        #: Since when there is something that the peer has not confirmed; 0: there is nothing.
        self.asked_s = 0.0
        #: Whether the client said goodbye: its page is gone, or wants no more.
        self.left = False
        #: Whether the connection is gone, and with it every answer that is still to come.
        self.gone = False

    @property
    def confirmed(self) -> int:
        """How far the peer has confirmed that it has everything."""
        return self.words[self.confirmed_word]

    @property
    def asked(self) -> int:
        """How far it was asked to."""
        return self.words[self.asked_word]

    @property
    def settled(self) -> bool:
        """Whether nothing more will be learned: the peer has confirmed what it was asked, or is gone."""
        return self.gone or self.confirmed >= self.asked

    def begin(self, position: int) -> None:
        """Note where the connection starts."""
        for word in (self.written_word, self.confirmed_word, self.asked_word):
            self.words[word] = position

    def note(self, position: int) -> None:
        """Note that the kernel has taken everything up to `position`."""
        if self._is_mine() and position > self.words[self.written_word]:
            self.words[self.written_word] = position

    def ask(self, position: int) -> None:
        """Note that the peer was asked to confirm everything up to `position`."""
        if self._is_mine() and position > self.asked:
            self.words[self.asked_word] = position

    def doubt(self) -> None:
        """Note that the peer has not answered for long: what was written may never have arrived."""
        if self._is_mine():
            self._table.change_state(self._slot, _LIVE, _DOUBTFUL)

    def confirm(self, position: int) -> None:
        """Take the peer's word that it has everything up to `position`, as far as it was asked that."""
        if self._is_mine() and self.confirmed < position <= self.asked:
            self.words[self.confirmed_word] = position
            self.asked_s = 0.0
            self._table.change_state(self._slot, _DOUBTFUL, _LIVE)
            # Somebody came and was taken for the return of this client, which was here all the time.
            self._table.change_state(self._slot, _SUCCEEDED, _LIVE)

    def end(self) -> None:
        """Note the end; answers that are still under way count all the same."""
        if self._is_mine():
            self._table.end(self._slot, left=self.left)

    def _is_mine(self) -> bool:
        return self._table.generation(self._slot) == self._generation


class ResumePoints:
    """Every connection without a cursor: live, or ended at most `keep_s` ago.

    It holds twice `connections` entries; what ended first goes first. At the start it takes over what the hub's last
    life left at `path`, if that was of the same log: time does not pass for it while no hub runs.
    """

    def __init__(
        self, path: Path | None, *, epoch: Epoch, connections: int, keep_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._keep_ms = int(keep_s * 1000)
        slots = max(_LEAST_SLOTS, 2 * connections)
        image, kept = _make_image(path, epoch, slots, self._keep_ms)
        self.words = memoryview(_map_image(path, image)).cast("Q")
        #: How often each slot was given to somebody: what an older owner says of it counts for nothing.
        self._generations = array("Q", bytes(8 * slots))
        self._free = array("L", range(slots - 1, kept - 1, -1))
        #: The last slot of each key to be opened and to end; those before it follow by `_next`, up to -1.
        self._live_of: dict[bytes, int] = {}
        self._ended_of: dict[bytes, int] = {}
        self._next = array("q", [-1]) * slots
        self._previous = array("q", [-1]) * slots
        #: Ended connections, the first to end first.
        self._ended: dict[int, None] = {}
        for slot in range(kept):
            self._link(slot, self._ended_of)
            self._ended[slot] = None

    def __len__(self) -> int:
        return len(self._generations) - len(self._free)

    def word(self, slot: int, word: int) -> int:
        """Return where a word of a slot is among `words`."""
        return _HEADER_WORDS + slot * _SLOT_WORDS + word

    def generation(self, slot: int) -> int:
        """Return how often the slot was given to somebody."""
        return self._generations[slot]

    def open(self, client: Client, *, head: int) -> ResumePoint:
        """Return the entry of a new connection, which stands at `head` if it is none that comes back."""
        slot, resumes_at = self._choose(client)
        if slot is None:
            if not self._free:
                self._release(next(iter(self._ended)))
            slot = self._free.pop()
            self._set_key(slot, client.key)
        else:
            del self._ended[slot]
            self._unlink(slot, self._ended_of)
        self._link(slot, self._live_of)
        self._generations[slot] += 1
        self.words[self.word(slot, _MARK)] = client.mark
        for word in (_WRITTEN, _CONFIRMED, _ASKED):
            self.words[self.word(slot, word)] = head if resumes_at is None else resumes_at
        # Last: a hub that is killed here leaves no entry that is half somebody else's.
        self.words[self.word(slot, _STATE)] = _LIVE
        return ResumePoint(self, slot, self._generations[slot], resumes_at)

    def end(self, slot: int, *, left: bool) -> None:
        """Keep where a connection ended; nothing, where its client is back already."""
        state = self.words[self.word(slot, _STATE)] & 0xFF
        if state == _SUCCEEDED:
            self._release(slot)
        elif state in _CONNECTED:
            self.words[self.word(slot, _STATE)] = self._clock_ms() << 8 | (_LEFT if left else _BROKEN)
            self._unlink(slot, self._live_of)
            self._link(slot, self._ended_of)
            self._ended[slot] = None

    def change_state(self, slot: int, before: int, after: int) -> None:
        """Change the state of a connection, where it was `before`."""
        if self.words[self.word(slot, _STATE)] == before:
            self.words[self.word(slot, _STATE)] = after

    def tick(self) -> None:
        """Say that the hub is alive, and forget what ended too long ago."""
        now_ms = self._clock_ms()
        self.words[_ALIVE] = now_ms
        while self._ended and self._is_over(slot := next(iter(self._ended)), now_ms):
            self._release(slot)

    def _choose(self, client: Client) -> tuple[int | None, int | None]:
        """Return the entry that a client continues, and where it resumes.

        The tabs of one user cannot be told apart. When each of several may be the one that is back, it gets what any
        of them missed: it may be told something twice, and none misses anything.
        """
        now_ms = self._clock_ms()
        ended = [slot for slot in self._slots(client.key, self._ended_of) if not self._is_over(slot, now_ms)]
        known = [slot for slot in ended if self.words[self.word(slot, _MARK)] == client.mark]
        if candidates := known or ended:
            late_ms = {slot: self._lateness_ms(slot, now_ms) for slot in candidates}
            alike_ms = min(late_ms.values()) + _ALIKE_MS
            alike = [slot for slot in candidates if late_ms[slot] <= alike_ms]
        else:
            # Those whose peers have not confirmed what was sent may be dead, and this their client's return.
            alike = [slot for slot in self._slots(client.key, self._live_of) if self._is_open(slot, client.mark)]
            if not alike:
                return None, None
            slot = min(alike, key=self._confirmed)
            self.words[self.word(slot, _STATE)] = _SUCCEEDED
            return None, self._confirmed(slot)
        return max(alike, key=self._confirmed), min(map(self._confirmed, alike))

    def _lateness_ms(self, slot: int, now_ms: int) -> int:
        """Return how far this moment is from when the client of this entry would come back."""
        word = self.words[self.word(slot, _STATE)]
        passed_ms = now_ms - (word >> 8)
        if word & 0xFF == _LEFT:  # a page that is loaded again is back at once
            return passed_ms
        passed = [retry_ms for retry_ms in _RETRIES_MS if retry_ms <= passed_ms]
        return passed_ms - passed[-1] if passed else _RETRIES_MS[0] - passed_ms

    def _is_open(self, slot: int, mark: int) -> bool:
        words, at = self.words, self.word(slot, 0)
        if words[at + _STATE] not in {_LIVE, _DOUBTFUL} or words[at + _MARK] != mark:
            return False
        return max(words[at + _WRITTEN], words[at + _ASKED]) > words[at + _CONFIRMED]

    def _confirmed(self, slot: int) -> int:
        return self.words[self.word(slot, _CONFIRMED)]

    def _is_over(self, slot: int, now_ms: int) -> bool:
        return (self.words[self.word(slot, _STATE)] >> 8) + self._keep_ms < now_ms

    def _clock_ms(self) -> int:
        return _START_MS + int((self._monotonic() - self._began_s) * 1000)

    def _key(self, slot: int) -> bytes:
        at = self.word(slot, 0)
        return self.words[at : at + 2].tobytes()

    def _set_key(self, slot: int, key: bytes) -> None:
        at = self.word(slot, 0)
        self.words[at : at + 2] = memoryview(key).cast("Q")

    def _slots(self, key: bytes, last_of: dict[bytes, int]) -> Iterator[int]:
        slot = last_of.get(key, -1)
        for _ in range(_CHOICE):
            if slot < 0:
                return
            yield slot
            slot = self._next[slot]

    def _link(self, slot: int, last_of: dict[bytes, int]) -> None:
        key = self._key(slot)
        after = last_of.get(key, -1)
        self._previous[slot], self._next[slot] = -1, after
        if after >= 0:
            self._previous[after] = slot
        last_of[key] = slot

    def _unlink(self, slot: int, last_of: dict[bytes, int]) -> None:
        before, after = self._previous[slot], self._next[slot]
        if after >= 0:
            self._previous[after] = before
        if before >= 0:
            self._next[before] = after
        elif after >= 0:
            last_of[self._key(slot)] = after
        else:
            del last_of[self._key(slot)]

    def _release(self, slot: int) -> None:
        self.words[self.word(slot, _STATE)] = _FREE
        self._generations[slot] += 1
        was_ended = slot in self._ended
        self._ended.pop(slot, None)
        self._unlink(slot, self._ended_of if was_ended else self._live_of)
        self._free.append(slot)


def _make_image(path: Path | None, epoch: Epoch, slots: int, keep_ms: int) -> tuple[bytearray, int]:
    """Return a table with what the hub's last life left, and how many entries that is; first ended first."""
    image = bytearray(8 * (_HEADER_WORDS + slots * _SLOT_WORDS))
    _HEADER.pack_into(image, 0, _MAGIC, epoch.encode(), slots, _START_MS)
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
        if state in {_LIVE, _DOUBTFUL}:
            # The kernel went on to send what it had taken, but not to a peer that did not answer any more.
            confirmed = max(confirmed, written) if state == _LIVE else confirmed
            state, ended_ms = _BROKEN, alive_ms
        elif state not in {_BROKEN, _LEFT} or ended_ms + keep_ms < alive_ms:
            continue
        moment = _START_MS - max(0, alive_ms - ended_ms)
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
    # Beside it first: who is killed here leaves the old one whole. Every block is written, since a page of a file
    # that has no room on the disk ends the process that touches it.
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(image)
        os.replace(draft, path)
        return mmap.mmap(descriptor, len(image))
    finally:
        os.close(descriptor)
