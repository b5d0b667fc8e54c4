"""Opening the log that the settings name, once the hub before this one has let go of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.errors import LogHeld
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.schema import LOG_NAME
from hub.settings import Settings

__all__ = ["open_log"]

logger = logging.getLogger(__name__)

HANDOVER_POLL_S = 0.02
DAY_S = 86_400
HOUR_S = 3_600


async def open_log(settings: Settings, *, now: Callable[[], float]) -> SqliteLog:
    """Return the log in the data folder, opened for writing; waits for HUB_HANDOVER while another hub holds it.

    Raises:
        LogHeld: another process still holds it then.
        StorageUnavailable: it cannot be opened.
        SettingsError: what is there is damaged, and HUB_ON_DAMAGE or a lost revocation does not let it be opened.
    """
    deadline_s = asyncio.get_running_loop().time() + settings.handover_s
    waiting = False
    while True:
        try:
            return await open_sqlite_log(
                settings.data_dir / LOG_NAME,
                now=now,
                retention_s=settings.retention_days * DAY_S,
                retention_records=settings.retention_records,
                idempotency_s=settings.idempotency_hours * HOUR_S,
                max_pending=settings.max_pending_appends,
                on_damage=settings.on_damage,
            )
        except LogHeld:
            # The hub before this one is still sending its connections away; whoever calls meanwhile waits in
            # the queue of the listening socket that both were given.
            if asyncio.get_running_loop().time() >= deadline_s:
                raise
            if not waiting:
                waiting = True
                logger.info("waiting for the hub before this one to let go of the log")
            await asyncio.sleep(HANDOVER_POLL_S)
