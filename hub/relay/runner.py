"""The parts of a relay put together, as the command `hub relay` runs them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import NamedTuple

from hub.asgi import Application
from hub.operator_log import OperatorLog
from hub.relay.bounds import RelayBounds
from hub.relay.checks import require_usable
from hub.relay.database import Database
from hub.relay.fault import DATABASE_ERRORS, OutboxFault, is_lasting
from hub.relay.health import make_health_app
from hub.relay.metrics import Metrics
from hub.relay.relay import Relay
from hub.relay.sender import Sender
from hub.relay.table import OutboxTable, TableName
from hub.settings import Settings

__all__ = ["Parts", "open_parts", "run_relay"]

logger = logging.getLogger("hub.relay")

#: How long the rows in flight may take after a stop, and their marks.
STOP_S = 15.0
_DAY_S = 86_400.0


class Parts(NamedTuple):
    """What a relay works with, opened."""

    database: Database
    table: OutboxTable
    sender: Sender
    bounds: RelayBounds


@contextlib.asynccontextmanager
async def open_parts(settings: Settings, url: str, key: str, *, now: Callable[[], float]) -> AsyncIterator[Parts]:
    """Give the parts that `settings` describe; no server is asked for anything yet. `now` tells the time of day.

    Raises:
        SettingsError: a setting cannot be used.
    """
    bounds = RelayBounds()
    table = OutboxTable(TableName.read(settings.relay_table), bounds)
    database = Database(settings.relay_database, table.name, bounds)
    sender = Sender(url, key, bounds, max_in_flight=settings.relay_in_flight, now=now)
    try:
        yield Parts(database, table, sender, bounds)
    finally:
        await database.close()
        await sender.close()


async def run_relay(
    settings: Settings,
    url: str,
    key: str,
    *,
    now: Callable[[], float],
    on_start: Callable[[Callable[[], None]], None],
    serve: Callable[[Application], AbstractAsyncContextManager[object]] | None = None,
) -> None:
    """Publish the rows of the outbox until a stop is asked for, with the function that `on_start` is given.

    `serve` opens a port for machines that watch the relay.

    Raises:
        SettingsError: a setting cannot be used.
        OutboxFault: the outbox cannot be used, and waiting would not help.
    """
    async with open_parts(settings, url, key, now=now) as parts:
        metrics = Metrics()
        relay = Relay(
            parts.database,
            parts.table,
            parts.sender,
            metrics,
            parts.bounds,
            poll_s=settings.relay_poll_s,
            max_in_flight=settings.relay_in_flight,
            max_attempts=settings.relay_attempts,
            keep_s=settings.relay_keep_days * _DAY_S,
        )
        await _require_usable(parts)
        async with contextlib.AsyncExitStack() as stack:
            if serve is not None:
                await stack.enter_async_context(serve(make_health_app(metrics, is_ready=lambda: relay.is_ready)))
            stopped = asyncio.Event()

            def stop() -> None:
                relay.stop()
                stopped.set()

            on_start(stop)
            lines = OperatorLog(logger)
            lines.write(
                logging.INFO,
                "relay_started",
                f"the relay publishes {parts.table.name.shown} at {parts.database.where} to {url}",
                version=version("notification-hub"),
            )
            await _run_until(relay, stopped)
            lines.write(logging.INFO, "relay_ended", "the relay has ended; what waits is published by the next one")


async def _require_usable(parts: Parts) -> None:
    """End with what only a person can mend; a database that is away is waited for by the relay."""
    try:
        await require_usable(parts.database, parts.table)
    except DATABASE_ERRORS as error:
        if is_lasting(error):
            raise OutboxFault(parts.database.describe(error), lasting=True) from None


async def _run_until(relay: Relay, stopped: asyncio.Event) -> None:
    running = asyncio.create_task(relay.run(), name="relay")
    stopping = asyncio.create_task(stopped.wait(), name="relay-stop")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=STOP_S)
    finally:
        stopping.cancel()
        # A server that does not answer holds the end no longer; what was not marked is sent again by the next relay.
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
