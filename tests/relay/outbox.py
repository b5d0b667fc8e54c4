"""An outbox in the test run's PostgreSQL, a relay in this loop, and what a hub has stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own

from hub.relay.bounds import RelayBounds
from hub.relay.database import Database
from hub.relay.metrics import Metrics
from hub.relay.migration import read_migration
from hub.relay.relay import Relay
from hub.relay.sender import Sender
from hub.relay.table import OutboxTable, TableName
from tests.harness import ACCOUNT
from tests.postgres import Postgres

__all__ = ["DEADLINE_S", "NAME", "Outbox", "body", "read_titles", "run_relay"]

#: How long a test waits for something that must happen.
DEADLINE_S = 20.0
NAME = TableName("", "notification_outbox")
_INSERT = "INSERT INTO notification_outbox (id, key, body) SELECT * FROM unnest($1::uuid[], $2::text[], $3::json[])"


def body(title: str, **fields: object) -> str:
    """Return the body of a publish, by default to the account."""
    return json.dumps({"type": "cart_updated", "title": title, "message": "m", "account_id": ACCOUNT, **fields})


class Outbox:
    """The table, as the service and a test see it."""

    def __init__(self, server: Postgres, connection: asyncpg.Connection) -> None:
        self.server = server
        self.connection = connection

    @property
    def url(self) -> str:
        """The database, asked directly."""
        return f"postgresql://hub@127.0.0.1:{self.server.port}/postgres"

    async def write(self, *rows: tuple[str, str]) -> list[str]:
        """Write rows of (key, title or body) and commit; return their ids."""
        return await write_rows(self.connection, rows)

    async def count(self, condition: str) -> int:
        """Return how many rows there are with this."""
        found: int = await self.connection.fetchval(f"SELECT count(*) FROM notification_outbox WHERE {condition}")
        return found

    async def reconnect(self) -> None:
        """Replace a connection that a crash of the database has cut."""
        self.connection.terminate()
        self.connection = await asyncpg.connect(self.url)

    async def wait_settled(self, deadline_s: float = DEADLINE_S) -> None:
        """Wait until no row waits."""
        await self.wait_for(
            "NOT EXISTS (SELECT FROM notification_outbox WHERE published_at IS NULL AND dead_at IS NULL)",
            deadline_s,
        )

    async def wait_for(self, condition: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until this holds in the database."""
        async with asyncio.timeout(deadline_s):
            while not await self.connection.fetchval(f"SELECT {condition}"):
                await asyncio.sleep(0.02)


async def write_rows(connection: asyncpg.Connection, rows: Iterable[tuple[str, str]]) -> list[str]:
    """Write rows of (key, title or body) in the connection's transaction; return their ids."""
    given = list(rows)
    ids = [str(uuid.uuid4()) for _ in given]
    bodies = [text if text.startswith("{") else body(text) for _, text in given]
    await connection.execute(_INSERT, ids, [key for key, _ in given], bodies)
    return ids


@contextlib.asynccontextmanager
async def open_outbox(server: Postgres) -> AsyncIterator[Outbox]:
    """Make the table anew and give it."""
    connection = await asyncpg.connect(f"postgresql://hub@127.0.0.1:{server.port}/postgres")
    try:
        await connection.execute("DROP TABLE IF EXISTS notification_outbox")
        await connection.execute(read_migration("up", NAME))
        outbox = Outbox(server, connection)
        yield outbox
        connection = outbox.connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def run_relay(
    database_url: str, hub_url: str, key: str, *, bounds: RelayBounds | None = None, **changes: Any
) -> AsyncIterator[tuple[Relay, Metrics]]:
    """Run a relay in this loop until the end of the block."""
    bounds = bounds or RelayBounds(away_base_s=0.05, away_cap_s=0.2, row_base_s=0.05, row_cap_s=0.2)
    table = OutboxTable(NAME, bounds)
    database = Database(database_url, NAME, bounds)
    settings: dict[str, Any] = {"poll_s": 0.05, "max_in_flight": 8, "max_attempts": 5, "keep_s": 3600.0} | changes
    sender = Sender(hub_url, key, bounds, max_in_flight=settings["max_in_flight"], now=time.time)
    metrics = Metrics()
    relay = Relay(database, table, sender, metrics, bounds, **settings)
    running = asyncio.create_task(relay.run(), name="relay")
    try:
        yield relay, metrics
    finally:
        relay.stop()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await running
        finally:
            await database.close()
            await sender.close()


def read_titles(data_dir: Path) -> list[str]:
    """Return the title of each record of a hub's log, in order, read without the hub's own code."""
    connection = sqlite3.connect(f"file:{data_dir / 'log.sqlite3'}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT payload FROM record ORDER BY position").fetchall()
    finally:
        connection.close()
    return [json.loads(payload)["title"] for (payload,) in found]
