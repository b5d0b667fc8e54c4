"""Where each connection without a cursor stands, so that its client resumes there when it comes back.

The deployed frontends give no cursor, so the hub remembers for them: how far the kernel has taken what was written to a
connection, and how far the peer has confirmed it (`hub/delivery/resume_table.py` holds that).
`docs/decisions/0006-clients-without-a-cursor.md` says what is certain and what is not.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from hub.cursor import Epoch
from hub.delivery.resume_table import (
    ASKED,
    BROKEN,
    CONFIRMED,
    DOUBTFUL,
    FREE,
    LEFT,
    LIVE,
    MARK,
    START_MS,
    STATE,
    SUCCEEDED,
    WRITTEN,
    ResumeTable,
    word_of,
)

__all__ = ["RESUME_POINTS_NAME", "Client", "ResumePoint", "ResumePoints", "identify_client"]

#: The table's file in the data folder, beside the log.
RESUME_POINTS_NAME = "resume-points"
_CONNECTED = (LIVE, DOUBTFUL, SUCCEEDED)
#: When a deployed frontend tries again after its connection broke: it waits 1, 2, 4, 8 and 16 s.
_RETRIES_MS = (1_000, 3_000, 7_000, 15_000, 31_000)
#: A client that comes back is one of those whose next try is due within this time.
_ALIKE_MS = 500
#: How many connections of one token are looked at, the last first.
_CHOICE = 64
_LEAST_SLOTS = 64


class Client(NamedTuple):
    """Identifies a client: the token and its account (`key`), and what the browser sends about itself (`mark`)."""

    key: bytes
    mark: int


def identify_client(account_id: str, token_digest: str, headers: Iterable[tuple[bytes, bytes]]) -> Client:
    """Return the client with this token; pages of another origin or browser have another mark."""
    key = hashlib.blake2b(f"{account_id}\0{token_digest}".encode(), digest_size=16).digest()
    told = b"\0".join(value for name, value in headers if name in {b"origin", b"user-agent"})
    return Client(key, int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little"))


class ResumePoint:
    """One connection's entry in the table; without effect once the client's next connection has the entry.

    `resumes_at` is the position after which its client has seen nothing yet, or None on a first visit.
    """

    __slots__ = (
        "_generation",
        "_points",
        "_slot",
        "asked_s",
        "asked_word",
        "confirmed_word",
        "gone",
        "left",
        "resumes_at",
        "words",
        "written_word",
    )

    def __init__(self, points: ResumePoints, slot: int, generation: int, resumes_at: int | None) -> None:
        self._points = points
        self._slot = slot
        self._generation = generation
        self.resumes_at = resumes_at
        #: The table, for what writes to the connection to store the position of what the kernel took whole.
        self.words = points.words
        self.written_word = word_of(slot, WRITTEN)
        self.confirmed_word = word_of(slot, CONFIRMED)
        self.asked_word = word_of(slot, ASKED)
        #: Since when something is not confirmed by the peer; 0: everything is confirmed.
        self.asked_s = 0.0
        #: Whether the client closed the connection in order: its page is gone, or wants no more.
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
        """Whether no further confirmation can come: the peer has confirmed everything it was asked, or is gone."""
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
        """Note that the peer has not confirmed anything for long: what was written may never have arrived."""
        if self._is_mine():
            self._points.change_state(self._slot, LIVE, DOUBTFUL)

    def confirm(self, position: int) -> None:
        """Take the peer's confirmation that it has everything up to `position`, as far as it was asked that."""
        if self._is_mine() and self.confirmed < position <= self.asked:
            self.words[self.confirmed_word] = position
            self.asked_s = 0.0
            self._points.change_state(self._slot, DOUBTFUL, LIVE)
            # Another connection was taken for the return of this client, which was connected all the time.
            self._points.change_state(self._slot, SUCCEEDED, LIVE)

    def end(self) -> None:
        """Note the end; confirmations that are still under way count all the same."""
        if self._is_mine():
            self._points.end(self._slot, left=self.left)

    def _is_mine(self) -> bool:
        return self._points.generation(self._slot) == self._generation


