"""The fault proxy does what it says, and nothing else: what the network tests stand on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from hub.cli.support.connection_faults import CLEAN, Ending, Faults, Upgrade
from hub.cli.support.fault_proxy import FaultProxy
from tests.cli.process import Running, run

DEADLINE_S = 5.0
BODY = bytes(range(256)) * 8
REQUEST = b"GET /sse HTTP/1.1\r\nHost: hub\r\n\r\n"
HANDSHAKE = b"GET /ws HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Server:
    """Answers each connection with a head and a body, and then keeps it open until it is told to end."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.ending = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(HEAD + BODY)
            await writer.drain()
            ended = asyncio.ensure_future(self.ending.wait())
            left = asyncio.ensure_future(reader.read())
            await asyncio.wait((ended, left), return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
            ended.cancel()
            left.cancel()
            await asyncio.gather(ended, left, return_exceptions=True)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Return a server that answers."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    server.ending.set()
    listening.close()


@contextlib.asynccontextmanager
async def ask(server: Server, faults: Faults, request: bytes = REQUEST) -> AsyncIterator[asyncio.StreamReader]:
    """Send a request through a proxy with these faults."""
    async with FaultProxy(server.port, plan=lambda random: faults) as proxy, asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(request)
        try:
            yield reader
        finally:
            writer.close()


async def test_a_clean_connection_passes_everything(server: Server) -> None:
    """Without a fault each byte arrives, in both directions."""
    async with ask(server, CLEAN) as reader:
        assert HEAD + BODY == await reader.readexactly(len(HEAD + BODY))
        assert [REQUEST] == server.requests


async def test_slices_lose_nothing(server: Server) -> None:
    """What travels in pieces arrives whole, the first pieces by themselves."""
    async with ask(server, Faults(slices=True)) as reader:
        assert len(await reader.read(4096)) < len(HEAD + BODY)
    async with ask(server, Faults(slices=True)) as reader:
        assert HEAD + BODY == await reader.readexactly(len(HEAD + BODY))
        assert [REQUEST, REQUEST] == server.requests


async def test_a_delay_delays(server: Server) -> None:
    """The answer takes the delay of both directions."""
    started_s = time.monotonic()
    async with ask(server, Faults(delay_s=(0.1, 0.1))) as reader:
        assert HEAD + BODY == await reader.readexactly(len(HEAD + BODY))
    # A timer may end a little early by another clock.
    assert 0.19 <= time.monotonic() - started_s


@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_a_connection_ends_at_its_byte(server: Server, ending: Ending) -> None:
    """A cut and a reset come after exactly so many bytes; the client sees an end, or a reset."""
    async with ask(server, Faults(ending=ending, ending_bytes=100)) as reader:
        assert (HEAD + BODY)[:100] == await reader.readexactly(100)
        if ending == "cut":
            assert b"" == await reader.read()
        else:
            with pytest.raises(ConnectionResetError):
                await reader.read()


async def test_a_stalled_connection_stays_open_and_passes_nothing(server: Server) -> None:
    """After its bytes a stalled connection neither brings anything nor ends."""
    async with ask(server, Faults(ending="stall", ending_bytes=100)) as reader:
        assert (HEAD + BODY)[:100] == await reader.readexactly(100)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read()


async def test_a_body_is_held_until_its_end(server: Server) -> None:
    """A buffering proxy passes the head at once and the body at the end of the response, which it asks for."""
    async with ask(server, Faults(holds=True)) as reader:
        assert HEAD == await reader.readexactly(len(HEAD))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        server.ending.set()
        assert BODY == await reader.readexactly(len(BODY))
        assert b"Connection: close" in server.requests[0]


@pytest.mark.parametrize("upgrade", ["refuse", "silence"])
async def test_a_blocked_upgrade_never_reaches_the_hub(server: Server, upgrade: Upgrade) -> None:
    """A handshake is answered with a 403 or with nothing, while other requests pass."""
    async with ask(server, Faults(upgrade=upgrade), HANDSHAKE) as reader:
        if upgrade == "refuse":
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await reader.read()
    assert [] == server.requests
    async with ask(server, Faults(upgrade=upgrade)) as reader:
        assert HEAD == await reader.readexactly(len(HEAD))


async def test_open_connections_end_on_cue(server: Server) -> None:
    """`end` ends what is open now, and nothing that comes later."""
    async with FaultProxy(server.port) as proxy, asyncio.timeout(DEADLINE_S):
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(REQUEST)
            await reader.readexactly(len(HEAD + BODY))
            proxy.end("cut")
            assert b"" == await reader.read()
            writer.close()


async def test_a_seed_draws_the_same_faults_again(server: Server) -> None:
    """Two proxies with one seed break their connections the same way."""

    def plan(random: Random) -> Faults:
        return Faults(delay_s=(0.0, random.random() / 1e6))

    drawn = []
    for _ in range(2):
        async with FaultProxy(server.port, plan=plan, seed="7/3") as proxy, asyncio.timeout(DEADLINE_S):
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(REQUEST)
                await reader.readexactly(len(HEAD))
                writer.close()
            drawn.append(proxy.drawn)
    assert drawn[0] == drawn[1]
    assert 3 == len(set(drawn[0]))


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait until it is."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class TestCommand:
    """`hub proxy`, the same proxy as a command."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A data folder that nothing is in."""
        return tmp_path / "data"

    @contextlib.asynccontextmanager
    async def running(self, folder: Path, *options: str) -> AsyncIterator[tuple[Running, int]]:
        """Run the command; yield it, and the port where clients connect."""
        command = await asyncio.to_thread(Running, "proxy", *options, folder=folder)
        try:
            (url,) = await asyncio.to_thread(command.wait_for, "^http://127.0.0.1:")
            yield command, int(url.rpartition(":")[2])
        finally:
            if command.process.poll() is None:
                await asyncio.to_thread(command.stop)

    async def test_it_stalls_and_cuts_by_the_clock(self, server: Server, folder: Path) -> None:
        """`--stall` and `--cut` are moments of each connection; the end says how many had faults."""
        upstream = f"http://127.0.0.1:{server.port}"
        options = ("--upstream", upstream, "--stall", "0.3", "--cut", "0.6")
        async with self.running(folder, *options) as (command, port):
            async with asyncio.timeout(DEADLINE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                began_s = time.monotonic()
                writer.write(REQUEST)
                assert HEAD + BODY == await reader.readexactly(len(HEAD + BODY))
                assert b"" == await reader.read()
                assert 0.49 <= time.monotonic() - began_s
                await close(writer)
            assert 0 == await asyncio.to_thread(command.stop)
            assert "1 connections, 1 with faults" in "".join(command.err)

    async def test_a_share_of_connections(self, server: Server, folder: Path) -> None:
        """With `--share 0` nothing is broken, whatever else is said."""
        options = ("--upstream", f"http://127.0.0.1:{server.port}", "--cut-bytes", "1", "--share", "0", "--seed", "7")
        async with self.running(folder, *options) as (_, port):
            async with asyncio.timeout(DEADLINE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(REQUEST)
                assert HEAD + BODY == await reader.readexactly(len(HEAD + BODY))
                await close(writer)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--upstream", "https://hub.example.com"), "it is not http://"),
            (("--upstream", "hub"), "it has no host"),
            (("--cut", "-1"), "--cut"),
            (("--port", "70000"), "--port"),
        ],
    )
    def test_what_cannot_be_used(self, folder: Path, options: tuple[str, ...], words: str) -> None:
        """A wrong option ends with exit code 2 and a sentence that names it."""
        done = run("proxy", *options, folder=folder)
        assert (2, True) == (done.returncode, words in done.stderr), done.stderr

    def test_a_port_that_is_taken(self, server: Server, folder: Path) -> None:
        """Exit code 1, and the address."""
        done = run("proxy", "--port", str(server.port), folder=folder)
        assert (1, True) == (done.returncode, f"cannot listen on 127.0.0.1:{server.port}" in done.stderr)
