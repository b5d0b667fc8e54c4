"""Tests of the directory behind a real PgBouncer in transaction mode, where no session is anybody's."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest

from hub.directory import postgres as postgres_module
from hub.directory.demo import DEMO_USERS
from hub.directory.sql import SqlDirectory
from hub.errors import DirectoryUnavailable
from tests.authority import Authority
from tests.directory.conftest import open_directory
from tests.pooler import Pooler, run_pooler
from tests.postgres import Postgres


def _variants() -> dict[str, str]:
    """Return what administrators set: for other drivers, and where the pooler keeps track of named statements."""
    lenient = "ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout"
    variants = {"plain": "", "lenient": lenient}
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is not None:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
        found = re.search(r"(\d+)\.(\d+)", said)
        assert found is not None
        # Debian 12 has 1.18, which cannot.
        if (int(found[1]), int(found[2])) >= (1, 21):
            variants |= {f"{count} statements": f"max_prepared_statements = {count}" for count in (0, 100)}
    return variants


VARIANTS = _variants()


@pytest.fixture(scope="module", params=VARIANTS)
def pooler(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Pooler]:
    """PgBouncer before the shared PostgreSQL, in each variant."""
    with run_pooler(postgres, VARIANTS[request.param]) as running:
        yield running


@pytest.fixture
async def directory(filled_postgres: Postgres, pooler: Pooler) -> AsyncIterator[SqlDirectory]:
    """A directory through the pooler."""
    opened = open_directory(pooler.url)
    yield opened
    await opened.close()


async def sessions(pooler: Pooler) -> set[tuple[str, str, str, int]]:
    """Return what another client meets on the servers behind the pooler: settings, and statements with a name."""
    seen = set()
    connection = await asyncpg.connect(pooler.url, statement_cache_size=0)
    try:
        for _ in range(8):
            row = await connection.fetchrow(
                "SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),"
                " current_setting('search_path'), (SELECT count(*) FROM pg_prepared_statements)"
            )
            seen.add(tuple(row))
    finally:
        await connection.close()
    return seen


UNTOUCHED = {("off", "0", '"$user", public', 0)}


async def test_users_are_found_through_a_pooler(directory: SqlDirectory) -> None:
    """Every user is found, alone and together, and the check passes."""
    await directory.check()
    for user in DEMO_USERS:
        assert await directory.find_user(user.user_id) is not None
    assert len(DEMO_USERS) == len(await directory.find_users([user.user_id for user in DEMO_USERS]))


async def test_many_clients_share_the_servers_and_nobody_gets_anothers_answer(
    directory: SqlDirectory, pooler: Pooler
) -> None:
    """Two hubs and a program that asks other things, all over two servers: each gets its own answers."""
    other = open_directory(pooler.url)
    stranger = await asyncpg.connect(pooler.url, statement_cache_size=0)

    async def ask_other_things() -> None:
        for number in range(200):
            assert f"stranger {number}" == await stranger.fetchval("SELECT 'stranger ' || $1::text", str(number))

    async def look_up(asked: SqlDirectory, user_id: str) -> None:
        found = await asked.find_user(user_id)
        assert found is not None
        assert user_id == found.user_id

    try:
        async with asyncio.timeout(30):
            ids = [user.user_id for user in DEMO_USERS] * 20
            await asyncio.gather(
                ask_other_things(), *(look_up(asked, one) for one in ids for asked in (directory, other))
            )
    finally:
        await stranger.close()
        await other.close()


async def test_nothing_is_left_on_the_servers(directory: SqlDirectory, pooler: Pooler) -> None:
    """Other clients of the pooler meet no setting and no statement of the hub's."""
    await asyncio.gather(*(directory.find_user(user.user_id) for user in DEMO_USERS * 10))
    assert UNTOUCHED == await sessions(pooler)


