"""How services publish, for the API document."""

from __future__ import annotations

from hub import errors, routes
from hub.api.openapi.operations.failures import BODY_FAILURES, PUBLISH_FAILURES, SERVICE_FAILURES, STORE_FAILURES
from hub.api.openapi.operations.operation import SERVICE, Operation, Response

__all__ = ["PUBLISH_OPERATIONS"]

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeat harmless: for 24 hours the same key with the same body gets the first receipt "
    "again, with `duplicate: true`. Each service has keys of its own; in a batch each notification's key is this and "
    "its index.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

PUBLISH_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path=routes.NOTIFY,
        id="publishNotification",
        tag="Publish",
        summary="Publish one notification",
        description="Responds with 202 once the notification is on disk; delivery no longer depends on the caller. "
        "Fields of `data` the type does not name are passed on as they came. So are those of another shape than the "
        "type declares, which the receipt names in `warnings`; a type that is declared strict refuses them with 400. "
        "Give at least one target: `user_id`, `user_ids`, `account_id` or `everyone`.",
        security=SERVICE,
        parameters=(_IDEMPOTENCY_KEY,),
        body="PublishRequest",
        responses=(Response(202, "The notification is stored and on its way.", "Receipt"),),
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
        description="All that can be taken are stored in one transaction, in order. One that cannot be taken gets its "
        "own problem and spoils no other.",
        security=SERVICE,
        parameters=(_IDEMPOTENCY_KEY,),
        body="BatchRequest",
        responses=(Response(202, "A receipt or a problem for each notification.", "BatchReceipt"),),
        failures=(
            *SERVICE_FAILURES,
            *BODY_FAILURES,
            *STORE_FAILURES,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
)
