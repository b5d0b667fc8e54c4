"""What the hub reports about its own state."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["Liveness", "NodeReadiness", "Readiness"]


class Liveness(msgspec.Struct, frozen=True):
    """The process responds."""

    live: bool


class NodeReadiness(msgspec.Struct, frozen=True):
    """A node of a cluster: its connection to NATS and how far its log is behind.

    `lag`: records of the stream that this node has not applied yet. `replica_lag`: how far the slowest server of the
    stream is behind its leader; null if that is not known. `isolated`: clients are sent to other nodes.
    """

    node: str
    nats: Literal["connected", "disconnected"]
    lag: Annotated[int, msgspec.Meta(ge=0)]
    replica_lag: Annotated[int, msgspec.Meta(ge=0)] | None
    isolated: bool
    nodes: Annotated[int, msgspec.Meta(ge=0)]


class Readiness(msgspec.Struct, frozen=True):
    """Whether the hub accepts new work, and the state of each part.

    A `directory` that is `down` does not make the hub unready, unless it has not responded once since the start.
    `cluster` is left out by a hub alone.
    """

    ready: bool
    draining: bool
    log: str
    dispatcher: str
    directory: str
    cluster: NodeReadiness | UnsetType = UNSET
