"""The two tables in an SQLite file, for development. The file is opened read-only."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hub.directory.fault import UnusableId
from hub.directory.tables import Row, Tables

__all__ = ["SqliteSource", "read_path"]


class SqliteSource:
    """Reads users from the SQLite file `path`, in one thread with one connection."""

    def __init__(self, path: str, tables: Tables, *, timeout_s: float) -> None:
        """Prepare the query; the file is opened when it is first asked."""
        self._query = _build_query(tables)
        # `mode=ro`: SQLite would otherwise make an empty database where the path is misspelt.
        self._url = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub-directory")
        self._connection: sqlite3.Connection | None = None

    async def find(self, ids: Sequence[str], *, limit: int) -> list[Row]:
        """Return at most `limit` rows of users whose id SQLite takes for one of `ids`.

        Raises:
            UnusableId: one of them is not text.
            sqlite3.Error: the file cannot be read, or has no such table or column.
        """
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, ids, limit)
        except UnicodeEncodeError:
            raise UnusableId from None
        # A column has no type here, so a truth value is the number 1; a text such as "false" is active to nobody.
        return [
            (_text(user_id), _text(account), _text(role), isinstance(active, int) and active == 1, _text(status))
            for user_id, account, role, active, status in rows
        ]

    async def check(self) -> None:
        """Ask for an id that is nobody's, which fails where the file, a table or a column is missing."""
        await self.find(["-"], limit=2)

    def describe(self, error: BaseException) -> str:
        """Return in words why `find` failed; SQLite's own name tables, columns and files, and no values."""
        said = error if isinstance(error, sqlite3.Error) else type(error).__name__
        return f"SQLite: {said} (see HUB_DIRECTORY_URL, HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)"

    async def close(self) -> None:
        """Close the file, after what is being read."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _fetch(self, ids: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._url, uri=True, timeout=self._timeout_s, isolation_level=None)
            marks = ", ".join("?" * len(ids))
            return self._connection.execute(self._query.format(marks), [*ids, limit]).fetchall()
        except sqlite3.Error:
            # The file may be another one the next time.
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_path(text: str) -> str | None:
    """Return the file that the URL `sqlite+aiosqlite:///path` names, or None if it is not such a URL."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # No error of SQLAlchemy's goes on: it repeats the URL, which may hold a password.
        return None
    if url.drivername != "sqlite+aiosqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return url.database


def _build_query(tables: Tables) -> str:
    # Quoted always, and each column with its table: without it, SQLite takes the name of a missing column for a text.
    user_id, account, role, active = (f'u."{name}"' for name in tables.users.columns)
    account_id, status = (f'a."{name}"' for name in tables.accounts.columns)
    columns = f"{user_id}, {account}, {role}, {active}, {status}"
    both = f"{tables.users.quoted} AS u LEFT JOIN {tables.accounts.quoted} AS a ON {account_id} = {account}"
    return f"SELECT {columns} FROM {both} WHERE {user_id} IN ({{}}) LIMIT ?"  # noqa: S608  # names checked, and quoted


def _text(value: object) -> str | None:
    return None if value is None else str(value)
