"""The hub's own life: what it says when it cannot start, when a part of it stops, and when it cannot end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from hub.app import HubApp
from hub.dispatcher import Dispatcher
from hub.log.sqlite import SqliteLog
from tests.harness import make_settings, run_hub

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
            await hub.wait_until(lambda: bool(caplog.records))
        assert ["the dispatcher stopped: OSError"] == [record.getMessage() for record in caplog.records]
        readiness = await hub.http.get("/health/ready")
        assert 503 == readiness.status_code
        assert "stopped" == readiness.json()["dispatcher"]


async def test_a_directory_probe_that_fails_is_no_dead_dispatcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks whether the directory answers can stop without anything else being said to have."""

    async def fail(_: object) -> None:
        raise OSError

    monkeypatch.setattr("hub.app._DirectoryProbe.run", fail)
    async with run_hub(tmp_path) as hub:
        await asyncio.sleep(0)
        readiness = (await hub.http.get("/health/ready")).json()
        assert ("running", "unknown") == (readiness["dispatcher"], readiness["directory"])
