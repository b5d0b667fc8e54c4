"""How services publish, for the API document."""

from __future__ import annotations

from hub import errors, routes
from hub.api.openapi.operations.failures import BODY_FAILURES, PUBLISH_FAILURES, SERVICE_FAILURES, STORE_FAILURES
from hub.api.openapi.operations.operation import (
    IDEMPOTENCY_KEY,
    SERVICE,
    TRACEPARENT,
    TRACERESPONSE,
    TRACESTATE,
    Operation,
    Response,
)

__all__ = ["PUBLISH_OPERATIONS"]

PUBLISH_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path=routes.NOTIFY,
        id="publishNotification",
        tag="Publish",
        summary="Publish one notification",
        description="The response is 202 when the notification is on disk; delivery no longer depends on the caller. "
        "The hub passes fields of `data` that the type does not declare on as received. It does the same with fields "
        "of another shape than the type declares, and names them in `warnings` of the receipt; a strict type refuses "
        "them with 400. Give at least one target: `user_id`, `user_ids`, `account_id` or `everyone`.",
        security=SERVICE,
        parameters=(IDEMPOTENCY_KEY, TRACEPARENT, TRACESTATE),
        body="PublishRequest",
        responses=(
            Response(202, "The notification is on disk and will be delivered.", "Receipt", headers=TRACERESPONSE),
        ),
        failures=(
            *SERVICE_FAILURES,
            *BODY_FAILURES,
            *PUBLISH_FAILURES,
            *STORE_FAILURES,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
    Operation(
        method="post",
        path=routes.NOTIFY_BATCH,
        id="publishBatch",
        tag="Publish",
        summary="Publish up to 1,000 notifications",
        description="The hub stores all acceptable notifications in one transaction, in order. A refused notification "
        "gets its own problem and does not affect the others.",
        security=SERVICE,
        parameters=(IDEMPOTENCY_KEY, TRACEPARENT, TRACESTATE),
        body="BatchRequest",
        responses=(
            Response(202, "A receipt or a problem for each notification.", "BatchReceipt", headers=TRACERESPONSE),
        ),
        failures=(
            *SERVICE_FAILURES,
            *BODY_FAILURES,
            *STORE_FAILURES,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
    Operation(
        method="post",
        path=routes.SIGNAL,
        id="sendSignal",
        tag="Publish",
        summary="Send a signal to the clients that are connected",
        description="A signal says that something changed, so that a page fetches it again. It has no title and no "
        "message, and the hub does not store it: only clients of `hub.v1` and streams that asked for its type "
        "(`signals`, `listen`) and are connected now get it. The response does not wait for a disk. A client that "
        "takes too little gets the newest of each `collapse_key`, and is told how many it missed.",
        security=SERVICE,
        body="SignalRequest",
        responses=(Response(202, "The signal was handed over; nobody gets it later.", "SignalReceipt"),),
        failures=(
            *SERVICE_FAILURES,
            *BODY_FAILURES,
            errors.UnknownType,
            errors.ReservedType,
            errors.NoTarget,
            errors.ConflictingTargets,
            errors.UnknownTarget,
            errors.Overloaded,
            errors.Draining,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
)
