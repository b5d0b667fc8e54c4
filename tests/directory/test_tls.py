"""Tests of TLS to a real PostgreSQL: what each mode takes and refuses, and what is said of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.directory.sql import SqlDirectory
from hub.errors import DirectoryUnavailable, SettingsError
from tests.authority import Authority
from tests.directory.conftest import open_directory
from tests.postgres import Postgres, run_postgres

DEADLINE_S = 20.0
USERS = "told(id,account_id,role,is_active)"
#: The role says whether the connection was encrypted.
VIEW = """CREATE VIEW told AS SELECT id, account_id, is_active,
    (SELECT CASE WHEN ssl THEN 'encrypted' ELSE 'plain' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS role
    FROM users"""
#: `hub` may do as it likes, `secret` needs TLS, `known` needs TLS and a certificate.
ALLOWED = (
    "local all all trust",
    "host all hub 127.0.0.1/32 trust",
    "hostssl all secret 127.0.0.1/32 trust",
    "hostssl all known 127.0.0.1/32 trust clientcert=verify-ca",
)
CONFIGURATION = "ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\nssl_ca_file = '../ca.crt'\n"


class TlsServer:
    """PostgreSQL with a certificate for `localhost`, and the files that a client may need."""

    def __init__(self, server: Postgres, authority: Authority, folder: Path) -> None:
        self.server = server
        self.root = folder / "root.crt"
        self.root.write_bytes(authority.certificate)
        self.other = folder / "other.crt"
        self.other.write_bytes(Authority("Another authority").certificate)
        certificate, key = authority.issue("known")
        self.certificate, self.key = folder / "known.crt", folder / "known.key"
        self.certificate.write_bytes(certificate)
        self.key.write_bytes(key)
        self.key.chmod(0o600)

    def url(self, query: str, *, user: str = "hub", host: str = "localhost") -> str:
        """Return a URL; `ROOT`, `OTHER`, `CERT` and `KEY` in the query stand for the files."""
        for name, path in [("ROOT", self.root), ("OTHER", self.other), ("CERT", self.certificate), ("KEY", self.key)]:
            query = query.replace(name, str(path))
        return f"postgresql://{user}@{host}:{self.server.port}/postgres?{query}"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """A PostgreSQL that speaks TLS."""
    authority = Authority()
    with run_postgres(configuration=CONFIGURATION) as server:
        certificate, key = authority.issue("localhost", "localhost")
        server.give("server.crt", certificate)
        server.give("server.key", key)
        server.give("ca.crt", authority.certificate)
        server.allow(*ALLOWED)
        server.start()
        yield TlsServer(server, authority, tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates of the user who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
async def tls(tls_server: TlsServer) -> TlsServer:
    """That server, with the demo rows and two users who need TLS."""
    server = tls_server.server
    await server.execute("DROP VIEW IF EXISTS told")
    await server.fill()
    await server.execute(VIEW)
    for name in ("secret", "known"):
        await server.execute(
            f"DO $$ BEGIN CREATE ROLE {name} LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    return tls_server


async def ask(url: str) -> str:
    """Return `encrypted` or `plain` if a user is found, else why not."""
    before = open_sockets()
    directory = open_directory(url, users=USERS)
    try:
        found = await directory.find_user("00000000001")
    except DirectoryUnavailable as error:
        return error.cause
    finally:
        await directory.close()
        # A connection that was refused says goodbye in its own time, and may not outlive this test's event loop.
        async with asyncio.timeout(DEADLINE_S):
            while open_sockets() - before:
                await asyncio.sleep(0.01)
    assert found is not None
    return found.role


def open_sockets() -> set[str]:
    """Return the sockets of this process."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the folder's own
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {name for name in found if name.startswith("socket:")}


@pytest.mark.parametrize(
    ("query", "how"),
    [
        ("", "encrypted"),
        ("sslmode=disable", "plain"),
        ("sslmode=allow", "plain"),
        ("sslmode=prefer", "encrypted"),
        ("sslmode=require", "encrypted"),
        ("ssl=true", "encrypted"),
        ("ssl=false", "plain"),
        ("sslmode=no-verify", "encrypted"),
        ("sslmode=require&sslrootcert=ROOT", "encrypted"),
        ("sslmode=verify-ca&sslrootcert=ROOT", "encrypted"),
        ("sslmode=verify-full&sslrootcert=ROOT", "encrypted"),
        ("sslrootcert=ROOT", "encrypted"),
    ],
)
async def test_each_mode_connects_as_it_says(tls: TlsServer, query: str, how: str) -> None:
    """A server with TLS is talked to with or without it, as the URL says."""
    assert how == await ask(tls.url(query))


@pytest.mark.parametrize("query", ["sslmode=allow", "sslmode=prefer", "sslmode=require", ""])
async def test_a_server_that_wants_tls_gets_it(tls: TlsServer, query: str) -> None:
    """Every mode but `disable` satisfies a server that lets nobody in without TLS."""
    assert "encrypted" == await ask(tls.url(query, user="secret"))


async def test_client_certificate(tls: TlsServer) -> None:
    """A server that asks for a client's certificate gets the one of the URL."""
    files = "sslcert=CERT&sslkey=KEY"
    for query in (f"sslmode=require&{files}", f"sslmode=verify-full&sslrootcert=ROOT&{files}", f"ssl=true&{files}"):
        assert "encrypted" == await ask(tls.url(query, user="known"))
    assert "encrypted" == await ask(tls.url(f"sslmode=no-verify&{files}", user="known"))


@pytest.mark.parametrize(
    ("query", "host", "user", "words"),
    [
        ("sslmode=verify-full&sslrootcert=ROOT", "127.0.0.1", "hub", "is for another name"),
        ("sslmode=verify-full", "localhost", "hub", "is not trusted"),
        ("sslmode=verify-ca", "localhost", "hub", "is not trusted"),
        ("sslmode=verify-ca&sslrootcert=system", "localhost", "hub", "is not trusted"),
        ("sslmode=verify-ca&sslrootcert=OTHER", "localhost", "hub", "is not trusted"),
        ("sslmode=require&sslrootcert=OTHER", "localhost", "hub", "is not trusted"),
        ("sslmode=disable", "localhost", "secret", "without TLS: add sslmode=require"),
        ("sslmode=require", "localhost", "known", "client certificate: add sslcert and sslkey"),
    ],
)
async def test_what_is_refused_is_explained(tls: TlsServer, query: str, host: str, user: str, words: str) -> None:
    """A certificate that is not trusted or for another name, and a server that wants more, are told apart in words."""
    said = await ask(tls.url(query, host=host, user=user))
    assert words in said
    assert "HUB_DIRECTORY_URL" in said


@pytest.mark.parametrize("query", ["sslmode=require", "sslmode=verify-full", "ssl=true", "sslmode=no-verify"])
async def test_a_server_without_tls_is_told_apart(filled_postgres: Postgres, query: str) -> None:
    """A demand for TLS is never dropped silently; the error says that the server has none."""
    said = await ask(f"{filled_postgres.url}?{query}")
    assert "has no TLS" in said
    assert "sslmode" in said


@pytest.mark.parametrize("query", ["sslmode=prefer", "sslmode=allow", "sslmode=disable", ""])
async def test_a_server_without_tls_will_do_where_none_is_demanded(filled_postgres: Postgres, query: str) -> None:
    """The other modes take a server as it is."""
    directory: SqlDirectory = open_directory(f"{filled_postgres.url}?{query}")
    assert await directory.find_user("00000000001") is not None
    await directory.close()


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path, name: str) -> None:
    """A misspelt certificate is named at the start, not with the first user."""
    with pytest.raises(SettingsError, match=f"HUB_DIRECTORY_URL: {name} names a file that cannot be read"):
        open_directory(f"postgresql://u:hunter2@db/d?sslmode=require&{name}={tmp_path}/none.pem")


def test_a_certificate_that_is_none_stops_the_start(tmp_path: Path) -> None:
    """A file of another kind is named at the start, too."""
    file = tmp_path / "none.pem"
    file.write_text("no certificate")
    for query in (
        f"sslmode=no-verify&sslcert={file}",
        f"sslmode=require&sslcert={file}",
        f"sslmode=require&sslrootcert={file}",
    ):
        with pytest.raises(SettingsError, match="HUB_DIRECTORY_URL: "):
            open_directory(f"postgresql://u:hunter2@db/d?{query}")
