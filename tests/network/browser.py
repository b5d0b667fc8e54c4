"""A page in a real browser, driven from Python."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from tests.packages import NODE_MODULES, run

__all__ = ["DEADLINE_S", "Browser", "Engine", "run_browser", "serve_pages"]

#: Each has a module of its name beside this one; Chromium alone has `clock`, `forward`, `sleep` and `wake`.
Engine = Literal["chromium", "firefox", "webkit"]

HERE = Path(__file__).parent
#: For what a page must do within some seconds, on a busy machine.
DEADLINE_S = 20.0
START_DEADLINE_S = 60.0


class Browser:
    """The tabs of one browser process; the first one unless another is named."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0

    async def ask(self, command: str, **given: object) -> Any:
        """Have the browser do something; return the result."""
        assert self._process.stdin is not None
        self._number += 1
        asked = {"number": self._number, "command": command, **given}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        result = await self.read()
        assert self._number == result["number"]
        assert "error" not in result, result["error"]
        return result.get("value")

    async def read(self, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """Wait for the next line of the browser's."""
        assert self._process.stdout is not None
        async with asyncio.timeout(deadline_s):
            line = await self._process.stdout.readline()
        assert line, "the browser ended"
        result: dict[str, Any] = json.loads(line)
        return result

    async def evaluate(self, expression: str, *, tab: int = 0) -> Any:
        """Return what an expression is in the page."""
        return await self.ask("evaluate", expression=expression, tab=tab)

    async def start(self, *given: str, tab: int = 0) -> None:
        """Call the page's `start`."""
        await self.evaluate(f"start({', '.join(map(json.dumps, given))})", tab=tab)

    async def wait_until(self, expression: str, deadline_s: float = DEADLINE_S, *, tab: int = 0) -> Any:
        """Wait until an expression is true in the page; return what it is."""
        try:
            async with asyncio.timeout(deadline_s):
                while not (value := await self.evaluate(expression, tab=tab)):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{expression} did not come true within {deadline_s} s") from None
        return value


@contextlib.asynccontextmanager
async def run_browser(engine: Engine = "chromium") -> AsyncIterator[Browser]:
    """Run a browser with an empty profile."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(HERE / f"{engine}.mjs"), stdin=pipe, stdout=pipe)
    browser = Browser(process)
    try:
        await browser.read(START_DEADLINE_S)
        yield browser
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(DEADLINE_S):
            assert 0 == await process.wait()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""


@contextlib.contextmanager
def serve_pages(folder: Path) -> Iterator[str]:
    """Serve `index.html`, which has the client, and `old_hook.html`; gives their origin."""
    options = ("--bundle", "--format=iife", "--log-level=error", f"--outfile={folder / 'page.js'}")
    built = run(NODE_MODULES / ".bin/esbuild", HERE / "page.mjs", *options, folder=NODE_MODULES)
    assert built.returncode == 0, built.stderr
    (folder / "index.html").write_text('<!doctype html><meta charset="utf-8"><script src="page.js"></script>')
    (folder / "old_hook.html").write_bytes((HERE / "old_hook.html").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, name="pages")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
