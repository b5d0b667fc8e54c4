"""Knows whether the directory answers, without making anybody wait for it."""

from __future__ import annotations

import asyncio

from hub.bounds import Bounds
from hub.directory.directory import Directory
from hub.errors import DirectoryUnavailable

__all__ = ["DirectoryProbe"]


class DirectoryProbe:
    """Asks the directory every few seconds; `state` is `unknown`, `up` or `down`."""

    def __init__(self, directory: Directory, bounds: Bounds) -> None:
        self._directory = directory
        self._bounds = bounds
        self.state = "unknown"
        #: Whether it ever answered. Before that a hub knows nobody, and is of no use; afterwards an outage is one
        #: for newcomers alone, and does not make those who are connected go elsewhere.
        self.answered = False

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._directory.check()
                self.state, self.answered = "up", True
            except DirectoryUnavailable:
                self.state = "down"
            await asyncio.sleep(self._bounds.probe_interval_s if self.answered else self._bounds.first_probe_interval_s)
