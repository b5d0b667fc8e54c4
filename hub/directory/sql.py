"""The directory in the customer's database, through SQLAlchemy: PostgreSQL in production, SQLite for a start.

One query a user, nothing written: the session is read-only at the database, not by promise alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Row, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.directory.directory import MAX_ID_LENGTH, User
from hub.directory.tables import Query, account_query, user_query
from hub.errors import DirectoryUnavailable, SettingsError

__all__ = ["SqlDirectory"]

#: Look-ups are short and cached; more connections would only weigh on the customer's database.
_POOL_SIZE = 4
_RECYCLE_S = 300

_Row: TypeAlias = Row[*tuple[Any, ...]]
_Rows: TypeAlias = Sequence[_Row]

logger = logging.getLogger(__name__)


class SqlDirectory:
    """Users and accounts in a database.

    `timeout_s` bounds every look-up, waiting for a connection included. Ids are compared as text.
    """

    trusts_claims = False

    def __init__(self, url: str, users_spec: str, accounts_spec: str, *, timeout_s: float) -> None:
        """Prepare the queries; no connection is made yet.

        Raises:
            SettingsError: the URL or a table's spec cannot be used.
        """
        self._user_query = user_query(users_spec, accounts_spec)
        self._account_query = account_query(accounts_spec)
        self._timeout_s = timeout_s
        self._engine = _create_engine(url, timeout_s)
        # Look-ups that were given up, while their connections are being thrown away.
        self._given_up: set[asyncio.Task[_Rows]] = set()

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return None: nothing is remembered here."""
        return None

    async def find_user(self, user_id: str) -> User | None:
        """Return the user with exactly this id, or None if there is none or more than one.

        Raises:
            DirectoryUnavailable: the database did not answer within the time-out, or with an error.
        """
        row = await self._find_one(self._user_query, user_id)
        if row is None:
            return None
        _, account_id, role, active, status = row
        return User(
            user_id=user_id,
            account_id=None if account_id is None else str(account_id),
            role=str(role),
            # A boolean, or SQLite's 1; a text such as "false" is active to nobody.
            active=isinstance(active, int) and active == 1,
            account_status=None if status is None else str(status),
        )

    async def find_user_anew(self, user_id: str) -> User | None:
        """Do as `find_user`: nothing is remembered here.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """
        return await self.find_user(user_id)

    async def account_status(self, account_id: str) -> str | None:
        """Return the status of the account with exactly this id, or None if there is none.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """
        row = await self._find_one(self._account_query, account_id)
        return None if row is None or row[1] is None else str(row[1])

    async def check(self) -> None:
        """Ask both tables for an id that is nobody's, which fails if a table or column is missing.

        Raises:
            DirectoryUnavailable: it failed.
        """
        await self._ask(self._user_query, "-")
        await self._ask(self._account_query, "-")

    async def close(self) -> None:
        """Close the connections, waiting no longer than the time-out for a database that hangs."""
        for look_up in self._given_up:
            look_up.cancel()
        closing = asyncio.create_task(self._engine.dispose(), name="directory-close")
        await asyncio.wait({closing, *self._given_up}, timeout=self._timeout_s)
        closing.cancel()

    async def _find_one(self, query: Query, wanted: str) -> _Row | None:
        # PostgreSQL takes no NUL and no lone surrogate, and answers with errors that look like an outage.
        if not 0 < len(wanted) <= MAX_ID_LENGTH or not wanted.isprintable():
            return None
        rows = await self._ask(query, wanted)
        # A database may compare without case or trailing blanks; the hub never does.
        return rows[0] if len(rows) == 1 and str(rows[0][0]) == wanted else None

    async def _ask(self, query: Query, wanted: str) -> _Rows:
        look_up = asyncio.create_task(self._fetch(query, wanted), name="directory-look-up")
        try:
            await asyncio.wait({look_up}, timeout=self._timeout_s)
        finally:
            if not look_up.done():
                # Throwing away a connection to a database that hangs takes seconds; nobody waits for it.
                look_up.cancel()
                self._given_up.add(look_up)
                look_up.add_done_callback(self._forget)
        if not look_up.done():
            logger.warning("the directory did not answer within %g s", self._timeout_s)
            raise DirectoryUnavailable(retry_after_s=1)
        error = look_up.exception()
        if error is not None:
            # Its class alone: the text of a driver's error may hold ids, or the URL with its password.
            logger.warning("the directory failed (%s)", type(error).__name__)
            raise DirectoryUnavailable(retry_after_s=1)
        return look_up.result()

    async def _fetch(self, query: Query, wanted: str) -> _Rows:
        async with self._engine.connect() as connection:
            return (await connection.execute(query, {"id": wanted})).all()

    def _forget(self, look_up: asyncio.Task[_Rows]) -> None:
        self._given_up.discard(look_up)
        if not look_up.cancelled():
            look_up.exception()


def _create_engine(text: str, timeout_s: float) -> AsyncEngine:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Raised outside, without a context: SQLAlchemy repeats the URL, which holds a password.
        url = URL.create("unreadable")
    if url.drivername == "postgresql+asyncpg":
        arguments = _postgresql_arguments(timeout_s)
    elif url.drivername == "sqlite+aiosqlite" and url.database and not url.database.startswith((":", "file:")):
        url, arguments = _read_only_file(url.database), {}
    else:
        known = "postgresql+asyncpg://user@host/database nor sqlite+aiosqlite:///path"
        raise SettingsError(f"HUB_DIRECTORY_URL: is neither {known}")
    return create_async_engine(
        url,
        connect_args=arguments,
        hide_parameters=True,
        # One round trip a look-up instead of three; there is nothing to commit.
        isolation_level="AUTOCOMMIT",
        max_overflow=0,
        pool_recycle=_RECYCLE_S,
        pool_size=_POOL_SIZE,
        pool_timeout=timeout_s,
    )


def _postgresql_arguments(timeout_s: float) -> dict[str, Any]:
    server_settings = {
        "application_name": "notification-hub",
        "default_transaction_read_only": "on",
        # The database, too, stops working on what nobody waits for any more.
        "statement_timeout": str(round(timeout_s * 1000)),
    }
    return {"timeout": timeout_s, "server_settings": server_settings}


def _read_only_file(path: str) -> URL:
    # `mode=ro`: SQLite would otherwise make an empty database where the path is misspelt.
    database = f"file:{quote(str(Path(path).absolute()))}"
    return URL.create("sqlite+aiosqlite", database=database, query={"mode": "ro", "uri": "true"})
