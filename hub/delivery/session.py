"""The life of one connection, without I/O: order, de-duplication, the replay/live seam, the end.

A session is *replaying* until the log has been read up to the head that was taken after it was
registered. What the dispatcher offers meanwhile is held, and written once the replay has reached the head.
Then the session is *live*: every offer above the last position is written at once. If the peer takes too
little of that, the session is replaying again. The positions that are written only rise, so no notification
is a duplicate or out of order. Time is passed in.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from contracts.frame import ResumeKind
from hub.cursor import Cursor, Epoch
from hub.delivery.envelope import Envelope

__all__ = ["PeerState", "Phase", "ResumeResult", "Session", "decide_resume"]

#: What a held notification takes besides its JSON.
_ENVELOPE_BYTES = 256


class Phase(Enum):
    """Where in its life a session is."""

    REPLAYING = "replaying"
    LIVE = "live"
    CLOSED = "closed"


#: Python 3.11 finds the member of an enum through a descriptor, which costs more than the rest of an offer.
_LIVE = Phase.LIVE


class PeerState(Enum):
    """What a heartbeat learns of a peer."""

    ALIVE = "alive"
    DEAD = "dead"
    EXPIRED = "expired"


class ResumeResult(NamedTuple):
    """How a session begins: what the client is told, and the position its cursor stands at."""

    kind: ResumeKind
    position: int


def decide_resume(cursor: Cursor | None, *, epoch: Epoch, first: int, head: int) -> ResumeResult:
    """Return what a client with this cursor gets of a log with this epoch, first position and head.

    `cursor` is None on a first visit. A cursor of another epoch, from before retention or from beyond the head
    cannot be served: a gap.
    """
    if cursor is None:
        return ResumeResult("live", head)
    if cursor.epoch != epoch or not first - 1 <= cursor.position <= head:
        return ResumeResult("gap", head)
    return ResumeResult("replayed", cursor.position)


class Session:
    """One subscriber's place in the log.

    `hold_limit` and `hold_limit_bytes` bound what is held while a page is read; past either, everything held
    is dropped and the log is read again instead, so the bound costs time and never a notification.
    """

    __slots__ = (
        "_active",
        "_held",
        "_held_bytes",
        "_hold_limit",
        "_hold_limit_bytes",
        "_overflowed",
        "_taken_bytes",
        "_waited",
        "expires_at_s",
        "last",
        "phase",
        "upto",
    )

    def __init__(self, *, expires_at_s: float, hold_limit: int = 1_000, hold_limit_bytes: int = 8_192) -> None:
        self.phase = Phase.REPLAYING
        self.expires_at_s = expires_at_s
        #: The position up to which everything due was handed over.
        self.last = 0
        #: The head that replay is reading up to.
        self.upto = 0
        self._held: list[Envelope] = []
        self._held_bytes = 0
        self._hold_limit = hold_limit
        self._hold_limit_bytes = hold_limit_bytes
        self._overflowed = False
        self._active = True
        self._waited = False
        self._taken_bytes = 0

    def begin(self, cursor: Cursor | None, *, epoch: Epoch, first: int, head: int) -> ResumeResult:
        """Start where `decide_resume` says, given the log as it is *after* the session was registered."""
        resume = decide_resume(cursor, epoch=epoch, first=first, head=head)
        self.last, self.upto = resume.position, head
        return resume

    def offer(self, envelope: Envelope) -> bool:
        """Take what the dispatcher has for this subscriber; True means: write it now."""
        position = envelope.position
        if self.phase is _LIVE:
            if position <= self.last:
                return False
            self.last = position
            return True
        # Replay will read what is at or below `upto` from the log itself.
        if self.phase is Phase.REPLAYING and position > self.upto and not self._overflowed:
            self._hold(envelope)
        return False

    def fall_behind(self, head: int) -> bool:
        """Begin to replay again, up to `head`: the peer takes less than what is live, and the log has it all.

        False where the session is not live: it is replaying already, or closed.
        """
        if self.phase is not Phase.LIVE:
            return False
        self.phase = Phase.REPLAYING
        self.aim(head)
        return True

    def aim(self, head: int) -> None:
        """Replay up to `head`, the log's at this moment, and hold what is offered from now on."""
        self.upto = max(self.upto, head)
        self._held, self._held_bytes, self._overflowed = [], 0, False

    def drop_held(self) -> None:
        """Drop what is held, and hold nothing before the next `aim`: the replay may wait long for the peer."""
        self._held, self._held_bytes, self._overflowed = [], 0, True

    def replay(self, position: int) -> bool:
        """Take one record read from the log; True means: write it now."""
        if self.phase is not Phase.REPLAYING or position <= self.last:
            return False
        self.last = position
        return True

    def reach(self, position: int) -> None:
        """Note that the log holds nothing more for this subscriber up to `position`."""
        self.last = max(self.last, position)

    def mark_gap(self, head: int) -> bool:
        """Note that what was due up to `head` is gone: retention overtook the replay, or it is damaged.

        True means: announce the gap. False where the session has ended.
        """
        if self.phase is Phase.CLOSED:
            return False
        self.last = max(self.last, head)
        self.upto = max(self.upto, head)
        self._held = [envelope for envelope in self._held if envelope.position > self.last]
        self._held_bytes = sum(len(envelope.json) + _ENVELOPE_BYTES for envelope in self._held)
        return True

    def go_live(self, head: int, *, room_bytes: int) -> list[Envelope] | None:
        """End the replay: return what was held, to be written in this order, before anything else.

        Returns None after an overflow, or where more is held than the `room_bytes` that may be written at
        once: read the log again, now up to `head`, at the pace of the peer.
        """
        if self.phase is Phase.CLOSED:
            return []
        held = [envelope for envelope in self._held if envelope.position > self.last]
        again = self._overflowed or self._held_bytes > room_bytes
        self._held, self._held_bytes, self._overflowed = [], 0, False
        if again:
            self.upto = head
            return None
        self.phase = Phase.LIVE
        if held:
            self.last = held[-1].position
        return held

    def close(self) -> bool:
        """End the session; False where it had ended before."""
        if self.phase is Phase.CLOSED:
            return False
        self.phase = Phase.CLOSED
        self._held = []
        return True

    def renew(self, expires_at_s: float) -> None:
        """Live until `expires_at_s`, for a client that presented a new token."""
        self.expires_at_s = expires_at_s

    def note_activity(self) -> None:
        """Note that the peer sent something."""
        self._active = True

    def beat(self, now_s: float, *, can_pong: bool, waiting_bytes: int = 0, taken_bytes: int = 0) -> PeerState:
        """Judge the peer, once per heartbeat interval.

        `can_pong`: the peer can answer a ping. Then it is dead if it sent nothing since the last beat, unless bytes
        wait (the ping among them) and it took some of them: that peer is slow. A peer that cannot answer (SSE) is
        dead if bytes wait for it and it took none since the last beat.
        """
        if now_s >= self.expires_at_s:
            return PeerState.EXPIRED
        takes = taken_bytes != self._taken_bytes
        if can_pong:
            dead = not self._active and not (waiting_bytes > 0 and takes)
            self._active = False
        else:
            dead = self._waited and waiting_bytes > 0 and not takes
        self._waited = waiting_bytes > 0
        self._taken_bytes = taken_bytes
        return PeerState.DEAD if dead else PeerState.ALIVE

    def _hold(self, envelope: Envelope) -> None:
        self._held.append(envelope)
        self._held_bytes += len(envelope.json) + _ENVELOPE_BYTES
        if len(self._held) > self._hold_limit or self._held_bytes > self._hold_limit_bytes:
            self._held, self._held_bytes = [], 0
            self._overflowed = True
