"""Who takes part: the hub, the floor, the naive loop and the peers, each started in the same way."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from bench import centrifugo
from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.notice import ACCOUNT, batch_body, delivered_text, publish_body, user_id
from bench.process import BUILD, ROOT, find_port, run_server
from bench.running import Address, Contestant, Running

__all__ = ["BATCH", "CONTESTANTS", "install_peers", "missing"]

PEERS = Path(__file__).parent / "peers"
#: Notifications in one batch.
BATCH = 100
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


@contextlib.contextmanager
def _hub(transport: str, connections: int) -> Iterator[Running]:
    with HubFolder(users=connections) as folder:
        route = "/ws" if transport == "ws" else "/sse"
        paths = [f"{route}?token={folder.token(number)}" for number in range(connections)]
        person = {"account_id": ACCOUNT, "user_id": "@USER@"}
        with folder.serve() as (port, pid):
            yield Running(
                port=port,
                pid=pid,
                paths=paths,
                fresh_paths=[f"{route}?token={folder.token(number, series=1)}" for number in range(connections)],
                everybody=Address(HUB_PUBLISH_PATH, publish_body({"account_id": ACCOUNT}), folder.publish_headers),
                personal_paths=paths,
                person=Address(HUB_PUBLISH_PATH, publish_body(person), folder.publish_headers),
                batch=Address(f"{HUB_PUBLISH_PATH}/batch", batch_body([person] * BATCH), folder.publish_headers),
                leave=lambda: f"{paths[0]}&cursor={folder.publish(port, user_id(0))}",
            )


@contextlib.contextmanager
def _floor(transport: str, connections: int) -> Iterator[Running]:
    port = find_port()
    with run_server([str(BUILD / "rawcast"), str(port), transport], port) as pid:
        yield _plain(port, pid, "/", personal=(["/"], "/one"))


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
            users = [f"/{transport}-user?id={user_id(number)}" for number in range(connections)]
            missed = f"/{transport}-missed?id={user_id(0)}"
            yield _plain(port, pid, f"/{transport}", personal=(users, "/notify-user?id=@USER@"), missed=missed)


def _node(script: str, path: str, hello: str = "") -> Callable[[str, int], contextlib.AbstractContextManager[Running]]:
    @contextlib.contextmanager
    def start(transport: str, connections: int) -> Iterator[Running]:
        port = find_port()
        with run_server(["node", script, str(port)], port, cwd=PEERS) as pid:
            yield _plain(port, pid, path, hello)

    return start


def _plain(
    port: int,
    pid: int,
    path: str,
    hello: str = "",
    *,
    personal: tuple[list[str], str] | None = None,
    missed: str | None = None,
) -> Running:
    headers = ("Content-Type: application/json",)
    return Running(
        port=port,
        pid=pid,
        paths=[path],
        fresh_paths=[path],
        everybody=Address("/notify", delivered_text(), headers),
        personal_paths=personal[0] if personal else [],
        person=Address(personal[1], delivered_text(), headers) if personal else None,
        leave=(lambda: missed) if missed else None,
        hello=hello,
    )


_NOTHING = "nothing"
_WRITTEN = "was written to the sockets"

#: In the order of the table's columns.
CONTESTANTS = (
    Contestant(
        name="hub",
        transports=("ws", "sse"),
        start=_hub,
        keeps="a log on disk",
        acknowledges="is on disk (one `fdatasync` for all that wait)",
        has_tokens=True,
        is_core=True,
    ),
    Contestant(
        name="C floor",
        transports=("ws", "sse"),
        start=_floor,
        keeps=_NOTHING,
        acknowledges=_WRITTEN,
        is_core=True,
    ),
    Contestant(
        name="nchan",
        transports=("ws", "sse"),
        start=_nchan,
        keeps="1,000 for each channel, in memory",
        acknowledges="is in memory; no `fsync`",
        is_core=True,
    ),
    Contestant(
        name="Centrifugo",
        transports=("ws", "sse"),
        start=centrifugo.start,
        keeps="1,000 for each channel, in memory",
        acknowledges="is in memory; no `fsync`",
        has_tokens=True,
        is_core=True,
    ),
    Contestant(name="ws", transports=("ws",), start=_node("ws.mjs", "/"), keeps=_NOTHING, acknowledges=_WRITTEN),
    Contestant(
        name="Socket.IO",
        transports=("ws",),
        start=_node("socketio.mjs", "/socket.io/?EIO=4&transport=websocket", hello="40"),
        keeps=_NOTHING,
        acknowledges=_WRITTEN,
    ),
    Contestant(
        name="Litestar",
        transports=("ws", "sse"),
        start=_naive("/sse"),
        keeps=f"{_NOTHING}; in the rows of publishing SQLite",
        acknowledges=f"{_WRITTEN}; in the rows of publishing is on disk (a commit for each)",
    ),
    Contestant(
        name="sse-starlette",
        transports=("sse",),
        start=_naive("/sse-starlette"),
        keeps=_NOTHING,
        acknowledges=_WRITTEN,
    ),
)


def install_peers(names: Collection[str] = ()) -> None:
    """Install those of the peers (all where none is named) that can be; what stays away is named by `missing`."""

    def asked(*peers: str) -> bool:
        return not names or not set(peers).isdisjoint(names)

    if asked("nchan") and not NCHAN.exists():
        subprocess.run(
            [str(ROOT / "requirements/install-debian.sh"), "The benchmark", "libnginx-mod-nchan"], check=False
        )
    if asked("ws", "Socket.IO") and shutil.which("npm") and not (PEERS / "node_modules" / "socket.io").exists():
        print("Installing the npm packages of bench/peers", flush=True)
        subprocess.run(["npm", "ci", "--silent"], cwd=PEERS, check=False)
    if asked("Centrifugo"):
        centrifugo.install()


def missing() -> dict[str, str]:
    """Return why contestants cannot take part, by name."""
    reasons = {}
    if not NCHAN.exists() or not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
        reasons["nchan"] = "there is no nginx with nchan (Debian: sudo apt-get install libnginx-mod-nchan nginx)"
    if (flaw := centrifugo.find_flaw()) is not None:
        reasons["Centrifugo"] = flaw
    for name, package in (("ws", "ws"), ("Socket.IO", "socket.io")):
        if shutil.which("node") is None:
            reasons[name] = "there is no Node.js (Debian: sudo apt-get install nodejs npm)"
        elif not (PEERS / "node_modules" / package).exists():
            reasons[name] = "npm could not install it (cd bench/peers && npm ci)"
    return reasons
