"""`python -m tests.fresh`: the two commands of the README on machines that have nothing, as an ordinary user with sudo.

FRESH="trixie bookworm" chooses the Debian releases; a third word after a colon, what their users installed before us:
`trixie:nodejs,npm,python3` has Debian's Node 20, npm 9 and Python 3.13, `bookworm` nothing but make and sudo.
Run as root; half an hour a release.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fresh.root import USER, Root, make_base

ROOT = Path(__file__).parents[2]
#: Outside of the project: a search for files in it must not walk through a whole system.
ROOTS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-hub" / "fresh"
MACHINES = "trixie:nodejs,npm,python3 bookworm"
#: Blanks and accents, as Brazilian desktops have them.
PLACE = "Área de trabalho/hub de notificações"
START_DEADLINE_S = 600.0
STOP_DEADLINE_S = 30.0
#: What a test run must leave neither running nor enabled.
SERVICES = ("nginx", "caddy", "postgresql", "pgbouncer", "prometheus")

#: Asks the hub whether it is ready and publishes; the hub's own Python, for there is no curl.
TRY = """
url=$(sed -n 's/^The hub runs at \\([^ ]*\\).*/\\1/p' serve.txt)
.venv/bin/python -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1] + "/health/ready", timeout=10)' "$url"
.venv/bin/hub notify --dev --type order_created --title Pedido --message criado \\
  --user 00000000001 --account 00000000000101
"""


def main() -> int:
    """Try every machine; the exit status is 1 where one failed."""
    if os.geteuid() != 0:
        sys.stderr.write("make fresh makes root folders and users of its own, and needs root: sudo make fresh\n")
        return 2
    failed = []
    for machine in os.environ.get("FRESH", MACHINES).split():
        began_s = time.monotonic()
        try:
            _try(machine)
        except (subprocess.CalledProcessError, AssertionError) as error:
            failed.append(machine)
            _say(f"{machine}: FAILED after {time.monotonic() - began_s:.0f} s: {error}")
        else:
            _say(f"{machine}: held, {time.monotonic() - began_s:.0f} s")
    return 1 if failed else 0


def _try(machine: str) -> None:
    suite, _, packages = machine.partition(":")
    _say(f"{machine}: a bare Debian")
    root = Root(make_base(suite, ROOTS), ROOTS / suite)
    root.install("make", "sudo", *filter(None, packages.split(",")))
    home = root.add_user()
    project = home / PLACE
    _copy_project(project)
    root.run(f"chown --recursive {USER}:{USER} {shlex.quote(f'/home/{USER}')}")
    folder = f"/home/{USER}/{PLACE}"
    for time_of_day in ("first", "second"):
        _say(f"{machine}: make serve, for the {time_of_day} time")
        _serve(root, project, folder)
    _say(f"{machine}: make test")
    root.run("make test", user=USER, folder=folder)
    _look_for_services(root)
    _say(f"{machine}: make test again, without a network")
    root.run("make test", user=USER, folder=folder, offline=True)


def _copy_project(target: Path) -> None:
    """Copy what is under version control, as it is now; no history, as from an archive."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def _serve(root: Root, project: Path, folder: str) -> None:
    output = project / "serve.txt"
    process = root.start("exec make serve SERVE_ARGS='--port 0'", user=USER, folder=folder, output=output)
    try:
        deadline_s = time.monotonic() + START_DEADLINE_S
        while not re.search("^The API, page and document", output.read_text(), re.MULTILINE):
            assert process.poll() is None, f"make serve ended: {output.read_text()[-2000:]}"
            assert time.monotonic() < deadline_s, f"make serve did not start: {output.read_text()[-2000:]}"
            time.sleep(0.2)
        # From outside of that machine's processes: the address is the same, for the network is.
        root.run(TRY, user=USER, folder=folder, quiet=True)
    finally:
        # As a shell ends a job: make and the hub both get the signal.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(STOP_DEADLINE_S)


def _look_for_services(root: Root) -> None:
    wants = root.folder / "etc/systemd/system"
    enabled = [name for name in SERVICES if list(wants.glob(f"*.wants/{name}.service"))]
    links = [name for name in SERVICES if list(root.folder.glob(f"etc/rc[2-5].d/S??{name}"))]
    assert not enabled + links, f"make test left these services enabled: {enabled + links}"
    assert not (root.folder / "usr/sbin/policy-rc.d").exists(), "make test left its policy for services"
    running = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/root")
        if path.is_symlink() and os.readlink(path) == str(root.folder)
    ]
    assert not running, f"make test left processes running: {running}"


def _say(line: str) -> None:
    sys.stdout.write(f"== {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
