"""What the hub reports about its own state."""

from __future__ import annotations

import msgspec

__all__ = ["Liveness", "Readiness"]


class Liveness(msgspec.Struct, frozen=True):
    """The process responds."""

    live: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether the hub accepts new work, and the state of each part.

    A `directory` that is `down` does not make the hub unready, unless it has not responded once since the start.
    """

    ready: bool
    draining: bool
    log: str
    dispatcher: str
    directory: str
