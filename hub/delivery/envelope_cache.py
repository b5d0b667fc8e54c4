"""The envelopes of what many clients missed, so that a reconnect storm finds them finished."""

from __future__ import annotations

from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.log.port import Record
from hub.target import is_personal

__all__ = ["EnvelopeCache"]

#: How many copies of its JSON an envelope may have, in its forms, and what it takes besides.
_FORMS = 5
_ENVELOPE_BYTES = 512
#: What a line break of the JSON takes more in the two forms that are events: each line there is a field of its own.
_LINE_BYTES = 2 * len(b"\r\ndata: ")


class EnvelopeCache:
    """Makes the envelope of a record, or finds the one that was made for another client.

    What is for one user is not kept: that user's connections alone would need it again. The rest is kept up to
    `limit_bytes`, whatever forms are made of it; what was made first goes first.
    """

    def __init__(self, epoch: Epoch, *, limit_bytes: int) -> None:
        self._epoch = epoch
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        #: By position: one epoch never gives a position twice.
        self._held: dict[int, Envelope] = {}

    @property
    def held_bytes(self) -> int:
        """How much is kept, at most."""
        return self._held_bytes

    def find(self, record: Record) -> Envelope:
        """Return the envelope of a record that was read from the log for one of its targets, and is whole."""
        if is_personal(record.targets):
            return Envelope(record.payload, self._epoch, record.position)
        envelope = self._held.get(record.position)
        if envelope is None:
            envelope = Envelope(record.payload, self._epoch, record.position)
            self._keep(envelope)
        return envelope

    def _keep(self, envelope: Envelope) -> None:
        self._held[envelope.position] = envelope
        self._held_bytes += _weigh(envelope)
        while self._held_bytes > self._limit_bytes:
            oldest = self._held.pop(next(iter(self._held)))
            self._held_bytes -= _weigh(oldest)


def _weigh(envelope: Envelope) -> int:
    lines = envelope.json.count(b"\n") + envelope.json.count(b"\r")
    return _FORMS * len(envelope.json) + _LINE_BYTES * lines + _ENVELOPE_BYTES
