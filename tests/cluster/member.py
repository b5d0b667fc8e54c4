"""A process of a cluster on this machine: started, killed, stopped for a while, ended, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Member"]

ROOT = Path(__file__).parents[2]
STOP_DEADLINE_S = 40.0


class Member:
    """One program with its environment; its output goes to the end of `NAME.log`, its process id into `NAME.pid`."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.command = list(command)
        #: Where it runs: a Python program is that of this tree.
        self.folder = ROOT
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
        self.log_path = folder / f"{name}.log"
        self.pid_path = folder / f"{name}.pid"
        self._process: asyncio.subprocess.Process | None = None
        #: How often it was started.
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process that runs; `setpriv` becomes the program."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process; it works some time later, and ends with this process at the latest."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", *self.command),
                cwd=self.folder,
                env=self.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for who supervises.
                start_new_session=True,
            )
        self.starts += 1
        self.pid_path.write_text(f"{self._process.pid}\n")

    async def wait(self) -> int:
        """Wait until the process has ended; return its status."""
        assert self._process is not None
        return await self._process.wait()

    async def kill(self) -> None:
        """End the process as a power switch would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP, SIGCONT, SIGTERM, or SIGUSR2 for a NATS server that is to hand over."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> int | None:
        """End the process in order; return its status, or None where none ran."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()
