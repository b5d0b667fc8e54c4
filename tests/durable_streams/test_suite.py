"""The conformance suite of Durable Streams, as far as it reads, against a hub behind the adapter."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from hub.bounds import Bounds
from tests.durable_streams.adapter import serve_adapter
from tests.harness import run_hub
from tests.packages import NODE_MODULES, ROOT

PAGE = ROOT / "docs/reference/durable-streams.md"
SUITE_DEADLINE_S = 240.0

#: The groups of the suite that read, and those that read at random for a long time.
READS = (
    "Read Operations",
    "Long-Poll Operations",
    "HTTP Protocol",
    "Browser Security Headers",
    "HEAD Metadata",
    "Offset Validation and Resumability",
    "Protocol Edge Cases",
    "Long-Poll Edge Cases",
    "Caching and ETag",
    "Chunking and Large Payloads",
    "Read-Your-Writes Consistency",
    "SSE Mode",
    "JSON Mode",
)
READS_AT_RANDOM = ("Property-Based Tests (fast-check)",)
#: The groups that do not apply; the page says why.
OTHERS = (
    "Basic Stream Operations",
    "Append Operations",
    "TTL and Expiry Validation",
    "Case-Insensitivity",
    "Content-Type Validation",
    "TTL and Expiry Edge Cases",
    "HEAD Metadata Edge Cases",
    "TTL Expiration Behavior",
    "Idempotent Producer Operations",
    "Stream Closure",
    "Fork - Creation",
    "Fork - Reading",
    "Fork - Appending",
    "Fork - Recursive",
    "Fork - Live Modes",
    "Fork - Deletion and Lifecycle",
    "Fork - TTL and Expiry",
    "Fork - JSON Mode",
    "Fork - Edge Cases",
    "Reserved subscription APIs",
)
_SEQUENCE = "Stream-Seq"
_BINARY = "base64"
#: Tests in a group that reads which do not apply, and the word by which the page says why.
NOT_APPLICABLE = {
    "should enforce sequence ordering": _SEQUENCE,
    'should enforce lexicographic seq ordering ("2" then "10" rejects)': _SEQUENCE,
    "should reject duplicate seq values": _SEQUENCE,
    "should enforce case-sensitive seq ordering": _SEQUENCE,
    "should reject missing Content-Type on POST": "Content-Type of an append",
    "base64 SSE catch-up pairs every data event with a control event": _BINARY,
    "should auto-detect binary streams and return base64 encoded data in SSE mode": _BINARY,
    "should include Stream-SSE-Data-Encoding header for binary streams": _BINARY,
    "should base64 encode data events only, control events remain JSON": _BINARY,
    "should handle empty binary payload with auto-detected base64 encoding": _BINARY,
    "should handle large binary payload with auto-detected base64 encoding": _BINARY,
    "should handle binary data with special bytes using auto-detected base64 encoding": _BINARY,
    "should auto-detect base64 encoding for application/x-protobuf streams": _BINARY,
    "should auto-detect base64 encoding for image/png streams": _BINARY,
    "should handle offset=now with auto-detected base64 encoding for binary streams": _BINARY,
    "lexicographically ordered seq values are accepted": _SEQUENCE,
    "out-of-order seq values are rejected": _SEQUENCE,
    "concurrent writers with sequence numbers - server handles gracefully": _SEQUENCE,
    "concurrent writers racing with incrementing seq values": _SEQUENCE,
}


async def run_suite(folder: Path, groups: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Run these groups of the suite; return the results of all its tests by group."""
    report = folder / "report.json"
    names = "|".join(re.escape(group) for group in groups)
    command = (
        NODE_MODULES / ".bin/vitest",
        *("run", "--root", ROOT / "clients/durable-streams", "--reporter=json", f"--outputFile={report}"),
        *("--testTimeout=60000", "--testNamePattern", f"^({names}) "),
    )
    async with (
        run_hub(folder / "hub", bounds=Bounds(long_poll_s=1.0), allowed_origins=("https://example.com",)) as hub,
        serve_adapter(hub) as url,
    ):
        environ = {**os.environ, "HUB_STREAMS_URL": url}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*map(str, command), env=environ, stdout=pipe, stderr=pipe)
        async with asyncio.timeout(SUITE_DEADLINE_S):
            said = await process.communicate()
    assert report.exists(), said
    results: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads(report.read_bytes())["testResults"][0]["assertionResults"]:
        results.setdefault(result["ancestorTitles"][0], []).append(result)
    return results


def list_failures(results: dict[str, list[dict[str, Any]]], groups: tuple[str, ...]) -> list[str]:
    """Return each test of these groups that applies and has not passed, with what it said."""
    return [
        f"{group}: {result['title']}: {result['status']} {result['failureMessages'][:1]}"
        for group in groups
        for result in results[group]
        if result["title"] not in NOT_APPLICABLE and result["status"] != "passed"
    ]


async def test_hub_reads_as_the_suite_wants(tmp_path: Path) -> None:
    """Every test that reads passes, but for those that the page lists; and no group of the suite is forgotten."""
    results = await run_suite(tmp_path, READS)
    assert [] == list_failures(results, READS)
    assert {*READS, *READS_AT_RANDOM, *OTHERS} == results.keys()
    titles = {result["title"] for group in results.values() for result in group}
    assert NOT_APPLICABLE.keys() <= titles


@pytest.mark.soak
async def test_hub_reads_as_the_suite_wants_at_random(tmp_path: Path) -> None:
    """The suite's random operations, concurrent readers and content hashes hold as well."""
    results = await run_suite(tmp_path, READS_AT_RANDOM)
    assert [] == list_failures(results, READS_AT_RANDOM)


def test_page_says_what_does_not_apply() -> None:
    """The page names each group and each kind of test that is not run, or need not pass."""
    page = PAGE.read_text(encoding="utf-8")
    assert [] == [name for name in (*OTHERS, *NOT_APPLICABLE.values()) if name not in page]
