"""A real NATS server for each test of the room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.nats_servers import NatsServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server that asks for no credentials."""
    server = NatsServer(tmp_path / "nats", jetstream=False)
    await server.start()
    yield server
    server.stop()
