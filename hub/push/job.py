"""One message for one subscription: on its way in memory, or waiting in the log for its next attempt. Pure."""

from __future__ import annotations

import msgspec

from hub.log.port import Change, Entry
from hub.target import Target

__all__ = ["WAITING", "Job", "due_key", "put_waiting", "read_waiting", "remove_waiting"]

#: The owner of the messages that wait for another attempt, in the order of time.
WAITING = "push-waiting"


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A notification, by position, for a subscription, by user and the digest of its endpoint.

    `origin` is that of the push service. `since_s`: when the first attempt was due (Unix time). `row`: where the job
    waits in the log, empty for one that never has.
    """

    position: int
    user: Target
    key: str
    origin: str
    since_s: float
    failures: int = 0
    row: str = ""

    def __repr__(self) -> str:
        return f"Job(position={self.position}, failures={self.failures})"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Job).decode


def due_key(due_s: float) -> str:
    """Return what the keys of all that is due before this moment (Unix time) are below."""
    return f"{round(due_s * 1000):015d}"


def put_waiting(job: Job, due_s: float) -> tuple[Change, ...]:
    """Return the changes by which a job waits until `due_s` (Unix time), in place of where it waited before.

    It ends with its notification, and with its user's erasure.
    """
    row = f"{due_key(due_s)}:{job.position}:{job.key[:16]}"
    value = _encode(msgspec.structs.replace(job, row=row))
    return (*remove_waiting(job), Change(WAITING, row, value, ends=job.position, person=job.user))


def remove_waiting(job: Job) -> tuple[Change, ...]:
    """Return the change that ends the wait of a job, if it waited."""
    return (Change(WAITING, job.row, None),) if job.row else ()


def read_waiting(entry: Entry) -> Job:
    """Return the job of a row.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: another version of the hub wrote it.
    """
    return _decode(entry.value)
