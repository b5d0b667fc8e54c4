"""One Prometheus for all tests that ask one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.prometheus import Prometheus, run_prometheus
from tests.postgres import postgres as postgres


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A running Prometheus."""
    with run_prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running
