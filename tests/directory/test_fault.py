"""Tests of what is said when a database cannot be asked: the cause and the way out, and never an id or a password."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest

from hub.directory.fault import describe_fault, is_unusable_id
from hub.errors import DirectoryUnavailable
from tests.directory.conftest import open_directory
from tests.postgres import Postgres, run_postgres

SECRET = "hunter2"
#: Nobody's, and nowhere to be seen.
CPF = "00000000001"
OTHERS = "00000000002"


@pytest.fixture(scope="module")
def strict() -> Iterator[Postgres]:
    """A PostgreSQL with roles that may do less than everything."""
    with run_postgres() as made:
        made.start()
        yield made


@pytest.fixture
async def server(strict: Postgres) -> Postgres:
    """That server, with the demo rows and the roles as they were."""
    await strict.fill()
    return strict


async def told(url: str, caplog: pytest.LogCaptureFixture, *, timeout_s: float = 3.0) -> str:
    """Return what a look-up and a check say that fail; it is one line, the same in both, and tells no secret."""
    directory = open_directory(url, timeout_s=timeout_s)
    with caplog.at_level(logging.DEBUG, logger="hub"):
        with pytest.raises(DirectoryUnavailable) as looked_up:
            await directory.find_user(CPF)
        with pytest.raises(DirectoryUnavailable) as checked:
            await directory.check()
    await directory.close()
    assert looked_up.value.cause == checked.value.cause
    cause = looked_up.value.cause
    assert [f"the directory cannot be asked: {cause}"] == caplog.messages
    assert "\n" not in cause
    assert "HUB_DIRECTORY" in cause
    for text in (cause, caplog.text, str(looked_up.value), looked_up.value.detail):
        assert SECRET not in text
        assert CPF not in text
    # Callers of the hub learn nothing of the database.
    assert "Users cannot be looked up" == looked_up.value.detail
    return cause


async def make_role(server: Postgres, name: str, *grants: str, options: str = "") -> str:
    """Make a role with these grants, and return its URL."""
    await server.execute(
        f"DO $$ BEGIN CREATE ROLE {name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        f"ALTER ROLE {name} PASSWORD '{SECRET}' {options}",
        *grants,
    )
    return f"postgresql://{name}:{SECRET}@127.0.0.1:{server.port}/postgres?sslmode=disable"


async def test_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing listens there: the place is named."""
    said = await told(f"postgresql://hub:{SECRET}@127.0.0.1:1/d", caplog)
    assert said.startswith("nothing listens at 127.0.0.1:1: is PostgreSQL running, is the port right?")


async def test_refused_by_all_addresses(caplog: pytest.LogCaptureFixture) -> None:
    """A name with several addresses, and several hosts, say the same."""
    said = await told(f"postgresql://hub:{SECRET}@localhost:1,127.0.0.1:1/d", caplog)
    assert said.startswith("nothing listens at localhost:1, 127.0.0.1:1")


async def test_unknown_host(caplog: pytest.LogCaptureFixture) -> None:
    """A host name that is none is told from one that does not answer."""
    said = await told(f"postgresql://hub:{SECRET}@nowhere.invalid/d", caplog)
    assert "the host name of nowhere.invalid:5432 is not known" in said


async def test_no_socket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder without a socket is named."""
    said = await told(f"postgresql://hub:{SECRET}@/d?host={tmp_path}", caplog)
    assert said.startswith(f"there is no socket {tmp_path}")


async def test_missing_database(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A database that is not on the server."""
    said = await told(f"postgresql://hub:{SECRET}@127.0.0.1:{server.port}/avadmin", caplog)
    assert said.startswith("there is no database of this name on the server")


