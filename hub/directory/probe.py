"""Knows whether the directory answers, without making anybody wait for it."""

from __future__ import annotations

import asyncio

from hub.directory.directory import Directory
from hub.errors import DirectoryUnavailable

__all__ = ["DirectoryProbe"]

#: How often readiness asks whether the directory answers.
INTERVAL_S = 5.0
#: Until it has answered once nobody can connect, and an operator who repairs it waits for this.
FIRST_S = 1.0


class DirectoryProbe:
    """Asks the directory every few seconds; `state` is `unknown`, `up` or `down`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
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
            await asyncio.sleep(INTERVAL_S if self.answered else FIRST_S)
