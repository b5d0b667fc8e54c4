"""`python -m tests.image [BASE]`: the image is built, run as it is meant to be, and looked through.

It is built twice and must come out the same; it runs with a read-only root file system as user 10001, takes a
notification and hands it over, and drains; it holds no secret and nothing that gives its user more rights. BASE is the
image it starts from; without one a bare Debian with Python is made, which needs no registry. Run as root.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.fresh.root import Root, make_base
from tests.image.scan import find_differences, find_elevated, find_secrets

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-hub"
SUITE = "trixie"
LOCAL_BASE = "localhost/hub-image-check-base:latest"
USER = 10001
START_DEADLINE_S = 60.0
DRAIN_DEADLINE_S = 30.0
#: The token on the page that PyJWT's package carries, signed with "secret"; and what the documentation of the base and
#: of OpenTelemetry's attributes shows.
EXAMPLES = re.compile(
    r"/pyjwt-[\d.]+\.dist-info/METADATA: a token$"
    r"|^usr/share/doc/.*: a password in a URL$"
    r"|/opentelemetry/semconv/(attributes/url_attributes|trace/__init__)\.py: a password in a URL$"
)
#: What leads this machine to a registry of packages; lent to the steps of the build, and not left in the image.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class Builder:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.command = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]
        if shutil.which("fuse-overlayfs") is None and not _can_overlay(folder):
            self.command += ["--storage-driver", "vfs"]

    def run(self, *arguments: str | Path) -> str:
        """Run a command of buildah; return what it printed."""
        done = subprocess.run(
            [*self.command, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        return done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Check the image; the exit status is 1 where something is wrong with it."""
    if os.geteuid() != 0:
        sys.stderr.write("make image-check builds and runs images, and needs root: sudo make image-check\n")
        return 2
    folder = CACHE / "image"
    _remove(folder)
    folder.mkdir(parents=True)
    builder = Builder(folder)
    try:
        _check(builder, folder, arguments[0] if arguments else make_local_base(builder, folder))
    except (AssertionError, subprocess.CalledProcessError, httpx.HTTPError) as error:
        _say(f"FAILED: {error}")
        return 1
    finally:
        builder.run("rm", "--all")
        builder.run("rmi", "--all", "--force")
        _remove(folder)
    _say("the image is as it should be")
    return 0


