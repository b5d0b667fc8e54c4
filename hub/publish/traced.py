"""The publisher with what a trace says of a publish; a hub that does not trace has the plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from contracts.receipt import BatchReceipt, Receipt
from hub.auth.grant import ServiceGrant
from hub.publish.publisher import Publisher

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["TracedPublisher"]


class TracedPublisher(Publisher):
    """Describes each publish in the span around it; further arguments are the publisher's."""

    def __init__(self, tracing: Tracing, /, **options: Any) -> None:
        super().__init__(**options)
        self._tracing = tracing

    async def publish(self, body: bytes, service: ServiceGrant, idempotency_key: str | None) -> Receipt:
        """Store one notification and return its receipt, after it is durable."""
        self._tracing.describe(hub__service=service.name)
        receipt = await super().publish(body, service, idempotency_key)
        self._tracing.describe(
            messaging__message__id=receipt.id, hub__connections=receipt.connections, hub__duplicate=receipt.duplicate
        )
        return receipt

    async def publish_batch(
        self, body: bytes, service: ServiceGrant, idempotency_key: str | None, *, max_item_bytes: int
    ) -> BatchReceipt:
        """Store up to 1,000 notifications in one transaction and return a result for each, in order."""
        self._tracing.describe(hub__service=service.name)
        receipt = await super().publish_batch(body, service, idempotency_key, max_item_bytes=max_item_bytes)
        refused = sum(result.problem is not UNSET for result in receipt.results)
        self._tracing.describe(hub__notifications=len(receipt.results), hub__refused=refused)
        return receipt
