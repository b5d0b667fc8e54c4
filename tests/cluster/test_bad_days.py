"""Bad days of nodes that run: a full disk, a stream that somebody deletes, a wrong clock, a server that is behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from hub.bounds import Bounds
from hub.cli import main
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from tests.cli.process import Running
from tests.cluster.test_hubs import SECRET, run_hubs, stats
from tests.harness import ACCOUNT, USER, RunningHub, WebSocket, run_hub
from tests.nats_servers import make_cluster

DEADLINE_S = 40.0
MIB = 2**20


async def wait_until(condition: Callable[[], Any]) -> None:
    """Return once it holds; it may be a coroutine function."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


class Process(RunningHub):
    """A node in a process of its own, beside a hub of this process that has the same stream and keys."""

    def __init__(self, running: Running, beside: RunningHub, port: int) -> None:
        super().__init__(beside.app, beside.server, beside.settings, port, beside.key)
        self.running = running

    async def is_ready(self) -> bool:
        """Whether it takes work."""
        return (await self.http.get("/health/ready")).status_code == 200

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of this event."""
        lines = (msgspec.json.decode(line) for line in [*self.running.err] if f'"{event}"' in line)
        return [line for line in lines if line.get("event") == event]


@contextlib.asynccontextmanager
async def run_process(
    folder: Path, beside: RunningHub, *before: str, node: str = "two", **environ: str
) -> AsyncIterator[Process]:
    """Run `hub serve` with the stream and the keys of another hub; `before` is a program that runs it."""
    settings = beside.settings
    folder.mkdir(exist_ok=True)
    env = {
        "HUB_LOG_URL": settings.log_url,
        "HUB_LOG_STREAM": settings.log_stream,
        "HUB_NODE": node,
        "HUB_PORT": "0",
        "HUB_DRAIN": "0",
        "HUB_DIRECTORY_URL": "off",
        "HUB_SERVICE_KEYS_FILE": str(settings.service_keys_file),
        "JWT_SECRET": SECRET,
        **environ,
    }
    with Running("serve", folder=folder, env=env, before=before) as running:
        (line,) = await asyncio.to_thread(running.wait_for, "listening on http")
        process = Process(running, beside, int(msgspec.json.decode(line)["message"].rpartition(":")[2]))
        await wait_until(process.is_ready)
        yield process
        await process.http.aclose()


class SmallDisk:
    """A file system of a few megabytes for one process, or, where none may be mounted, a limit of its files' size."""

    SIZE_BYTES = 6 * MIB

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        attempt = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
        self._mounts = os.geteuid() == 0 and 0 == subprocess.run(attempt, capture_output=True).returncode
        self.before: tuple[str, ...] = ()
        if self._mounts:
            mount = f'mount -t tmpfs -o size={self.SIZE_BYTES} none "$0" && exec "$@"'
            self.before = ("unshare", "-m", "sh", "-c", mount, str(folder))

    def fill(self, pid: int) -> None:
        """Leave the process no room."""
        if self._mounts:
            with contextlib.suppress(OSError), self._ballast(pid).open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65_536))
        else:
            size_bytes = (self._folder / "log.sqlite3").stat().st_size
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

    def make_room(self, pid: int) -> None:
        """Give it room again."""
        if self._mounts:
            self._ballast(pid).unlink()
        else:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def _ballast(self, pid: int) -> Path:
        return Path(f"/proc/{pid}/root{self._folder}/ballast")


async def take(client: WebSocket, count: int) -> list[str]:
    """Return the titles of the next notifications; a gap among them would be one of them."""
    async with asyncio.timeout(DEADLINE_S):
        frames = [await client.frame() for _ in range(count)]
    return [str(frame.get("title", frame["type"])) for frame in frames]


async def test_a_full_disk(tmp_path: Path) -> None:
    """That node says so, takes no publish and sends its clients away; with room it comes back, with everything."""
    disk = SmallDisk(tmp_path / "two")
    async with (
        run_hubs(tmp_path, "one") as (hub,),
        run_process(tmp_path / "two", hub, *disk.before, HUB_ISOLATION="1") as node,
    ):
        pid = node.running.process.pid
        async with node.websocket() as client:
            await hub.publish(title="before")
            first = await client.frame()
            disk.fill(pid)
            titles: list[str] = []

            async def fill_up() -> bool:
                titles.append(f"n{len(titles)}")
                response = await hub.publish(title=titles[-1], message="x" * 4_000)
                assert 202 == response.status_code
                return not await node.is_ready()

            await wait_until(fill_up)
            assert "unavailable" == (await node.http.get("/health/ready")).json()["log"]
            response = await node.publish()
            assert (503, "storage_unavailable") == (response.status_code, response.json()["code"])
            assert 1012 == await client.wait_closed()
        (away,) = node.lines("node_isolated")
        assert ("failing", True) == (away["reason"], "disk is full" in away["message"])
        assert node.lines("mirror_failed")
        # What the node did not get, the others have; and it has it, too, once there is room.
        async with hub.websocket(cursor=first["cursor"]) as client:
            assert titles == await take(client, len(titles))
        disk.make_room(pid)
        await wait_until(node.is_ready)
        await wait_until(lambda: node.lines("node_back"))
        async with node.websocket(cursor=first["cursor"]) as client:
            assert titles == await take(client, len(titles))
            assert 202 == (await node.publish(title="after")).status_code
            assert ["after"] == await take(client, 1)


