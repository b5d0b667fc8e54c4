"""`make serve-cluster`: three NATS servers, three hubs and a proxy on this machine, for trying what a cluster survives.

Whatever is killed is started again after a second, as systemd or Kubernetes would. Everything is in `build/cluster`;
a second start goes on with what is there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hub.cli.support.development import development_environ, make_development
from hub.cli.support.quickstart import DEMO_NAMES, Quickstart, prepare_quickstart
from tests.cluster.local import HOST, ROOT, LocalCluster, Passwords, Ports
from tests.cluster.member import Member

__all__ = ["main"]

DEFAULT_PORT = 8000
#: Where the example frontends are (`make demo`).
PAGES = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 5173, 8080, 8081)]
RESTART_PAUSE_S = 1.0
LISTENERS = {"buyer", "seller", "colleague", "trial"}


def main() -> int:
    """Run the cluster until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="make serve-cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the proxy's; the others follow it")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/cluster", help="where everything is kept")
    parser.add_argument("--origin", action="append", default=[], help="a page's that may connect, beside the demo's")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(folder) as is_ours:
        if not is_ours:
            say(f"A cluster runs in {folder} already; what to do with it is in {folder}/README.txt")
            return 1
        ports = Ports(options.port)
        if taken := find_taken(ports):
            words = ", ".join(map(str, taken))
            say(f"Something listens on {words} already. End it, or: make serve-cluster CLUSTER_ARGS='--port 9000'")
            return 1
        return asyncio.run(serve(folder, ports, options.origin))


def find_taken(ports: Ports) -> list[int]:
    """Return the ports of a cluster on which something listens."""
    taken = []
    for port in ports.all():
        with socket.socket() as probe:
            # What ended a moment ago is in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                taken.append(port)
    return taken


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock; yield whether it was free."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


async def serve(folder: Path, ports: Ports, origins: Sequence[str] = ()) -> int:
    """Start everything, say what to do with it, and start again what ends; pages of these origins may connect."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    development_folder = folder / "dev"
    # The proxy's port: what is printed goes there.
    shared = {"HUB_DATA_DIR": str(development_folder), "HUB_PORT": str(ports.base)}
    quickstart = await asyncio.to_thread(prepare_quickstart, {**shared, "PATH": os.environ["PATH"]})
    development = make_development(development_folder)
    environ = development_environ(shared, development_folder, development)
    environ["HUB_ALLOWED_ORIGINS"] += "," + ",".join([*PAGES, *origins])
    del environ["HUB_DATA_DIR"], environ["HUB_PORT"]
    cluster = LocalCluster(
        folder,
        ports,
        read_passwords(folder / "passwords.json"),
        environ | {"HUB_DRAIN": "3"},
        service_key=development.service_key,
        jwt_secret=development.jwt_secret,
    )
    # Whom the demo directory knows, and lets in.
    users = [(user.account_id, user.user_id) for name, user in DEMO_NAMES.items() if name in LISTENERS]
    fields = msgspec.structs.asdict(cluster.target) | {"users": users}
    write_private(folder / "cluster.json", json.dumps(fields))
    say("Starting three NATS servers and three hubs; the first time this takes about ten seconds")
    async with cluster:
        running = asyncio.create_task(run(cluster, quickstart))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            running.result()
        say("Ending the hubs, then the servers")
        running.cancel()
        stopping.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)
    return 0


async def run(cluster: LocalCluster, quickstart: Quickstart) -> None:
    """Start everything, and start again what ends, for ever."""
    cluster.is_supervised = True
    async with asyncio.TaskGroup() as tasks:
        for member in cluster.nats:
            tasks.create_task(keep_running(member))
        await cluster.wait_all_ready(cluster.nats)
        await cluster.init()
        for member in cluster.hubs:
            tasks.create_task(keep_running(member))
        await cluster.wait_all_ready(cluster.hubs)
        quickstart.announce(cluster.target.urls[-1])
        lines = "\n".join(describe(cluster))
        (cluster.folder / "README.txt").write_text(lines + "\n")
        say(lines)


async def keep_running(member: Member) -> None:
    """Start a member, and again whenever it has ended."""
    while True:
        await member.start()
        status = await member.wait()
        words = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        say(f"{member.name} ended ({words}); it is started again in {RESTART_PAUSE_S:.0f} s")
        await asyncio.sleep(RESTART_PAUSE_S)


def describe(cluster: LocalCluster) -> list[str]:
    """Return what a person does with the cluster."""
    folder = cluster.folder.relative_to(ROOT) if cluster.folder.is_relative_to(ROOT) else cluster.folder
    width = max(len(member.name) for member in cluster.members)
    return [
        f"The cluster: the proxy at {cluster.target.urls[-1]}, hubs at {', '.join(cluster.target.urls[:-1])}",
        "",
        "Kill any of the six, again and again; each is started again after a second:",
        *(f"  kill -9 $(cat {folder}/{member.name}.pid)" for member in cluster.members),
        "",
        "Stop one for a while: the same with -STOP, and -CONT. What each says:",
        *(f"  {member.name:<{width}}  {folder}/{member.log_path.name}" for member in cluster.members),
        "",
        "Publish ten a second, listen everywhere, and see whether anything is lost, comes twice or out of order:",
        f"  .venv/bin/python -m tests.cluster.checker {folder}/cluster.json --rate 10 --seconds 60",
        "",
        "See it in a browser, in another terminal:",
        f"  make demo DEMO_CLUSTER={folder}/cluster.json",
        "",
        "The state of the stream:",
        f"  HUB_LOG_URL='{cluster.log_url('admin')}' HUB_DATA_DIR={folder}/hub-1 .venv/bin/hub cluster status",
        "",
        "Ctrl-C ends everything and keeps the data. " + f"rm -r {folder} forgets it.",
    ]


def read_passwords(path: Path) -> Passwords:
    """Return the passwords kept at a path, made now if there are none."""
    if not path.exists():
        write_private(path, json.dumps(Passwords.make()))
    return Passwords(*json.loads(path.read_text()))


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
