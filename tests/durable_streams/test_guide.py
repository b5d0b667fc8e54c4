"""The examples of the guide, as they are printed there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path

import pytest

from tests.durable_streams.readers import CLIENTS
from tests.harness import run_hub
from tests.packages import NODE_MODULES, ROOT, run

GUIDE = ROOT / "docs/guides/durable-streams.md"
READ_DEADLINE_S = 30.0


def write_example(folder: Path, client: str) -> list[str | Path]:
    """Write the guide's example as a program; return the command that runs it."""
    (code,) = re.findall(rf"^```{client}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    source = folder / ("example.ts" if client == "typescript" else "example.py")
    source.write_text(code, encoding="utf-8")
    if client == "python":
        return [sys.executable, source]
    program = folder / "example.mjs"
    options = ("--bundle", "--platform=node", "--format=esm", "--log-level=error", f"--outfile={program}")
    command = (NODE_MODULES / ".bin/esbuild", source, *options)
    built = run(*command, folder=folder, env={"NODE_PATH": str(NODE_MODULES)})
    assert built.returncode == 0, built.stderr
    return ["node", program]


@pytest.mark.parametrize("client", CLIENTS)
async def test_example_prints_what_is_published(tmp_path: Path, client: str) -> None:
    """The example reads what is there and what comes, and needs nothing but the hub's URL and a token."""
    command = await asyncio.to_thread(write_example, tmp_path, client)
    async with run_hub(tmp_path / "hub") as hub:
        await hub.publish(title="before")
        environ = {**os.environ, "HUB_URL": hub.url, "HUB_TOKEN": hub.token()}
        process = await asyncio.create_subprocess_exec(*map(str, command), env=environ, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READ_DEADLINE_S):
                assert b"stock_alert before\n" == await process.stdout.readline()
                await hub.publish(title="later")
                assert b"stock_alert later\n" == await process.stdout.readline()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
