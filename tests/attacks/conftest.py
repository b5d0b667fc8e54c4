"""What holds in every attack: the hub's log shows no error and no traceback, whatever came."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which anything was logged as an error or with a traceback."""
    for name in ("hub", "uvicorn", "litestar"):
        caplog.set_level(logging.INFO, logger=name)
    yield
    loud = [
        f"{record.name}: {record.getMessage()}"
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR or record.exc_info
    ]
    assert [] == loud
