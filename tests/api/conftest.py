"""A running hub per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import RunningHub, run_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with quick heartbeats, so that the tests of silence are quick too."""
    async with run_hub(tmp_path) as running:
        yield running
