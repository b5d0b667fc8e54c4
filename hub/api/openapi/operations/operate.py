"""What operators and their machines ask, for the API document."""

from __future__ import annotations

from hub import errors, routes
from hub.api.openapi.examples import observation_example
from hub.api.openapi.operations.failures import ALL_ACCOUNTS_FAILURES, BODY_FAILURES, SERVICE_FAILURES, STORE_FAILURES
from hub.api.openapi.operations.operation import IDEMPOTENCY_KEY, SERVICE, Operation, Response

__all__ = ["OPERATE_OPERATIONS"]

OPERATE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path=routes.STATS,
        id="readStats",
        tag="Operate",
        summary="Count connections, users and totals",
        description="The numbers are exact, and of all accounts: a key that is limited to some of them is refused. In "
        "a cluster they are sums over the nodes that answer within a second; `nodes` has a row for each, and "
        "`usersAreDistinct` is false, because a user who is connected to two nodes counts twice.",
        security=SERVICE,
        responses=(Response(200, "The numbers at this moment.", "Stats"),),
        failures=(*ALL_ACCOUNTS_FAILURES, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.EXPLAIN,
        id="explainNotification",
        tag="Operate",
        summary="Explain what a publish would do, without publishing",
        description="The body is that of a publish. The response has the problem that the publish would get, or whom "
        "it would reach at this moment; the same checks decide. It is 200 also if the publish would be refused. "
        "`explain_user_id` asks about one user: whether they would get it, and why or why not. The key needs the "
        "operation `observe`. Ids are masked unless it has the operation `observe_ids`, too. An Idempotency-Key is "
        "checked for its form and not looked up.",
        security=SERVICE,
        parameters=(IDEMPOTENCY_KEY,),
        body="ExplainRequest",
        responses=(Response(200, "What the publish would do.", "Explanation"),),
        failures=(*ALL_ACCOUNTS_FAILURES, *BODY_FAILURES, errors.Overloaded, errors.Draining, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.FORGET,
        id="forgetUser",
        tag="Operate",
        summary="Erase what the hub has of a user",
        description="Removes what was for this user alone, the user from what was for several, and what the user had "
        "read, muted and allowed, from all files of the log; then says how much that was. What was for an account or "
        "for everyone stays, and so do backups. The user's connections are ended, and may come back. The key needs the "
        "operation `forget`, and has to reach the account, or all accounts if none is named.",
        security=SERVICE,
        body="ForgetRequest",
        responses=(Response(200, "What was removed.", "ForgetReceipt"),),
        failures=(*ALL_ACCOUNTS_FAILURES, *BODY_FAILURES, *STORE_FAILURES, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.TRACE,
        id="traceNotification",
        tag="Operate",
        summary="Say what became of one notification",
        description="What the log has of it, and what the hub has counted of it since its start: the service that "
        "published it, the connections that it was handed to live, and how often it was replayed. The counts of the "
        "newest notifications are kept in memory; every step that the hub cannot tell is named in `unknown`, with the "
        "reason. The key needs the operation `observe`; ids are masked unless it has `observe_ids`, too. A key that is "
        "limited to some accounts gets 404 for a notification that is not for these alone.",
        security=SERVICE,
        parameters=(
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The notification's id, from its receipt or its frame.",
                "schema": {"type": "string", "maxLength": 128},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "The cursor of its receipt, if it is known: then the log is not searched.",
                "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
            },
        ),
        responses=(Response(200, "What became of it.", "Trace"),),
        failures=(
            *SERVICE_FAILURES,
            errors.BadRequest,
            errors.InvalidCursor,
            errors.NotFound,
            errors.StorageUnavailable,
            errors.Internal,
        ),
    ),
    Operation(
        method="post",
        path=routes.DISCONNECT,
        id="disconnect",
        tag="Operate",
        summary="Close the connections of a user, an account or a token",
        description="The connections are closed with code 4502, on every node of a cluster; `nodes` names nodes that "
        "did not answer within a second. With `revoke` the hub also refuses the "
        "tokens issued "
        "until now, until they expire; the revocation is on disk before the response.",
        security=SERVICE,
        body="DisconnectRequest",
        responses=(Response(200, "How many connections were closed.", "DisconnectReceipt"),),
        failures=(
            *ALL_ACCOUNTS_FAILURES,
            *BODY_FAILURES,
            errors.NoTarget,
            errors.ConflictingTargets,
            *STORE_FAILURES,
            errors.Internal,
        ),
    ),
    Operation(
        method="get",
        path=routes.OBSERVE,
        id="observe",
        tag="Operate",
        summary="Watch the hub as Server-Sent Events",
        description="Each event's `data` is one `ObservationEvent`: first `introduction`, then `figures` once a second "
        "and `feed` with the notifications that were dispatched. It has no titles, messages and `data`. The key needs "
        "the operation `observe`; ids are masked unless it has `observe_ids`, too. A slow client gets figures less "
        "often and is told how many notifications it was not shown. The console of the hub reads this stream. Nothing "
        "is made while nobody reads it.",
        security=SERVICE,
        responses=(
            Response(
                200,
                "The stream.",
                {"type": "string", "examples": [observation_example()]},
                "text/event-stream",
            ),
        ),
        failures=(*ALL_ACCOUNTS_FAILURES, errors.Overloaded, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.CONNECTIONS,
        id="findConnections",
        tag="Operate",
        summary="Find the connections of one user",
        description="The user's id is exact, and in the body, so that no log has it. The key needs the operation "
        "`observe`. A key that is limited to some "
        "accounts must name one of them.",
        security=SERVICE,
        body="ConnectionsRequest",
        responses=(Response(200, "The user's connections at this moment.", "ConnectionsFound"),),
        failures=(*ALL_ACCOUNTS_FAILURES, *BODY_FAILURES, errors.Overloaded, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.PUSH_FIGURES,
        id="getPushFigures",
        tag="Operate",
        summary="Read the figures of Web Push",
        description="The key needs the operation `observe`. 404 with the code `push_off`: this hub has no Web Push.",
        security=SERVICE,
        responses=(Response(200, "The figures of this moment.", "PushFigures"),),
        failures=(*ALL_ACCOUNTS_FAILURES, errors.PushOff, errors.Internal),
    ),
    Operation(
        method="put",
        path=routes.RELAY,
        id="reportRelay",
        tag="Operate",
        summary="Report what a relay of an outbox has to do",
        description="`hub relay` sends it. Operators see the newest report of each relay in `figures` of "
        "`/api/internal/observe` and in the console. The hub keeps reports in memory. The key needs the operation "
        "`publish`.",
        security=SERVICE,
        body="RelayReport",
        responses=(Response(204, "The report is kept."),),
        failures=(*SERVICE_FAILURES, *BODY_FAILURES, errors.Overloaded, errors.Draining, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.LIVE,
        id="checkLive",
        tag="Operate",
        summary="Check whether the process responds",
        description="It checks nothing else, so that a full disk does not cause a restart.",
        responses=(Response(200, "The process responds.", "Liveness"),),
        failures=(errors.Internal,),
    ),
    Operation(
        method="get",
        path=routes.READY,
        id="checkReady",
        tag="Operate",
        summary="Check whether the hub accepts new work",
        description="The hub is not ready if the log cannot be written, if the dispatcher has stopped, or if the hub "
        "is draining. A node of a cluster is not ready, either, while it cannot reach NATS; `cluster` says how it "
        "is.",
        responses=(
            Response(200, "The hub accepts new work.", "Readiness"),
            Response(503, "The hub does not accept new work; the response has the state of each part.", "Readiness"),
        ),
        # A 500 is not told here: a second form of failure beside the 503 is more than Rust's progenitor can read.
    ),
    Operation(
        method="get",
        path=routes.METRICS,
        id="readMetrics",
        tag="Operate",
        summary="Read the metrics",
        description="Prometheus text. It is absent if `HUB_METRICS_PORT` gives the metrics a separate port.",
        security=SERVICE,
        responses=(Response(200, "The metrics.", {"type": "string"}, "text/plain"),),
        failures=(*ALL_ACCOUNTS_FAILURES, errors.NotFound, errors.Internal),
    ),
)
