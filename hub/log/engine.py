"""The engine behind the log: chosen here, from the settings, and nowhere else.

HUB_LOG_URL set, it is the stream that several nodes share; otherwise the file of a hub alone.

The other rooms see the port (`hub.log.port`) and what this module names: to open a log, to check it, to find its
writer, to back it up and to restore it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from hub.finding import Finding
from hub.log.inbox import InboxLog
from hub.log.sqlite.backup import back_up_log, name_backup, remove_old_backups
from hub.log.sqlite.check import check, find_newest_write
from hub.log.sqlite.lock import LogHeld, find_holder
from hub.log.sqlite.log import open_sqlite_log
from hub.log.sqlite.restore import restore_log
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import LOG_NAME
from hub.nats.opening import name_node
from hub.nats.port import Nats
from hub.settings import Settings

__all__ = [
    "back_up_log",
    "check_log",
    "find_newest_write",
    "find_writer",
    "log_path",
    "make_retention",
    "name_backup",
    "open_log",
    "remove_old_backups",
    "restore_log",
]

logger = logging.getLogger(__name__)

HANDOVER_POLL_S = 0.02
DAY_S = 86_400
HOUR_S = 3_600


async def open_log(settings: Settings, *, now: Callable[[], float], nats: Nats | None = None) -> InboxLog:
    """Return the log in the data folder, opened for writing; waits for HUB_HANDOVER while another hub holds it.

    With `nats` it is the log of several nodes: the stream there, and its mirror in the data folder, which has all of it
    when this returns.

    Raises:
        SettingsError: another process still holds it then; or it is damaged, and HUB_ON_DAMAGE or a lost revocation
            does not let it be opened; or there is no such stream, or not one for a log.
        StorageUnavailable: it cannot be opened.
    """
    deadline_s = asyncio.get_running_loop().time() + settings.handover_s
    waiting = False
    while True:
        try:
            return await (_open_alone(settings, now) if nats is None else _open_shared(settings, now, nats))
        except LogHeld:
            # The previous hub is still closing its connections. Callers wait in the queue of the listening socket,
            # which both processes were given.
            if asyncio.get_running_loop().time() >= deadline_s:
                raise
            if not waiting:
                waiting = True
                logger.info("waiting for the previous hub to release the log")
            await asyncio.sleep(HANDOVER_POLL_S)


async def _open_alone(settings: Settings, now: Callable[[], float]) -> InboxLog:
    return await open_sqlite_log(
        log_path(settings.data_dir),
        now=now,
        retention_s=settings.retention_days * DAY_S,
        retention_records=settings.retention_records,
        idempotency_s=settings.idempotency_hours * HOUR_S,
        max_pending=settings.max_pending_appends,
        on_damage=settings.on_damage,
    )


async def _open_shared(settings: Settings, now: Callable[[], float], nats: Nats) -> InboxLog:
    # A hub alone does not load it.
    from hub.log.jetstream.append import Limits
    from hub.log.jetstream.log import open_jetstream_log

    return await open_jetstream_log(
        nats,
        stream=settings.log_stream,
        node=name_node(settings),
        path=log_path(settings.data_dir),
        limits=Limits(max_pending=settings.max_pending_appends, deadline_s=settings.append_deadline_s),
        retention=make_retention(settings),
        now=now,
    )


def make_retention(settings: Settings) -> Retention:
    """Return how long records and keys are kept."""
    return Retention(
        retention_s=settings.retention_days * DAY_S,
        retention_records=settings.retention_records,
        idempotency_s=settings.idempotency_hours * HOUR_S,
    )


def log_path(folder: Path) -> Path:
    """Return where the log in `folder` is, or will be."""
    return folder / LOG_NAME


def check_log(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    """Yield what is found of the log and its engine, a running hub's included; `deep` reads all of it."""
    return check(settings.data_dir, refuses_damage=settings.on_damage == "refuse", deep=deep)


def find_writer(folder: Path) -> int | None:
    """Return the number of the process on this machine that writes the log in `folder`; None where none does."""
    return find_holder(log_path(folder)) if folder.is_dir() else None
