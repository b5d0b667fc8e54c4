"""A service's way to the notification hub: `Hub` for threads, `AsyncHub` for asyncio.

What is published are the structs of a company's module, such as `contracts.avelarsys`.
"""

from __future__ import annotations

from contracts.health import Readiness
from notification_hub.address import Addressed
from notification_hub.async_hub import AsyncHub
from notification_hub.failure import HubFailure, HubRefused, HubUnreachable, NotificationLost
from notification_hub.hub import Hub
from notification_hub.outbox import QueueCounts, QueueLimits
from notification_hub.outbox_table import write_to_outbox, write_to_outbox_async
from notification_hub.retry import RetryPolicy

__all__ = [
    "Addressed",
    "AsyncHub",
    "Hub",
    "HubFailure",
    "HubRefused",
    "HubUnreachable",
    "NotificationLost",
    "QueueCounts",
    "QueueLimits",
    "Readiness",
    "RetryPolicy",
    "write_to_outbox",
    "write_to_outbox_async",
]
