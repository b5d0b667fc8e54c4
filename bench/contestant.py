"""Who takes part: the hub, the floor, the naive loop and the peers, each started in the same way."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.load import Publish
from bench.notice import ACCOUNT, delivered_text, publish_body
from bench.process import BUILD, ROOT, find_port, run_server

__all__ = ["CONTESTANTS", "Contestant", "Running", "install_peers", "missing"]

PEERS = Path(__file__).parent / "peers"
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A contestant that listens: where to connect, and how to publish to everybody connected.

    `fresh_paths` name the same users as `paths` by credentials that the server has not seen yet.
    """

    port: int
    pid: int
    paths: list[str]
    publish_path: str
    body: bytes
    fresh_paths: list[str]
    headers: tuple[str, ...] = ()
    hello: str = ""

    def publish(self, *, rate: float, seconds: float, fanout: int) -> Publish:
        """Return the load that publishes to every connection."""
        return Publish(
            path=self.publish_path, body=self.body, headers=self.headers, rate=rate, seconds=seconds, fanout=fanout
        )


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """One that takes part in `transports`; `start` gets the transport and how many will connect."""

    name: str
    transports: tuple[str, ...]
    start: Callable[[str, int], contextlib.AbstractContextManager[Running]]


@contextlib.contextmanager
def _hub(transport: str, connections: int) -> Iterator[Running]:
    with HubFolder(users=connections) as folder:
        route = "/ws" if transport == "ws" else "/sse"
        with folder.serve() as (port, pid):
            yield Running(
                port=port,
                pid=pid,
                paths=[f"{route}?token={folder.token(number)}" for number in range(connections)],
                fresh_paths=[f"{route}?token={folder.token(number, series=1)}" for number in range(connections)],
                publish_path=HUB_PUBLISH_PATH,
                body=publish_body({"account_id": ACCOUNT}),
                headers=folder.publish_headers,
            )


@contextlib.contextmanager
def _floor(transport: str, connections: int) -> Iterator[Running]:
    port = find_port()
    with run_server([str(BUILD / "rawcast"), str(port), transport], port) as pid:
        yield _plain(port, pid, "/")


def _naive(route: str) -> Callable[[str, int], contextlib.AbstractContextManager[Running]]:
    @contextlib.contextmanager
    def start(transport: str, connections: int) -> Iterator[Running]:
        with run_naive() as (port, pid):
            yield _plain(port, pid, "/ws" if transport == "ws" else route)

    return start


@contextlib.contextmanager
def run_naive(database: Path | None = None) -> Iterator[tuple[int, int]]:
    """Run the naive app; yields its port and process id."""
    port = find_port()
    command = [sys.executable, "-m", "uvicorn", "bench.naive:app", "--port", str(port), "--log-level", "warning"]
    command += ["--no-access-log", "--backlog", "4096", "--timeout-graceful-shutdown", "1"]
    environment = {"NAIVE_DATABASE": str(database)} if database else {}
    with run_server(command, port, environment=environment) as pid:
        yield port, pid


@contextlib.contextmanager
def _nchan(transport: str, connections: int) -> Iterator[Running]:
    port = find_port()
    # Its folder is under /tmp: nginx gives its temporary folders to another user.
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nchan.conf"
        config.write_text((PEERS / "nchan.conf").read_text().replace("PORT", str(port)))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        with run_server([nginx, "-p", folder, "-c", str(config), "-e", "stderr"], port) as pid:
            yield _plain(port, pid, f"/{transport}")


def _node(script: str, path: str, hello: str = "") -> Callable[[str, int], contextlib.AbstractContextManager[Running]]:
    @contextlib.contextmanager
    def start(transport: str, connections: int) -> Iterator[Running]:
        port = find_port()
        with run_server(["node", script, str(port)], port, cwd=PEERS) as pid:
            yield _plain(port, pid, path, hello)

    return start


def _plain(port: int, pid: int, path: str, hello: str = "") -> Running:
    return Running(
        port=port,
        pid=pid,
        paths=[path],
        fresh_paths=[path],
        publish_path="/notify",
        body=delivered_text(),
        headers=("Content-Type: application/json",),
        hello=hello,
    )


#: In the order of the table's columns; the hub and the floor are always there.
CONTESTANTS = (
    Contestant(name="hub", transports=("ws", "sse"), start=_hub),
    Contestant(name="C floor", transports=("ws", "sse"), start=_floor),
    Contestant(name="nchan", transports=("ws", "sse"), start=_nchan),
    Contestant(name="ws", transports=("ws",), start=_node("ws.mjs", "/")),
    Contestant(
        name="Socket.IO",
        transports=("ws",),
        start=_node("socketio.mjs", "/socket.io/?EIO=4&transport=websocket", hello="40"),
    ),
    Contestant(name="Litestar", transports=("ws", "sse"), start=_naive("/sse")),
    Contestant(name="sse-starlette", transports=("sse",), start=_naive("/sse-starlette")),
)


def install_peers() -> None:
    """Install what can be installed; what stays away is named by `missing`."""
    if not NCHAN.exists():
        subprocess.run(
            [str(ROOT / "requirements/install-debian.sh"), "The benchmark", "libnginx-mod-nchan"], check=False
        )
    if shutil.which("npm") and not (PEERS / "node_modules" / "socket.io").exists():
        print("Installing the npm packages of bench/peers", flush=True)
        subprocess.run(["npm", "ci", "--silent"], cwd=PEERS, check=False)


def missing() -> dict[str, str]:
    """Return why contestants cannot take part, by name."""
    reasons = {}
    if not NCHAN.exists() or not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
        reasons["nchan"] = "there is no nginx with nchan (Debian: sudo apt-get install libnginx-mod-nchan nginx)"
    for name, package in (("ws", "ws"), ("Socket.IO", "socket.io")):
        if shutil.which("node") is None:
            reasons[name] = "there is no Node.js (Debian: sudo apt-get install nodejs npm)"
        elif not (PEERS / "node_modules" / package).exists():
            reasons[name] = "npm could not install it (cd bench/peers && npm ci)"
    return reasons
