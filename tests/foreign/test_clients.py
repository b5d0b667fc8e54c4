"""HTTP clients of other languages, as they are installed: `make foreign`. `make test` has their bytes, recorded."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import ACCOUNT, USER, RunningHub, run_hub

pytestmark = pytest.mark.foreign

BODY = json.dumps({"type": "cart_updated", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT})
DEADLINE_S = 120.0


def find_program(name: str, package: str) -> str:
    """Return the path of a program, or say plainly what is missing."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed: sudo apt-get install {package}"
    return found


async def run(*command: str) -> str:
    """Run a program to its end; return what it printed."""
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


async def test_java(tmp_path: Path) -> None:
    """`java.net.http` over both versions, whole and in chunks, expecting a 100 or not, twice each; and a WebSocket."""
    java = find_program("java", "default-jdk-headless")
    async with run_hub(tmp_path) as hub:
        program = str(Path(__file__).with_name("Publish.java"))
        lines = (await run(java, program, hub.url, hub.key, hub.token(), BODY)).splitlines()
        assert "WebSocket: received" == lines.pop()
        assert 16 == len(lines)
        assert [] == [line for line in lines if not line.endswith(": 202")]
        assert 16 == hub.hub.metrics.published.total()


def curl(hub: RunningHub, *options: str) -> list[str]:
    """Return the command that prints the statuses of curl's requests, one a line."""
    program = find_program("curl", "curl")
    bearer = ("-H", f"Authorization: Bearer {hub.key}", "-H", "Content-Type: application/json")
    return [program, "--silent", "--show-error", "--noproxy", "*", "--write-out", "%{http_code}\\n", *bearer, *options]


@pytest.mark.parametrize(
    "options",
    [
        ["--http2"],
        ["--http2", "-H", "Expect: 100-continue"],
        ["--http2", "-H", "Transfer-Encoding: chunked"],
        ["--http1.1"],
        ["--http1.0"],
    ],
    ids=" ".join,
)
async def test_curl(tmp_path: Path, options: list[str]) -> None:
    """A publish, and two more requests on the same connection."""
    async with run_hub(tmp_path) as hub:
        out = ["--output", "/dev/null"]
        command = curl(hub, *options, *out, "--data", BODY, f"{hub.url}/api/internal/notify")
        command += ["--next", *curl(hub, *out, f"{hub.url}/health/live")[1:]]
        command += ["--next", *curl(hub, *out, "--head", f"{hub.url}/")[1:]]
        assert ["202", "200", "200"] == (await run(*command)).split()


async def test_curl_is_told_why(tmp_path: Path) -> None:
    """A body that is too large, sent whole, is answered before curl is cut off."""
    async with run_hub(tmp_path) as hub:
        large = tmp_path / "large.json"
        large.write_text(json.dumps({"x": "y" * 8_000_000}))
        command = curl(hub, "--data-binary", f"@{large}", f"{hub.url}/api/internal/notify")
        answer = await run(*command)
        assert answer.endswith("413\n")
        assert "body_too_large" in answer