async def test_unknown_role(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A role that is not there."""
    said = await told(f"postgresql://nobody:{SECRET}@127.0.0.1:{server.port}/postgres", caplog)
    assert "no such role" in said


@pytest.mark.parametrize(
    ("name", "grants", "words"),
    [
        ("blind", (), "may not read id, account_id, role, is_active"),
        ("half", ("GRANT SELECT ON users TO half",), "may not read id, status"),
        (
            "narrow",
            ("GRANT SELECT (id, account_id, role) ON users TO narrow", "GRANT SELECT ON accounts TO narrow"),
            "may not read is_active",
        ),
    ],
)
async def test_missing_permission(
    server: Postgres, caplog: pytest.LogCaptureFixture, name: str, grants: tuple[str, ...], words: str
) -> None:
    """A table or column that may not be read is named, with the grant that is missing."""
    said = await told(await make_role(server, name, *grants), caplog)
    assert words in said
    assert "GRANT SELECT" in said


async def test_a_role_that_may_read_the_columns_will_do(server: Postgres) -> None:
    """Nothing beyond the six columns is needed."""
    url = await make_role(
        server,
        "enough",
        "GRANT SELECT (id, account_id, role, is_active) ON users TO enough",
        "GRANT SELECT (id, status) ON accounts TO enough",
    )
    directory = open_directory(url)
    await directory.check()
    assert await directory.find_user(CPF) is not None
    await directory.close()


async def test_a_schema_that_may_not_be_used(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A schema without USAGE is told as a permission, not as a table that is missing."""
    await server.execute(
        "DROP SCHEMA IF EXISTS closed CASCADE", "CREATE SCHEMA closed", "CREATE TABLE closed.users (id text)"
    )
    url = await make_role(server, "outside")
    directory = open_directory(url, users="closed.users(id,account_id,role,is_active)")
    with pytest.raises(DirectoryUnavailable) as caught:
        await directory.check()
    assert "GRANT USAGE ON SCHEMA" in caught.value.cause
    await directory.close()


async def test_no_connection_left(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A role that may have no further connection."""
    said = await told(await make_role(server, "crowded", options="CONNECTION LIMIT 0"), caplog)
    assert said.startswith("the server has no connection left")


async def test_not_let_in_from_here(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """No line of pg_hba.conf for this user and address, until there is one: the directory recovers by itself."""
    url = await make_role(server, "stranger", "GRANT SELECT ON users, accounts TO stranger")
    server.allow("local all all trust", "host all hub 127.0.0.1/32 trust")
    cause = ""
    async with asyncio.timeout(10):
        # The server reads its file again in its own time.
        while not cause:
            directory = open_directory(url)
            try:
                await directory.check()
            except DirectoryUnavailable as error:
                cause = error.cause
            else:
                await directory.close()
    assert "does not let this user in from here" in cause
    server.allow("local all all trust", "host all all 127.0.0.1/32 trust")
    async with asyncio.timeout(10):
        while cause:
            try:
                await directory.check()
            except DirectoryUnavailable:
                await asyncio.sleep(0.02)
            else:
                cause = ""
    await directory.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def place() -> AsyncIterator[Callable[[Serve], Awaitable[str]]]:
    """Listen on a port with something that is no PostgreSQL; return its URL."""
    servers: list[asyncio.Server] = []

    async def listen(serve: Serve) -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"postgresql://hub:{SECRET}@127.0.0.1:{server.sockets[0].getsockname()[1]}/d"

    yield listen
    for server in servers:
        server.close()


async def test_silence(place: Callable[[Serve], Awaitable[str]], caplog: pytest.LogCaptureFixture) -> None:
    """What takes a connection and says nothing is told by the time it was given."""
    held: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    said = await told(await place(serve), caplog, timeout_s=0.3)
    assert "did not answer within 0.3 s (HUB_DIRECTORY_TIMEOUT)" in said
    for writer in held:
        writer.close()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"N", b"\xff" * 100, b"S\x15\x03\x01\x00\x02\x02\x28"]
)
@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
async def test_something_else_listens_there(
    place: Callable[[Serve], Awaitable[str]], caplog: pytest.LogCaptureFixture, answer: bytes, mode: str
) -> None:
    """A web server, a port that hangs up, or nonsense: some words and never a traceback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        writer.close()

    assert "127.0.0.1" in await told(f"{await place(serve)}?sslmode={mode}", caplog, timeout_s=1.0)


async def test_a_table_that_is_locked(server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """A migration that holds the table is told by the time, and the server does not go on waiting for us."""
    locker = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    transaction = locker.transaction()
    await transaction.start()
    await locker.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    said = await told(server.url.replace("hub@", f"hub:{SECRET}@"), caplog, timeout_s=0.5)
    assert "HUB_DIRECTORY_TIMEOUT" in said
    async with asyncio.timeout(10):
        while await locker.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.05)
    await transaction.rollback()
    await locker.close()


ERRORS = {
    name: each
    for name, each in vars(asyncpg.exceptions).items()
    if isinstance(each, type) and issubclass(each, asyncpg.PostgresError)
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_every_error_of_the_server_has_words(error: type[Exception]) -> None:
    """Whatever PostgreSQL can answer is told without repeating its text, which may hold a value."""
    said = describe_fault(error(f"value {CPF} of {SECRET}"), where="db:5432", timeout_s=1)
    assert CPF not in said
    assert SECRET not in said
    assert said


def test_what_is_about_an_id_is_no_outage() -> None:
    """Values that cannot be converted are the id's fault; everything else is the database's."""
    about_ids = [
        asyncpg.InvalidTextRepresentationError("x"),
        asyncpg.NumericValueOutOfRangeError("x"),
        asyncpg.UntranslatableCharacterError("x"),
        asyncpg.CharacterNotInRepertoireError("x"),
        asyncpg.CheckViolationError("x"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"),
    ]
    assert [True] * len(about_ids) == list(map(is_unusable_id, about_ids))
    others = [
        asyncpg.UndefinedTableError("x"),
        asyncpg.QueryCanceledError("x"),
        OSError(),
        ValueError(),
        TimeoutError(),
    ]
    assert [False] * len(others) == list(map(is_unusable_id, others))
