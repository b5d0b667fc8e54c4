"""What the hub reports about itself at `/api/internal/ws-stats`.

`totalConnections` and `connectionsByAccount` are at the top because deployed health pages read them there. Account
ids are keys of this response, so only service keys may request it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["ConnectionCounts", "Stats", "Totals"]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class ConnectionCounts(msgspec.Struct, kw_only=True):
    """Connections open at this moment, by transport."""

    total: _Count
    websocket: _Count
    sse: _Count
    #: A hub of an earlier version does not tell it.
    durable_streams: _Count = 0


class Totals(msgspec.Struct, kw_only=True):
    """What happened since the hub started.

    `deliveries` are frames handed to a connection, `replays` connections that resumed with a cursor,
    `gaps` those of them that the log could not serve completely, `drops` connections closed for being slow.
    """

    connected: _Count
    disconnected: _Count
    refused: _Count
    published: _Count
    duplicates: _Count
    deliveries: _Count
    replays: _Count
    gaps: _Count
    drops: _Count


class Stats(msgspec.Struct, kw_only=True, rename="camel"):
    """Connections, users and totals; exact, not sampled.

    `refusals` are the connections refused since the start by the code of their problem; `totals.refused` is
    their sum.
    """

    total_connections: _Count
    connections_by_account: dict[str, int]
    connections: ConnectionCounts
    unique_users: _Count
    uptime_seconds: Annotated[float, msgspec.Meta(ge=0)]
    totals: Totals
    refusals: dict[str, int] = {}
