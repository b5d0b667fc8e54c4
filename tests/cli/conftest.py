"""One development hub for all tests that only talk to one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.process import DevHub


@pytest.fixture(scope="session")
def dev_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevHub]:
    """A running `hub serve --dev`."""
    with DevHub(tmp_path_factory.mktemp("dev") / "hub-data") as hub:
        yield hub
        assert hub.stop() == 0
