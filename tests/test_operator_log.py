"""The lines an operator looks for: each one on a running hub, in the table of the docs, and never a flood of them."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import logging
import re
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import hub.operator_log
from hub.bounds import Bounds
from hub.cursor import Cursor, Epoch
from hub.delivery.dispatcher import Dispatcher
from hub.directory.demo import create_demo_directory
from hub.edge.links import TransportLink
from hub.logging import LineHandler
from hub.operator_log import OperatorLog
from tests.auth.issuer import Issuer
from tests.auth.tokens import jwk, private_key, sign_with
from tests.cluster.test_log_lines import CLUSTER_EVENTS
from tests.harness import ACCOUNT, DEADLINE_S, USER, run_hub
from tests.log.jetstream.test_log_lines import NODE_LOG_EVENTS
from tests.nats.test_log_lines import NATS_EVENTS
from tests.operator_lines import PAGE, Lines, check_lines
from tests.push.test_log_lines import PUSH_EVENTS
from tests.relay.test_log_lines import RELAY_EVENTS
from tests.transports.test_liveness import dial, websocket_request
from tests.webhooks.test_webhooks import WEBHOOK_EVENTS

ROOT = Path(__file__).parent.parent
#: Of the demo directory.
BUYER, HOME = "00000000001", "00000000000101"
#: Masked with zeros.
EMPTY_PONG = b"\x8a\x80\0\0\0\0"
OLD_EPOCH = str(Cursor(Epoch("aaaaaaaaaa"), 7))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines from level info on."""
    caplog.set_level(logging.INFO, logger="hub")
    return Lines(caplog)


