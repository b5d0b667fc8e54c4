"""What the hub tells an operator who looks: the events of `/api/internal/observe`, and one user's connections.

Ids of people and accounts are masked unless the service key has the operation `observe_ids`: an operator sees what
kind of target a notification has, and not which person it is for. Counters only rise and begin with the hub, so that a
reader makes rates of two events.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import AccountId, UserId
from contracts.receipt import NodesAnswered
from contracts.relay import RelayFigures
from contracts.stats import ConnectionCounts, NodeStats

__all__ = [
    "MAX_ACCOUNTS",
    "MAX_FEED_ITEMS",
    "MAX_FOUND",
    "AccountCount",
    "ConnectionsFound",
    "ConnectionsRequest",
    "Durations",
    "Feed",
    "FeedItem",
    "FeedTarget",
    "Figures",
    "Introduction",
    "LogFigures",
    "ObservationEnd",
    "ObservationEvent",
    "UserConnection",
]

#: How many accounts `Figures` names: those with the most connections.
MAX_ACCOUNTS = 50
#: How many notifications one `Feed` event holds; beyond that they are counted.
MAX_FEED_ITEMS = 200
#: How many of a user's connections are described; beyond that they are counted.
MAX_FOUND = 100

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Introduction(msgspec.Struct, kw_only=True, tag="introduction", tag_field="type"):
    """The first event: who the key is, what it may do, and how to read what follows.

    `types` null: the key may publish every type. `bounds_seconds` are the upper bounds of the ranges of all durations;
    the last range has none. An event comes at least every `interval_seconds`.
    """

    service: str
    operations: list[str]
    types: list[str] | None
    everyone: bool
    version: str
    started_at: str
    interval_seconds: Annotated[float, msgspec.Meta(gt=0)]
    bounds_seconds: list[float]


class Durations(msgspec.Struct, kw_only=True):
    """How long something took, since the start: how often in each range of `bounds_seconds`, and all together."""

    counts: list[_Count]
    sum_seconds: Annotated[float, msgspec.Meta(ge=0)]


class LogFigures(msgspec.Struct, kw_only=True):
    """The log at this moment: the positions of its oldest and newest record, and its files in bytes."""

    first: _Count
    head: _Count
    bytes: _Count
    writable: bool
    damaged: _Count


class AccountCount(msgspec.Struct, kw_only=True):
    """How many connections an account has; its id is masked unless it may be seen."""

    account_id: str
    connections: _Count


class Figures(msgspec.Struct, kw_only=True, tag="figures", tag_field="type"):
    """The hub at this moment, and what happened since its start.

    `published` is by type, `deliveries` and `connected` by transport, `closed` by close code, `refused` (connections)
    and `problems` (requests) by error code. `durations` have the names of the metrics without `hub_` and `_seconds`,
    with the label's value behind a colon where there is one. `dispatch_lag` is how many records are stored and not
    dispatched. `largest_accounts` are at most 50. `relays` are those of outboxes that report to this hub. `nodes` has a
    row for each node of its cluster, and none for a hub alone; all else is about the hub that responds. `mismatches`
    (fields of `data` that were stored with another shape than declared) are by type and field, with a dot between.
    """

    at: str
    connections: ConnectionCounts
    users: _Count
    accounts: _Count
    largest_accounts: list[AccountCount]
    published: dict[str, int]
    duplicates: _Count
    deliveries: dict[str, int]
    replayed: _Count
    fallen_behind: _Count
    gaps: _Count
    connected: dict[str, int]
    closed: dict[str, int]
    refused: dict[str, int]
    problems: dict[str, int]
    durations: dict[str, Durations]
    log: LogFigures
    dispatch_lag: _Count
    directory: str
    draining: bool
    ready: bool
    relays: list[RelayFigures] = []
    nodes: list[NodeStats] = []
    mismatches: dict[str, int] = {}


class FeedTarget(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whom a notification is for: a user, `users` users, an account, or everyone.

    Ids are masked unless they may be seen.
    """

    kind: Literal["user", "users", "account", "everyone"]
    account_id: str | None = None
    user_id: str | None = None
    users: _Count = 0


class FeedItem(msgspec.Struct, kw_only=True):
    """One notification as it was dispatched; `connections` of its targets were open then. Its texts are left out."""

    id: str
    type: str
    timestamp: str
    cursor: str
    target: FeedTarget
    connections: _Count
    bytes: _Count


class Feed(msgspec.Struct, kw_only=True, tag="feed", tag_field="type"):
    """Notifications that were dispatched, in order; `skipped` more were, and are counted alone."""

    items: list[FeedItem]
    skipped: _Count


class ObservationEnd(msgspec.Struct, kw_only=True, tag="closing", tag_field="type"):
    """The last event of a stream that the hub ends; come back."""

    reason: str


ObservationEvent = Introduction | Figures | Feed | ObservationEnd


class ConnectionsRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose connections to describe: a user's, in `account_id` if that is given, else in every account."""

    user_id: UserId
    account_id: AccountId | None = None


class UserConnection(msgspec.Struct, kw_only=True):
    """One open connection; `state` replaying: it is being brought what it missed. `waiting_bytes` are not taken yet.

    `account_id` is masked unless it was asked for or may be seen. `node` is the one it is connected to; a hub alone
    leaves it out.
    """

    id: str
    account_id: str
    role: str
    transport: Literal["websocket", "sse", "durable-streams"]
    protocol: Literal["hub.v1", "plain"]
    state: Literal["replaying", "live", "closed"]
    cursor: str
    waiting_bytes: _Count
    expires_at: str
    node: str | UnsetType = UNSET


class ConnectionsFound(msgspec.Struct, kw_only=True):
    """A user's connections at this moment: `total` of them, of which at most 100 are described, oldest first.

    In a cluster they are those of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
    """

    total: _Count
    connections: list[UserConnection]
    nodes: NodesAnswered | UnsetType = UNSET
