"""The two tables in PostgreSQL, asked directly or through a pooler that gives each transaction another server.

Behind PgBouncer, pgcat, Supavisor and their like in transaction mode there is no session: a setting, a prepared
statement or a startup parameter is another client's a moment later, or refused. So each new connection is asked which
process serves it. Where that is the one the connection was announced with, the session is ours: it is made read-only
once, the statement is prepared once, and a look-up is one round trip. Otherwise a look-up is one read-only transaction
with its own settings and a statement without a name: three round trips.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own

from hub.directory.address import PostgresAddress
from hub.directory.fault import DirectoryFault, UnusableId, describe_fault, is_unusable_id
from hub.directory.tables import ACTIVE_TYPES, Row, Table, Tables, build_query
from hub.directory.tls import tls_arguments

__all__ = ["PostgresSource", "connection_arguments", "is_pooled", "set_config"]

#: Look-ups are short and cached; more connections would only weigh on the customer's database.
POOL_SIZE = 4
_OtherTarget = asyncpg.exceptions.TargetServerAttributeNotMatched

#: A connection is used for so long, so that a changed address or certificate is seen.
RECYCLE_S = 300.0
#: A connection that was idle for longer may be dead unnoticed: firewalls forget. It gets a part of the time only.
REST_S = 10.0

_COLUMNS = """
SELECT a.attname::text, format_type(COALESCE(NULLIF(t.typbasetype, 0::oid), t.oid), -1),
       has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""
_ELSEWHERE = """
SELECT n.nspname::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = $1 AND c.relkind IN ('r', 'v', 'm', 'p', 'f') ORDER BY 1 LIMIT 1
"""


class _Link:
    """One connection, and the statement prepared on it."""

    def __init__(self, connection: asyncpg.Connection, *, pooled: bool) -> None:
        self.connection = connection
        #: Whether another server process may serve the next transaction.
        self.pooled = pooled
        self.made_at_s = self.used_at_s = time.monotonic()
        self.text = ""
        self.statement: Any = None
        self.statements = 0


