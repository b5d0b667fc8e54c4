"""Pages that run the browser client, in one Node process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.packages import NODE_MODULES, run

__all__ = ["SPEED", "Page", "Pages", "run_pages"]

#: How many times faster than ours the client's clock runs: its waits are 0.5 to 40 s.
SPEED = 10.0
STOP_DEADLINE_S = 10.0
_HERE = Path(__file__).parent


class Page:
    """One page, over all its reloads: what its handlers were called with, in order."""

    def __init__(self, pages: Pages, name: str, url: str, token: str, *, forgetful: bool) -> None:
        self._pages = pages
        self._name = name
        self._command = {"id": name, "url": url, "token": token, "forgetful": forgetful}
        self._changed = asyncio.Event()
        #: The titles of the notifications.
        self.seen: list[str] = []
        self.gaps = 0
        self.state = "idle"
        #: What it was connected over, each time.
        self.transports: list[str] = []

    async def open(self) -> None:
        """Load the page, the first time or again; it connects."""
        self._pages.pages[self._name] = self
        await self._pages.send({**self._command, "do": "open"})

    async def close(self) -> None:
        """Leave the page, and wait until it is left."""
        await self._pages.send({"do": "close", "id": self._name})
        await self.wait_until(lambda: self.state == "closed")

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something the page does; the caller sets the deadline."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def hear(self, message: dict[str, Any]) -> None:
        """Note what the page says of itself."""
        match message["event"]:
            case "notification":
                self.seen.append(message["title"])
            case "gap":
                self.gaps += 1
            case state:
                self.state = state
                if state == "connected":
                    self.transports.append(message["transport"])
        self._changed.set()


class Pages:
    """The process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pages: dict[str, Page] = {}

    async def send(self, command: dict[str, object]) -> None:
        """Tell the process to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def listen(self) -> None:
        """Hand what the pages say to them, until the process ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            self.pages[message["id"]].hear(message)


@contextlib.asynccontextmanager
async def run_pages(folder: Path) -> AsyncIterator[Pages]:
    """Bundle the client from its sources and run a process for pages."""
    bundle = folder / "driver.cjs"
    options = ("--bundle", "--platform=node", "--format=cjs", "--log-level=error", f"--outfile={bundle}")
    built = run(
        NODE_MODULES / ".bin/esbuild",
        _HERE / "driver.mjs",
        *options,
        folder=NODE_MODULES,
        env={"NODE_PATH": str(NODE_MODULES)},
    )
    assert built.returncode == 0, built.stderr
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(bundle), str(SPEED), stdin=pipe, stdout=pipe)
    pages = Pages(process)
    listening = asyncio.create_task(pages.listen(), name="pages")
    try:
        yield pages
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(STOP_DEADLINE_S):
            assert 0 == await process.wait(), "the pages' process failed"
            await listening
