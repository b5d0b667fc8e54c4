"""A real PgBouncer before the test run's PostgreSQL: on a free port, in transaction mode, gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.postgres import Postgres

__all__ = ["PASSWORD", "Pooler", "run_pooler"]

_DEADLINE_S = 30
#: What PgBouncer asks the user `hub` for.
PASSWORD = "p@ss/w:rd?#%"


class Pooler:
    """A private PgBouncer; every transaction goes to another of its two server connections."""

    def __init__(self, folder: Path, server: Postgres, settings: str, files: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._server = server
        self._settings = settings
        for name, content in files.items():
            (folder / name).write_bytes(content)
            if os.geteuid() == 0:
                shutil.chown(folder / name, "nobody")
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._output = (folder / "output").open("w+b")

    @property
    def url(self) -> str:
        """The URL of the database through the pooler."""
        return f"postgresql://hub:p%40ss%2Fw%3Ard%3F%23%25@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the pooler and wait until it listens. It dies with the test run, however that ends."""
        password = PASSWORD.replace('"', '""')
        (self._folder / "users.txt").write_text(f'"hub" "{password}"\n')
        (self._folder / "pgbouncer.ini").write_text(
            f"""
[databases]
postgres = host=127.0.0.1 port={self._server.port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users.txt
pool_mode = transaction
default_pool_size = 2
min_pool_size = 2
server_round_robin = 1
server_login_retry = 1
query_wait_timeout = 20
{self._settings}
"""
        )
        for name in ("users.txt", "pgbouncer.ini"):
            (self._folder / name).chmod(0o644)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "QUIT", _find_program(), "pgbouncer.ini"],
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            user=self._user,
            group=None if self._user is None else "nogroup",
            extra_groups=None if self._user is None else [],
        )
        deadline_s = time.monotonic() + _DEADLINE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                said = (self._folder / "output").read_text()[-2000:]
                pytest.fail(f"PgBouncer did not start:\n{said}", pytrace=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.02)

    def stop(self) -> None:
        """Stop the pooler as a crash would: connections are cut, nothing is said goodbye to."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=_DEADLINE_S)
        self._process = None

    def remove(self) -> None:
        """Stop the pooler and take away its folder."""
        if self._process is not None:
            self.stop()
        self._output.close()
        shutil.rmtree(self._folder)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextlib.contextmanager
def run_pooler(server: Postgres, settings: str = "", files: Mapping[str, bytes] | None = None) -> Iterator[Pooler]:
    """Run a PgBouncer before `server`; `settings` are further lines of its configuration, `files` lie beside it."""
    pooler = Pooler(Path(tempfile.mkdtemp(prefix="hub-pgb-")), server, settings, files or {})
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.remove()


def _find_program() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        pytest.fail("These tests need a PgBouncer: install Debian's package `pgbouncer`.", pytrace=False)
    return found