class PostgresSource:
    """Reads users from a PostgreSQL, over at most `POOL_SIZE` connections that are made when they are needed.

    A connection that turns out dead, or a statement that a change of the tables has made wrong, costs a second
    try on a new connection, never a failure.
    """

    def __init__(self, address: PostgresAddress, tables: Tables, *, timeout_s: float, rest_s: float = REST_S) -> None:
        """Prepare the arguments; no connection is made yet.

        Raises:
            SettingsError: a TLS file of the URL cannot be used.
        """
        self._address = address
        self._tables = tables
        self._timeout_s = timeout_s
        self._rest_s = rest_s
        # Without one the driver looks for the socket where libpq would.
        self._hosts = [
            {"host": host, "port": port} for host, port in zip(address.hosts, address.ports, strict=True)
        ] or [{}]
        self._targets = ["standby", "any"] if address.target == "prefer-standby" else [address.target or "any"]
        self._first = 0
        # Shorter than a look-up, so that what cannot be reached is told from what is slow.
        timeout_each_s = 0.8 * timeout_s / len(self._hosts) / len(self._targets)
        self._arguments = connection_arguments(address, timeout_each_s)
        timeout_ms = str(max(1, round(timeout_s * 1000)))
        # The database, too, stops working on what nobody waits for any more.
        settings = {**address.settings, "statement_timeout": timeout_ms}
        self._begin = f"BEGIN READ ONLY; SELECT {set_config(settings, local=True)}"
        self._open = f"SELECT {set_config({**settings, 'default_transaction_read_only': 'on'}, local=False)}"
        self._places = asyncio.Semaphore(POOL_SIZE)
        self._idle: list[_Link] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._query = ""

    async def find(self, ids: Sequence[str], *, limit: int) -> list[Row]:
        """Return at most `limit` rows of users whose id the database takes for one of `ids`.

        Raises:
            UnusableId: the database cannot take one of them.
            DirectoryFault, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError: see `describe`.
        """
        async with self._places:
            link = self._take_idle()
            if link is not None:
                knew = bool(self._query)
                rested = time.monotonic() - link.used_at_s > self._rest_s
                try:
                    async with asyncio.timeout(self._timeout_s / 3 if rested else None):
                        return await self._ask(link, ids, limit)
                except (DirectoryFault, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                    alive = not link.connection.is_closed()
                    if alive and (not knew or isinstance(error, asyncpg.QueryCanceledError)):
                        raise
                    # Whatever it is, it may be about what was true when the connection or the query was made.
                    self._drop_idle()
                    self._query = ""
                except asyncio.CancelledError:
                    # It hangs; the others that were made with it will, too.
                    self._drop_idle()
                    raise
            return await self._ask(await self._connect(), ids, limit)

    async def check(self) -> None:
        """Ask for an id that is nobody's, which fails where a table, a column or a permission is missing."""
        try:
            await self.find(["-"], limit=2)
        except UnusableId:
            # The id is a number or a UUID; everything else was understood.
            return

    def describe(self, error: BaseException) -> str:
        """Return in words why `find` failed."""
        return describe_fault(error, where=self._address.where, timeout_s=self._timeout_s)

    async def close(self) -> None:
        """Close the connections."""
        for link in self._idle:
            self._retire(link)
        self._idle.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    def _take_idle(self) -> _Link | None:
        now_s = time.monotonic()
        for link in [link for link in self._idle if now_s - link.made_at_s > RECYCLE_S]:
            self._idle.remove(link)
            self._retire(link)
        while self._idle:
            link = self._idle.pop()
            if not link.connection.is_closed():
                return link
        return None

    def _drop_idle(self) -> None:
        for link in self._idle:
            self._retire(link)
        self._idle.clear()

    def _retire(self, link: _Link) -> None:
        # In a task of its own: closing a connection to a server that hangs takes the whole of its time-out.
        task = asyncio.create_task(_close(link.connection), name="directory-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _connect(self) -> _Link:
        connection = await self._reach()
        try:
            pooled = is_pooled(connection, await connection.fetchval("SELECT pg_backend_pid()"))
            if not pooled:
                await connection.execute(self._open)
        except BaseException:
            connection.terminate()
            raise
        return _Link(connection, pooled=pooled)

    async def _reach(self) -> asyncpg.Connection:
        """Return a connection to the first host that will do, beginning with the one that did the last time.

        Each host gets its part of the time: one that is gone without a word must not use up that of the others.
        """
        failure: BaseException | None = None
        for target in self._targets:
            for place in [*self._hosts[self._first :], *self._hosts[: self._first]]:
                try:
                    connection = await asyncpg.connect(**self._arguments, **place, target_session_attrs=target)
                except (OSError, asyncpg.CannotConnectNowError, _OtherTarget) as error:
                    failure = error
                    continue
                self._first = self._hosts.index(place)
                return connection
        assert failure is not None
        try:
            raise failure
        finally:
            # It holds this frame now.
            del failure

    async def _ask(self, link: _Link, ids: Sequence[str], limit: int) -> list[Row]:
        try:
            if link.pooled:
                await link.connection.execute(self._begin)
            statement = await self._prepare(link)
            rows = await statement.fetch(ids, limit)
            if link.pooled:
                await link.connection.execute("COMMIT")
        except Exception as error:
            await self._settle(link)
            if is_unusable_id(error):
                raise UnusableId from None
            raise
        except BaseException:
            link.connection.terminate()
            raise
        self._put_back(link)
        return [tuple(row) for row in rows]

    async def _settle(self, link: _Link) -> None:
        """Keep a connection on which a query failed, if it still works: to open another weighs on the server."""
        try:
            if link.pooled:
                await link.connection.execute("ROLLBACK")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            link.connection.terminate()
        except BaseException:
            link.connection.terminate()
            raise
        else:
            self._put_back(link)

    def _put_back(self, link: _Link) -> None:
        if not link.connection.is_closed():
            link.used_at_s = time.monotonic()
            self._idle.append(link)

    async def _prepare(self, link: _Link) -> Any:
        if not self._query:
            users = await self._learn(link, self._tables.users)
            accounts = await self._learn(link, self._tables.accounts)
            active = self._tables.users.columns[3]
            if users[active] not in ACTIVE_TYPES:
                raise DirectoryFault(
                    f"the column {active} is of type {users[active]}, which says of nobody that they are active:"
                    " it must be boolean, or a number that is 1 (HUB_DIRECTORY_USERS)"
                )
            self._query = build_query(self._tables, users, accounts)
        if link.text != self._query:
            link.statements += 1
            # Without a name behind a pooler: another client's may have it, or have taken the server with it.
            name = "" if link.pooled else f"hub_{link.statements}"
            link.statement = await link.connection.prepare(self._query, name=name)
            link.text = self._query
        return link.statement

    async def _learn(self, link: _Link, table: Table) -> Mapping[str, str]:
        """Return the types of the table's columns, by name."""
        found = await link.connection.fetch(_COLUMNS, table.quoted)
        if not found:
            where = await link.connection.fetchval(_ELSEWHERE, table.name)
            hint = f"; there is one in the schema {where}: write {where}.{table.name}(...)" if where else ""
            raise DirectoryFault(f"there is no table {table.quoted} in the database{hint} ({table.variable})")
        types = {name: kind for name, kind, _ in found}
        missing = [name for name in table.columns if name not in types]
        if missing:
            raise DirectoryFault(f"the table {table.quoted} has no column {', '.join(missing)} ({table.variable})")
        hidden = [name for name, _, readable in found if name in table.columns and not readable]
        if hidden:
            raise DirectoryFault(
                f"the database user may not read {', '.join(hidden)} of {table.quoted}: GRANT SELECT on it to that user"
                f" ({table.variable})"
            )
        return types


def is_pooled(connection: asyncpg.Connection, server: int) -> bool:
    """Whether the process `server`, which answered, is another than the one the connection was announced with.

    Poolers announce a number of their own, since they cannot know who will serve the next transaction.
    """
    return bool(connection.get_server_pid() != server)


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=1)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        connection.terminate()


def connection_arguments(address: PostgresAddress, timeout_s: float) -> dict[str, Any]:
    """Return what `asyncpg.connect` takes, hosts apart; `timeout_s` is for one attempt.

    Nothing of it is a startup parameter that a pooler would refuse, unless the URL itself asks for one.

    Raises:
        SettingsError: a TLS file of the URL cannot be used.
    """
    settings = {"application_name": address.application_name}
    if address.startup_options:
        settings["options"] = address.startup_options
    return {
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "passfile": address.passfile,
        "server_settings": settings,
        "timeout": timeout_s,
        # No names for what is asked only once; see `_prepare`.
        "statement_cache_size": 0,
        **tls_arguments(address.tls),
    }


def set_config(settings: Mapping[str, str], *, local: bool) -> str:
    """Return the expressions that set `settings`, for this transaction alone if `local`."""
    return ", ".join(
        f"set_config({_literal(name)}, {_literal(value)}, {'true' if local else 'false'})"
        for name, value in settings.items()
    )


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
