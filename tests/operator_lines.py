"""The lines that an operator looks for, as a test sees them, and as the page on log lines describes them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ACCOUNT, DEADLINE_S, USER

__all__ = ["PAGE", "Lines", "check_lines"]

PAGE = (Path(__file__).parent.parent / "docs/operations/logs.md").read_text(encoding="utf-8")


class Lines:
    """The lines that were written, by event."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def of(self, event: str) -> list[logging.LogRecord]:
        """Return the records of this event, oldest first."""
        return [record for record in self._caplog.records if getattr(record, "event", None) == event]

    async def wait(self, event: str) -> dict[str, Any]:
        """Wait for the first line of this event; return its labels."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.of(event):
                await asyncio.sleep(0.005)
        labels: dict[str, Any] = self.of(event)[0].labels  # type: ignore[attr-defined]  # given with `extra`
        return labels


def check_lines(lines: Lines, events: Iterable[str], *, ids: Iterable[str] = ()) -> None:
    """Compare the lines of these events with the page: their fields and level. None identifies anybody."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|[^|]*\| (.*?) ?\|$", PAGE, re.MULTILINE)
    table = {event: fields for event, _, fields in rows}
    levels = {event: level.split(", ") for event, level, _ in rows}
    for event in events:
        assert lines.of(event), f"no line {event}"
        for record in lines.of(event):
            labels: dict[str, Any] = record.labels  # type: ignore[attr-defined]  # given with `extra`
            assert set(re.findall(r"`(\w+)`", table[event])) == labels.keys()
            assert record.levelname.lower() in levels[event]
            shown = record.getMessage() + json.dumps(labels)
            for secret in (USER, ACCOUNT, *ids, "hubk_", "eyJ"):
                assert secret not in shown
