"""What operators and their machines ask, for the API document."""

from __future__ import annotations

from hub import errors, routes
from hub.api.openapi.operations.failures import BODY_FAILURES, SERVICE_FAILURES, STORE_FAILURES
from hub.api.openapi.operations.operation import SERVICE, Operation, Response

__all__ = ["OPERATE_OPERATIONS"]

OPERATE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path=routes.STATS,
        id="readStats",
        tag="Operate",
        summary="Count connections, users and totals",
        description="The numbers are exact. A key bound to some accounts sees only those under `connectionsByAccount`.",
        security=SERVICE,
        responses=(Response(200, "The numbers at this moment.", "Stats"),),
        failures=(*SERVICE_FAILURES, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.DISCONNECT,
        id="disconnect",
        tag="Operate",
        summary="Close the connections of a user or an account",
        description="Closes the connections of a user, an account or one token with code 4502. With `revoke` the "
        "tokens issued until now are refused until they expire; that is on disk before the response.",
        security=SERVICE,
        body="DisconnectRequest",
        responses=(Response(200, "How many connections were closed.", "DisconnectReceipt"),),
        failures=(
            *SERVICE_FAILURES,
            *BODY_FAILURES,
            errors.NoTarget,
            errors.ConflictingTargets,
            *STORE_FAILURES,
            errors.Internal,
        ),
    ),
    Operation(
        method="get",
        path=routes.LIVE,
        id="checkLive",
        tag="Operate",
        summary="Ask whether the process responds",
        description="Never looks at anything else, so that a full disk restarts nothing.",
        responses=(Response(200, "It responds.", "Liveness"),),
        failures=(errors.Internal,),
    ),
    Operation(
        method="get",
        path=routes.READY,
        id="checkReady",
        tag="Operate",
        summary="Ask whether new work is welcome",
        description="Not ready: the log cannot be written, the dispatcher stopped, or the hub is draining.",
        responses=(
            Response(200, "Work is welcome.", "Readiness"),
            Response(503, "Send work elsewhere; each part says how it is.", "Readiness"),
        ),
        # A 500 is not told here: a second form of failure beside the 503 is more than Rust's progenitor can read.
    ),
    Operation(
        method="get",
        path=routes.METRICS,
        id="readMetrics",
        tag="Operate",
        summary="Read the metrics",
        description="Prometheus text. Not here where `HUB_METRICS_PORT` gives the metrics a port of their own.",
        security=SERVICE,
        responses=(Response(200, "The metrics.", {"type": "string"}, "text/plain"),),
        failures=(*SERVICE_FAILURES, errors.NotFound, errors.Internal),
    ),
)
