"""The load: `fanload` on the second core, and what it saw."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.process import BUILD, LOAD_CORE, on_core

__all__ = ["Load", "Publish", "compile_tools", "parse_load", "run_load"]

SOURCES = Path(__file__).parent


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One run of `fanload`; times of the server are CPU times of its process."""

    label: str
    connections: int
    refused: int
    ended: int
    connect_s: float
    connect_cpu_us: float
    rss_kib_per_connection: float
    rss_end_mib: float
    hold_cpu_s: float
    published: int
    publish_errors: int
    publish_s: float
    delivered: int
    expected: int
    cpu_s: float
    delivery_p50_ms: float
    delivery_p99_ms: float
    last_count: int
    last_p50_ms: float
    last_p90_ms: float
    last_p99_ms: float
    last_max_ms: float

    @property
    def delivery_cpu_us(self) -> float:
        """CPU per delivery; what the publishes cost is in it."""
        return self.cpu_s * 1e6 / max(1, self.delivered)

    @property
    def publish_cpu_us(self) -> float:
        """CPU per publish request; its deliveries are in it."""
        return self.cpu_s * 1e6 / max(1, self.published)

    @property
    def publishes_per_s(self) -> float:
        """Answered publish requests a second."""
        return self.published / self.publish_s if self.publish_s else 0.0

    @property
    def flaws(self) -> list[str]:
        """Everything that makes the figures worth less than they look."""
        found = {
            "connections refused": self.refused,
            "connections ended": self.ended,
            "publishes failed": self.publish_errors,
            "deliveries missing": self.expected - self.delivered,
        }
        return [f"{count:,} {what}" for what, count in found.items() if count > 0]


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """What is published during a run; `rate` 0 means as fast as the answers come.

    `@TS@` becomes the time, and `@USER@` one of `users` in turn.
    """

    path: str
    body: bytes
    headers: tuple[str, ...] = ()
    rate: float
    seconds: float
    fanout: int
    in_flight: int = 1
    users: int = 1


def compile_tools() -> None:
    """Compile what is written in C.

    Raises:
        RuntimeError: there is no C compiler, or it refused.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("fanload", "rawcast"):
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(BUILD / name), str(SOURCES / f"{name}.c"), "-lpthread"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise RuntimeError("The load tool is written in C and there is no cc: sudo apt-get install gcc") from None
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{name}.c does not compile:\n{error.stderr}") from None


def run_load(
    label: str,
    *,
    port: int,
    pid: int,
    transport: str,
    paths: Sequence[str],
    connections: int,
    hello: str = "",
    settle_s: float = 1.0,
    hold_s: float = 0.0,
    publish: Publish | None = None,
) -> Load:
    """Connect, wait, publish, and return what came and what it cost the process `pid`."""
    address = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        paths_file = Path(folder) / "paths.txt"
        paths_file.write_text("\n".join(paths) + "\n")
        command = [str(BUILD / "fanload"), "--label", label, "--to", address, "--mode", transport]
        command += ["--paths", str(paths_file), "--conns", str(connections), "--pids", str(pid)]
        command += ["--settle", str(settle_s), "--hold", str(hold_s)]
        if hello:
            command += ["--hello", hello]
        limit_s = 120 + hold_s
        if publish is not None:
            body_file = Path(folder) / "body.json"
            body_file.write_bytes(publish.body)
            command += ["--pub", address, "--pub-path", publish.path, "--body", str(body_file)]
            command += ["--rate", str(publish.rate), "--seconds", str(publish.seconds)]
            command += ["--users", str(publish.users)]
            command += ["--fanout", str(publish.fanout), "--pub-conns", str(publish.in_flight)]
            for header in publish.headers:
                command += ["--pub-header", header]
            limit_s += publish.seconds
        done = subprocess.run(on_core(LOAD_CORE, command), capture_output=True, text=True, timeout=limit_s)
    if done.returncode:
        raise RuntimeError(f"fanload failed for {label}: {done.stderr[-1000:]}")
    return parse_load(done.stdout)


def parse_load(line: str) -> Load:
    """Return the run that a line of `fanload` describes.

    Raises:
        msgspec.ValidationError: it is another line.
    """
    return msgspec.json.decode(line, type=Load, strict=False)
