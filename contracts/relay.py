"""What a relay of an outbox tells the hub of itself, so that operators see it beside the hub."""

from __future__ import annotations

from typing import Annotated

import msgspec

from contracts.identifier import Timestamp

__all__ = ["RelayFigures", "RelayReport"]

#: What JSON can say exactly in every language.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class RelayReport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One relay at this moment: the rows of its table that wait and that are dead, and how long the oldest has waited.

    `instance` tells the relays of one service apart, and is new with each start. `published` counts rows since then.
    The next report comes within `interval_seconds`; `ends`: there is none, since the relay was stopped.
    """

    instance: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)", examples=["9f2c5d0e81b3a467"])]
    waiting_rows: _Count
    dead_rows: _Count
    oldest_waiting_seconds: _Seconds
    published: _Count
    interval_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    ends: bool = False


class RelayFigures(msgspec.Struct, kw_only=True):
    """What a relay of `service` reported last, and when; `overdue`: several reports have not come since."""

    service: str
    instance: str
    at: Timestamp
    overdue: bool
    waiting_rows: _Count
    dead_rows: _Count
    oldest_waiting_seconds: _Seconds
    published: _Count
