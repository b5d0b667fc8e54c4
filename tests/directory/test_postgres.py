"""Tests of what is special about PostgreSQL: types, encodings, permissions, sessions and quiet connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest

from hub.directory.address import read_address
from hub.directory.cached import CachedDirectory
from hub.directory.demo import DEMO_USERS
from hub.directory.directory import User
from hub.directory.postgres import PostgresSource
from hub.directory.tables import build_query, read_tables
from hub.errors import DirectoryUnavailable
from tests.directory.conftest import ACCOUNTS, USERS, open_directory
from tests.pooler import run_pooler
from tests.postgres import Postgres, run_postgres

#: A type of an id column, an id in it, one that is another's, and ids that it cannot hold.
ID_TYPES: list[tuple[str, str, str, list[str]]] = [
    ("varchar(11)", "00000000191", "0000000019", ["0" * 128]),
    ("text", "a/b'c\\d", "a/b'c\\D", []),
    ("char(14)", "12345678000190", "12345678000191", []),
    ("char(14)", "short", "short ", []),
    ("integer", "42", "042", ["x", "4_2", "99999999999999", "4.5", "٤٢", "0x2a"]),
    ("bigint", "9007199254740993", "9007199254740992", ["x", "1e3", "9" * 30]),
    ("uuid", "0b9f2c3e-6a5d-4f0a-9c1b-1f2e3d4c5b6a", "0B9F2C3E-6A5D-4F0A-9C1B-1F2E3D4C5B6A", ["x", "0b9f2c3e"]),
    ("numeric", "11", "11.0", ["x"]),
    ("cpf", "00000000191", "00000000192", ["letters"]),
    ("number", "7", "07", ["x"]),
]


@pytest.fixture
async def server(filled_postgres: Postgres) -> AsyncIterator[Postgres]:
    """PostgreSQL with the demo rows; whatever else a test makes goes into the schema `shop`, and away with it."""
    await filled_postgres.execute("DROP SCHEMA IF EXISTS shop CASCADE", "CREATE SCHEMA shop")
    yield filled_postgres
    await filled_postgres.execute("DROP SCHEMA IF EXISTS shop CASCADE")


async def make_tables(server: Postgres, id_type: str, *, account_type: str = "varchar(14)") -> None:
    """Make the two tables in `shop` with ids of these types, and native enums for role and status."""
    await server.execute(
        "CREATE DOMAIN shop.cpf AS varchar(11) CHECK (VALUE ~ '^[0-9]*$')",
        "CREATE DOMAIN shop.number AS integer",
        "CREATE TYPE shop.role AS ENUM ('SUPER_ADMIN', 'user')",
        "CREATE TYPE shop.status AS ENUM ('ACTIVE', 'suspended')",
        "SET search_path = shop",
        f"CREATE TABLE users (id {id_type} PRIMARY KEY, account_id varchar(14), role role, is_active boolean)",
        f"CREATE TABLE accounts (id {account_type} PRIMARY KEY, status status)",
    )


async def insert(server: Postgres, *ids: str, account_id: str = "101", status: str = "ACTIVE") -> None:
    """Put users and their account into the tables in `shop`."""
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    try:
        await connection.execute("SET search_path = shop")
        for one in ids:
            literal = one.replace("'", "''")
            await connection.execute(f"INSERT INTO users VALUES ('{literal}', '{account_id}', 'user', true)")
        await connection.execute(f"INSERT INTO accounts VALUES ('{account_id}', '{status}') ON CONFLICT DO NOTHING")
    finally:
        await connection.close()


SHOP_USERS, SHOP_ACCOUNTS = f"shop.{USERS}", f"shop.{ACCOUNTS}"


@pytest.mark.parametrize(("id_type", "mine", "anothers", "unusable"), ID_TYPES)
async def test_ids_of_any_type_are_compared_as_text(
    server: Postgres, id_type: str, mine: str, anothers: str, unusable: list[str]
) -> None:
    """A number, a UUID, padded text or a domain holds ids like any text; the same value spelt otherwise is nobody's."""
    await make_tables(server, id_type)
    await insert(server, mine)
    directory = open_directory(server.url, users=SHOP_USERS, accounts=SHOP_ACCOUNTS)
    await directory.check()
    expected = User(user_id=mine, account_id="101", role="user", active=True, account_status="active")
    assert expected == await directory.find_user(mine)
    assert await directory.find_user(anothers) is None
    for one in unusable:
        assert await directory.find_user(one) is None
    assert {mine: expected} == await directory.find_users([*unusable, mine, anothers])
    await directory.close()


