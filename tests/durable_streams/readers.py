"""Two clients of Durable Streams, of other authors, that read a user's notifications from a hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import httpx
from durable_streams import DurableStreamError, HeadersLike, RetentionGoneError, astream

__all__ = ["CLIENTS", "Live", "Reader", "run_reader"]

Live = Literal["sse", "long-poll"]
CLIENTS = ("typescript", "python")
_SCRIPT = Path(__file__).parents[2] / "clients/durable-streams/read.js"
#: Node has to start, and a client that could not connect waits before it tries again.
READ_DEADLINE_S = 30.0
#: A client that was refused or cut off waits so long.
_PAUSE_S = 0.1


class Reader:
    """What one client has read so far, in order."""

    def __init__(self, token_file: Path) -> None:
        self.token_file = token_file
        self.titles: list[str] = []
        self.offset = ""
        #: The status that it was refused with at last, and the code of its problem.
        self.status = 0
        self._changed = asyncio.Event()

    @property
    def token(self) -> str:
        """The token of this moment."""
        return self.token_file.read_text(encoding="utf-8")

    def take(self, titles: list[str], offset: str) -> None:
        """Note a batch, and the offset behind it."""
        self.titles += titles
        self.offset = offset
        self._changed.set()

    def refuse(self, status: int) -> None:
        """Note that the client was refused."""
        self.status = status
        self._changed.set()

    async def wait_titles(self, count: int) -> None:
        """Wait until the client has read so many notifications."""
        await self._wait(lambda: len(self.titles) >= count)

    async def wait_refused(self) -> None:
        """Wait until the client was refused."""
        await self._wait(lambda: self.status != 0)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(READ_DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def run_reader(client: str, url: str, live: Live, offset: str, token_file: Path) -> AsyncIterator[Reader]:
    """Let a client read until the end of the block."""
    reader = Reader(token_file)
    read = _read_typescript if client == "typescript" else _read_python
    reading = asyncio.create_task(read(reader, url, live, offset), name=f"{client}, {live}")
    try:
        yield reader
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def _read_typescript(reader: Reader, url: str, live: Live, offset: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "node", _SCRIPT, url, live, offset, reader.token_file, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "status" in said:
                reader.refuse(said["status"])
            else:
                reader.take(said["titles"], said["offset"])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _read_python(reader: Reader, url: str, live: Live, offset: str) -> None:
    """Read as an application does: a read that ends, or fails for a moment, begins again from its last offset."""
    while True:
        try:
            headers: HeadersLike = {"Authorization": lambda: f"Bearer {reader.token}"}
            async with astream(url, offset=offset, live=live, headers=headers) as response:
                async for batch in response.iter_events(mode="json_batches"):
                    offset = batch.next_offset
                    reader.take([item["title"] for item in batch.data], offset)
        except (DurableStreamError, RetentionGoneError) as error:
            if error.status != 503:
                reader.refuse(error.status or 0)
                return
        except httpx.TransportError:
            pass  # the hub is restarting
        await asyncio.sleep(_PAUSE_S)