def _remove(folder: Path) -> None:
    """Remove a folder, and first the mounts in it that a run which was killed has left."""
    mounted = [line.split(" ")[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    # The one that was mounted last is on top.
    for point in reversed([point for point in mounted if Path(point).is_relative_to(folder)]):
        subprocess.run(["umount", point], check=True)
    if folder.exists():
        shutil.rmtree(folder)


def _check(builder: Builder, folder: Path, base: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"localhost/notification-hub:{version}"
    made, roots = [], []
    for time_of_day in ("first", "second"):
        _say(f"building it for the {time_of_day} time from {base}")
        build_image(builder, base)
        made.append(json.loads(builder.run("inspect", "--type", "image", name)))
        roots.append(Path(builder.run("mount", builder.run("from", "--pull-never", name))))
    layers, settings = zip(*map(_describe, made), strict=True)
    assert layers[0] == layers[1], f"two builds of one commit differ: {find_differences(*roots)}"
    assert settings[0] == settings[1], f"two builds of one commit differ: {settings}"
    _say(f"both have the layers {', '.join(layers[0])}")
    root = roots[1]
    size_bytes = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    _say(f"{size_bytes / 2**20:.0f} MiB of files")
    assert list(root.glob("opt/hub/lib/python3.*/site-packages/hub_native*.so")), "the compiled fan-out is missing"
    config = made[0]["Docker"]["config"]
    assert version == config["Labels"]["org.opencontainers.image.version"]
    _compare_with_sbom(root, version)
    elevated = find_elevated(root)
    assert not elevated, f"these files give more rights: {elevated}"
    own = [value for name, value in os.environ.items() if re.search("SECRET|TOKEN|PASSWORD|KEY$", name)]
    found = [place for place in find_secrets(root, own) if not EXAMPLES.search(place)]
    assert not found, f"these files look like secrets: {found}"
    _say("no secret, no setuid file, and the packages of its bill of materials")
    _run(root, config, folder)


def _describe(image: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return an image's layers and all that is said of it, but for the container in which it was made."""
    words = {name: value for name, value in image["Docker"].items() if name not in {"container", "container_config"}}
    words["config"] = {name: value for name, value in words["config"].items() if name != "Hostname"}
    return words["rootfs"]["diff_ids"], words


def build_image(builder: Builder, base: str, *, extras: str = "") -> None:
    """Run `make image` with this base and these extras; without, those of the environment."""
    lent = f"--volume {AUTHORITIES}:{AUTHORITIES}:ro" if Path(AUTHORITIES).exists() else ""
    pull = "--pull-never" if base == LOCAL_BASE else ""
    subprocess.run(
        [
            *("make", "--no-print-directory", "image", f"ENGINE={' '.join(builder.command)}", f"BASE={base}"),
            *([f"EXTRAS={extras}"] if extras else []),
            f"IMAGE_ARGS=--isolation chroot --no-cache --quiet {pull} {lent}",
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


def make_local_base(builder: Builder, folder: Path) -> str:
    """Make an image of a bare Debian with Python and pip, as far as the Containerfile needs python:3-slim."""
    _say(f"a bare Debian ({SUITE}) with Python")
    root = Root(make_base(SUITE, CACHE / "fresh"), folder / "base")
    root.install("python3", "python3-venv", "python3-pip", "python3-dev")
    root.run("ln -s /usr/bin/python3 /usr/local/bin/python && rm /usr/lib/python3*/EXTERNALLY-MANAGED")
    # What the machine lent it on the way.
    (root.folder / "etc/ssl/lent.crt").unlink(missing_ok=True)
    root.run("rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*")
    container = builder.run("from", "scratch")
    builder.run("add", "--quiet", container, root.folder, "/")
    builder.run("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
    builder.run("commit", "--quiet", container, LOCAL_BASE)
    builder.run("rm", container)
    return LOCAL_BASE


def _compare_with_sbom(root: Path, version: str) -> None:
    sbom = json.loads((ROOT / f"dist/notification-hub-{version}.cdx.json").read_text())
    told = {f"{component['name']}-{component['version']}" for component in sbom["components"]}
    (packages,) = (root / "opt/hub/lib").glob("python3.*/site-packages")
    installed = {
        path.name.removesuffix(".dist-info").replace("_", "-").lower() for path in packages.glob("*.dist-info")
    }
    assert told | {f"notification-hub-{version}"} == installed, f"not in both: {sorted(told ^ installed)}"


def _run(root: Path, config: dict[str, Any], folder: Path) -> None:
    """Run it as an engine does with --read-only: its environment, user and command, and one folder to write to."""
    assert f"{USER}:{USER}" == config["User"]
    data = folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, USER, USER)
    key, port = f"hubk_{secrets.token_urlsafe(32)}", _free_port()
    given = {
        "HUB_PORT": str(port),
        "HUB_HOST": "127.0.0.1",
        "JWT_SECRET": secrets.token_hex(32),
        "HUB_DRAIN": "1",
        "HUB_SERVICE_KEYS": f"check:{_digest(key)}",
    }
    traces = bool(list(root.glob("opt/hub/lib/python3.*/site-packages/opentelemetry")))
    if traces:
        # A collector that is away holds nothing up.
        given |= {"HUB_TRACING": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    variables = dict(line.split("=", 1) for line in config["Env"]) | given

    def command(*words: str, **further: str) -> list[str]:
        inside = (
            f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount --bind {data} {root}/data"
            f" && mount -t proc proc {root}/proc && mount --bind /dev/null {root}/dev/null"
            f" && mount --bind /dev/urandom {root}/dev/urandom"
            f" && exec chroot {root} setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs"
            ' --bounding-set=-all env -i --chdir=/data "$@"'
        )
        given = [f"{name}={value}" for name, value in (variables | further).items()]
        return ["unshare", "--mount", "--fork", "--pid", "--kill-child", "sh", "-c", inside, "sh", *given, *words]

    for device in ("null", "urandom"):
        (root / "dev" / device).touch()
    with _running(command(*config["Entrypoint"], *config["Cmd"]), folder / "hub.log") as process:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=10) as http:
            _wait_ready(http, process, folder / "hub.log")
            kind, *health = config["Healthcheck"]["Test"]
            assert "CMD" == kind
            subprocess.run(command(*health), check=True, stdout=subprocess.DEVNULL)
            words = ("--type", "order_created", "--title", "t", "--message", "m", "--user", "00000000191")
            subprocess.run(
                command("hub", "notify", *words, "--account", "12345678000190", HUB_SERVICE_KEY=key, HUB_URL=url),
                check=True,
                stdout=subprocess.DEVNULL,
            )
            body = {"type": "order_created", "title": "t", "message": "m", "account_id": "12345678000190"}
            response = http.post("/api/internal/notify", json=body, headers={"authorization": f"Bearer {key}"})
            assert (202, traces) == (response.status_code, "traceresponse" in response.headers)
        _say("it runs read-only as 10001, is healthy, and took a notification")
        began_s = time.monotonic()
        # The hub itself is the first process of its own; what was started here is around it.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        assert 0 == process.wait(DRAIN_DEADLINE_S), f"it ended with {process.returncode}"
        _say(f"it drained and ended with 0 within {time.monotonic() - began_s:.1f} s")
    assert {"log.sqlite3", "log.sqlite3.lock", "log.sqlite3.mark"} <= {path.name for path in data.iterdir()}
    lines = (folder / "hub.log").read_text()
    assert key not in lines
    assert given["JWT_SECRET"] not in lines
    for line in lines.splitlines():
        assert json.loads(line)["level"] in {"info", "warning"}, line


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        assert process.poll() is None, f"it ended: {log.read_text()}"
        with contextlib.suppress(httpx.TransportError):
            if http.get("/health/ready").status_code == 200:
                return
        assert time.monotonic() < deadline_s, f"it is not ready: {log.read_text()}"
        time.sleep(0.1)


def _can_overlay(folder: Path) -> bool:
    names = [folder / f"try-{name}" for name in ("lower", "upper", "work", "merged")]
    for name in names:
        name.mkdir()
    lower, upper, work, merged = names
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    done = subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(merged)], capture_output=True)
    if done.returncode == 0:
        subprocess.run(["umount", str(merged)], check=True)
    return done.returncode == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _say(line: str) -> None:
    sys.stdout.write(f"== {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
