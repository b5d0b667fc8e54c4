"""The two tables in an SQLite file, through SQLAlchemy: for development. The file is opened read-only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Select, bindparam, column, make_url, quoted_name, select, table
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.sql.expression import ColumnClause, ColumnElement, FromClause

from hub.directory.fault import UnusableId
from hub.directory.tables import Row, Table, Tables

__all__ = ["SqliteSource", "read_path"]

_Query: TypeAlias = Select[*tuple[Any, ...]]


class SqliteSource:
    """Reads users from the SQLite file `path`."""

    def __init__(self, path: str, tables: Tables, *, timeout_s: float) -> None:
        self._query = _build_query(tables)
        # `mode=ro`: SQLite would otherwise make an empty database where the path is misspelt.
        database = f"file:{quote(str(Path(path).absolute()))}"
        self._engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=database, query={"mode": "ro", "uri": "true"}),
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            max_overflow=0,
            pool_size=4,
            pool_timeout=timeout_s,
        )

    async def find(self, ids: Sequence[str], *, limit: int) -> list[Row]:
        """Return at most `limit` rows of users whose id SQLite takes for one of `ids`.

        Raises:
            UnusableId: one of them is not text.
            sqlalchemy.exc.SQLAlchemyError: the file cannot be read, or has no such table or column.
        """
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(self._query, {"ids": list(ids), "limit": limit})).all()
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
        said = error.orig if isinstance(error, DBAPIError) else type(error).__name__
        return f"SQLite: {said} (see HUB_DIRECTORY_URL, HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS)"

    async def close(self) -> None:
        """Close the file."""
        await self._engine.dispose()


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


def _build_query(tables: Tables) -> _Query:
    users, (user_id, account, role, active) = _quote(tables.users)
    accounts, (account_id, status) = _quote(tables.accounts)
    return (
        select(user_id, account, role, active, status)
        .select_from(users.outerjoin(accounts, account_id == account))
        .where(user_id.in_(bindparam("ids", expanding=True)))
        .limit(bindparam("limit"))
    )


def _quote(named: Table) -> tuple[FromClause, list[ColumnElement[Any]]]:
    # Quoted always: names are taken exactly, and none is a keyword by accident.
    columns: list[ColumnClause[Any]] = [column(quoted_name(name, quote=True)) for name in named.columns]
    schema = quoted_name(named.schema, quote=True) if named.schema else None
    # A name may be asked for twice (a users table that is its own accounts table), but a table has it once.
    found = table(quoted_name(named.name, quote=True), *{each.name: each for each in columns}.values(), schema=schema)
    # Two names for it, in case both tables are one.
    aliased = found.alias(named.variable.rpartition("_")[2].lower())
    return aliased, [aliased.c[each.name] for each in columns]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
