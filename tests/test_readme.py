"""The README's own commands, run as a reader would: pasted into shells, in the order of the page."""

from __future__ import annotations

import codecs
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Longer than anything here takes on a busy machine.
DEADLINE_S = 30.0
EXAMPLE_URL = "http://127.0.0.1:8000"


def read_blocks(page: str, language: str = "sh") -> list[str]:
    """Return the blocks of a page in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


INSTALL, MAKE, TAIL, LISTEN, PUBLISH, SERVE_OWN, NOTIFY_OWN, MISS, RETURN = read_blocks("README.md")
(OWN_TYPES,) = read_blocks("README.md", "python")


class Terminal:
    """A shell that runs one command; `text` is what it has shown so far."""

    def __init__(self, command: str, folder: Path) -> None:
        self.text = ""
        # A piece may end within a letter.
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        # What goes to a pipe has curl's progress in it, at any place.
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HUB_DRAIN": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._selector.register(self._output, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
            self._process.wait(DEADLINE_S)
        self._selector.close()
        self._output.close()

    def wait_for(self, pattern: str, *, count: int = 1) -> list[str]:
        """Return what `pattern` found, once it did so `count` times."""
        deadline_s = time.monotonic() + DEADLINE_S
        while len(found := re.findall(pattern, self.text, re.MULTILINE)) < count:
            if not self._read(deadline_s):
                raise AssertionError(f"{pattern!r} was not shown {count} times, but this: {self.text}")
        return found

    def interrupt(self) -> str:
        """Press Ctrl-C; return all that was shown."""
        self._signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> str:
        """Wait for the end; return all that was shown."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self._read(deadline_s):
            pass
        self._process.wait(deadline_s - time.monotonic())
        return self.text

    def _read(self, deadline_s: float) -> bool:
        if not self._selector.select(deadline_s - time.monotonic()):
            return False
        piece = os.read(self._output.fileno(), 65_536)
        self.text += self._decoder.decode(piece)
        return bool(piece)

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)


class Reader:
    """Somebody who has the hub running and pastes what the page says, with what the hub printed filled in."""

    def __init__(self, folder: Path, printed: str) -> None:
        self._folder = folder
        self._fill_in = {
            EXAMPLE_URL: re.findall(r"The hub runs at (\S+)", printed)[0],
            "TOKEN": re.findall(r"Bearer (eyJ[\w.-]+)", printed)[0],
            "KEY": re.findall(r"Bearer (hubk_[\w-]+)", printed)[0],
        }

    def note(self, name: str, value: str) -> None:
        """Remember what a placeholder of the page stands for."""
        self._fill_in[name] = value

    def open(self, command: str) -> Terminal:
        """Paste a command that goes on into a terminal of its own."""
        for example, value in self._fill_in.items():
            command = command.replace(example, value)
        return Terminal(command, self._folder)

    def run(self, command: str) -> str:
        """Paste a command that ends; return what it showed."""
        with self.open(command) as terminal:
            return terminal.finish()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Return a reader in a folder where `make serve` has made `.venv` and runs."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with Terminal(".venv/bin/hub serve --dev --port 0", tmp_path) as serve:
        serve.wait_for("^The API, page and document")
        yield Reader(tmp_path, serve.text)
        serve.interrupt()


def test_the_first_notification_and_the_three_that_were_missed(reader: Reader) -> None:
    """Both listeners show the first; after Ctrl-C exactly the three from meanwhile come, over either transport."""
    with reader.open(TAIL) as tail, reader.open(LISTEN) as stream:
        tail.wait_for("connected to ")
        stream.wait_for("connection_established")
        receipt = json.loads(re.findall(r"\{.*\}", reader.run(PUBLISH))[0])
        assert {"duplicate": False, "connections": 2} == {name: receipt[name] for name in ("duplicate", "connections")}
        tail.wait_for("Pedido PED-1 criado")
        assert [receipt["cursor"]] == stream.wait_for(r"id: (\S+)\s+data: ")
        last = tail.interrupt().splitlines()[-1]
        assert f"cursor: {receipt['cursor']}" == last
    reader.note("CURSOR", receipt["cursor"])
    reader.run(MISS)
    back, back_over_sse = RETURN.splitlines()
    with reader.open(back) as one, reader.open(back_over_sse) as other:
        for terminal in (one, other):
            terminal.wait_for("order_created", count=3)
        # One more, so that a fourth one of those that were missed would have come before it.
        reader.run(PUBLISH)
        for terminal in (one, other):
            assert ["2", "3", "4", "1"] == terminal.wait_for(r"Pedido PED-(\d) criado", count=4)


