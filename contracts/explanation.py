"""What a publish would do, without doing it: the response of `POST /api/internal/explain`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText, Timestamp
from contracts.policy import Policy
from contracts.problem import Problem
from contracts.receipt import FieldWarning, NodesAnswered
from contracts.stats import ConnectionCounts

__all__ = [
    "MAX_SHOWN_TARGETS",
    "DeliveryOutlook",
    "Explanation",
    "Reason",
    "ReasonCode",
    "TargetView",
    "UserExplanation",
]

#: How many targets an explanation or a trace lists; `target_count` counts all.
MAX_SHOWN_TARGETS = 100

_Count = Annotated[int, msgspec.Meta(ge=0)]

#: Whether a user would get the notification: at once, when they connect, not at all, or it cannot be told now.
DeliveryOutlook = Literal["now", "on_return", "no", "unknown"]
ReasonCode = Literal[
    "connected",
    "catching_up",
    "not_connected",
    "refused",
    "not_addressed",
    "other_account",
    "unknown_user",
    "no_account",
    "user_inactive",
    "account_inactive",
    "muted",
    "account_not_given",
    "directory_unavailable",
    "node_silent",
]


class TargetView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One target, as far as the service key may see it; ids are masked unless the key has the right `observe_ids`."""

    kind: Literal["user", "account", "everyone"]
    account_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET


class Reason(msgspec.Struct, kw_only=True):
    """One reason why a user would get a notification, or why not; programs compare `code`."""

    code: ReasonCode
    detail: str


class UserExplanation(msgspec.Struct, kw_only=True):
    """Whether one user would get the notification, and every reason that the hub knows."""

    delivery: DeliveryOutlook
    reasons: list[Reason]
    connections: ConnectionCounts


class Explanation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the hub would respond to a publish now, and whom it would reach. Nothing was published.

    `refusal` is the problem that the publish would get; it is left out if the hub would accept it. `service` is the
    service whose rights were looked at. `targets` has the first 100 of `target_count`. `users` and `connections` are
    those that match at this moment and have not muted the type. `policy` is that of the type, which also holds where
    the publish says nothing. `supersedes` is the cursor of the older notification whose place it would take.
    `expires_at` is when the hub would stop to deliver it. `warnings` are those of the receipt. `user` is there if the
    request names one in `explain_user_id`. In a cluster `users` and all connections are sums of the nodes that answered
    in time, as `nodes` says, and a user who is connected to two of them counts twice; a hub alone leaves `nodes` out.
    """

    accepted: bool
    service: str
    refusal: Problem | UnsetType = UNSET
    type: str | UnsetType = UNSET
    policy: Policy | UnsetType = UNSET
    targets: list[TargetView] = []
    target_count: _Count
    users: _Count
    connections: ConnectionCounts
    supersedes: CursorText | UnsetType = UNSET
    expires_at: Timestamp | UnsetType = UNSET
    warnings: list[FieldWarning] = []
    user: UserExplanation | UnsetType = UNSET
    nodes: NodesAnswered | UnsetType = UNSET
