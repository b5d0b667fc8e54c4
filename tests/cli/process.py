"""Commands as processes: run to the end, or started and listened to line by line."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

__all__ = ["DEADLINE_S", "DevHub", "Running", "run"]

#: Longer than anything here takes on a busy machine; a test that meets it has failed.
DEADLINE_S = 20.0


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment that names `folder` and knows of the one the tests run in only how that is measured."""
    passed_on = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return {**passed_on, "HUB_DATA_DIR": str(folder), **(extra or {})}


def run(
    *arguments: str, folder: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run `hub` with these arguments to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        env=environment(folder, env),
        input=stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        cwd=folder.parent,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Running:
    """A command that runs; what it prints is read all the time, so that it never waits for us.

    `before`: a program, with its arguments, that becomes it.
    """

    def __init__(
        self, *arguments: str, folder: Path, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "hub", *arguments],
            env=environment(folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder.parent,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out: list[str] = []
        self.err: list[str] = []
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err)),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def wait_for(self, pattern: str, *, count: int = 1) -> list[str]:
        """Return the first `count` lines, of either stream, in which `pattern` is found."""
        while True:
            found = [line for line in [*self.out, *self.err] if re.search(pattern, line)]
            if len(found) >= count:
                return found[:count]
            try:
                self._news.get(timeout=DEADLINE_S)
            except queue.Empty:
                raise AssertionError(f"no line with {pattern!r}; out: {self.out}; err: {self.err}") from None

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(sign)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code once the process has ended and everything it printed was read."""
        code = self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))
                self._news.put(None)


class DevHub(Running):
    """`hub serve --dev`, answering at `url`."""

    def __init__(self, folder: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        super().__init__("serve", "--dev", folder=folder, env={"HUB_PORT": "0", "HUB_DRAIN": "1"} | dict(env or {}))
        try:
            self.url = self.wait_for(r"^The hub runs at ")[0].split()[4]
            self.wait_for(r"^The API, page and document: ")
        except AssertionError:
            self.process.kill()
            self.wait()
            raise
