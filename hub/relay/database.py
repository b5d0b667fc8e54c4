"""The connections of a relay to the database of its outbox: directly, or through a pooler in transaction mode.

Behind such a pooler there is no session: what a relay needs is set in each transaction, statements have no names, and
LISTEN would be heard by another client's server. Whether one is there is found out as the directory does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own

from hub.directory.address import is_postgres, read_address
from hub.directory.postgres import connection_arguments, is_pooled, set_config
from hub.errors import SettingsError
from hub.relay.bounds import RelayBounds
from hub.relay.fault import DATABASE_ERRORS, VARIABLE, describe_outbox_fault, name_variable
from hub.relay.table import CHANNEL, TableName

__all__ = ["Database"]

#: Closing says goodbye to the server, which may be gone.
_CLOSE_S = 1.0


class Database:
    """One connection for transactions, made when it is needed and again when it broke, and one that listens."""

    def __init__(self, url: str, table: TableName, bounds: RelayBounds) -> None:
        """Read the URL; no connection is made yet.

        Raises:
            SettingsError: it cannot be used; the text names HUB_RELAY_DATABASE and holds no password.
        """
        if not url.strip():
            raise SettingsError(f"{VARIABLE}: is missing (example: postgresql://relay:password@db:5432/app)")
        if not is_postgres(url.strip()):
            raise SettingsError(
                f"{VARIABLE}: is not the URL of a PostgreSQL (example: postgresql://relay:password@db:5432/app)"
            )
        try:
            address = read_address(url.strip())
            self._arguments = connection_arguments(address, bounds.database_s)
        except SettingsError as error:
            raise SettingsError(name_variable(error.detail)) from None
        self.where = address.where
        self._table = table
        self._bounds = bounds
        if address.hosts:
            self._arguments |= {"host": list(address.hosts), "port": list(address.ports)}
        # The server's own statement_timeout comes first, where there still is a server.
        self._arguments["command_timeout"] = bounds.database_s + 1
        # A relay writes: of several hosts it wants the primary.
        target = address.target or ("read-write" if len(address.hosts) > 1 else "any")
        self._arguments["target_session_attrs"] = target
        settings = {
            **address.settings,
            "statement_timeout": f"{round(bounds.database_s * 1000)}",
            "idle_in_transaction_session_timeout": f"{round(bounds.idle_in_transaction_s * 1000)}",
        }
        self._begin = f"BEGIN; SELECT {set_config(settings, local=True)}"
        self._connection: asyncpg.Connection | None = None
        self._listener: asyncpg.Connection | None = None
        #: Whether a pooler gives each transaction another session; None before the first connection.
        self.pooled: bool | None = None

    @property
    def is_listening(self) -> bool:
        """Whether a commit of the service wakes this relay."""
        return self._listener is not None and not self._listener.is_closed()

    def describe(self, error: BaseException) -> str:
        """Return in one line why a use of the database failed."""
        return describe_outbox_fault(
            error, where=self.where, table=self._table.shown, timeout_s=self._bounds.database_s
        )

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Give a connection in a transaction, which is committed at the end, or rolled back after an error.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: see `describe`.
        """
        connection = await self._take()
        try:
            async with self._in_time():
                await connection.execute(self._begin)
            yield connection
            async with self._in_time():
                await connection.execute("COMMIT")
        except BaseException:
            # What the transaction holds must not outlive it; a new connection costs little.
            connection.terminate()
            self._connection = None
            raise

    async def listen(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called when a transaction that wrote to the outbox commits; False where that cannot be had.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: see `describe`.
        """
        if self.is_listening:
            return True
        if self.pooled is None:
            await self._take()
        if self.pooled:
            return False
        self._listener = None
        connection = await self._connect()
        try:
            async with self._in_time():
                await connection.add_listener(CHANNEL, lambda *_: wake())
        except BaseException:
            connection.terminate()
            raise
        # What was committed before is found by looking once more.
        connection.add_termination_listener(lambda _: wake())
        self._listener = connection
        wake()
        return True

    async def close(self) -> None:
        """Close the connections."""
        for connection in (self._connection, self._listener):
            if connection is not None:
                try:
                    await connection.close(timeout=_CLOSE_S)
                except DATABASE_ERRORS:
                    connection.terminate()
        self._connection = self._listener = None

    def _in_time(self) -> asyncio.Timeout:
        return asyncio.timeout(self._bounds.database_s + 1)

    async def _take(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _connect(self) -> asyncpg.Connection:
        async with self._in_time():
            connection = await asyncpg.connect(**self._arguments)
            try:
                self.pooled = is_pooled(connection, await connection.fetchval("SELECT pg_backend_pid()"))
            except BaseException:
                connection.terminate()
                raise
        connection.add_log_listener(_log_notice)
        return connection


def _log_notice(connection: object, message: object) -> None:
    # What a server warns of may quote a row; that there was something is enough.
    logging.getLogger("hub.relay").debug("the database sent a notice (%s)", type(message).__name__)
