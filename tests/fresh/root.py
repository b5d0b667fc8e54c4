"""A bare Debian in a folder, made by debootstrap: what a fresh machine is, without the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["USER", "Root", "make_base"]

#: An ordinary user who may use sudo, and whose folders have blanks and accents in their names.
USER = "ana"
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
#: What leads this machine to the package registries leads the bare one there too: names, a proxy, an authority.
_LENT_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
#: Beside the system's own list, which the package that brings it writes anew.
_AUTHORITIES, _LENT_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt"), "/etc/ssl/lent.crt"
_READ_BY = ("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE", "PIP_CERT", "SSL_CERT_FILE")
_LENT = ("/etc/resolv.conf", "/etc/hosts")


def make_base(suite: str, folder: Path) -> Path:
    """Return a folder with the packages of a minimal `suite`, made once and kept."""
    base = folder / f"{suite}.base"
    if not (base / ".complete").exists():
        shutil.rmtree(base, ignore_errors=True)
        base.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", suite, str(base)], check=True, stdout=subprocess.DEVNULL)
        (base / ".complete").touch()
    return base


class Root:
    """A copy of a base in which commands run as on a machine of its own: other processes, mounts and users."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "--archive", "--reflink=auto", str(base), str(folder)], check=True)
        for name in _LENT:
            (self.folder / name.lstrip("/")).unlink(missing_ok=True)
            shutil.copy(name, self.folder / name.lstrip("/"))
        if _AUTHORITIES.exists():
            (self.folder / "etc/ssl").mkdir(exist_ok=True)
            shutil.copy(_AUTHORITIES, self.folder / _LENT_AUTHORITIES.lstrip("/"))
        settings = self.folder / "etc/apt/apt.conf.d"
        for path in Path("/etc/apt/apt.conf.d").iterdir():
            # Only what says how to reach the archive: other files configure programs that are not there.
            if "Acquire::" in path.read_text() and not (settings / path.name).exists():
                shutil.copy(path, settings)

    def install(self, *packages: str) -> None:
        """Install Debian packages, as somebody did before us."""
        command = f"apt-get -qq update && apt-get -qq install --yes --no-install-recommends {' '.join(packages)}"
        self.run(command, env={"DEBIAN_FRONTEND": "noninteractive"}, quiet=True)

    def add_user(self) -> Path:
        """Make the ordinary user; return their folder as this machine sees it."""
        sudoers = self.folder / "etc/sudoers.d/ana"
        sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        self.run(f"useradd --create-home --shell /bin/bash {USER}")
        return self.folder / "home" / USER

    def run(
        self,
        command: str,
        *,
        user: str = "root",
        folder: str = "/",
        env: Mapping[str, str] = MappingProxyType({}),
        offline: bool = False,
        quiet: bool = False,
    ) -> None:
        """Run a shell command to its end.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        output = subprocess.DEVNULL if quiet else None
        subprocess.run(
            self._command(command, user, folder, _environment(user, env), offline), stdout=output, check=True
        )

    def start(self, command: str, *, user: str, folder: str, output: Path) -> subprocess.Popen[bytes]:
        """Start a shell command in the background, without a terminal; what it prints goes into `output`."""
        with output.open("wb") as stream:
            return subprocess.Popen(
                self._command(command, user, folder, _environment(user, {}), offline=False),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _command(self, command: str, user: str, folder: str, env: Mapping[str, str], offline: bool) -> list[str]:
        variables = [f"{name}={value}" for name, value in env.items()]
        inside = (
            f"mount --rbind /dev {self.folder}/dev && mount -t proc proc {self.folder}/proc"
            f" && mount -t tmpfs tmpfs {self.folder}/tmp && mount -t sysfs sysfs {self.folder}/sys"
            f' && exec chroot {self.folder} setpriv --reuid={user} --regid={user} --init-groups env -i "$@"'
        )
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *(["--net"] if offline else [])]
        loopback = ["python3", "-c", _LOOPBACK] if offline else []
        return [*unshare, *loopback, "sh", "-c", inside, "sh", *variables, *_SHELL, folder, command]


_SHELL = ("bash", "-c", 'cd "$1" && eval "$2"', "bash")
#: Brings the loopback device of a new network up, then runs the rest of the command line.
_LOOPBACK = f"""
import fcntl, os, socket, struct, sys
with socket.socket() as probe:
    fcntl.ioctl(probe, {_SIOCSIFFLAGS}, struct.pack("16sH14s", b"lo", {_IFF_UP_RUNNING}, b""))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def _environment(user: str, extra: Mapping[str, str]) -> dict[str, str]:
    home = "/root" if user == "root" else f"/home/{user}"
    path = "/usr/local/bin:/usr/bin:/bin" + (":/usr/sbin:/sbin" if user == "root" else "")
    lent = {name: os.environ[name] for name in _LENT_VARIABLES if name in os.environ}
    if _AUTHORITIES.exists():
        lent |= dict.fromkeys(_READ_BY, _LENT_AUTHORITIES)
    return {"PATH": path, "HOME": home, "USER": user, "LANG": "C.UTF-8"} | lent | dict(extra)
