"""The clients of Durable Streams, in TypeScript and in Python, read a user's notifications from a hub."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from contracts.closing import CloseCode
from tests.durable_streams.readers import CLIENTS, Live, Reader, run_reader
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, USER, run_hub

MODES: tuple[Live, ...] = ("sse", "long-poll")


def write_token(folder: Path, token: str) -> Path:
    """Write a token where readers take it from."""
    path = folder / "token"
    path.write_text(token, encoding="utf-8")
    return path


async def test_each_client_reads_over_a_restart_of_the_hub(tmp_path: Path) -> None:
    """What was there, what comes, and what comes after a restart: each in order and once, in both live modes."""
    hub = HubProcess(tmp_path)
    url = f"http://127.0.0.1:{hub.port}"
    token_file = write_token(tmp_path, hub.token(ACCOUNT, USER))
    try:
        async with httpx.AsyncClient(base_url=url) as http, AsyncExitStack() as stack:
            await hub.start()
            await wait_ready(http)
            assert 202 == (await publish(http, hub, "before")).status_code
            readers: list[Reader] = []
            for client in CLIENTS:
                for live in MODES:
                    running = run_reader(client, f"{url}/streams/me", live, "-1", token_file)
                    readers.append(await stack.enter_async_context(running))
            for reader in readers:
                await reader.wait_titles(1)
            assert 202 == (await publish(http, hub, "live")).status_code
            for reader in readers:
                await reader.wait_titles(2)
            assert 0 == await hub.stop()
            await hub.start()
            await wait_ready(http)
            assert 202 == (await publish(http, hub, "after")).status_code
            for reader in readers:
                await reader.wait_titles(3)
            assert [["before", "live", "after"]] * 4 == [reader.titles for reader in readers]
    finally:
        await hub.stop()


@pytest.mark.parametrize("client", CLIENTS)
async def test_client_with_a_new_token_goes_on(tmp_path: Path, client: str) -> None:
    """The stream ends with its token; a client that has another one goes on and misses nothing."""
    async with run_hub(tmp_path) as hub:
        token_file = write_token(tmp_path, hub.token(ttl_s=2))
        async with run_reader(client, f"{hub.url}/streams/me", "sse", "-1", token_file) as reader:
            await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
            write_token(tmp_path, hub.token())
            await hub.wait_until(lambda: 1 == hub.hub.metrics.closes[CloseCode.TOKEN_EXPIRED])
            await hub.publish(title="later")
            await reader.wait_titles(1)
            assert ["later"] == reader.titles


@pytest.mark.parametrize("client", CLIENTS)
async def test_client_is_told_why_it_may_not_read(tmp_path: Path, client: str) -> None:
    """A token that expired is 401, and an offset that the log cannot serve 410: neither is an endless retry."""
    async with run_hub(tmp_path) as hub:
        for token, offset, status in ((hub.token(ttl_s=-1), "-1", 401), (hub.token(), "aaaaaaaaaa-0000000000001", 410)):
            url, token_file = f"{hub.url}/streams/me", write_token(tmp_path, token)
            async with run_reader(client, url, "long-poll", offset, token_file) as reader:
                await reader.wait_refused()
                assert status == reader.status
