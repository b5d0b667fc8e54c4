"""What the hub says of its own state."""

from __future__ import annotations

import msgspec

__all__ = ["Liveness", "Readiness"]


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether new work should be sent here, and what each part says.

    A `directory` that is `down` stops nothing, except where it has not answered once since the start.
    """

    ready: bool
    draining: bool
    log: str
    dispatcher: str
    directory: str
