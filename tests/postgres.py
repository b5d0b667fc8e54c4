"""A PostgreSQL of the test run's own: on a free port, in a temporary folder, gone at the end.

Use it by importing the fixture: `from tests.postgres import postgres as postgres`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.directory.demo import DEMO_ACCOUNTS, DEMO_SCHEMA, DEMO_USERS

__all__ = ["Postgres", "postgres", "run_postgres"]

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

    def __init__(self, folder: Path, programs: Path, *, encoding: str = "UTF8", configuration: str = "") -> None:
        self._folder = folder
        self._encoding = encoding
        self._configuration = configuration
        self._programs = programs
        # PostgreSQL refuses to run as root; anybody without rights of their own will do.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        # A file, not a pipe that somebody would have to empty.
        self._output = (folder / "output").open("w+b")

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return f"postgresql+asyncpg://hub@127.0.0.1:{self.port}/postgres"

    @property
    def folder(self) -> Path:
        """Where the server lives, and its Unix socket; PostgreSQL's own user may read what is put there."""
        return self._folder

    @property
    def process_id(self) -> int:
        """The running server; its backends are its children."""
        assert self._process is not None
        return self._process.pid

    def create(self) -> None:
        """Make the cluster."""
        arguments = ["--pgdata=data", "--username=hub", "--auth=trust", f"--encoding={self._encoding}", "--no-sync"]
        arguments.append("--locale=C")
        program = self._programs / "initdb"
        if subprocess.run([program, *arguments], timeout=_DEADLINE_S, check=False, **self._surroundings()).returncode:
            self._fail("initdb")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with (self._folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{_CONFIGURATION}port = {self.port}\nunix_socket_directories = '{self._folder}'\n")
            configuration.write(self._configuration)

    def start(self) -> None:
        """Start the server and wait until it answers. It dies with the test run, however that ends."""
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "QUIT", self._programs / "postgres", "-D", "data"], **self._surroundings()
        )
        deadline_s = time.monotonic() + _DEADLINE_S
        while not self._says_ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self._fail("postgres")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.02)

    def allow(self, *lines: str) -> None:
        """Let in whoever these lines of pg_hba.conf let in, and nobody else; a running server takes it over at once."""
        (self._folder / "data" / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def give(self, name: str, content: bytes) -> Path:
        """Put a file into the folder that only the server's user may read, as PostgreSQL wants keys to be."""
        path = self._folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        if self._user is not None:
            shutil.chown(path, self._user)
        return path

    def stop(self) -> None:
        """Stop the server as a crash would: connections are cut, nothing is said goodbye to."""
        assert self._process is not None
        self.resume()
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=_DEADLINE_S)
        self._process = None

    def remove(self) -> None:
        """Stop the server and take away its folder."""
        if self._process is not None:
            self.stop()
        self._output.close()
        shutil.rmtree(self._folder)

    def is_running(self) -> bool:
        """Whether there is a server, hanging or not."""
        return self._process is not None

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
        assert self._process is not None
        for process in [self._process.pid, *_children(self._process.pid)]:
            # A child that ended meanwhile needs no signal.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _says_ready(self) -> bool:
        try:
            lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        assert self._process is not None
        return len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _surroundings(self) -> dict[str, Any]:
        return {
            "cwd": self._folder,
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            "stdin": subprocess.DEVNULL,
            "stdout": self._output,
            "stderr": subprocess.STDOUT,
            "user": self._user,
            "group": None if self._user is None else "nogroup",
            "extra_groups": None if self._user is None else [],
        }

    def _fail(self, program: str) -> NoReturn:
        said = (self._folder / "output").read_text()[-2000:]
        pytest.fail(f"PostgreSQL's {program} failed:\n{said}", pytrace=False)


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


@contextlib.contextmanager
def run_postgres(*, encoding: str = "UTF8", configuration: str = "") -> Iterator[Postgres]:
    """Run a PostgreSQL of its own, for tests that need another one than all the rest; it is created, not started."""
    # Short, because a socket's path may have 107 bytes; not pytest's, which only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    server = Postgres(folder, _find_programs(), encoding=encoding, configuration=configuration)
    try:
        server.create()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, shared by the whole run; `fill` gives it the demo rows."""
    with run_postgres() as server:
        server.start()
        yield server
