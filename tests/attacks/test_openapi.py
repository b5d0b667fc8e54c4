"""Schemathesis over the whole document, against a hub in a process of its own: no 5xx, and every answer conforms."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.faults.process import HubProcess

RUN_DEADLINE_S = 180.0
START_DEADLINE_S = 20.0
#: What the checks cannot know: a body over its cap is a refusal as well, a batch answers for each of its items, `data`
#: of another shape than declared is passed on with a warning, and targets that exclude each other, or a key used with
#: another body, are refused though each field is right.
CONFIG = """
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422]
[[operations]]
include-path = "/api/internal/notify"
checks.negative_data_rejection.enabled = false
[[operations]]
include-path = "/api/internal/notify/batch"
checks.negative_data_rejection.enabled = false
[[operations]]
include-path = "/api/internal/signal"
checks.negative_data_rejection.enabled = false
[[operations]]
include-path = "/api/internal/explain"
checks.negative_data_rejection.enabled = false
"""


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """A hub that is ready."""
    hub = HubProcess(tmp_path)
    await hub.start()
    try:
        async with asyncio.timeout(START_DEADLINE_S), httpx.AsyncClient() as http:
            while not await is_ready(http, hub):
                await asyncio.sleep(0.1)
        yield hub
    finally:
        assert 0 == await hub.stop()
        log = hub.log_path.read_text()
    assert not re.search(r"Traceback|^\S+ error ", log, re.MULTILINE), log


async def is_ready(http: httpx.AsyncClient, hub: HubProcess) -> bool:
    """Ask for readiness."""
    try:
        return (await http.get(f"http://127.0.0.1:{hub.port}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize(
    ("credential", "selection", "least"),
    [
        # `/ws` is no HTTP, and a stream that is let in never ends.
        ("key", ["--exclude-path", "/ws", "--exclude-path", "/api/internal/observe"], 1_000),
        ("token", [f"--include-path={path}" for path in ("/poll", "/api/ticket", "/api/preferences")], 30),
    ],
)
async def test_the_hub_keeps_to_its_document(
    hub: HubProcess, tmp_path: Path, credential: str, selection: list[str], least: int
) -> None:
    """Generated requests, right and wrong, get documented answers of the documented form, and no 5xx."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    secret = hub.key if credential == "key" else hub.token("12345678000190", "00000000191")
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(config), "--no-color"),
        *("run", f"http://127.0.0.1:{hub.port}/schema/openapi.json", *selection),
        *("--header", f"Authorization: Bearer {secret}", "--request-timeout", "10", "--warnings", "off"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "10"),
    ]
    # In a folder of its own: it keeps its examples beside it.
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(RUN_DEADLINE_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert 0 == process.returncode, output
    generated = re.search(r"([\d,]+) generated", output)
    assert generated, output
    assert int(generated[1].replace(",", "")) >= least, output
