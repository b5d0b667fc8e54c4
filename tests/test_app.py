"""The hub's own life: what it says when it cannot start, when a part of it stops, and when it cannot end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from hub.app import HubApp
from hub.bounds import Bounds
from hub.delivery.dispatcher import Dispatcher
from hub.log.sqlite.log import SqliteLog
from tests.harness import DEADLINE_S, make_settings, run_hub
from tests.postgres import Postgres
from tests.postgres import postgres as postgres

Message = MutableMapping[str, Any]


async def live(app: HubApp) -> list[str]:
    """Start and stop the app as a server does; return what it answered."""
    said: list[str] = []
    asked = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> Message:
        return {"type": asked.pop(0)}

    async def send(message: Message) -> None:
        said.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return said


async def test_a_failure_to_end_is_not_called_a_failure_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is told the one thing that it can take at that point of the lifespan."""
    close = SqliteLog.close

    async def fail(log: SqliteLog) -> None:
        await close(log)
        raise OSError("the disk is gone")

    monkeypatch.setattr(SqliteLog, "close", fail)
    app = HubApp(make_settings(tmp_path)[0])
    assert ["lifespan.startup.complete", "lifespan.shutdown.failed"] == await live(app)
    assert "the disk is gone" == str(app.failure)


async def test_a_failure_to_start_is_told(tmp_path: Path) -> None:
    """A data folder that is a file stops the start, and the app keeps the reason."""
    (tmp_path / "data").touch()
    app = HubApp(make_settings(tmp_path)[0])
    assert ["lifespan.startup.failed"] == await live(app)
    assert app.failure is not None


async def test_a_drain_before_the_start_does_nothing(tmp_path: Path) -> None:
    """A signal may come before there is anything to drain."""
    await HubApp(make_settings(tmp_path)[0]).drain()


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of that level that were logged."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_dispatcher_that_stops_is_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Readiness goes off, and the log says why then, not when somebody stops the hub in the end."""

    async def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Dispatcher, "_dispatch", fail)
    async with run_hub(tmp_path) as hub:
        assert 200 == (await hub.http.get("/health/ready")).status_code
        with caplog.at_level(logging.ERROR, logger="hub"):
            await hub.publish()
            await hub.wait_until(lambda: bool(errors_of(caplog)))
        assert ["the dispatcher stopped: OSError"] == errors_of(caplog)
        readiness = await hub.http.get("/health/ready")
        assert 503 == readiness.status_code
        assert "stopped" == readiness.json()["dispatcher"]


async def test_a_directory_probe_that_fails_is_no_dead_dispatcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks whether the directory answers can stop without anything else being said to have."""

    async def fail(_: object) -> None:
        raise OSError

    monkeypatch.setattr("hub.composition.DirectoryProbe.run", fail)
    async with run_hub(tmp_path) as hub:
        await asyncio.sleep(0)
        readiness = (await hub.http.get("/health/ready")).json()
        assert ("running", "unknown") == (readiness["dispatcher"], readiness["directory"])


async def test_trusted_claims_are_told_at_every_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a directory one line says what that means, and names the setting."""
    for _ in range(2):
        caplog.clear()
        async with run_hub(tmp_path) as hub:
            assert "up" == (await hub.http.get("/health/ready")).json()["directory"]
        (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert line.startswith("HUB_DIRECTORY_URL is not set, or off: what a token claims is trusted")


async def test_a_directory_that_never_answered_is_not_ready(
    tmp_path: Path, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Until its first answer a hub knows nobody and says so; afterwards an outage is one for newcomers alone."""
    bounds = Bounds(probe_interval_s=0.05, first_probe_interval_s=0.05)
    await postgres.fill()
    postgres.stop()

    async def wait_ready(status: int, directory: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                answer = await hub.http.get("/health/ready")
                if (status, directory) == (answer.status_code, answer.json()["directory"]):
                    return
                assert answer.json()["ready"] == (answer.status_code == 200)

    try:
        async with run_hub(tmp_path, directory_url=postgres.url, bounds=bounds) as hub:
            await wait_ready(503, "down")
            assert "hub_directory_up 0.0" in (await hub.http.get("/metrics", headers=hub.headers())).text
            assert "HUB_DIRECTORY_URL" in "".join(caplog.messages)
            assert 200 == (await hub.http.get("/health/live")).status_code
            postgres.start()
            await wait_ready(200, "up")
            assert "hub_directory_up 1.0" in (await hub.http.get("/metrics", headers=hub.headers())).text
            postgres.stop()
            await wait_ready(200, "down")
            postgres.start()
            await wait_ready(200, "up")
    finally:
        if not postgres.is_running():
            postgres.start()
