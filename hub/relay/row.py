"""A row of the outbox as the relay sees it, and what can become of it."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["TIMEOUT", "Dead", "Failed", "HubAway", "Outcome", "Published", "Row"]

#: The code of a request that had no response in time.
TIMEOUT = "timeout"


class Row(msgspec.Struct, frozen=True, eq=False):
    """One row that waits. `id` is its Idempotency-Key; `body` is None where it is larger than any hub takes.

    `attempts` failed before. `due`: it does not wait for its next attempt.
    """

    id: str
    key: str
    attempts: int
    due: bool
    body: bytes | None

    def __repr__(self) -> str:
        # The key and the body may name persons.
        return f"Row({self.id})"


class Published(msgspec.Struct, frozen=True):
    """The hub has it on disk; `duplicate`: it had it already."""

    duplicate: bool


class Dead(msgspec.Struct, frozen=True):
    """The hub refuses it and always will. `code` is for logs and metrics, `reason` for the row; neither holds an id."""

    code: str
    reason: str


class Failed(msgspec.Struct, frozen=True):
    """This row failed, and may succeed later; others are not concerned.

    `counts`: the hub itself failed on it, so that the row is given up after a number of attempts.
    """

    code: str
    reason: str
    counts: bool
    retry_after_s: float | None = None


class HubAway(msgspec.Struct, frozen=True):
    """No row can be published now: the hub is away, overloaded, or does not know the key. The row is not judged."""

    code: str
    reason: str
    retry_after_s: float | None = None


Outcome: TypeAlias = Published | Dead | Failed | HubAway
