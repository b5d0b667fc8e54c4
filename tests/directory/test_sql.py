"""Tests of hub.directory.sql, the same over SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.directory.demo import DEMO_ACCOUNTS, DEMO_USERS, create_demo_directory
from hub.directory.directory import User
from hub.directory.sql import BATCH, SqlDirectory
from hub.errors import DirectoryUnavailable, SettingsError
from tests.directory.conftest import open_directory, sqlite_url
from tests.postgres import Postgres

#: Ids that are nobody's, and that a careless query would trip over.
STRANGE = ["", "9" * 11, "0000000000", " 00000000001", "00000000001 ", "' OR '1'='1", "%", "_" * 11, "a" * 129]
STRANGE += ["\x00", "00000000001\x00", "\ud800", "a\nb", "ação", "☃", "1;DROP TABLE users", "\u202e"]


async def test_users_are_found_with_their_account(directory: SqlDirectory) -> None:
    """Every user is found by id with account, role, activity and the account's status, in one look-up."""
    statuses = {account.account_id: account.status for account in DEMO_ACCOUNTS}
    for user in DEMO_USERS:
        expected = User(
            user_id=user.user_id,
            account_id=user.account_id,
            role=user.role,
            active=user.active,
            account_status=None if user.account_id is None else statuses[user.account_id],
        )
        assert expected == await directory.find_user(user.user_id)


async def test_many_users_are_found_at_once(directory: SqlDirectory) -> None:
    """Of many ids, those that exist are found by one call, each with what a single look-up says."""
    ids = [user.user_id for user in DEMO_USERS]
    found = await directory.find_users([*ids, "nobody", *ids, ""])
    assert {user_id: await directory.find_user(user_id) for user_id in ids} == found


async def test_more_users_than_one_statement_takes(directory: SqlDirectory) -> None:
    """Thousands of ids are asked for in several statements, and nobody is forgotten between them."""
    ids = [f"{number:011}" for number in range(2 * BATCH + 10)]
    assert {user.user_id for user in DEMO_USERS} == (await directory.find_users(ids)).keys()


async def test_strange_ids_do_not_hide_the_others(directory: SqlDirectory) -> None:
    """Ids that no database takes are nobody's, and the users asked for with them are found."""
    ids = [user.user_id for user in DEMO_USERS]
    assert set(ids) == (await directory.find_users([*STRANGE, *ids])).keys()


@pytest.mark.parametrize("strange", STRANGE)
async def test_strange_id_is_nobodys(directory: SqlDirectory, strange: str) -> None:
    """An id that is unknown, too long or no printable text is nobody's, and no error of the database."""
    assert await directory.find_user(strange) is None


async def test_check_passes(directory: SqlDirectory) -> None:
    """A database with both tables passes the check; nobody is remembered by it."""
    await directory.check()
    assert directory.find_user_nowait(DEMO_USERS[0].user_id) is None
    assert not directory.trusts_claims


async def test_many_look_ups_share_few_connections(directory: SqlDirectory) -> None:
    """A hundred look-ups at once are all answered."""
    async with asyncio.timeout(10):
        found = await asyncio.gather(*(directory.find_user("00000000001") for _ in range(100)))
    assert 100 == sum(user is not None for user in found)


