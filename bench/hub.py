"""The hub under measurement: a folder with everything it needs, and the real process `python -m hub serve`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import jwt

from bench.notice import ACCOUNT, publish_body, user_claims, user_id
from bench.process import BUILD, ROOT, START_S, find_port, run_server
from bench.request import post

__all__ = ["HUB_PUBLISH_PATH", "HubFolder"]

HUB_PUBLISH_PATH = "/api/internal/notify"

_SCHEMA = """
CREATE TABLE accounts (id varchar(14) PRIMARY KEY, status varchar(20) NOT NULL, company_name varchar(255) NOT NULL);
CREATE TABLE users (id varchar(11) PRIMARY KEY, account_id varchar(14), role varchar(20) NOT NULL,
    is_active boolean NOT NULL, full_name varchar(255) NOT NULL);
"""


class HubFolder:
    """Secret, service key, directory of `users` users in one account, and a place for the log."""

    def __init__(self, *, users: int) -> None:
        BUILD.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="hub-", dir=BUILD))
        self._secret = secrets.token_hex(32)
        self._key = f"hubk_{secrets.token_urlsafe(32)}"
        self._now_s = int(time.time())
        entry = {
            "name": "bench",
            "sha256": hashlib.sha256(self._key.encode()).hexdigest(),
            "everyone": True,
            "operations": ["publish", "stats"],
        }
        (self.path / "keys.json").write_text(json.dumps({"keys": [entry]}))
        with contextlib.closing(sqlite3.connect(self.path / "directory.sqlite3")) as directory:
            directory.executescript(_SCHEMA)
            directory.execute("INSERT INTO accounts VALUES (?, 'active', 'Celulares do Centro')", (ACCOUNT,))
            rows = [(user_id(number), ACCOUNT, "user", True, "Ana Compradora") for number in range(users)]
            directory.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", rows)
            directory.commit()

    def __enter__(self) -> HubFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def publish_headers(self) -> tuple[str, ...]:
        """The headers of a service's request."""
        return (f"Authorization: Bearer {self._key}", "Content-Type: application/json")

    def publish(self, port: int, user: str) -> str:
        """Publish to one user of the hub at `port`; return the cursor.

        Raises:
            RuntimeError: the hub did not accept it.
        """
        body = publish_body({"account_id": ACCOUNT, "user_id": user}).replace(b"@TS@", b"1")
        return str(post(port, HUB_PUBLISH_PATH, body, self.publish_headers)["cursor"])

    def token(self, number: int, *, series: int = 0) -> str:
        """Return a token of user `number` as AvAdmin issues them; another series, another token."""
        claims = user_claims(number, now_s=self._now_s, series=series)
        return jwt.encode(claims, self._secret, algorithm="HS256")

    @contextlib.contextmanager
    def serve(
        self, tree: Path = ROOT, *, wrapper: Sequence[str] = (), start_s: float = START_S
    ) -> Iterator[tuple[int, int]]:
        """Run the hub whose source is in `tree`, under the command `wrapper`; yields its port and process id."""
        port = find_port()
        environment = {
            "HUB_HOST": "127.0.0.1",
            "HUB_PORT": str(port),
            "HUB_DATA_DIR": str(self.path / "data"),
            "HUB_SERVICE_KEYS_FILE": str(self.path / "keys.json"),
            "HUB_DIRECTORY_URL": f"sqlite+aiosqlite:///{self.path / 'directory.sqlite3'}",
            # A run must not meet the moment at which the whole directory is asked again.
            "HUB_DIRECTORY_TTL": "3600",
            "HUB_DRAIN": "0",
            "HUB_LOG_LEVEL": "warning",
            "JWT_SECRET": self._secret,
            "WS_MAX_CONNECTIONS": "20000",
            "HUB_MAX_CONNECTIONS_PER_USER": "20000",
        }
        command = [*wrapper, sys.executable, "-m", "hub", "serve"]
        with run_server(command, port, cwd=tree, environment=environment, start_s=start_s) as pid:
            yield port, pid
