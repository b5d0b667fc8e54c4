"""A Debian that was booted: a folder from debootstrap, in which systemd runs as the first process."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Machine", "boot"]

BOOT_DEADLINE_S = 120.0
COMMAND_DEADLINE_S = 300.0
ENVIRONMENT = ("PATH=/opt/hub/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")


class Machine:
    """A machine that runs; it has a loopback network and no other."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, command: str, *, folder: str = "/srv") -> str:
        """Run a shell command as root, as if it were typed there; return what it printed.

        Raises:
            AssertionError: it failed.
        """
        enter = ("nsenter", "--target", str(self._leader), "--all", "env", "-i", *ENVIRONMENT)
        shell = ("bash", "-c", 'cd "$1" && eval "$2"', "bash", folder, command)
        done = subprocess.run(
            [*enter, *shell],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_DEADLINE_S,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def wait(self, command: str, expected: str, *, within_s: float) -> str:
        """Repeat a command until it prints `expected`; return all that it printed then."""
        ends_s = time.monotonic() + within_s
        while expected not in (printed := self.run(f"{command} || true")):
            assert time.monotonic() < ends_s, f"no {expected} of {command} within {within_s:g} s:\n{printed}"
            time.sleep(0.5)
        return printed


@contextlib.contextmanager
def boot(folder: Path) -> Iterator[Machine]:
    """Boot the system in a folder, and wait until its services run."""
    program = shutil.which("systemd-nspawn")
    assert program is not None, "systemd-nspawn is not installed: sudo apt-get install systemd-container"
    options = ("--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", f"--machine=hub-{folder.name}")
    console = folder.with_name(folder.name + ".console")
    with console.open("wb") as output:
        container = subprocess.Popen(
            [program, *options, f"--directory={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        machine = Machine(_find_leader(container))
        machine.wait("systemctl is-system-running", "running", within_s=BOOT_DEADLINE_S)
        yield machine
    finally:
        container.terminate()
        container.wait(60)


def _find_leader(container: subprocess.Popen[bytes]) -> int:
    """Return the process id that the machine's first process has outside."""
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    ends_s = time.monotonic() + BOOT_DEADLINE_S
    while time.monotonic() < ends_s:
        assert container.poll() is None, "systemd-nspawn ended"
        for child in children.read_text().split():
            # Until it is systemd it has no `/run` to ask systemctl in.
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        time.sleep(0.1)
    raise AssertionError("the machine has no first process")