class ResumePoints:
    """Every connection without a cursor: live, or ended at most `keep_s` ago.

    There are twice `connections` entries; the one that ended first is dropped first. At the start it continues with
    what the hub's last life left at `path`, if that was of the same log; the time while no hub ran does not count.
    """

    def __init__(
        self, path: Path | None, *, epoch: Epoch, connections: int, keep_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._keep_ms = int(keep_s * 1000)
        slots = max(_LEAST_SLOTS, 2 * connections)
        self._table = ResumeTable(path, epoch=epoch, slots=slots, keep_ms=self._keep_ms)
        self.words = self._table.words
        #: How often each slot was assigned: an update by an earlier owner has no effect.
        self._generations = array("Q", bytes(8 * slots))
        self._free = array("L", range(slots - 1, self._table.kept - 1, -1))
        #: The last slot of each key to be opened and to end; those before it follow by `_next`, up to -1.
        self._live_of: dict[bytes, int] = {}
        self._ended_of: dict[bytes, int] = {}
        self._next = array("q", [-1]) * slots
        self._previous = array("q", [-1]) * slots
        #: Ended connections, the first to end first.
        self._ended: dict[int, None] = {}
        for slot in range(self._table.kept):
            self._link(slot, self._ended_of)
            self._ended[slot] = None

    def __len__(self) -> int:
        return len(self._generations) - len(self._free)

    def generation(self, slot: int) -> int:
        """Return how often the slot was assigned."""
        return self._generations[slot]

    def open(self, client: Client, *, head: int) -> ResumePoint:
        """Return the entry of a new connection; it starts at `head` unless its client comes back."""
        slot, resumes_at = self._choose(client)
        if slot is None:
            if not self._free:
                self._release(next(iter(self._ended)))
            slot = self._free.pop()
            self._table.set_key(slot, client.key)
        else:
            del self._ended[slot]
            self._unlink(slot, self._ended_of)
        self._link(slot, self._live_of)
        self._generations[slot] += 1
        self.words[word_of(slot, MARK)] = client.mark
        for word in (WRITTEN, CONFIRMED, ASKED):
            self.words[word_of(slot, word)] = head if resumes_at is None else resumes_at
        # Last: a hub that is killed before this leaves no entry that mixes two clients.
        self._table.set_state(slot, LIVE)
        return ResumePoint(self, slot, self._generations[slot], resumes_at)

    def end(self, slot: int, *, left: bool) -> None:
        """Keep where a connection ended; nothing where its client is back already."""
        state = self._table.state(slot)
        if state == SUCCEEDED:
            self._release(slot)
        elif state in _CONNECTED:
            self._table.set_state(slot, LEFT if left else BROKEN, ended_ms=self._clock_ms())
            self._unlink(slot, self._live_of)
            self._link(slot, self._ended_of)
            self._ended[slot] = None

    def change_state(self, slot: int, before: int, after: int) -> None:
        """Change the state of a connection, where it was `before`."""
        word = word_of(slot, STATE)
        if self.words[word] == before:
            self.words[word] = after

    def tick(self) -> None:
        """Note that the hub is alive, and drop what ended too long ago."""
        now_ms = self._clock_ms()
        self._table.set_alive(now_ms)
        while self._ended and self._is_over(slot := next(iter(self._ended)), now_ms):
            self._release(slot)

    def _choose(self, client: Client) -> tuple[int | None, int | None]:
        """Return the entry that a client continues, and where it resumes.

        The hub cannot distinguish the tabs of one user. When several may be the one that is back, it gets what any of
        them missed: a duplicate is possible, a loss is not.
        """
        now_ms = self._clock_ms()
        ended = [slot for slot in self._slots(client.key, self._ended_of) if not self._is_over(slot, now_ms)]
        known = [slot for slot in ended if self.words[word_of(slot, MARK)] == client.mark]
        if candidates := known or ended:
            late_ms = {slot: self._lateness_ms(slot, now_ms) for slot in candidates}
            alike_ms = min(late_ms.values()) + _ALIKE_MS
            alike = [slot for slot in candidates if late_ms[slot] <= alike_ms]
        else:
            # A connection whose peer has not confirmed what was sent may be dead, and this may be its client's return.
            alike = [slot for slot in self._slots(client.key, self._live_of) if self._is_open(slot, client.mark)]
            if not alike:
                return None, None
            slot = min(alike, key=self._confirmed)
            self._table.set_state(slot, SUCCEEDED)
            return None, self._confirmed(slot)
        return max(alike, key=self._confirmed), min(map(self._confirmed, alike))

    def _lateness_ms(self, slot: int, now_ms: int) -> int:
        """Return how far this moment is from when the client of this entry would come back."""
        passed_ms = now_ms - self._table.ended_ms(slot)
        if self._table.state(slot) == LEFT:  # a page that is loaded again is back at once
            return passed_ms
        passed = [retry_ms for retry_ms in _RETRIES_MS if retry_ms <= passed_ms]
        return passed_ms - passed[-1] if passed else _RETRIES_MS[0] - passed_ms

    def _is_open(self, slot: int, mark: int) -> bool:
        words, at = self.words, word_of(slot, 0)
        if self._table.state(slot) not in {LIVE, DOUBTFUL} or words[at + MARK] != mark:
            return False
        return max(words[at + WRITTEN], words[at + ASKED]) > words[at + CONFIRMED]

    def _confirmed(self, slot: int) -> int:
        return self.words[word_of(slot, CONFIRMED)]

    def _is_over(self, slot: int, now_ms: int) -> bool:
        return self._table.ended_ms(slot) + self._keep_ms < now_ms

    def _clock_ms(self) -> int:
        return START_MS + int((self._monotonic() - self._began_s) * 1000)

    def _slots(self, key: bytes, last_of: dict[bytes, int]) -> Iterator[int]:
        slot = last_of.get(key, -1)
        for _ in range(_CHOICE):
            if slot < 0:
                return
            yield slot
            slot = self._next[slot]

    def _link(self, slot: int, last_of: dict[bytes, int]) -> None:
        key = self._table.key(slot)
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
            last_of[self._table.key(slot)] = after
        else:
            del last_of[self._table.key(slot)]

    def _release(self, slot: int) -> None:
        self._table.set_state(slot, FREE)
        self._generations[slot] += 1
        was_ended = slot in self._ended
        self._ended.pop(slot, None)
        self._unlink(slot, self._ended_of if was_ended else self._live_of)
        self._free.append(slot)
