"""The services of `deploy/compose/cluster.yaml` in containers of podman, by the words of that file.

A container engine wants a network and control groups of its own. So `python -m tests.image.engine FOLDER SECONDS` runs
in name spaces of its own (`unshare --mount --net`): its bridge and its mounts end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.checker import Target, check
from tests.cluster.ledger import summarise
from tests.deploy.test_files import read_yaml

__all__ = ["Engine", "main"]

NODES = (1, 2, 3)
NETWORK = "hub-cluster"
START_DEADLINE_S = 180.0
RATE_PER_S = 10.0
#: What podman wants to raise, and a container of a container may not.
LIMIT = 4_096
CONFIGURATION = """
[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
"""


class Engine:
    """podman with the store of images in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        configuration = folder / "containers.conf"
        configuration.write_text(CONFIGURATION)
        self._environ = {**os.environ, "CONTAINERS_CONF": str(configuration)}
        # podman takes no path of more than 50 characters for it, and a test's own folder is longer.
        self._runroot = Path(tempfile.mkdtemp(prefix="hub-podman-"))
        self._command = ["podman", "--root", str(folder / "store"), "--runroot", str(self._runroot)]

    def run(self, *words: str) -> str:
        """Run a command of podman; return what it printed."""
        done = subprocess.run([*self._command, *words], env=self._environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"podman {' '.join(words[:2])}: {done.stderr}"
        return (done.stdout + (done.stderr if words[0] == "logs" else "")).strip()

    def start(self, name: str, service: dict[str, Any], here: Path, *, waits: bool = False) -> None:
        """Run a service of a Compose file that lies in `here`; `waits`: until it has ended."""
        words = ["run", "--rm"] if waits else ["run", "--detach"]
        words += ["--name", name, "--network", NETWORK, "--cgroups", "disabled"]
        words += ["--read-only"] if service.get("read_only") else []
        words += ["--user", service["user"]] if "user" in service else []
        words += [f"--cap-drop={each}" for each in service.get("cap_drop", ())]
        words += [f"--security-opt={each.replace(':true', '')}" for each in service.get("security_opt", ())]
        words += ["--security-opt=seccomp=unconfined"]
        words += [f"--ulimit={kind}={LIMIT}:{LIMIT}" for kind in ("nofile", "nproc")]
        words += [f"--stop-signal={service['stop_signal']}"] if "stop_signal" in service else []
        files = service.get("env_file", ())
        for file in [files] if isinstance(files, str) else files:
            words += ["--env-file", str(here / file)]
        for variable, value in service.get("environment", {}).items():
            words += ["--env", f"{variable}={value}"]
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            words += ["--volume", f"{(here / source).resolve() if source.startswith('.') else source}:{rest}"]
        image = "localhost/nats" if service["image"].startswith("nats:") else f"localhost/{service['image']}"
        self.run(*words, "--pull=never", image, *service.get("command", ()))

    def find_address(self, name: str) -> str:
        """Return where a container is reached."""
        networks = json.loads(self.run("inspect", name))[0]["NetworkSettings"]["Networks"]
        return str(networks[NETWORK]["IPAddress"])

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Have a network with names; in the end nothing runs any more."""
        self.run("network", "create", NETWORK)
        try:
            yield
        finally:
            self.run("rm", "--all", "--force", "--time", "0")
            self.run("volume", "prune", "--force")
            self.run("network", "rm", "--force", NETWORK)
            shutil.rmtree(self._runroot, ignore_errors=True)


def prepare(here: Path) -> tuple[str, str]:
    """Fill the examples in, as the file says, and make the certificates; return a service's key and the secret."""
    key, secret = f"hubk_{secrets.token_urlsafe(32)}", secrets.token_hex(32)
    passwords = {name: f"p{secrets.token_hex(16)}" for name in ("HUB", "ADMIN", "SYS", "ROUTE")}
    entry = {"name": "tests", "sha256": hashlib.sha256(key.encode()).hexdigest(), "everyone": True}
    (here / "keys.json").write_text(json.dumps({"keys": [entry]}))
    (here / "keys.json").chmod(0o644)
    filled = {
        "nats": {f"NATS_{name}_PASSWORD": password for name, password in passwords.items()},
        "admin": {},
        "cluster": {
            "JWT_SECRET": secret,
            # The checker publishes to everyone, which only a key of a file may.
            "HUB_SERVICE_KEYS": "",
            "HUB_ALLOWED_ORIGINS": "https://app.example.com",
            # PostgreSQL is not among the services that are started.
            "HUB_DIRECTORY_URL": "off",
        },
    }
    replaced = {"nats": ("ROUTE@", "ROUTE"), "admin": ("PASSWORD@", "ADMIN"), "cluster": ("PASSWORD@", "HUB")}
    for name, values in filled.items():
        placeholder, password = replaced[name]
        lines = []
        for line in (here / f"{name}.env.example").read_text().splitlines():
            variable, is_setting, value = line.partition("=")
            if line.startswith("#") or not is_setting:
                continue
            value = values.get(variable, value.replace(placeholder, f"{passwords[password]}@"))
            lines.append(f"{variable}={value}")
        (here / f"{name}.env").write_text("\n".join(lines) + "\n")
    subprocess.run(["../nats/make-tls.sh", "nats-1", "nats-2", "nats-3"], cwd=here, check=True)
    return key, secret


async def prove(engine: Engine, here: Path, seconds: float) -> str:
    """Start the cluster, publish and listen for a while, and return the report.

    Raises:
        AssertionError: something was lost, came twice or out of order.
    """
    services: dict[str, Any] = read_yaml(here / "cluster.yaml")[0]["services"]
    key, secret = prepare(here)
    for number in NODES:
        engine.start(f"nats-{number}", services[f"nats-{number}"], here)
    ends_s = time.monotonic() + START_DEADLINE_S
    while True:
        # The servers have to find each other before they can store three replicas.
        try:
            engine.start("init", services["init"], here, waits=True)
            break
        except AssertionError:
            assert time.monotonic() < ends_s, engine.run("logs", "nats-1")
            await asyncio.sleep(1)
    for number in NODES:
        hub = services[f"hub-{number}"]
        hub["volumes"] += ["./keys.json:/etc/hub/keys.json:ro"]
        hub["environment"]["HUB_SERVICE_KEYS_FILE"] = "/etc/hub/keys.json"
        engine.start(f"hub-{number}", hub, here)
    urls = [f"http://{engine.find_address(f'hub-{number}')}:8000" for number in NODES]
    async with httpx.AsyncClient(timeout=5) as http:
        for number, url in zip(NODES, urls, strict=True):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{url}/health/ready")).status_code == 200:
                        break
                assert time.monotonic() < ends_s, engine.run("logs", f"hub-{number}")
                await asyncio.sleep(0.2)
    report = await check(
        Target(urls, key, secret), rate_per_s=RATE_PER_S, meanwhile=lambda: asyncio.sleep(seconds), seed=1
    )
    assert not report.violations, "\n".join([report.describe(), *summarise(report.violations)])
    for number in NODES:
        # The servers know each other by the names that their certificates have.
        assert "handshake error" not in engine.run("logs", f"nats-{number}")
    return report.describe()


def main(folder: Path, seconds: float) -> None:
    """Prepare the name spaces that this process is in, run the cluster, and print the report."""
    subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    here = folder / "deploy/compose"
    engine = Engine(folder)
    with engine.network():
        sys.stdout.write(asyncio.run(prove(engine, here, seconds)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
