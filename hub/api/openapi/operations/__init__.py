"""Every operation of the hub, as the API document lists them; a test compares them with the routes that are served."""

from __future__ import annotations

from hub.api.openapi.operations.describe import DESCRIBE_OPERATIONS
from hub.api.openapi.operations.operate import OPERATE_OPERATIONS
from hub.api.openapi.operations.operation import Operation, Response
from hub.api.openapi.operations.publish import PUBLISH_OPERATIONS
from hub.api.openapi.operations.receive import RECEIVE_OPERATIONS
from hub.api.openapi.operations.webhooks import WEBHOOK_OPERATIONS, WEBHOOKS

__all__ = ["OPERATIONS", "WEBHOOKS", "Operation", "Response"]

OPERATIONS: tuple[Operation, ...] = (
    *PUBLISH_OPERATIONS,
    *RECEIVE_OPERATIONS,
    *OPERATE_OPERATIONS,
    *WEBHOOK_OPERATIONS,
    *DESCRIBE_OPERATIONS,
)
