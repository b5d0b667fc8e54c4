"""What a network may do to one connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

__all__ = ["CLEAN", "Ending", "Faults", "Plan", "Upgrade"]

#: `cut` closes both sides in order, `reset` sends a RST, `stall` keeps them open and passes nothing more.
Ending = Literal["cut", "reset", "stall"]

#: `refuse` answers 403 in words of its own, as a company's proxy does; `silence` never answers.
Upgrade = Literal["pass", "refuse", "silence"]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults of one connection; by default none."""

    #: How it ends, and after how many bytes from the hub: within a frame, as it falls.
    ending: Ending | None = None
    ending_bytes: int = 0
    #: How it ends, and how many seconds after it was made: several may follow each other, such as a stall and a cut.
    later: tuple[tuple[float, Ending], ...] = ()
    #: Each piece waits between these, in both directions.
    delay_s: tuple[float, float] = (0.0, 0.0)
    #: Whether it travels in pieces of 1 to 7 bytes, in both directions.
    slices: bool = False
    #: Whether the body of the response is held until its end, which a stream does not have.
    holds: bool = False
    #: What becomes of a WebSocket handshake.
    upgrade: Upgrade = "pass"


CLEAN = Faults()

#: Draws the faults of the next connection.
Plan = Callable[[Random], Faults]
