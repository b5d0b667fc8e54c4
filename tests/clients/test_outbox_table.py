"""The helpers that write into the outbox table, with every driver that a service may have, on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from contracts.avelarsys import OrderCreated, StockAlert
from contracts.notification import Notification
from notification_hub import write_to_outbox, write_to_outbox_async
from tests.harness import ACCOUNT, USER, RunningHub
from tests.packages import NODE_MODULES, ROOT, install_service, run
from tests.postgres import Postgres
from tests.postgres import postgres as postgres
from tests.relay.conftest import hub as hub
from tests.relay.outbox import Outbox, open_outbox, read_titles, run_relay

psycopg: Any = importlib.import_module("psycopg")


@pytest.fixture
async def outbox(postgres: Postgres) -> AsyncIterator[Outbox]:
    """An empty outbox table, and a table of the service's own."""
    async with open_outbox(postgres) as opened:
        await opened.connection.execute("DROP TABLE IF EXISTS orders; CREATE TABLE orders (code text PRIMARY KEY)")
        yield opened


def order(title: str = "PED-7") -> OrderCreated:
    """Return a notification."""
    return OrderCreated(title=title, message='Aspas " e çã')


@contextlib.contextmanager
def psycopg_connection(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    """psycopg's connection."""
    with psycopg.connect(url) as connection:
        yield connection, connection.execute


@contextlib.contextmanager
def psycopg_cursor(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    """psycopg's cursor, in autocommit mode within an explicit transaction."""
    with psycopg.connect(url, autocommit=True) as connection, connection.transaction(), connection.cursor() as cursor:
        yield cursor, cursor.execute


@contextlib.contextmanager
def sqlalchemy_connection(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    """SQLAlchemy's connection."""
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.begin() as connection:
            yield connection, lambda sql: connection.execute(sqlalchemy.text(sql))
    finally:
        engine.dispose()


@contextlib.contextmanager
def sqlalchemy_session(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    """SQLAlchemy's session."""
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with Session(engine) as session, session.begin():
            yield session, lambda sql: session.execute(sqlalchemy.text(sql))
    finally:
        engine.dispose()


SYNC = [psycopg_connection, psycopg_cursor, sqlalchemy_connection, sqlalchemy_session]


@contextlib.asynccontextmanager
async def asyncpg_connection(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """asyncpg's connection."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            yield connection, connection.execute
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """A connection of asyncpg's pool."""
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        yield connection, connection.execute


@contextlib.asynccontextmanager
async def psycopg_async(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """psycopg's connection for asyncio."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection, connection.execute


@contextlib.asynccontextmanager
async def psycopg_async_cursor(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """psycopg's cursor for asyncio."""
    async with await psycopg.AsyncConnection.connect(url) as connection, connection.cursor() as cursor:
        yield cursor, cursor.execute


@contextlib.asynccontextmanager
async def sqlalchemy_async(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """SQLAlchemy's session for asyncio, over asyncpg."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    try:
        async with AsyncSession(engine) as session, session.begin():
            yield session, lambda sql: session.execute(sqlalchemy.text(sql))
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def sqlalchemy_async_connection(url: str) -> AsyncIterator[tuple[Any, Callable[[str], Any]]]:
    """SQLAlchemy's connection for asyncio, over psycopg."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        async with engine.begin() as connection:
            yield connection, lambda sql: connection.execute(sqlalchemy.text(sql))
    finally:
        await engine.dispose()


ASYNC = [
    *(asyncpg_connection, asyncpg_pool, psycopg_async, psycopg_async_cursor, sqlalchemy_async),
    sqlalchemy_async_connection,
]


class Undo(Exception):
    """What a service fails with after it wrote the row."""


@pytest.mark.parametrize("opened", SYNC, ids=lambda opened: opened.__name__)
async def test_the_row_is_committed_with_the_change(outbox: Outbox, opened: Any) -> None:
    """Both are there or neither; the driver's own exception passes through."""
    with opened(outbox.url) as (connection, execute):
        execute("INSERT INTO orders VALUES ('PED-7')")
        row_id = write_to_outbox(connection, order(), user_id=USER, account_id=ACCOUNT)
        assert 0 == await outbox.count("true")
    assert 1 == await outbox.count(f"id = '{row_id}'")
    with contextlib.suppress(Undo), opened(outbox.url) as (connection, execute):
        execute("INSERT INTO orders VALUES ('PED-8')")
        write_to_outbox(connection, order("PED-8"), account_id=ACCOUNT)
        raise Undo
    assert 1 == await outbox.count("true")
    assert 1 == await outbox.connection.fetchval("SELECT count(*) FROM orders")


@pytest.mark.parametrize("opened", ASYNC, ids=lambda opened: opened.__name__)
async def test_the_row_is_committed_with_the_change_in_asyncio(outbox: Outbox, opened: Any) -> None:
    """The same for connections that are awaited."""
    async with opened(outbox.url) as (connection, execute):
        await execute("INSERT INTO orders VALUES ('PED-7')")
        row_id = await write_to_outbox_async(connection, order(), user_id=USER, account_id=ACCOUNT)
        assert 0 == await outbox.count("true")
    assert 1 == await outbox.count(f"id = '{row_id}'")
    with contextlib.suppress(Undo):
        async with opened(outbox.url) as (connection, execute):
            await execute("INSERT INTO orders VALUES ('PED-8')")
            await write_to_outbox_async(connection, order("PED-8"), account_id=ACCOUNT)
            raise Undo
    assert 1 == await outbox.count("true")
    assert 1 == await outbox.connection.fetchval("SELECT count(*) FROM orders")


async def test_without_a_transaction_nothing_is_written(outbox: Outbox) -> None:
    """In autocommit mode the row would be committed without the change; the helper says so and writes none."""
    with psycopg.connect(outbox.url, autocommit=True) as connection:
        for given in (connection, connection.cursor()):
            with pytest.raises(RuntimeError, match="no transaction is open"):
                write_to_outbox(given, order(), everyone=True)
    other = await asyncpg.connect(outbox.url)
    try:
        with pytest.raises(RuntimeError, match="no transaction is open"):
            await write_to_outbox_async(other, order(), everyone=True)
    finally:
        await other.close()
    assert 0 == await outbox.count("true")


@pytest.mark.parametrize("opened", ASYNC, ids=lambda opened: opened.__name__)
async def test_a_connection_for_asyncio_is_not_taken_for_another(outbox: Outbox, opened: Any) -> None:
    """A row that nobody awaits would be lost in silence."""
    async with opened(outbox.url) as (connection, _):
        with pytest.raises(TypeError, match="await write_to_outbox_async"):
            write_to_outbox(connection, order(), everyone=True)
    assert 0 == await outbox.count("true")


@pytest.mark.parametrize("opened", SYNC, ids=lambda opened: opened.__name__)
async def test_a_connection_for_threads_is_not_taken_for_another(outbox: Outbox, opened: Any) -> None:
    """The event loop would wait for the database."""
    with pytest.raises(TypeError, match="use write_to_outbox"), opened(outbox.url) as (connection, _):
        await write_to_outbox_async(connection, order(), everyone=True)
    assert 0 == await outbox.count("true")


class DjangoConnection:
    """What Django's connection and its cursors have, over psycopg."""

    def __init__(self, connection: Any, *, atomic: bool) -> None:
        self._connection = connection
        self.in_atomic_block = atomic
        #: As psycopg's connection under it.
        self.connection = connection

    def get_autocommit(self) -> bool:
        """Django's default."""
        return True

    def cursor(self) -> Any:
        """A cursor that knows its connection as `db`."""
        cursor = self._connection.cursor()
        wrapper = type("CursorWrapper", (), {"db": self, "execute": cursor.execute, "fetchone": cursor.fetchone})()
        wrapper.close = cursor.close
        return wrapper


@pytest.mark.parametrize("atomic", [True, False])
async def test_django_is_asked_for_its_atomic_block(outbox: Outbox, atomic: bool) -> None:
    """Django is in autocommit mode outside `atomic`, whatever its driver says."""
    with psycopg.connect(outbox.url) as inner:
        connection = DjangoConnection(inner, atomic=atomic)
        for given in (connection, connection.cursor()):
            expected = contextlib.nullcontext() if atomic else pytest.raises(RuntimeError)
            with expected:
                write_to_outbox(given, order(), everyone=True)
    assert (2 if atomic else 0) == await outbox.count("true")


@pytest.mark.parametrize(
    ("whom", "key"),
    [
        ({"user_id": USER}, f"user:{USER}"),
        ({"user_id": USER, "account_id": ACCOUNT}, f"user:{USER}"),
        ({"account_id": ACCOUNT}, f"account:{ACCOUNT}"),
        ({"everyone": True}, "everyone"),
        ({"user_ids": [USER, "2"], "account_id": ACCOUNT}, None),
        ({"user_id": USER, "key": "order-7"}, "order-7"),
    ],
)
async def test_the_default_key_is_the_target(outbox: Outbox, whom: dict[str, Any], key: str | None) -> None:
    """Rows for the same user stay in order unless another key is given; several users have no order."""
    with psycopg.connect(outbox.url) as connection:
        row_id = write_to_outbox(connection, order(), **whom)
    assert (key or row_id) == await outbox.connection.fetchval("SELECT key FROM notification_outbox")


class Odd(Notification, tag="odd"):
    """A type whose data JSON does not know."""

    data: Any = None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"notification": Odd(title="t", message="m", data=object())}, TypeError),
        ({"key": ""}, ValueError),
        ({"key": "a\0b"}, ValueError),
        ({"table": "a; DROP TABLE orders"}, ValueError),
    ],
)
async def test_what_cannot_be_written_leaves_the_transaction_alone(
    outbox: Outbox, arguments: dict[str, Any], error: type[Exception]
) -> None:
    """The service may go on and commit its change."""
    with psycopg.connect(outbox.url) as connection:
        connection.execute("INSERT INTO orders VALUES ('PED-7')")
        with pytest.raises(error):
            write_to_outbox(connection, **{"notification": order(), "everyone": True, **arguments})
    assert 1 == await outbox.connection.fetchval("SELECT count(*) FROM orders")


async def test_what_was_written_is_published(outbox: Outbox, hub: RunningHub) -> None:
    """From Python's helper to a subscriber, with the moment at which it was written."""
    with psycopg.connect(outbox.url) as connection:
        write_to_outbox(connection, StockAlert(title="Estoque baixo", message="3"), user_id=USER, account_id=ACCOUNT)
    written = json.loads(await outbox.connection.fetchval("SELECT body FROM notification_outbox"))["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    async with hub.websocket() as websocket:
        async with run_relay(outbox.url, hub.url, hub.key):
            frame = await websocket.frame()
        assert ("stock_alert", "Estoque baixo", written) == (frame["type"], frame["title"], frame["timestamp"])


NODE_JS = """\
import assert from "node:assert/strict";
import pg from "pg";
import { writeToOutbox } from "@notification-hub/service";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const client = await pool.connect();
const order = { type: "order_created", title: "PED-1", message: 'Aspas " e çã', account_id: "12345678000190" };
const alert = { ...order, title: "PED-2", user_id: "00000000191" };
const orms = {
  pg: client,
  statement: (sql, values) => client.query(sql, values),
  // What each hands to PostgreSQL: the statement with $1 to $3, and the values as text.
  prisma: { $executeRawUnsafe: (sql, ...values) => client.query(sql, values) },
  sequelize: { sequelize: { query: (sql, given) => given.transaction.query(sql, given.bind) }, transaction: client },
};
const ids = [];
for (const orm of Object.values(orms)) {
  await client.query("BEGIN");
  await client.query("INSERT INTO orders VALUES ($1)", [`PED-${ids.length}`]);
  ids.push(await writeToOutbox(orm, order), await writeToOutbox(orm, alert, { key: "order-2" }));
  await client.query("COMMIT");
  await client.query("BEGIN");
  await writeToOutbox(orm, { ...order, title: "rolled back" });
  await client.query("ROLLBACK");
}
await assert.rejects(writeToOutbox(pool, order), /^TypeError: transaction: is not one/);
client.release();
await pool.end();
console.log(JSON.stringify(ids));
"""


async def test_node_writes_rows_that_are_published(outbox: Outbox, hub: RunningHub, tmp_path: Path) -> None:
    """The package as it is installed, with `pg` and in the shapes of Prisma and Sequelize: committed rows, in order."""
    install_service(tmp_path)
    (tmp_path / "node_modules/pg").symlink_to(NODE_MODULES / "pg")
    (tmp_path / "write.mjs").write_text(NODE_JS)
    done = run("node", "write.mjs", folder=tmp_path, env={"DATABASE_URL": outbox.url})
    assert (0, "") == (done.returncode, done.stderr)
    ids = json.loads(done.stdout)
    rows = await outbox.connection.fetch("SELECT id::text, key FROM notification_outbox ORDER BY position")
    assert ids == [row[0] for row in rows]
    assert ["account:12345678000190", "order-2"] * 4 == [row[1] for row in rows]
    async with run_relay(outbox.url, hub.url, hub.key):
        await outbox.wait_settled()
    assert 8 == await outbox.count("published_at IS NOT NULL")
    assert ["PED-1"] * 4 + ["PED-2"] * 4 == sorted(read_titles(hub.settings.data_dir))


def test_every_driver_of_the_guide_is_here() -> None:
    """The guide names no driver whose transaction is not tried here."""
    guide = (ROOT / "docs/guides/outbox.md").read_text(encoding="utf-8")
    assert {"psycopg", "asyncpg", "SQLAlchemy", "pg", "Prisma", "Sequelize"} <= set(re.findall(r"\w+", guide))
