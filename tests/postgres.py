"""A PostgreSQL of the test run's own: on a free port, in a temporary folder, gone at the end.

Use it by importing the fixture: `from tests.postgres import postgres as postgres`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.directory.demo import DEMO_ACCOUNTS, DEMO_SCHEMA, DEMO_USERS

__all__ = ["Postgres", "postgres"]

#: How long the server may take to start or stop; it takes a fraction of a second.
_DEADLINE_S = 30

#: Durable writes are not what these tests are about.
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
max_connections = 30
fsync = off
full_page_writes = off
autovacuum = off
"""


class Postgres:
    """A private server with the tables of AvAdmin; the demo rows are in them."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        # PostgreSQL refuses to run as root; anybody without rights of their own will do.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self.port = 0

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return f"postgresql+asyncpg://hub@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the cluster."""
        self._run(
            "initdb", "--pgdata", "data", "--username", "hub", "--auth", "trust", "--no-sync", "--encoding", "UTF8"
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with (self._folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{_CONFIGURATION}port = {self.port}\nunix_socket_directories = '{self._folder}'\n")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._run("pg_ctl", "start", "--pgdata", "data", "--log", "log", "--wait", "--timeout", str(_DEADLINE_S))

    def stop(self) -> None:
        """Stop the server as a crash would: connections are cut, nothing is said goodbye to."""
        self.resume()
        self._run("pg_ctl", "stop", "--pgdata", "data", "--mode", "immediate", "--timeout", str(_DEADLINE_S))

    def is_running(self) -> bool:
        """Whether there is a server."""
        return (self._folder / "data" / "postmaster.pid").exists()

    def pause(self) -> None:
        """Make the server hang: it keeps its connections and the kernel takes new ones, but nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a server that hangs go on."""
        self._signal(signal.SIGCONT)

    async def execute(self, *statements: str, rows: list[dict[str, Any]] | None = None) -> None:
        """Run statements as the owner of the tables; the rows are parameters of each."""
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                for statement in statements:
                    await connection.execute(text(statement), rows)
        finally:
            await engine.dispose()

    async def fill(self) -> None:
        """Put the tables with the demo rows, and nothing else, into the database."""
        await self.execute("DROP TABLE IF EXISTS users", "DROP TABLE IF EXISTS accounts", *DEMO_SCHEMA)
        await self.execute(
            "INSERT INTO accounts VALUES (:account_id, :status, :company_name)",
            rows=[msgspec.structs.asdict(account) for account in DEMO_ACCOUNTS],
        )
        await self.execute(
            "INSERT INTO users VALUES (:user_id, :account_id, :role, :active, :full_name)",
            rows=[msgspec.structs.asdict(user) for user in DEMO_USERS],
        )

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        for process in [postmaster, *_children(postmaster)]:
            os.kill(process, number)

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server inherits it, and reading a pipe to its end would wait for the server's.
        with (self._folder / "output").open("a") as output:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self._folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_DEADLINE_S,
                check=False,
                user=self._user,
                group=None if self._user is None else "nogroup",
                extra_groups=None if self._user is None else [],
            )
        if done.returncode != 0:
            said = "".join(path.read_text() for name in ("output", "log") if (path := self._folder / name).exists())
            pytest.fail(f"PostgreSQL's {program} failed:\n{said[-2000:]}", pytrace=False)


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def _find_programs() -> Path:
    """Return the folder of PostgreSQL's server programs; Debian keeps them out of the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    if found is None:
        pytest.fail("These tests need a PostgreSQL server: install Debian's package `postgresql`.", pytrace=False)
    return Path(found).resolve().parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, shared by the whole run; `fill` gives it the demo rows."""
    programs = _find_programs()
    # Short, because a socket's path may have 107 bytes; not pytest's, which only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    server = Postgres(folder, programs)
    try:
        server.create()
        server.start()
        yield server
    finally:
        if server.is_running():
            server.stop()
        shutil.rmtree(folder)
