"""No file descriptors left: the hub stays, keeps quiet, stores and delivers, and lets people in again at once."""

from __future__ import annotations

import asyncio
import resource
import shlex
import sys
import time
from pathlib import Path

import httpx

from tests.faults.clients import Peer, dial, drop_all
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S

FILES = 256
CLIENTS = 600
#: How long the clients keep knocking.
SIEGE_S = 3.0
RECOVERY_S = 2.0


async def test_without_file_descriptors_the_hub_serves_who_is_there(tmp_path: Path, figures: list[str]) -> None:
    """600 clients on 256 descriptors: no crash, no flood of log lines, every publish stored and delivered."""
    hub = HubProcess(tmp_path)
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as client:
            await wait_ready(client)
            reader = await dial(hub.port, hub.token(ACCOUNT, "reader"), transport="websocket")
            assert hub._process is not None
            resource.prlimit(hub._process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
            lines_before = len(hub.log_path.read_text().splitlines())
            began_s = time.monotonic()
            clients = await knock(hub, CLIENTS)
            refused = sum(peer.status == 0 for peer in clients)
            published = []
            while time.monotonic() - began_s < SIEGE_S:
                answer = await publish(client, hub, "stored")
                assert 202 == answer.status_code
                published.append(answer.json()["id"])
                await drop_all(again := await knock(hub, 20))
                refused += sum(peer.status == 0 for peer in again)
            lasted_s = time.monotonic() - began_s
            lines = len(hub.log_path.read_text().splitlines()) - lines_before
            async with asyncio.timeout(DEADLINE_S):
                while not set(published) <= set(reader.ids):
                    await asyncio.sleep(0.01)
            await drop_all(clients)
            left_s = time.monotonic()
            while (late := await dial(hub.port, hub.token(ACCOUNT, "late"), transport="websocket")).status != 101:
                assert time.monotonic() - left_s < RECOVERY_S
            recovery_s = time.monotonic() - left_s
            await drop_all([reader, late])
    finally:
        status = await hub.stop()

    assert 0 == status
    assert refused > CLIENTS - FILES, "the descriptors were not used up"
    assert published
    assert lines <= lasted_s
    assert recovery_s < RECOVERY_S
    figures.append(
        f"descriptors: {FILES} for {CLIENTS} clients, {refused} refused, {len(published)} publishes stored, "
        f"{lines} log lines in {lasted_s:.0f} s, back after {recovery_s * 1000:.0f} ms"
    )


async def knock(hub: HubProcess, count: int) -> list[Peer]:
    """Try to connect, fifty at a time; whoever is not let in has the status 0."""
    peers: list[Peer] = []
    for start in range(0, count, 50):
        some = range(start, min(start + 50, count))
        tokens = [hub.token(ACCOUNT, f"c{number}") for number in some]
        peers += await asyncio.gather(*(dial(hub.port, token, transport="websocket") for token in tokens))
    return peers


async def test_the_hub_takes_the_descriptors_it_may_have_and_says_when_they_are_too_few(tmp_path: Path) -> None:
    """`hub serve` raises its soft limit to the hard one; where WS_MAX_CONNECTIONS does not fit, one line says so."""
    hub = HubProcess(tmp_path, HUB_PORT="0", WS_MAX_CONNECTIONS="500")
    limits = f"ulimit -S -n 128; ulimit -H -n 512; exec {shlex.quote(sys.executable)} -m hub serve"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", limits, env={**hub._environ, "HOME": str(tmp_path)}, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        said: list[bytes] = []
        async with asyncio.timeout(DEADLINE_S):
            while not said or b"listening on" not in said[-1]:
                said.append(await process.stderr.readline())
                assert said[-1], f"the hub ended before it listened: {said}"
        assert (512, 512) == resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        needs = b"WS_MAX_CONNECTIONS=500 needs 756 file descriptors and this process may have 512"
        assert 1 == sum(needs in line for line in said), said
    finally:
        process.terminate()
        assert 0 == await process.wait()