async def test_a_session_taken_for_ones_own_would_leave_something(
    filled_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the test before can fail: without the look at who serves, other clients are made read-only."""
    monkeypatch.setattr(postgres_module, "is_pooled", lambda connection, server: False)
    with run_pooler(filled_postgres) as pooler:
        directory = open_directory(pooler.url)
        for user in DEMO_USERS:
            try:
                await directory.find_user(user.user_id)
            except DirectoryUnavailable:
                continue
        await directory.close()
        assert UNTOUCHED != await sessions(pooler)


async def test_the_schema_may_be_in_the_url(filled_postgres: Postgres, pooler: Pooler) -> None:
    """A search path in `options`, or JDBC's and Prisma's word for it, holds in each transaction, pooler or not."""
    await filled_postgres.execute(
        "DROP SCHEMA IF EXISTS avelar_admin CASCADE",
        "CREATE SCHEMA avelar_admin",
        "ALTER TABLE users SET SCHEMA avelar_admin",
        "ALTER TABLE accounts SET SCHEMA avelar_admin",
    )
    try:
        for query in ("options=-csearch_path%3Davelar_admin", "currentSchema=avelar_admin", "schema=avelar_admin"):
            for url in (pooler.url, filled_postgres.url):
                directory = open_directory(f"{url}?{query}")
                assert await directory.find_user("00000000001") is not None
                await directory.close()
        directory = open_directory(pooler.url)
        with pytest.raises(DirectoryUnavailable) as caught:
            await directory.check()
        assert "there is one in the schema avelar_admin: write avelar_admin.users(...)" in caught.value.cause
        await directory.close()
    finally:
        await filled_postgres.execute("DROP SCHEMA avelar_admin CASCADE")


async def test_a_pooler_that_was_restarted_costs_nobody_anything(directory: SqlDirectory, pooler: Pooler) -> None:
    """The first look-up after it finds its user over a new connection."""
    await asyncio.gather(*(directory.find_user(user.user_id) for user in DEMO_USERS))
    pooler.stop()
    pooler.start()
    assert await directory.find_user("00000000001") is not None


async def test_a_database_restarted_behind_the_pooler_costs_little(filled_postgres: Postgres, pooler: Pooler) -> None:
    """The pooler has to notice by itself; look-ups work again within seconds, and no connection of ours is needed."""
    directory = open_directory(pooler.url, timeout_s=1.0)
    assert await directory.find_user("00000000001") is not None
    filled_postgres.stop()
    with pytest.raises(DirectoryUnavailable):
        await directory.find_user("00000000001")
    filled_postgres.start()
    async with asyncio.timeout(20):
        while True:
            try:
                assert await directory.find_user("00000000001") is not None
            except DirectoryUnavailable:
                await asyncio.sleep(0.05)
            else:
                break
    await directory.close()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hub:p%40ss", "hub:wrong", "the password is wrong, or the user is unknown"),
        ("//hub:", "//nobody:", "the password is wrong, or the user is unknown"),
        ("/postgres", "/avadmin", "there is no database of this name"),
    ],
)
async def test_what_the_pooler_refuses_is_explained(
    filled_postgres: Postgres, pooler: Pooler, old: str, new: str, words: str
) -> None:
    """A wrong password, user or database is told apart behind a pooler as before the server itself."""
    directory = open_directory(pooler.url.replace(old, new))
    with pytest.raises(DirectoryUnavailable) as caught:
        await directory.check()
    assert words in caught.value.cause
    assert "HUB_DIRECTORY_URL" in caught.value.cause
    await directory.close()


async def test_a_pooler_that_wants_tls(filled_postgres: Postgres, tmp_path: Path) -> None:
    """Managed poolers let nobody in without TLS; the customer's spellings of it all satisfy them."""
    authority = Authority()
    certificate, key = authority.issue("localhost", "localhost")
    root = tmp_path / "root.crt"
    root.write_bytes(authority.certificate)
    settings = "client_tls_sslmode = require\nclient_tls_cert_file = server.crt\nclient_tls_key_file = server.key"
    with run_pooler(filled_postgres, settings, {"server.crt": certificate, "server.key": key}) as pooler:
        url = pooler.url.replace("127.0.0.1", "localhost")
        for query in ("sslmode=require", "ssl=true", "", f"sslmode=verify-full&sslrootcert={root}"):
            directory = open_directory(f"{url}?{query}")
            assert await directory.find_user("00000000001") is not None
            await directory.close()
        for query, words in [("sslmode=disable", "add sslmode=require"), ("sslmode=verify-full", "is not trusted")]:
            directory = open_directory(f"{url}?{query}")
            with pytest.raises(DirectoryUnavailable) as caught:
                await directory.check()
            assert words in caught.value.cause
            await directory.close()


async def test_a_pooler_in_statement_mode_is_explained(filled_postgres: Postgres) -> None:
    """There no transaction can be had, and the hub says that it needs one."""
    with run_pooler(filled_postgres, "pool_mode = statement") as pooler:
        directory = open_directory(pooler.url)
        with pytest.raises(DirectoryUnavailable, match="cannot be looked up") as caught:
            await directory.check()
        assert "statement mode" in caught.value.cause
        await directory.close()


async def test_a_pooler_in_session_mode_will_do(filled_postgres: Postgres) -> None:
    """A session that is the client's own is used like any other."""
    with run_pooler(filled_postgres, "pool_mode = session") as pooler:
        directory = open_directory(pooler.url)
        assert len(DEMO_USERS) == len(await directory.find_users([user.user_id for user in DEMO_USERS]))
        await directory.close()
