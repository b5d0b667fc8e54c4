"""Confirmations and webhooks, for the API document: what the hub is asked, and what it sends to services."""

from __future__ import annotations

from typing import Any

from hub import errors, routes
from hub.api.openapi.operations.failures import ALL_ACCOUNTS_FAILURES, BODY_FAILURES, PAGE_FAILURES
from hub.api.openapi.operations.operation import SERVICE, USER, Operation, Response

__all__ = ["WEBHOOKS", "WEBHOOK_OPERATIONS"]

_FIELDS = (
    ("webhook-id", "The same for every attempt, and also after a repeat: take each id once.", "msg_4f1c"),
    (
        "webhook-timestamp",
        "When it was sent, in Unix seconds; refuse an old one.",
        "1764100000",
    ),
    (
        "webhook-signature",
        "`v1,` and an HMAC-SHA256 in base64, one for each secret.",
        "v1,K5oZfzN9",
    ),
)


def _webhook(name: str, summary: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": f"receive{name}",
            "summary": summary,
            "description": "Signed as the Standard Webhooks specification says, with the secret of the service's entry "
            "in the key file. A status of 2xx takes it; 410 makes it a dead letter; after any other, a redirect too, "
            "it is sent again, for a day.",
            "parameters": [
                {
                    "name": field,
                    "in": "header",
                    "required": True,
                    "description": description,
                    "schema": {"type": "string", "examples": [example]},
                }
                for field, description, example in _FIELDS
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
            },
            "responses": {"204": {"description": "It was taken, or had been taken before."}},
        }
    }


#: The section of the document that says what the hub sends.
WEBHOOKS: dict[str, Any] = {
    "notification.unconfirmed": _webhook("NotificationUnconfirmed", "A user did not confirm a notification in time"),
    "notification.confirmed": _webhook("NotificationConfirmed", "A user confirmed a notification in time"),
}

WEBHOOK_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path=routes.ACK,
        id="acknowledge",
        tag="Receive",
        summary="Say that everything up to a cursor has arrived",
        description="For clients of event streams and for those that poll; a WebSocket has the frame `ack` for it. It "
        "counts where a service awaits a confirmation. A cursor that no client of this user was handed confirms "
        "nothing.",
        security=USER,
        body="AckRequest",
        responses=(Response(204, "It was taken, or confirms nothing."),),
        failures=(*PAGE_FAILURES, *BODY_FAILURES, errors.Overloaded, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.WEBHOOKS,
        id="listWebhooks",
        tag="Operate",
        summary="List webhooks that wait, or dead letters",
        description="The key needs the operation `observe`; the users are masked unless it has `observe_ids`, too.",
        security=SERVICE,
        parameters=(
            {
                "name": "state",
                "in": "query",
                "description": "`waiting` (those that are due next come first) or `dead`.",
                "schema": {"type": "string", "enum": ["waiting", "dead"], "default": "waiting"},
            },
            {
                "name": "service",
                "in": "query",
                "description": "Those of one service alone.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "description": "How many at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            },
        ),
        responses=(Response(200, "The webhooks.", "WebhookPage"),),
        failures=(*ALL_ACCOUNTS_FAILURES, errors.BadRequest, errors.StorageUnavailable, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.WEBHOOK_REPEAT,
        id="repeatWebhook",
        tag="Operate",
        summary="Send a webhook again",
        description="At once, and for a day from now on, under the same id. The key needs the operation `webhooks`.",
        security=SERVICE,
        parameters=(
            {
                "name": "id",
                "in": "path",
                "required": True,
                "description": "The webhook's id.",
                "schema": {"type": "string", "maxLength": 64},
            },
        ),
        responses=(Response(202, "It is sent again.", "WebhookRepeated"),),
        failures=(
            *ALL_ACCOUNTS_FAILURES,
            errors.NotFound,
            errors.StorageUnavailable,
            errors.Overloaded,
            errors.Internal,
        ),
    ),
)
