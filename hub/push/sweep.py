"""Forgets subscriptions that have ended without a word: of revoked users, and of browsers that never came back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.errors import Overloaded, StorageUnavailable
from hub.operator_log import OperatorLog
from hub.push.subscriptions import Known, Subscriptions

__all__ = ["sweep"]

logger = logging.getLogger("hub.push")


async def sweep(subscriptions: Subscriptions, is_over: Callable[[Known], bool], *, every_s: float) -> None:
    """Look through all subscriptions at once and in intervals, until cancelled."""
    lines = OperatorLog(logger)
    while True:
        try:
            if count := await subscriptions.sweep(is_over):
                message = f"forgot {count} push subscriptions that had ended"
                lines.write(logging.INFO, "push_swept", message, count=count)
        except (StorageUnavailable, Overloaded):
            lines.write_limited(logging.WARNING, "push_not_swept", "push subscriptions could not be looked through")
        await asyncio.sleep(every_s)