async def test_a_stream_that_somebody_deletes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The node says so and what to do; the stream is made again from its mirror, and no client has a gap."""
    async with run_hubs(tmp_path, "one", append_deadline_s=1.0, isolation_s=1.0) as (hub,):
        settings = hub.settings
        async with hub.websocket() as client:
            await hub.publish(title="before")
            cursor = (await client.frame())["cursor"]
            await hub.publish(title="missed")
            servers, _ = read_servers(settings.log_url)
            nats = await open_nats(servers, name="test", timeout_s=DEADLINE_S)
            deleted = await nats.request(f"$JS.API.STREAM.DELETE.{settings.log_stream}", b"", timeout_s=DEADLINE_S)
            await nats.close()
            assert b'"success":true' in deleted.payload
            assert 1012 == await client.wait_closed()
        assert 503 == (await hub.http.get("/health/ready")).status_code
        assert 503 == (await hub.publish()).status_code
    assert "run `hub cluster init` in the data folder" in caplog.text
    environ = {
        "HUB_LOG_URL": settings.log_url,
        "HUB_LOG_STREAM": settings.log_stream,
        "HUB_DATA_DIR": str(settings.data_dir),
    }
    done = await asyncio.to_thread(CliRunner().invoke, main, ["cluster", "init", "--replicas", "1"], env=environ)
    assert 0 == done.exit_code, done.output
    async with (
        run_hub(
            tmp_path / "one", node="one", log_url=settings.log_url, log_stream=settings.log_stream, jwt_secret=SECRET
        ) as hub,
        hub.websocket(cursor=cursor) as client,
    ):
        assert ["missed"] == await take(client, 1)
        assert 202 == (await hub.publish(title="after")).status_code
        assert ["after"] == await take(client, 1)


async def test_a_wrong_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Both nodes name the other one, and its row says by how much; what is published is delivered all the same."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    shifted = {"LD_PRELOAD": str(library), "FAKETIME": "-90s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    async with run_hubs(tmp_path, "one") as (hub,), run_process(tmp_path / "two", hub, **shifted) as node:
        await wait_until(lambda: "the clock of the node two is behind this one's" in caplog.text)
        await wait_until(lambda: "the clock of the node one is ahead of this one's" in str(node.lines("node_clock")))
        (row,) = [row for row in (await stats(hub))["nodes"] if row["node"] == "two"]
        assert -95 < row["clockSkewSeconds"] < -85
        async with hub.websocket() as client:
            assert 202 == (await node.publish(title="said")).status_code
            assert ["said"] == await take(client, 1)


async def test_a_server_that_is_behind(tmp_path: Path) -> None:
    """A server of three that stands still is named with how far it is behind, and publishing goes on without it."""
    with make_cluster(tmp_path / "nats") as servers:
        await asyncio.gather(*(server.start() for server in servers))
        url = ",".join(server.url for server in servers)
        environ = {"HUB_LOG_URL": url, "HUB_DATA_DIR": str(tmp_path / "none")}

        async def run(*arguments: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, main, ["cluster", *arguments], env=environ)

        # Its servers have to find each other first.
        async def init() -> bool:
            return (await run("init")).exit_code == 0

        await wait_until(init)
        status = json.loads((await run("status", "--json")).output)
        assert [] == status["warnings"] + status["problems"]
        follower = next(each["name"] for each in status["servers"] if not each["leads"])
        (behind,) = [server for server in servers if server.name == follower]
        others = [server.url for server in servers if server is not behind]
        bounds = Bounds(node_replicas_s=0.2)
        async with run_hub(
            tmp_path / "one", node="one", log_url=",".join(others), jwt_secret=SECRET, bounds=bounds
        ) as hub:
            environ["HUB_LOG_URL"] = hub.settings.log_url
            behind.send(signal.SIGSTOP)
            for number in range(50):
                assert 202 == (await hub.publish(title=f"n{number}")).status_code

            async def lag() -> int:
                found: int | None = (await hub.http.get("/health/ready")).json()["cluster"]["replica_lag"]
                return found or 0

            await wait_until(lag)
            assert 200 == (await hub.http.get("/health/ready")).status_code
            text = (await run("status")).output
            assert re.search(rf"{follower}: (behind|offline), [0-9]+ records behind", text), text
            behind.send(signal.SIGCONT)

            async def has_caught_up() -> bool:
                return not await lag()

            await wait_until(has_caught_up)


async def test_a_node_that_hangs(tmp_path: Path) -> None:
    """An operator's questions do not wait for it: it is named, and what it alone would know is said not to be known."""
    async with run_hubs(tmp_path, "one") as (hub,), run_process(tmp_path / "two", hub) as node:
        await wait_until(lambda: knows(hub, 2))
        receipt = (await node.publish()).json()
        node.running.process.send_signal(signal.SIGSTOP)
        try:
            found = (await hub.post("/api/internal/connections", {"user_id": USER})).json()
            silent = {"answered": 1, "known": 2, "silent": ["two"]}
            assert (0, silent) == (found["total"], found["nodes"])
            body = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
            asked = {**body, "explain_user_id": USER, "explain_account_id": ACCOUNT}
            explained = (await hub.post("/api/internal/explain", asked)).json()
            reasons = [reason["code"] for reason in explained["user"]["reasons"]]
            assert ("unknown", ["node_silent"]) == (explained["user"]["delivery"], reasons)
            url = f"/api/internal/notifications/{receipt['id']}"
            traced = (await hub.http.get(url, headers=hub.headers())).json()
            why = {unknown["step"]: unknown["why"] for unknown in traced["unknown"]}
            assert ("A node that may know it did not answer", silent) == (why["accepted"], traced["nodes"])
        finally:
            node.running.process.send_signal(signal.SIGCONT)


async def knows(hub: RunningHub, count: int) -> bool:
    """Whether a hub knows of so many nodes."""
    return len((await stats(hub)).get("nodes", [])) == count
