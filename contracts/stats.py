"""What the hub reports about itself at `/api/internal/ws-stats`.

`totalConnections` and `connectionsByAccount` are at the top because deployed health pages read them there. Account
ids are keys of this response, so only service keys may request it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["ConnectionCounts", "NodeState", "NodeStats", "Stats", "Totals"]

_Count = Annotated[int, msgspec.Meta(ge=0)]

#: Of a node of a cluster: it takes new work; it does not, and says so; it is shutting down; it was not heard lately.
NodeState = Literal["ready", "not_ready", "draining", "silent"]


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


class NodeStats(msgspec.Struct, kw_only=True, rename="camel"):
    """One node of a cluster, as it last told of itself, `seen_seconds` ago.

    `applied` is the newest position that it has handed to its connections, `lag` how far that is behind the newest one
    of the log that anybody told it of. `nats` is its connection to NATS. `clock_skew_seconds`: how much its clock is
    ahead of that of the node that responds, at least.
    """

    node: str
    state: NodeState
    version: str
    connections: ConnectionCounts
    users: _Count
    applied: _Count
    lag: _Count
    nats: Literal["connected", "disconnected"]
    uptime_seconds: Annotated[float, msgspec.Meta(ge=0)]
    seen_seconds: Annotated[float, msgspec.Meta(ge=0)]
    clock_skew_seconds: float = 0.0


class Stats(msgspec.Struct, kw_only=True, rename="camel"):
    """Connections, users and totals; exact, not sampled.

    `refusals` are the connections refused since the start by the code of their problem; `totals.refused` is
    their sum.

    In a cluster every number is the sum over the nodes that are not `silent` in `nodes`, and a user who is connected to
    two of them counts twice in `unique_users`: `users_are_distinct` is false there. A hub alone leaves both out.
    """

    total_connections: _Count
    connections_by_account: dict[str, int]
    connections: ConnectionCounts
    unique_users: _Count
    uptime_seconds: Annotated[float, msgspec.Meta(ge=0)]
    totals: Totals
    refusals: dict[str, int] = {}
    nodes: list[NodeStats] | UnsetType = UNSET
    users_are_distinct: bool | UnsetType = UNSET
