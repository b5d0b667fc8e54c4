"""The machine and the versions that figures were made with; without them they mean little."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import apsw
import msgspec

from bench import centrifugo

__all__ = ["describe_machine", "describe_versions"]

PACKAGES = ("litestar", "uvicorn", "uvloop", "httptools", "websockets", "msgspec", "pyjwt", "sse-starlette", "apsw")
PEERS = Path(__file__).parent / "peers" / "node_modules"


def describe_machine() -> str:
    """Return processor, cores, memory and kernel in one line."""
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.MULTILINE)
    gib = f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "?"
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {gib}, {platform.system()} {platform.release()}"


def describe_versions() -> list[tuple[str, str]]:
    """Return what takes part and its version, as far as it is installed."""
    versions = [("notification-hub", version("notification-hub")), ("Python", platform.python_version())]
    versions += [(package, version(package)) for package in PACKAGES]
    versions.append(("SQLite", apsw.sqlite_lib_version()))
    found = [
        ("nginx", _say([shutil.which("nginx") or "/usr/sbin/nginx", "-v"], r"nginx/(\S+)")),
        ("nchan", _say(["dpkg-query", "-W", "libnginx-mod-nchan"], r"\s(?:\d+:)?(\S+)")),
        ("Node.js", _say(["node", "--version"], r"v(\S+)")),
        ("ws", _npm("ws")),
        ("socket.io", _npm("socket.io")),
        ("Centrifugo", centrifugo.VERSION if centrifugo.find_flaw() is None else ""),
        ("Go", _say(["go", "version"], r"go(\d\S+)")),
        ("cc", _say(["cc", "-dumpfullversion"], r"(\S+)")),
    ]
    return versions + [(name, text) for name, text in found if text]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _say(command: Sequence[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match and done.returncode == 0 else ""


def _npm(package: str) -> str:
    try:
        content = (PEERS / package / "package.json").read_bytes()
    except OSError:
        return ""
    return str(msgspec.json.decode(content, type=dict[str, object])["version"])
