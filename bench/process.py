"""A server under measurement: a process of its own on the first core, and the end of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["BUILD", "LOAD_CORE", "ROOT", "SERVER_CORE", "START_S", "find_port", "on_core", "read_cpu_s", "run_server"]

ROOT = Path(__file__).parent.parent
#: Where tools are compiled to and servers keep what they write.
BUILD = ROOT / "build" / "bench"
SERVER_CORE, LOAD_CORE = 0, 1
START_S = 15.0
STOP_S = 5.0


def on_core(core: int, command: Sequence[str]) -> list[str]:
    """Return `command` bound to one core, where the machine has `taskset` and two of them."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        return list(command)
    return ["taskset", "--cpu-list", str(core), *command]


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def run_server(
    command: Sequence[str],
    port: int,
    *,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    start_s: float = START_S,
) -> Iterator[int]:
    """Run a server until the block ends; yields its process id once it listens.

    Raises:
        RuntimeError: it did not start.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    errors = BUILD / "server.log"
    with errors.open("w") as log:
        process = subprocess.Popen(
            on_core(SERVER_CORE, command),
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline_s = time.monotonic() + start_s
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{' '.join(command)} did not start:\n{errors.read_text()[-2000:]}")
            time.sleep(0.02)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_cpu_s(pid: int) -> float:
    """Return the CPU time of all threads of a process, as exact as the kernel keeps it."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    if nanoseconds:
        return nanoseconds / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
