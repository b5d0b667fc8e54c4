"""What became of one notification: the response of `GET /api/internal/notifications/{id}`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.explanation import TargetView
from contracts.identifier import CursorText, Timestamp
from contracts.receipt import NodesAnswered
from contracts.webhook import WebhookView

__all__ = [
    "Acceptance",
    "Confirmation",
    "Dispatch",
    "Pushes",
    "Replays",
    "Storage",
    "Superseded",
    "Trace",
    "TraceStep",
    "Unknown",
]

_TraceId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
_Count = Annotated[int, msgspec.Meta(ge=0)]

#: What may happen to a notification after it was stored.
TraceStep = Literal["accepted", "dispatched", "replayed", "pushed", "acknowledged", "read", "escalated", "webhooks"]


class Acceptance(msgspec.Struct, kw_only=True):
    """The publish: the service, and when the whole request had arrived."""

    service: str
    at: Timestamp


class Storage(msgspec.Struct, kw_only=True):
    """Where the notification is in the log, and when it was written there."""

    cursor: CursorText
    position: _Count
    at: Timestamp


class Dispatch(msgspec.Struct, kw_only=True):
    """How many connections the live dispatch handed it to; it does not say that a person has seen it.

    `deferred` are connections that were still getting older notifications at that moment: they get this one after
    those. `expired`: its time was over before the dispatch, so no live connection got it.
    """

    websocket: _Count
    sse: _Count
    durable_streams: _Count = 0
    deferred: _Count
    expired: bool


class Replays(msgspec.Struct, kw_only=True):
    """How often it was handed over later: from the log to a connection that resumed, and in a page.

    A page is a response of `/poll`, or of a reader of Durable Streams.
    """

    connections: _Count
    polls: _Count


class Pushes(msgspec.Struct, kw_only=True):
    """What became of its messages to browsers (Web Push), counted by outcome as in `PushFigures`.

    There is one message for each subscription of a user, and none for users who had got it (`confirmed`), have read it
    (`read`) or have muted its type (`muted`), who are counted once. `sent`: a push service took it; it does not say
    that a person has seen it. `pending` are on their way, or wait for another attempt.
    """

    outcomes: dict[str, _Count]
    pending: _Count


class Superseded(msgspec.Struct, kw_only=True):
    """A newer notification with the same `collapse_key` has taken its place: the cursor of that one.

    Connections that were open have got both. No replay, page or inbox has this one any more.
    """

    by: CursorText


class Confirmation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one user had to confirm, and until when; `at` is when that ended, and is left out where it is awaited."""

    user: TargetView
    by: Literal["delivered", "read"]
    deadline: Timestamp
    at: Timestamp | UnsetType = UNSET


class Unknown(msgspec.Struct, kw_only=True):
    """A step that this response says nothing about, and why the hub cannot tell."""

    step: TraceStep
    why: str


class Trace(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the hub knows of one notification. A step that is left out is named in `unknown`.

    `targets` has the first 100 of `target_count`. With `expires_at` in the past (`expired`) nobody gets it any more.
    `trace_id` is the OpenTelemetry trace of its publish (W3C Trace Context), while the hub traces and remembers it.
    Of users who had to confirm it, `awaited` has those who still can, and `acknowledged`, `read` and `escalated` those
    who did in one of these ways, or did not in time; `webhooks` is what the service was told of them.
    `counted_since` is when the counts of `dispatched`, `replayed` and `pushed` begin: the hub keeps them in memory. In
    a cluster they are sums of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
    """

    id: str
    type: str
    targets: list[TargetView]
    target_count: _Count
    trace_id: _TraceId | UnsetType = UNSET
    accepted: Acceptance | UnsetType = UNSET
    stored: Storage
    dispatched: Dispatch | UnsetType = UNSET
    replayed: Replays | UnsetType = UNSET
    pushed: Pushes | UnsetType = UNSET
    superseded: Superseded | UnsetType = UNSET
    awaited: list[Confirmation] | UnsetType = UNSET
    acknowledged: list[Confirmation] | UnsetType = UNSET
    read: list[Confirmation] | UnsetType = UNSET
    escalated: list[Confirmation] | UnsetType = UNSET
    webhooks: list[WebhookView] | UnsetType = UNSET
    expires_at: Timestamp | UnsetType = UNSET
    expired: bool
    counted_since: Timestamp
    nodes: NodesAnswered | UnsetType = UNSET
    unknown: list[Unknown]