@pytest.mark.parametrize("id_type", ["varchar(11)", "text", "char(11)", "integer", "bigint", "uuid", "numeric"])
async def test_the_primary_keys_index_serves(server: Postgres, id_type: str) -> None:
    """Nobody reads the whole table for one user or several, whatever the id's type."""
    await make_tables(server, id_type)
    value = "md5(n::text)::uuid" if id_type == "uuid" else f"(100000000 + n)::text::{id_type}"
    await server.execute(
        f"INSERT INTO shop.users SELECT {value}, '101', 'user', true FROM generate_series(1, 20000) AS n",
        "ANALYZE shop.users",
    )
    directory = open_directory(server.url, users=SHOP_USERS, accounts=SHOP_ACCOUNTS)
    ids = [str(uuid.uuid4()), str(uuid.uuid4())] if id_type == "uuid" else ["100000001", "2"]
    await directory.find_users(ids)
    source: Any = directory._source
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    try:
        for asked in (ids[:1], ids):
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {source._query}", asked, 1000))
            assert "users_pkey" in plan, plan
            assert "Seq Scan on users" not in plan, plan
    finally:
        await connection.close()
        await directory.close()


async def test_names_of_constants_are_roles_and_statuses(server: Postgres) -> None:
    """Native enums in capitals, as a program's constants are spelt, mean the same."""
    await make_tables(server, "text")
    await server.execute(
        "INSERT INTO shop.users VALUES ('1', NULL, 'SUPER_ADMIN', true), ('2', '101', NULL, NULL)",
        "INSERT INTO shop.accounts VALUES ('101', 'suspended')",
    )
    directory = open_directory(server.url, users=SHOP_USERS, accounts=SHOP_ACCOUNTS)
    assert await directory.find_user("1") == User(
        user_id="1", account_id=None, role="super_admin", active=True, account_status=None
    )
    # A null says of nobody that they are active.
    assert await directory.find_user("2") == User(
        user_id="2", account_id="101", role="", active=False, account_status="suspended"
    )
    await directory.close()


async def test_account_columns_may_have_two_types(server: Postgres) -> None:
    """A text that holds the number of an account finds it."""
    await make_tables(server, "text", account_type="bigint")
    await insert(server, "1")
    directory = open_directory(server.url, users=SHOP_USERS, accounts=SHOP_ACCOUNTS)
    found = await directory.find_user("1")
    assert found is not None
    assert ("101", "active") == (found.account_id, found.account_status)
    await directory.close()


@pytest.mark.parametrize(
    ("active_type", "values"),
    [
        ("boolean", {"true": True, "false": False, "null": False}),
        ("smallint", {"1": True, "0": False, "2": False, "null": False}),
        ("integer", {"1": True, "0": False, "-1": False}),
        ("numeric(1)", {"1": True, "0": False}),
    ],
)
async def test_activity_is_a_truth_value_or_the_number_1(
    server: Postgres, active_type: str, values: dict[str, bool]
) -> None:
    """Anything else, and nothing, is not active."""
    await server.execute(f"CREATE TABLE shop.users (id text, account_id text, role text, is_active {active_type})")
    for value in values:
        await server.execute(f"INSERT INTO shop.users VALUES ('{value}', '101', 'user', {value})")
    directory = open_directory(server.url, users=SHOP_USERS)
    found = await directory.find_users(list(values))
    assert values == {user_id: user.active for user_id, user in found.items()}
    await directory.close()


async def test_activity_of_another_type_is_a_mistake_and_no_answer(filled_postgres: Postgres) -> None:
    """A text such as "false" is neither taken for active nor lets the hub say that nobody is."""
    await filled_postgres.execute("ALTER TABLE users ALTER is_active TYPE text")
    directory = open_directory(filled_postgres.url)
    with pytest.raises(DirectoryUnavailable) as caught:
        await directory.find_user("00000000001")
    assert "is_active is of type text" in caught.value.cause
    assert "HUB_DIRECTORY_USERS" in caught.value.cause
    await directory.close()


async def test_a_user_who_is_there_twice_is_nobody(server: Postgres) -> None:
    """In a column that is not unique, an id that occurs twice is nobody's; every other id is found."""
    await server.execute("CREATE TABLE shop.users (id text, account_id text, role text, is_active boolean)")
    for one in ("1", "2", "2", "2", "2", "2", "3"):
        await server.execute(f"INSERT INTO shop.users VALUES ('{one}', '101', 'user', true)")
    directory = open_directory(server.url, users=SHOP_USERS)
    assert {"1", "3"} == (await directory.find_users(["1", "2", "3", "4"])).keys()
    assert await directory.find_user("2") is None
    await directory.close()


