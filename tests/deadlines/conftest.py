"""Fixtures of the tests of deadlines and webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deadlines.stage import Stage
from tests.outbound.endpoint import open_endpoint, respond_with


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub's folder, and an endpoint that takes everything."""
    async with open_endpoint(respond_with(204, keep=True)) as endpoint:
        yield Stage(tmp_path, endpoint)
