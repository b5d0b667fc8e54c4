"""The directory in the customer's database: PostgreSQL in production, SQLite for development.

One query for many users, nothing written: the transaction is read-only at the database, not by promise alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from hub.directory.address import is_postgres, read_address
from hub.directory.directory import MAX_ID_LENGTH, User
from hub.directory.fault import UnusableId
from hub.directory.postgres import PostgresSource
from hub.directory.tables import Row, Tables, read_tables
from hub.errors import DirectoryUnavailable, SettingsError
from hub.operator_log import OperatorLog
from hub.target import WITHOUT_ACCOUNT

__all__ = ["BATCH", "Source", "SqlDirectory"]

#: Users asked for in one statement.
BATCH = 500

_Answer = TypeVar("_Answer")

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A database with the two tables."""

    async def find(self, ids: Sequence[str], *, limit: int) -> list[Row]:
        """Return at most `limit` rows of users whose id the database takes for one of `ids`; may raise anything."""

    async def check(self) -> None:
        """Return if `find` would find."""

    def describe(self, error: BaseException) -> str:
        """Return in words why `find` failed, without an id or a password."""

    async def close(self) -> None:
        """Close what is open."""


class SqlDirectory:
    """Users and accounts in a database.

    `timeout_s` bounds every query, waiting for a connection included. Ids are compared as text, exactly.
    """

    trusts_claims = False

    def __init__(
        self, url: str, users_spec: str, accounts_spec: str, *, timeout_s: float, people_without_account: bool = False
    ) -> None:
        """Prepare the query; no connection is made yet.

        `people_without_account`: users who have none are in `WITHOUT_ACCOUNT`, which is always active.

        Raises:
            SettingsError: the URL or a table's spec cannot be used.
        """
        self._timeout_s = timeout_s
        self._people_without_account = people_without_account
        self._source = _open_source(url, read_tables(users_spec, accounts_spec), timeout_s)
        # Queries that were cancelled, while their connections are being closed.
        self._given_up: set[asyncio.Task[Any]] = set()
        self._lines = OperatorLog(logger)
        # So that the last line says how it is, also of a database that fails and recovers many times a minute.
        self._failure_told = False

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return None: nothing is remembered here."""
        return None

    async def find_user(self, user_id: str) -> User | None:
        """Return the user with exactly this id, or None if there is none or more than one.

        Raises:
            DirectoryUnavailable: the database did not answer within the time-out, or with an error.
        """
        return (await self.find_users([user_id])).get(user_id)

    async def find_user_anew(self, user_id: str) -> User | None:
        """Do as `find_user`: nothing is remembered here.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """
        return await self.find_user(user_id)

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Return those of these users that there are exactly once, by id, with one statement for up to 500.

        An id that the database cannot take is nobody's, and says nothing about the others.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """
        # PostgreSQL takes no NUL and no lone surrogate; nobody has such an id.
        usable = [one for one in dict.fromkeys(user_ids) if 0 < len(one) <= MAX_ID_LENGTH and one.isprintable()]
        found: dict[str, User] = {}
        for start in range(0, len(usable), BATCH):
            found |= await self._find(usable[start : start + BATCH])
        return found

    def forget(self, *, user_id: str | None = None, account_id: str | None = None) -> None:
        """Do nothing; nothing is remembered here."""

    async def check(self) -> None:
        """Ask both tables for an id that is nobody's, which fails if a table, column or permission is missing.

        Raises:
            DirectoryUnavailable: it failed; its `cause` says why.
        """
        await self._bounded(self._source.check())

    async def close(self) -> None:
        """Close the connections, waiting no longer than the time-out for a database that hangs."""
        for asking in self._given_up:
            asking.cancel()
        closing = asyncio.create_task(self._source.close(), name="directory-close")
        await asyncio.wait({closing, *self._given_up}, timeout=self._timeout_s)
        closing.cancel()

    async def _find(self, ids: list[str]) -> dict[str, User]:
        limit = 2 * len(ids)
        try:
            rows = await self._bounded(self._source.find(ids, limit=limit))
        except UnusableId:
            rows = None
        if rows is None or (len(rows) == limit and len(ids) > 1):
            # One id among them that the database cannot take, or that is not unique, must not hide the others.
            if len(ids) == 1:
                return {}
            middle = len(ids) // 2
            return await self._find(ids[:middle]) | await self._find(ids[middle:])
        found: dict[str, User] = {}
        wanted, seen = set(ids), set[str]()
        for user_id, account_id, role, active, status in rows:
            # A database may compare without case or trailing blanks; the hub never does.
            if user_id not in wanted:
                continue
            assert user_id is not None
            if user_id in seen:
                found.pop(user_id, None)
                continue
            seen.add(user_id)
            # Native enums often have the names of a program's constants, in capitals.
            role = (role or "").lower()
            # A super_admin without an account has the virtual one.
            if self._people_without_account and account_id is None and role != "super_admin":
                account_id, status = WITHOUT_ACCOUNT, "active"
            found[user_id] = User(
                user_id=user_id,
                account_id=account_id,
                role=role,
                active=active,
                account_status=None if status is None else status.lower(),
            )
        return found

    async def _bounded(self, query: Coroutine[object, object, _Answer]) -> _Answer:
        asking = asyncio.create_task(query, name="directory-query")
        try:
            await asyncio.wait({asking}, timeout=self._timeout_s)
        finally:
            if not asking.done():
                # Closing a connection to a database that hangs may take long; nobody waits for it.
                asking.cancel()
                self._given_up.add(asking)
                asking.add_done_callback(self._forget)
        error = asking.exception() if asking.done() else TimeoutError()
        if isinstance(error, UnusableId):
            raise error
        if error is not None:
            raise self._fail(error)
        if self._failure_told:
            self._failure_told = False
            self._lines.write(logging.WARNING, "directory_up", "the directory answers again")
        return asking.result()

    def _fail(self, error: BaseException) -> DirectoryUnavailable:
        words = self._source.describe(error)
        message = f"the directory cannot be asked: {words}"
        self._failure_told |= self._lines.write_limited(logging.WARNING, "directory_down", message)
        failure = DirectoryUnavailable(retry_after_s=1)
        failure.cause = words
        return failure

    def _forget(self, asking: asyncio.Task[_Answer]) -> None:
        self._given_up.discard(asking)
        if not asking.cancelled():
            asking.exception()


def _open_source(text: str, tables: Tables, timeout_s: float) -> Source:
    text = text.strip().strip("'\"")
    if is_postgres(text):
        address = read_address(text)
        for name in address.ignored:
            logger.warning("HUB_DIRECTORY_URL: the parameter %s means nothing to the hub and is left out", name)
        return PostgresSource(address, tables, timeout_s=timeout_s)
    # Imported here: SQLAlchemy is half as large as the rest of the hub, and is needed for development alone.
    from hub.directory.sqlite import SqliteSource, read_path

    path = read_path(text)
    if path is None:
        known = "postgresql://user:password@host:5432/database nor sqlite+aiosqlite:///path, nor off"
        raise SettingsError(f"HUB_DIRECTORY_URL: is neither {known}")
    return SqliteSource(path, tables, timeout_s=timeout_s)
