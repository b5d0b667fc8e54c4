"""The directories that the suite runs over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from hub.directory.demo import create_demo_directory
from hub.directory.sql import SqlDirectory
from tests.postgres import Postgres
from tests.postgres import postgres as postgres

USERS = "users(id,account_id,role,is_active)"
ACCOUNTS = "accounts(id,status)"


@pytest.fixture
async def filled_postgres(postgres: Postgres) -> Postgres:
    """PostgreSQL, running and with the demo rows alone."""
    await postgres.fill()
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the demo rows: each kind in turn."""
    if request.param == "sqlite":
        path = tmp_path / "a directory?#%20.db"
        await create_demo_directory(path)
        return sqlite_url(path)
    server: Postgres = request.getfixturevalue("postgres")
    await server.fill()
    return server.url


@pytest.fixture
async def directory(database_url: str) -> AsyncIterator[SqlDirectory]:
    """A directory over each kind of database."""
    opened = open_directory(database_url)
    yield opened
    await opened.close()


def sqlite_url(path: Path) -> str:
    """Return the URL of the SQLite file `path`, whatever characters its name has."""
    return URL.create("sqlite+aiosqlite", database=str(path)).render_as_string()


def open_directory(url: str, *, users: str = USERS, accounts: str = ACCOUNTS, timeout_s: float = 5.0) -> SqlDirectory:
    """Return a directory over the database at `url`."""
    return SqlDirectory(url, users, accounts, timeout_s=timeout_s)
