"""Restarts: everybody is told, nobody is refused, nothing acknowledged is lost, and the process ends in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.faults.clients import dial, dial_many, drop_all
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT

STALLED_ACCOUNT = "98765432000110"
DEADLINE_S = 30.0
DRAIN_S = 6


@pytest.mark.parametrize("count", [pytest.param(300, id="300"), pytest.param(1000, id="1000", marks=pytest.mark.soak)])
async def test_sigterm_under_load_sends_everybody_away_in_order(tmp_path: Path, figures: list[str], count: int) -> None:
    """Not ready first, nobody new, a window for each client, stalled ones aborted, exit 0 within the budget."""
    hub = HubProcess(tmp_path, HUB_DRAIN=str(DRAIN_S), WS_MAX_CONNECTIONS="5000", WS_HEARTBEAT_INTERVAL="30")
    await hub.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as client:
        await wait_ready(client)
        healthy = await dial_many(hub, count, transport="websocket")
        streams = await dial_many(hub, count // 10, transport="sse")
        stalled = await dial_many(
            hub, count // 10, transport="websocket", account=STALLED_ACCOUNT, receive_buffer_bytes=4096
        )
        for peer in stalled:
            peer.stall()
        for number in range(8):
            await publish(client, hub, f"fill {number}", message="x" * 60_000, account_id=STALLED_ACCOUNT)

        acknowledged: list[str] = []
        stop = asyncio.Event()

        async def keep_publishing() -> None:
            while not stop.is_set():
                with contextlib.suppress(httpx.TransportError):
                    answer = await publish(client, hub, secrets.token_hex(4))
                    if answer.status_code == 202:
                        acknowledged.append(answer.json()["id"])
                await asyncio.sleep(0.01)

        publishing = asyncio.create_task(keep_publishing())
        while len(acknowledged) < 5:
            await asyncio.sleep(0.01)
        assert hub._process is not None
        told_s = time.monotonic()
        hub._process.terminate()
        refused = await _watch_drain(client, hub)
        async with asyncio.timeout(DEADLINE_S):
            status = await hub._process.wait()
        ended_s = time.monotonic() - told_s
        stop.set()
        await publishing
        hub._process = None
        await drop_all(healthy + streams + stalled)

    assert 0 == status
    assert ended_s < DRAIN_S + 1
    assert refused == {"not ready", "refused"}
    assert {1012} == {peer.close_code for peer in healthy + streams}
    window_s = max(1.0, round((count + 2 * (count // 10)) / 500, 1))
    assert {window_s} == {peer.window_s for peer in healthy}
    ends_s = sorted(peer.closed_at_s for peer in healthy)
    assert ends_s[-1] - ends_s[0] > window_s / 3
    figures.append(f"SIGTERM with {count} healthy, {len(streams)} streams, {len(stalled)} stalled: {ended_s:.1f} s")

    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as client:
            await wait_ready(client)
            seen = await dial(hub.port, hub.token(ACCOUNT, "w0"), transport="websocket", cursor=healthy[0].cursor)
            missed = set(acknowledged) - set(healthy[0].ids)
            async with asyncio.timeout(DEADLINE_S):
                while not missed <= set(seen.ids):
                    await asyncio.sleep(0.01)
            assert not set(seen.ids) & set(healthy[0].ids)
            await drop_all([seen])
    finally:
        await hub.stop()


async def _watch_drain(client: httpx.AsyncClient, hub: HubProcess) -> set[str]:
    """Ask for readiness and for a new connection until the hub is gone; return what it said meanwhile."""
    said = set()
    while True:
        try:
            if (await client.get("/health/ready")).status_code == 503:
                said.add("not ready")
                answer = await client.get("/sse", params={"token": hub.token(ACCOUNT, "late")})
                if (answer.status_code, answer.json()["code"]) == (503, "draining"):
                    said.add("refused")
        except httpx.TransportError:
            return said
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def hub_on(
    listener: socket.socket, environ: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `hub serve` on a socket that this process keeps open, as systemd would."""
    os.set_inheritable(listener.fileno(), True)
    command = f'exec 3<&{listener.fileno()}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" -m hub serve'
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            command,
            sys.executable,
            env=environ,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.mark.parametrize("restarts", [pytest.param(3, id="3"), pytest.param(50, id="50", marks=pytest.mark.soak)])
async def test_two_hubs_hand_over_one_socket_and_refuse_nobody(
    tmp_path: Path, figures: list[str], restarts: int
) -> None:
    """Each request on a connection of its own, over and over, while one hub follows another: all answered 202."""
    hub = HubProcess(tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        hub.port = listener.getsockname()[1]
        environ = {**hub._environ, "HUB_HANDOVER": "60", "HUB_DRAIN": "0", "HUB_PORT": "0", "HOME": str(tmp_path)}
        stop = asyncio.Event()
        outcomes: list[str] = []
        slowest_s = 0.0

        async def knock() -> None:
            nonlocal slowest_s
            while not stop.is_set():
                began_s = time.monotonic()
                # A client of its own for each request: no connection is used again.
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=60) as client:
                    try:
                        outcomes.append(str((await publish(client, hub, "t")).status_code))
                    except httpx.TransportError as error:
                        outcomes.append(repr(error))
                slowest_s = max(slowest_s, time.monotonic() - began_s)
                await asyncio.sleep(0.01)

        async with contextlib.AsyncExitStack() as stack:
            serving = await stack.enter_async_context(hub_on(listener, environ, tmp_path / "hub-0.log"))
            knocking = [asyncio.create_task(knock()) for _ in range(4)]
            async with asyncio.timeout(DEADLINE_S):
                while not outcomes:  # or the second might be the one that gets the log first
                    await asyncio.sleep(0.02)
            for number in range(1, restarts + 1):
                log = tmp_path / f"hub-{number}.log"
                following = await stack.enter_async_context(hub_on(listener, environ, log))
                async with asyncio.timeout(DEADLINE_S):
                    while b"waiting for the previous hub" not in log.read_bytes():
                        await asyncio.sleep(0.02)
                seen = len(outcomes)
                serving.send_signal(signal.SIGTERM)
                async with asyncio.timeout(DEADLINE_S):
                    assert 0 == await serving.wait()
                    while len(outcomes) < seen + 8:
                        await asyncio.sleep(0.02)
                serving = following
            stop.set()
            await asyncio.gather(*knocking)
            serving.send_signal(signal.SIGTERM)
            assert 0 == await serving.wait()

    assert {"202"} == set(outcomes)
    figures.append(f"{restarts} handovers: {len(outcomes)} requests, none refused, the slowest took {slowest_s:.2f} s")