@pytest.mark.parametrize(
    ("users", "accounts", "missing"),
    [
        ("users(id,account_id,role,missing)", "accounts(id,status)", "missing"),
        ("missing(id,account_id,role,is_active)", "accounts(id,status)", "missing"),
        ("nowhere.users(id,account_id,role,is_active)", "accounts(id,status)", "nowhere"),
        ("users(id,account_id,role,is_active)", "accounts(id,state)", "state"),
    ],
)
async def test_missing_name_fails_the_check(
    database_url: str, users: str, accounts: str, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A table or column that is not there is found by the check, and by look-ups as an outage; no id is logged."""
    directory = open_directory(database_url, users=users, accounts=accounts)
    with caplog.at_level(logging.DEBUG, logger="hub"):
        with pytest.raises(DirectoryUnavailable) as caught:
            await directory.check()
        with pytest.raises(DirectoryUnavailable):
            await directory.find_user("00000000001")
    assert "00000000001" not in caplog.text
    # Told once, not with every look-up.
    assert [f"the directory cannot be asked: {caught.value.cause}"] == caplog.messages
    assert missing in caught.value.cause
    assert "HUB_DIRECTORY_" in caught.value.cause
    await directory.close()


async def test_names_come_from_the_settings(filled_postgres: Postgres) -> None:
    """Other names are used as they are spelt: schema, capitals, keywords, an activity kept as a number."""
    await filled_postgres.execute(
        'DROP SCHEMA IF EXISTS "Legacy" CASCADE',
        'CREATE SCHEMA "Legacy"',
        'CREATE TABLE "Legacy"."Order" (cpf char(11) PRIMARY KEY, "Group" text, "select" text, "Active" smallint)',
        'CREATE TABLE "Legacy"."Company" ("Key" text PRIMARY KEY, "State" text)',
        """INSERT INTO "Legacy"."Order" VALUES ('00000000001', '7', 'viewer', 1), ('00000000002', '7', 'viewer', 0)""",
        """INSERT INTO "Legacy"."Company" VALUES ('7', 'trial')""",
    )
    directory = open_directory(
        filled_postgres.url, users="Legacy.Order(cpf, Group, select, Active)", accounts="Legacy.Company(Key,State)"
    )
    expected = User(user_id="00000000001", account_id="7", role="viewer", active=True, account_status="trial")
    assert expected == await directory.find_user("00000000001")
    inactive = await directory.find_user("00000000002")
    assert inactive is not None
    assert not inactive.active
    await directory.close()


async def test_users_may_be_their_own_accounts(filled_postgres: Postgres) -> None:
    """A schema without accounts of its own can name the same column twice."""
    await filled_postgres.execute("UPDATE users SET account_id = NULL")
    directory = open_directory(filled_postgres.url, users="users(id,id,role,is_active)")
    found = await directory.find_user("00000000001")
    assert found is not None
    assert "00000000001" == found.account_id
    await directory.close()


async def test_id_is_compared_exactly(filled_postgres: Postgres) -> None:
    """A column that ignores case, or is padded, does not make one user pass for another."""
    await filled_postgres.execute(
        "CREATE COLLATION IF NOT EXISTS anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "ALTER TABLE users ALTER id TYPE varchar(11) COLLATE anycase",
        "INSERT INTO users VALUES ('Ana', NULL, 'user', true, 'Ana')",
    )
    directory = open_directory(filled_postgres.url)
    assert await directory.find_user("Ana") is not None
    assert await directory.find_user("ANA") is None
    await directory.close()


@pytest.mark.parametrize("spec", ["users", " public.users "])
async def test_a_table_alone_has_the_columns_of_the_default(filled_postgres: Postgres, spec: str) -> None:
    """As the name stands in the customer's other settings."""
    directory = open_directory(filled_postgres.url, users=spec, accounts=spec.replace("users", "accounts"))
    await directory.check()
    for user in DEMO_USERS:
        found = await directory.find_user(user.user_id)
        assert found is not None
        assert (user.account_id, user.role, user.active) == (found.account_id, found.role, found.active)
    await directory.close()


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "users()",
        "users(id,account_id,role)",
        "users(id,account_id,role,is_active,more)",
        "users(id,account_id,role,)",
        "users(id,account_id,role,is_active) ; drop",
        "a.b.users(id,account_id,role,is_active)",
        'users("id",account_id,role,is_active)',
        "users(id,account_id,role,1)",
        "users(id,account_id,role,a b)",
        "users u(id,account_id,role,is_active)",
        "us-ers(id,account_id,role,is_active)",
        "usérs(id,account_id,role,is_active)",
        "users(id,account_id,role," + "a" * 64 + ")",
    ],
)
def test_unusable_spec_stops_the_start(spec: str) -> None:
    """A spec that is not a table with four plain names is named with its form."""
    with pytest.raises(SettingsError, match=r"HUB_DIRECTORY_USERS: is not of the form \[schema.\]table\(id,account,"):
        open_directory("sqlite+aiosqlite:///x.db", users=spec)
    with pytest.raises(SettingsError, match="HUB_DIRECTORY_ACCOUNTS"):
        open_directory("sqlite+aiosqlite:///x.db", accounts=spec)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "postgresql://hub:hunter2@db/avadmin?sslmode=maybe",
        "postgresql://hub:hunter2@db:70000/avadmin",
        "mysql+asyncmy://hub:hunter2@db/avadmin",
        "postgresql+asyncpg://hub:hunter2@db:port/avadmin",
        "sqlite:///x.db",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
    ],
)
def test_unusable_url_stops_the_start(url: str) -> None:
    """A URL the hub cannot read from is named, and its password is not repeated."""
    with pytest.raises(SettingsError, match="HUB_DIRECTORY_URL") as caught:
        open_directory(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.fixture
async def _threads_end() -> AsyncIterator[None]:
    """Wait for the thread of a connection that failed: aiosqlite lets it report to a loop that may be closed."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(timeout=3)


@pytest.mark.usefixtures("_threads_end")
async def test_missing_file_is_an_outage_and_not_made(tmp_path: Path) -> None:
    """A misspelt SQLite path is reported, and no empty database appears in its place."""
    path = tmp_path / "missing.db"
    directory = open_directory(sqlite_url(path))
    with pytest.raises(DirectoryUnavailable):
        await directory.find_user("00000000001")
    await directory.close()
    assert not path.exists()


@pytest.mark.usefixtures("_threads_end")
async def test_file_that_appears_is_read(tmp_path: Path) -> None:
    """A directory that was not there at the start is used once it is."""
    path = tmp_path / "late.db"
    directory = open_directory(sqlite_url(path))
    with pytest.raises(DirectoryUnavailable):
        await directory.check()
    await create_demo_directory(path)
    await directory.check()
    assert await directory.find_user("00000000001") is not None
    await directory.close()


@pytest.mark.parametrize(
    ("url", "carried"),
    [("off", []), ("postgresql://hub@db/avadmin", ["asyncpg"]), ("sqlite+aiosqlite:///x", ["sqlalchemy"])],
)
def test_no_hub_carries_another_databases_driver(url: str, carried: list[str]) -> None:
    """SQLAlchemy takes half as much memory as the rest of the hub, and only development with SQLite needs it."""
    program = (
        "import sys, hub.app; from hub.directory import open_directory; from hub.settings import Settings;"
        "open_directory(Settings(directory_url=sys.argv[1]), now=lambda: 0.0);"
        "print(*sorted({'asyncpg', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, timeout=60, check=True)
    assert set(carried) <= set(done.stdout.split())
    assert url.startswith("sqlite") or "sqlalchemy" not in done.stdout
