"""Debian's Prometheus with the scrape example and the rules of deploy/, in a hurry: every fifth of a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.test_files import DEPLOY

__all__ = ["CONFIGURATION", "RULES", "Prometheus", "free_port", "run_prometheus"]

CONFIGURATION = DEPLOY / "prometheus/prometheus.yml"
RULES = DEPLOY / "prometheus/hub.rules.yml"
DEADLINE_S = 60.0
INTERVAL = "200ms"
#: Of the example; that of the relay is a comment there.
JOBS = ("hub", "hub-relay")
#: After so many the values of before are the alerts' past.
SCRAPES = 5


class Prometheus:
    """A Prometheus that runs; what it scrapes is told to it while it does."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._instances: dict[str, set[str]] = {job: set() for job in JOBS}

    @contextlib.contextmanager
    def scraping(self, port: int, job: str = "hub") -> Iterator[str]:
        """Have the metrics at this port scraped meanwhile; yield what the target is called."""
        instance = f"127.0.0.1:{port}"
        self._instances[job].add(instance)
        self._write(job)
        try:
            yield instance
        finally:
            self._instances[job].discard(instance)
            self._write(job)

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the result of a query; an error of it fails."""
        async with httpx.AsyncClient(base_url=self.url, timeout=DEADLINE_S) as http:
            answer = (await http.get("/api/v1/query", params={"query": query})).json()
        assert "success" == answer["status"], answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def firing(self, instance: str) -> set[str]:
        """Return the names of the alerts that fire for a target."""
        found = await self.ask(f'ALERTS{{alertstate="firing", instance="{instance}"}}')
        return {sample["metric"]["alertname"] for sample in found}

    async def wait_firing(self, instance: str, *names: str) -> None:
        """Return once these alerts fire for a target."""
        fired: set[str] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                while not set(names) <= (fired := await self.firing(instance)):
                    await asyncio.sleep(0.1)
        shown = await self.ask(f'{{instance="{instance}", __name__=~"hub_.*"}} != 0')
        assert set(names) <= fired, {str(sample["metric"]): sample["value"][1] for sample in shown}

    async def wait_scraped(self, instance: str) -> None:
        """Return once the target has answered several times from now on."""
        began_s = time.time()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                await asyncio.sleep(0.1)
                # Answers from before that moment are not counted.
                window_ms = round((time.time() - began_s) * 1000)
                if await self.ask(f'count_over_time(up{{instance="{instance}"}}[{window_ms}ms]) >= {SCRAPES}'):
                    return

    def _write(self, job: str) -> None:
        # Replaced, so that half a file is never read.
        scratch = self._folder / f"{job}.new"
        scratch.write_text(json.dumps([{"targets": sorted(self._instances[job])}]))
        scratch.rename(self._folder / f"{job}.json")


@contextlib.contextmanager
def run_prometheus(folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus with the files of deploy/, of which intervals, waits and the target alone are changed."""
    program = shutil.which("prometheus")
    assert program is not None, "prometheus is not installed: sudo apt-get install prometheus"
    configuration = CONFIGURATION.read_text()
    for theirs, ours in {
        "scrape_interval: 15s": f"scrape_interval: {INTERVAL}",
        "evaluation_interval: 15s": f"evaluation_interval: {INTERVAL}",
        # The job that is a comment.
        "  # - job_name:": "  - job_name:",
        "  #   static_configs:": "    static_configs:",
        '  #     - targets: ["127.0.0.1:9465"]\n': "",
        '      - targets: ["127.0.0.1:9464"]\n': "",
    }.items():
        assert theirs in configuration, theirs
        configuration = configuration.replace(theirs, ours)
    head, *jobs = re.split(r"(?=  - job_name: )", configuration)
    assert list(JOBS) == [job.split()[2] for job in jobs]
    for index, job in enumerate(JOBS):
        found = f"file_sd_configs: [{{files: [{folder}/{job}.json]}}]"
        jobs[index] = jobs[index].replace("static_configs:", found)
        (folder / f"{job}.json").write_text("[]")
    configuration = head + "".join(jobs)
    rules = re.sub(r"(?m)^( +for:) \d+[sm]$", r"\1 1s", RULES.read_text()).replace("m:15s]", f"m:{INTERVAL}]")
    (folder / "prometheus.yml").write_text(configuration)
    (folder / "hub.rules.yml").write_text(rules)
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(url, process, folder / "prometheus.log")
        yield Prometheus(url, folder)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/-/ready", timeout=DEADLINE_S).status_code == 200:
                return
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.05)