async def test_an_id_that_the_encoding_lacks_is_nobodys_alone() -> None:
    """A LATIN1 database has no name for some characters: such an id is unknown, no outage, and the others go on."""
    with run_postgres(encoding="LATIN1") as server:
        server.start()
        await server.fill()
        directory = open_directory(server.url)
        cached = CachedDirectory(directory, ttl_s=60, now=lambda: 0.0)
        assert await cached.find_user("☃") is None
        assert await cached.find_user("00000000001") is not None
        ids = [user.user_id for user in DEMO_USERS]
        assert set(ids) == (await cached.find_users([*ids, "☃", "ação", "漢字", *(f"☃{n}" for n in range(100))])).keys()
        await cached.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_every_look_up_is_read_only_and_has_a_deadline_at_the_server(server: Postgres, pooled: bool) -> None:
    """Directly and through a pooler: what the settings promise is what holds while the server answers."""
    await server.execute(
        """CREATE VIEW shop.users AS SELECT id, account_id, is_active,
           current_setting('statement_timeout') || ' ' || current_setting('transaction_read_only') AS role
           FROM public.users"""
    )
    with run_pooler(server) if pooled else contextlib.nullcontext(server) as asked:
        directory = open_directory(asked.url, users=SHOP_USERS, timeout_s=2.5)
        for _ in range(6):
            found = await directory.find_user("00000000001")
            assert found is not None
            assert "2500ms on" == found.role
        await directory.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_look_up_can_write_nothing(server: Postgres, pooled: bool) -> None:
    """Even a view that would write when it is read is kept from it by the server."""
    await server.execute(
        "CREATE TABLE shop.seen (at timestamptz)",
        """CREATE FUNCTION shop.spy() RETURNS boolean LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO shop.seen VALUES (now()); RETURN true; END $$""",
        "CREATE VIEW shop.users AS SELECT id, account_id, role, shop.spy() AS is_active FROM public.users",
    )
    with run_pooler(server) if pooled else contextlib.nullcontext(server) as asked:
        directory = open_directory(asked.url, users=SHOP_USERS)
        with pytest.raises(DirectoryUnavailable) as caught:
            await directory.find_user("00000000001")
        assert "as a write" in caught.value.cause
        await directory.close()
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    assert 0 == await connection.fetchval("SELECT count(*) FROM shop.seen")
    await connection.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_change_of_the_tables_costs_nothing(server: Postgres, pooled: bool) -> None:
    """A migration under a running hub makes its prepared query wrong; the next look-up asks anew and finds."""
    await make_tables(server, "varchar(11)")
    await insert(server, "7")
    with run_pooler(server) if pooled else contextlib.nullcontext(server) as asked:
        directory = open_directory(asked.url, users=SHOP_USERS, accounts=SHOP_ACCOUNTS)
        for statement in (
            "ALTER TABLE shop.users ALTER id TYPE bigint USING id::bigint",
            "ALTER TABLE shop.users ALTER is_active TYPE smallint USING 1",
            "ALTER TABLE shop.users ALTER id TYPE text",
            "ALTER TYPE shop.status RENAME VALUE 'ACTIVE' TO 'trial'",
        ):
            assert await directory.find_user("7") is not None
            await server.execute(statement)
        found = await directory.find_user("7")
        assert found is not None
        assert ("trial", True) == (found.account_status, found.active)
        await directory.close()


async def test_unix_socket(filled_postgres: Postgres) -> None:
    """A database on the same machine is reached through its socket's folder."""
    directory = open_directory(f"postgresql://hub@/postgres?host={filled_postgres.folder}&port={filled_postgres.port}")
    assert await directory.find_user("00000000001") is not None
    await directory.close()


@pytest.mark.parametrize("target", ["", "&target_session_attrs=read-write", "&target_session_attrs=prefer-standby"])
async def test_several_hosts(filled_postgres: Postgres, target: str) -> None:
    """The first one that answers is asked."""
    port = filled_postgres.port
    directory = open_directory(f"postgresql://hub@127.0.0.1:1,127.0.0.1:{port}/postgres?sslmode=disable{target}")
    assert await directory.find_user("00000000001") is not None
    await directory.close()


@pytest.mark.parametrize("target", ["any", "prefer-standby", "read-write"])
async def test_a_host_that_is_gone_without_a_word(filled_postgres: Postgres, target: str) -> None:
    """Each host has its part of the time, and the one that answered is tried first from then on."""
    silent = Hole(filled_postgres.port)
    async with silent:
        silent.is_silent = True
        port = filled_postgres.port
        directory = open_directory(
            f"postgresql://hub@127.0.0.1:{silent.port},127.0.0.1:{port}/postgres?target_session_attrs={target}",
            timeout_s=2.0,
        )
        try:
            assert await directory.find_user("00000000001") is not None
            assert silent.connections > 0
            silent.connections = 0
            await asyncio.gather(*(directory.find_user("00000000001") for _ in range(10)))
            # Further connections begin with the other host; only a standby is still looked for everywhere.
            assert target == "prefer-standby" or silent.connections == 0
        finally:
            await directory.close()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Postgres]:
    """A PostgreSQL that asks for passwords."""
    with run_postgres() as made:
        made.start()
        yield made


