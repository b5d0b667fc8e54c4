"""The outbox and the hub that the relay's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import RunningHub, run_hub
from tests.postgres import Postgres
from tests.postgres import postgres as postgres
from tests.relay.outbox import Outbox, open_outbox


@pytest.fixture
async def outbox(postgres: Postgres) -> AsyncIterator[Outbox]:
    """An empty outbox table."""
    async with open_outbox(postgres) as opened:
        yield opened


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub in this loop."""
    async with run_hub(tmp_path / "hub") as running:
        yield running