async def life(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a hub, drain its connection and end it."""
    async with run_hub(folder, max_connections=77) as hub:
        started = await lines.wait("started")
        assert ("77", "set") == (started["settings"]["WS_MAX_CONNECTIONS"], started["settings"]["JWT_SECRET"])
        async with hub.websocket() as websocket:
            await hub.app.drain()
            await websocket.wait_closed()
    assert {"connections": 1} == await lines.wait("drain_begun")
    assert 0 == (await lines.wait("drain_ended"))["left"]


async def refusals(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect without a credential, and publish what is not taken, alone and in a batch."""
    async with run_hub(folder) as hub:
        for _ in range(50):
            assert 401 == (await hub.http.get("/sse")).status_code
            assert 400 == (await hub.publish(type="unheard_of")).status_code
        good = {"type": "stock_alert", "title": "a", "message": "b", "user_id": USER, "account_id": ACCOUNT}
        batch = {"notifications": [good, {**good, "title": 1}, {**good, "title": 2}]}
        assert 202 == (await hub.post("/api/internal/notify/batch", batch)).status_code
        assert 202 == (await hub.publish(data={"currentStock": "none"})).status_code
    assert {"code": "unauthenticated", "count": 1} == await lines.wait("refused")
    labels = [record.labels for record in lines.of("publish_refused")]  # type: ignore[attr-defined]
    assert {"code": "unknown_type", "service": "tests", "count": 1} == labels[0]
    assert {"code": "invalid_field", "service": "tests", "count": 2} == labels[1]
    assert (1, 2) == (len(lines.of("refused")), len(labels))
    assert {"service": "tests", "count": 1} == await lines.wait("contract_mismatch")


async def clients(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open one connection too many, come back with a cursor of another log, and have both closed."""
    async with (
        run_hub(folder, max_connections_per_user=1) as hub,
        hub.websocket() as first,
        hub.websocket(cursor=OLD_EPOCH) as second,
    ):
        await first.wait_closed()
        assert 200 == (await hub.post("/api/internal/disconnect", {"user_id": USER})).status_code
        await second.wait_closed()
        assert 200 == (await hub.post("/api/internal/forget", {"user_id": USER})).status_code
    assert {"connections": 1} == await lines.wait("disconnected")
    assert {"records": 0, "states": 0} == await lines.wait("forgotten")


def close_all(peers: list[socket.socket]) -> None:
    """Close these sockets."""
    for peer in peers:
        peer.close()


async def slowness(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer no ping; and answer, but take nothing of what is published."""
    # On a machine that is busy the kernel could end the connection before the hub does.
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    peers: list[socket.socket] = []
    async with run_hub(folder, heartbeat_s=0.5) as hub:
        with contextlib.ExitStack() as stack:
            stack.callback(close_all, peers)
            await dial(hub, peers, websocket_request(hub))
            await lines.wait("unresponsive")
            stalled = await dial(hub, peers, websocket_request(hub))
            async with asyncio.timeout(DEADLINE_S):
                while not lines.of("slow"):
                    if lines.of("fallen_behind"):
                        await asyncio.sleep(0.05)
                    else:
                        await hub.publish(message="x" * 30_000)
                    await asyncio.get_running_loop().sock_sendall(stalled, EMPTY_PONG)


async def a_flood(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send more frames than any client of ours does."""
    monkeypatch.setattr("hub.edge.message_reader._lines", OperatorLog(logging.getLogger("hub.edge")))
    peers: list[socket.socket] = []
    async with run_hub(folder) as hub:
        with contextlib.ExitStack() as stack:
            stack.callback(close_all, peers)
            for _ in range(2):
                peer = await dial(hub, peers, websocket_request(hub))
                await asyncio.get_running_loop().sock_sendall(peer, EMPTY_PONG * 1_000)
            await hub.wait_until(lambda: hub.hub.metrics.closes[1008] == 2)
    assert {"count": 1} == await lines.wait("rate_limited")
    assert 1 == len(lines.of("rate_limited"))


async def the_directory(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the directory away, give it back, and let it have deactivated a connected user."""
    bounds = Bounds(probe_interval_s=0.02, first_probe_interval_s=0.02, min_recheck_interval_s=0.1)
    database = folder / "directory.sqlite3"
    await create_demo_directory(database)
    url = f"sqlite+aiosqlite:///{database}"
    async with (
        run_hub(folder / "hub", directory_url=url, directory_ttl_s=0.1, bounds=bounds) as hub,
        hub.websocket(hub.token(BUYER, HOME, role="buyer")) as websocket,
    ):
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("ALTER TABLE users RENAME TO away")
            await lines.wait("directory_down")
            connection.execute("ALTER TABLE away RENAME TO users")
            await lines.wait("directory_up")
            connection.execute("UPDATE users SET is_active = 0")
            await websocket.wait_closed()
    assert {"connections": 1} == await lines.wait("no_longer_allowed")


async def the_key_server(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start while the issuer gives an error, and let it recover."""
    issuer = Issuer()
    issuer.respond(b"", "503 Service Unavailable")
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with server, run_hub(folder, jwks_url=url, jwt_algorithm="ES256") as hub:
        await lines.wait("key_server_down")
        issuer.publish(jwk(private_key("ES256"), "a"))
        unknown = sign_with(
            private_key("ES256"),
            {"user_id": USER, "account_id": ACCOUNT, "role": "user", "exp": int(time.time()) + 60},
            "ES256",
            headers={"kid": "b"},
        )
        async with asyncio.timeout(DEADLINE_S):
            while not lines.of("key_server_up"):
                assert (await hub.http.get("/poll", params={"token": unknown})).status_code in {401, 503}


async def the_disk(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move a file of the log away, and back."""
    async with run_hub(folder) as hub:
        await hub.publish()
        (wal,) = hub.settings.data_dir.glob("*.mark")
        away = wal.rename(folder / "away")
        await lines.wait("log_not_writable")
        away.rename(wal)
        await lines.wait("log_writable")
        assert 202 == (await hub.publish()).status_code


async def faults(folder: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a link, a request and the dispatcher fail as only a fault of the hub's own makes them."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hub.api.problems._faults", OperatorLog(logging.getLogger("hub.api")))
    async with run_hub(folder) as hub:
        async with hub.websocket() as websocket:
            monkeypatch.setattr(TransportLink, "find_socket", lambda _: None)
            monkeypatch.setattr(TransportLink, "write", fail)
            await hub.publish()
            await websocket.wait_closed()
        monkeypatch.setattr("hub.publish.publisher.parse_publish", fail)
        for _ in range(20):
            assert 500 == (await hub.publish()).status_code
        monkeypatch.undo()
        monkeypatch.setattr(Dispatcher, "_dispatch_own", fail)
        assert 1 == len(lines.of("fault"))
        await hub.post("/api/internal/disconnect", {"user_id": USER, "revoke": True})
        await lines.wait("stopped")


Scene = Callable[[Path, Lines, pytest.MonkeyPatch], Awaitable[None]]
SCENES: list[tuple[Scene, set[str]]] = [
    (life, {"started", "claims_trusted", "drain_begun", "drain_ended", "ended"}),
    (refusals, {"refused", "publish_refused", "contract_mismatch"}),
    (clients, {"evicted", "gap", "disconnected", "forgotten"}),
    (slowness, {"unresponsive", "fallen_behind", "slow"}),
    (a_flood, {"rate_limited"}),
    (the_directory, {"directory_down", "directory_up", "no_longer_allowed"}),
    (the_key_server, {"key_server_down", "key_server_up"}),
    (the_disk, {"log_not_writable", "log_writable"}),
    (faults, {"link_failed", "fault", "stopped"}),
]


@pytest.mark.parametrize(("scene", "events"), SCENES, ids=[scene.__name__ for scene, _ in SCENES])
async def test_each_line_is_written(
    scene: Scene,
    events: set[str],
    tmp_path: Path,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A running hub writes the line, with the fields and level of the table; nothing in it identifies anybody."""
    await scene(tmp_path, lines, monkeypatch)
    check_lines(lines, events, ids=(BUYER, HOME))


def test_the_table_is_complete() -> None:
    """The page has exactly the events that the code writes, and each of them is provoked here."""
    written = set()
    for path in (ROOT / "hub").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="write" | "write_limited"), args=[_, ast.Constant(str(event)), _]
                ):
                    written.add(event)
    assert written == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert written == set.union(
        CLUSTER_EVENTS,
        NATS_EVENTS,
        NODE_LOG_EVENTS,
        RELAY_EVENTS,
        PUSH_EVENTS,
        WEBHOOK_EVENTS,
        *[events for _, events in SCENES],
    )


def test_a_flood_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """What comes within a minute is counted, per message and labels; the next line says how many there were."""
    now_s = 0.0
    log = OperatorLog(logging.getLogger("hub.test"), monotonic=lambda: now_s)
    for _ in range(1_000):
        log.write_limited(logging.WARNING, "slow", "a client is slow", code="x", count=3)
    log.write_limited(logging.WARNING, "slow", "a client is slow", code="y")
    now_s = hub.operator_log.REST_S
    log.write_limited(logging.WARNING, "slow", "a client is slow", code="x")
    counts = [record.labels["count"] for record in caplog.records]  # type: ignore[attr-defined]
    assert [3, 1, 2_998] == counts
    assert caplog.messages[-1] == "a client is slow (2997 more for this since the last line)"


def test_memory_is_bounded() -> None:
    """However many different lines there were, a bounded number is remembered."""
    log = OperatorLog(logging.getLogger("hub.test"), monotonic=lambda: 0.0)
    for number in range(1_000):
        log.write_limited(logging.DEBUG, "slow", str(number))
    assert len(log._written) <= 256


def test_labels_are_fields_of_the_json_object(tmp_path: Path) -> None:
    """A program reads `event` and the labels, and secrets are masked in them as in the message."""
    path = tmp_path / "lines"
    logger = logging.Logger("hub.test")
    with path.open("w") as stream:
        handler = LineHandler(stream, json_lines=True)
        logger.addHandler(handler)
        OperatorLog(logger).write(logging.INFO, "started", "on", url="a://b:c@d", settings={"A": "hubk_abc\n"}, left=3)
        handler.close()
    line = json.loads(path.read_text())
    line.pop("time")
    assert line == {
        "level": "info",
        "logger": "hub.test",
        "event": "started",
        "message": "on",
        "url": "a://***@d",
        "settings": {"A": "hubk_***\\n"},
        "left": 3,
    }
