"""`hub cluster` and `hub check` over a real NATS server: what they say, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.log.engine import log_path
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.log import open_sqlite_log
from tests.log.engines import Clock, draft
from tests.nats_servers import NatsServer, find_free_ports, shared_server


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The settings of a node with a stream of its own; nothing is created yet."""
    return {
        "HUB_LOG_URL": shared_server().url,
        "HUB_LOG_STREAM": f"t{secrets.token_hex(6)}",
        "HUB_NODE": "a",
        "HUB_DATA_DIR": str(tmp_path / "a"),
    }


@pytest.fixture
def without_jetstream(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that stores nothing."""
    server = NatsServer(tmp_path / "nats", jetstream=False)
    asyncio.run(server.start())
    yield server
    server.stop()


def _run(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


async def _fill(folder: Path) -> str:
    log = await open_sqlite_log(
        log_path(folder),
        now=Clock(),
        retention_s=1e9,
        retention_records=1_000,
        idempotency_s=1e9,
        max_pending=10,
    )
    await log.append([draft("a"), draft("b")])
    await log.close()
    return str(log.epoch)


def test_an_empty_stream(environment: dict[str, str]) -> None:
    """It is created once, shown, and found again by another call; one replica is warned of."""
    done = _run(environment, "cluster", "init", "--replicas", "1")
    assert 0 == done.exit_code, done.output
    assert "positions 1 to 0" in done.output
    assert "a lost machine may lose" in done.output
    assert 0 == _run(environment, "cluster", "init", "--replicas", "1").exit_code
    status = json.loads(_run(environment, "cluster", "status", "--json").output)
    assert (environment["HUB_LOG_STREAM"], 0, []) == (status["stream"], status["last"], status["problems"])
    checked = _run(
        {**environment, "JWT_SECRET": "x" * 20 + secrets.token_hex(16), "HUB_SERVICE_KEYS": f"a:{'ab' * 32}"}, "check"
    )
    assert "1 replica: a lost machine may lose" in checked.output


def test_there_and_back(environment: dict[str, str], tmp_path: Path) -> None:
    """The log of a hub alone is in the stream with its epoch; after leaving it is there again."""
    epoch = asyncio.run(_fill(tmp_path / "a"))
    done = _run(environment, "cluster", "init", "--replicas", "1")
    assert 0 == done.exit_code, done.output
    assert f"positions 1 to 2, epoch {epoch}" in done.output
    left = _run(environment, "cluster", "leave")
    assert 0 == left.exit_code, left.output
    assert "everything up to position 2" in left.output
    status = _run(environment, "cluster", "status")
    assert 1 == status.exit_code
    assert "went on alone" in status.output
    lost = _run(environment, "cluster", "leave", "--lost")
    assert "new epoch" in lost.output


def test_a_hub_that_runs_is_not_left(environment: dict[str, str], tmp_path: Path) -> None:
    """Where the hub of that folder still runs, the stream stays open: closing it could not be taken back."""
    asyncio.run(_fill(tmp_path / "a"))
    assert 0 == _run(environment, "cluster", "init", "--replicas", "1").exit_code
    lock = LogLock(log_path(tmp_path / "a"))
    try:
        refused = _run(environment, "cluster", "leave")
    finally:
        lock.release()
    assert (1, True) == (refused.exit_code, "stop it" in refused.output)
    assert 0 == _run(environment, "cluster", "status").exit_code


def test_refusals(environment: dict[str, str], tmp_path: Path, without_jetstream: NatsServer) -> None:
    """Each ends in one line that says what is wrong and what to do; nothing is created or changed."""
    absent = _run(environment, "cluster", "status")
    assert (1, 1) == (absent.exit_code, len(absent.output.splitlines()))
    assert "hub cluster init" in absent.output
    unset = _run({**environment, "HUB_LOG_URL": ""}, "cluster", "status")
    assert 2 == unset.exit_code
    assert "HUB_LOG_URL" in unset.output
    too_many = _run(environment, "cluster", "init")
    assert 1 == too_many.exit_code, too_many.output
    assert "--replicas 1" in too_many.output
    wrong = _run({**environment, "HUB_LOG_URL": "http://a"}, "cluster", "status")
    assert (1, True) == (wrong.exit_code, "nats://" in wrong.output)
    bare = _run({**environment, "HUB_LOG_URL": without_jetstream.url}, "cluster", "init")
    assert bare.exit_code in (1, 3), bare.output
    assert "JetStream" in bare.output
    missing = _run({**environment, "HUB_LOG_CREDENTIALS_FILE": str(tmp_path / "none")}, "cluster", "status")
    assert "HUB_LOG_CREDENTIALS_FILE" in missing.output


def test_nobody_there(environment: dict[str, str]) -> None:
    """Where no server listens, the addresses are named."""
    port = find_free_ports(1)[0]
    found = _run({**environment, "HUB_LOG_URL": f"nats://127.0.0.1:{port}"}, "cluster", "status")
    assert 3 == found.exit_code
    assert f"127.0.0.1:{port}" in found.output