def test_types_of_ones_own(tmp_path: Path) -> None:
    """The module of the page makes a type that can be published, described and warned of, and it is six lines."""
    assert 6 == sum(map(bool, OWN_TYPES.splitlines()))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "support.py").write_text(OWN_TYPES)
    with Terminal(SERVE_OWN.replace("make serve", ".venv/bin/hub serve --dev --port 0"), tmp_path) as serve:
        serve.wait_for("^The API, page and document")
        reader = Reader(tmp_path, serve.text)
        with reader.open(TAIL) as tail:
            tail.wait_for("connected to ")
            assert "warn" not in reader.run(NOTIFY_OWN)
            tail.wait_for("Ticket 7 is yours")
        assert "$.data.number" in reader.run(NOTIFY_OWN.replace('"number": 7', '"number": "seven"'))
        assert "TicketAssigned" in reader.run(f"curl --silent {EXAMPLE_URL}/schema/openapi.json")
        serve.interrupt()


@pytest.mark.parametrize("page", ["README.md", "README.pt-BR.md"])
def test_what_a_stranger_sees_first(page: str) -> None:
    """Before the first command stand the picture, which is small, and the demo that it shows."""
    first = (ROOT / page).read_text().partition("```")[0]
    assert "](docs/bell.png)" in first
    assert "`make demo`" in first
    picture = (ROOT / "docs/bell.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000


def test_make_has_the_two_commands() -> None:
    """`make serve` is `hub serve --dev`, which the test above runs, and `make test` is a target."""
    commands = [line.split("#")[0].strip() for line in MAKE.splitlines()]
    assert ["make serve", "make test"] == commands
    recipes = dict(re.findall(r"^(\w+):[^\n]*## [^\n]*\n\t([^\n]*)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "hub serve --dev" in recipes["serve"]
    assert "test" in recipes


def test_the_portuguese_page_has_the_same_commands() -> None:
    """What is tested of one page holds for the other."""
    install, make, *commands = read_blocks("README.pt-BR.md")
    assert ["make serve", "make test"] == [line.split("#")[0].strip() for line in make.splitlines()]
    assert [TAIL, LISTEN, PUBLISH, SERVE_OWN, NOTIFY_OWN, MISS, RETURN] == commands
    assert [OWN_TYPES] == read_blocks("README.pt-BR.md", "python")
    assert [line.split("#")[0] for line in INSTALL.splitlines()] == [
        line.split("#")[0] for line in install.splitlines()
    ]


def test_what_is_to_be_installed_is_what_make_packages_builds() -> None:
    """Each pattern of the page finds the files it means in `dist/`, and no other."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    wheels = [f"notification_hub{part}-{version}-py3-none-any.whl" for part in ("", "_client", "_contracts")]
    archives = [f"notification-hub-{part}-{version}.tgz" for part in ("client", "service", "stocktech", "bell")]
    patterns = re.findall(r"dist/(\S+)", INSTALL)
    found = [[name for name in (*wheels, *archives) if fnmatch(name, pattern)] for pattern in patterns]
    assert [[wheels[0]], [wheels[2]], wheels[1:], [archives[1]], [archives[0]], [archives[3]]] == found
    for folder, name in (
        ("browser", "client"),
        ("typescript", "service"),
        ("stocktech", "stocktech"),
        ("bell", "bell"),
    ):
        package = json.loads((ROOT / "clients" / folder / "package.json").read_text())
        assert (f"@notification-hub/{name}", version) == (package["name"], package["version"])
