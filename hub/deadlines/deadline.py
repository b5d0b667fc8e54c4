"""A deadline of one user, and its outcome, as the log's state index keeps them. Pure.

A deadline has two rows until its outcome: by when it is due, and by whose it is. Its outcome is one row, which stays as
long as the notification does.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import msgspec

from hub.log.port import Change, Entry
from hub.target import Target

__all__ = [
    "DEADLINES",
    "Deadline",
    "Outcome",
    "OutcomeKind",
    "awaited_owner",
    "due_key",
    "end_deadline",
    "outcome_key",
    "outcome_owner",
    "put_deadline",
    "read_deadline",
    "read_due_ms",
    "read_outcome",
]

#: The owner of all deadlines, in the order in which they are due.
DEADLINES = "deadline"

#: How a deadline ended: a client acknowledged the notification, the user read it, or neither happened in time.
OutcomeKind: TypeAlias = Literal["acknowledged", "read", "unconfirmed"]


class Deadline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Until `due_ms` (Unix time) the user of `target` has to have got or read the notification `id` of `service`.

    `collapse` is the collapse digest of the notification in hexadecimal, empty for one that nothing supersedes.
    """

    id: str
    type: str
    target: str
    service: str
    by: Literal["delivered", "read"]
    within_s: int
    due_ms: int
    collapse: str = ""

    def __repr__(self) -> str:
        return f"Deadline(id={self.id!r}, by={self.by!r}, due_ms={self.due_ms})"

    @property
    def key(self) -> str:
        """The key among all deadlines. A user's id is in it as a digest alone."""
        whose = hashlib.sha256(self.target.encode()).hexdigest()[:16]
        return f"{due_key(self.due_ms)}{self.id}:{whose}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a deadline ended, when, and the webhook that says so, if there is one."""

    kind: OutcomeKind
    at_s: float
    due_ms: int
    by: Literal["delivered", "read"]
    webhook_id: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Deadline).decode
_decode_outcome = msgspec.json.Decoder(Outcome).decode


def due_key(due_ms: int) -> str:
    """Return what the keys of all deadlines that are due earlier are below."""
    return f"{due_ms:015d}"


def read_due_ms(key: str) -> int:
    """Return when the deadline with this key is due, in Unix milliseconds."""
    return int(key[:15])


def awaited_owner(target: Target) -> str:
    """Return the owner of one user's deadlines, by the ids of their notifications."""
    return f"awaited:{target}"


def outcome_owner(target: Target) -> str:
    """Return the owner of the outcomes of one user's deadlines, by the ids of their notifications."""
    return f"outcome:{target}"


def outcome_key(deadline: Deadline) -> str:
    """Return what names the outcome of a deadline: there is one, however often it is found."""
    return f"outcome\x00{deadline.id}\x00{deadline.target}"


def put_deadline(deadline: Deadline) -> tuple[Change, ...]:
    """Return the changes that come with the notification."""
    value, target = _encode(deadline), Target(deadline.target)
    return (
        Change(DEADLINES, deadline.key, value, person=target),
        Change(awaited_owner(target), deadline.id, value),
    )


def end_deadline(deadline: Deadline, outcome: Outcome, *, position: int) -> tuple[Change, ...]:
    """Return the changes that put the outcome in the place of the deadline; `position` is the notification's."""
    target = Target(deadline.target)
    return (
        Change(DEADLINES, deadline.key, None),
        Change(awaited_owner(target), deadline.id, None),
        Change(outcome_owner(target), deadline.id, _encode(outcome), ends=position),
    )


def read_deadline(entry: Entry) -> Deadline:
    """Return the deadline that a row has.

    Raises:
        msgspec.MsgspecError: another version of the hub wrote it.
    """
    return _decode(entry.value)


def read_outcome(entry: Entry) -> Outcome:
    """Return the outcome that a row has.

    Raises:
        msgspec.MsgspecError: another version of the hub wrote it.
    """
    return _decode_outcome(entry.value)
