"""What goes wrong between a service and the hub. No text here ever holds a key, a token or a person's id."""

from __future__ import annotations

from typing import Literal

__all__ = ["HubFailure", "HubRefused", "HubUnreachable", "LossReason", "NotificationLost"]

_RETRYABLE = frozenset({429, 502, 503, 504})

#: Why a queued notification was given up without a response of the hub.
LossReason = Literal["queue_full", "not_json", "too_old", "closed", "no_loop"]

_LOSSES: dict[LossReason, str] = {
    "queue_full": "the queue is full",
    "not_json": "it cannot be written as JSON",
    "too_old": "it waited too long",
    "closed": "the client was closed first",
    "no_loop": "no event loop runs",
}


class HubFailure(Exception):
    """The base class; `retryable`: the same request may succeed later."""

    retryable: bool = False
    #: How long the hub asked to wait.
    retry_after_s: float | None = None


class HubRefused(HubFailure):
    """The hub, or a proxy before it, refused.

    `code` is the hub's, such as `unknown_type`, or `http_502` and the like where another server responded. `field` is
    the path of the offending field. `known` are the types the hub knows, where the given one is not among them.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        known: tuple[str, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code} ({status})" + (f": {detail}" if detail else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.known = known
        self.retryable = status in _RETRYABLE
        self.retry_after_s = retry_after_s


class HubUnreachable(HubFailure):
    """No response came in time, or none that can be read; whether the request arrived is not known."""

    retryable = True


class NotificationLost(HubFailure):
    """A queued notification was given up."""

    def __init__(self, reason: LossReason) -> None:
        super().__init__(f"A notification was not sent: {_LOSSES[reason]}")
        self.reason: LossReason = reason
