"""Relays as processes, which a test kills and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

__all__ = ["RelayProcess"]

ROOT = Path(__file__).parents[2]
STOP_DEADLINE_S = 30.0


class RelayProcess:
    """One place in which one relay after another runs."""

    def __init__(self, log_path: Path, database_url: str, hub_url: str, key: str, **environ: str) -> None:
        self.log_path = log_path
        self._environ = {
            "PATH": os.environ["PATH"],
            "HUB_RELAY_DATABASE": database_url,
            "HUB_URL": hub_url,
            "HUB_SERVICE_KEY": key,
            "HUB_RELAY_POLL": "0.1",
            **environ,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start a process; it works some time later."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hub", "relay", cwd=ROOT, env=self._environ, stdout=log, stderr=log
            )

    @property
    def process_id(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """End the process as a power switch would end it."""
        assert self._process is not None
        self._process.kill()
        assert -signal.SIGKILL == await self._process.wait(), "the relay had ended before it was killed"
        self._process = None

    async def stop(self) -> int | None:
        """End the process in order; return its status, or None where none ran."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()