async def test_passwords(guarded: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in the URL, raw or percent-encoded, or in PGPASSWORD, opens; a wrong one and none are told apart."""
    await guarded.fill()
    await guarded.execute("ALTER ROLE hub PASSWORD 'p@ss/w:rd?#1'")
    guarded.allow("local all all trust", "host all all 127.0.0.1/32 scram-sha-256")
    place = f"127.0.0.1:{guarded.port}/postgres"

    async def ask(url: str) -> str:
        directory = open_directory(url)
        try:
            await directory.check()
        except DirectoryUnavailable as error:
            return error.cause
        finally:
            await directory.close()
        return "found"

    monkeypatch.delenv("PGPASSWORD", raising=False)
    async with asyncio.timeout(10):
        # The server reads the file again in its own time.
        while "found" == await ask(f"postgresql://hub:wrong@{place}"):
            await asyncio.sleep(0.02)
    assert "found" == await ask(f"postgresql://hub:p@ss/w:rd?#1@{place}")
    assert "found" == await ask(f"postgresql://hub:p%40ss%2Fw%3Ard%3F%231@{place}")
    assert "the password is wrong" in await ask(f"postgresql://hub:hunter2@{place}")
    assert "password" in await ask(f"postgresql://hub@{place}")
    monkeypatch.setenv("PGPASSWORD", "p@ss/w:rd?#1")
    assert "found" == await ask(f"postgresql://hub@{place}")


async def test_a_quiet_connection_that_died_without_a_word_costs_little(filled_postgres: Postgres) -> None:
    """A firewall that forgot a connection is noticed within a third of the time, and another one is opened."""
    async with Hole(filled_postgres.port) as hole:
        address = read_address(f"postgresql://hub@127.0.0.1:{hole.port}/postgres?sslmode=disable")
        source = PostgresSource(address, read_tables(USERS, ACCOUNTS), timeout_s=1.5, rest_s=0.0)
        async with asyncio.timeout(1.5):
            assert 1 == len(await source.find(["00000000001"], limit=2))
        hole.forget()
        async with asyncio.timeout(1.5):
            assert 1 == len(await source.find(["00000000001"], limit=2))
        assert 2 == hole.connections
        await source.close()


class Hole:
    """A way to a port that can forget who is on it: their bytes go nowhere, and nothing is closed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._life = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.port = 0
        self.connections = 0
        self.is_silent = False

    async def __aenter__(self) -> Hole:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Let what comes on today's connections go nowhere."""
        self._life += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._to)
        life = self._life - self.is_silent

        async def carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    if life == self._life:
                        to.write(data)
            except OSError:
                return
            finally:
                to.close()

        for pair in ((reader, their_writer), (their_reader, writer)):
            task = asyncio.create_task(carry(*pair))
            self._tasks.add(task)


async def test_trouble_is_told_once_and_so_is_its_end(
    filled_postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten look-ups in an outage are one line, the first that succeeds is another, and a minute must pass for more."""
    directory = open_directory(filled_postgres.url, timeout_s=1.0)
    with caplog.at_level(logging.INFO, logger="hub"):
        await filled_postgres.execute("ALTER TABLE users RENAME TO people")
        for _ in range(10):
            with pytest.raises(DirectoryUnavailable):
                await directory.find_user("00000000001")
        await filled_postgres.execute("ALTER TABLE people RENAME TO users")
        assert await directory.find_user("00000000001") is not None
        await filled_postgres.execute("ALTER TABLE users RENAME TO people")
        with pytest.raises(DirectoryUnavailable):
            await directory.find_user("00000000001")
        await filled_postgres.execute("ALTER TABLE people RENAME TO users")
    assert 2 == len(caplog.messages), caplog.messages
    assert "there is no table" in caplog.messages[0]
    assert "the directory answers again" == caplog.messages[1]
    await directory.close()


def test_query_is_one_statement_with_quoted_names() -> None:
    """Names are quoted, and nothing but the two parameters varies with who is asked for."""
    tables = read_tables("Shop.Order(select,account_id,role,is_active)", ACCOUNTS)
    types = dict.fromkeys(["select", "account_id", "is_active", "id"], "boolean")
    asked = build_query(tables, types, types)
    assert '"Shop"."Order"' in asked
    assert 'u."select"' in asked
    assert ";" not in asked
