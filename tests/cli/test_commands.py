"""All commands together: they are documented, complete in a shell, and load no more than they need."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from hub.cli import COMMANDS, main
from hub.cli.support.display import frame_line, json_line
from hub.cli.support.outcome import Outcome
from hub.cli.support.stream import Frame
from tests.cli.process import run

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")


def every_command() -> dict[str, click.Command]:
    """Return every command that can be called, by its whole name."""
    context = click.Context(main, info_name="hub")
    found = {}
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {part}": inner for part, inner in command.commands.items()}
    return found


class TestPage:
    @pytest.mark.parametrize("name", every_command())
    def test_command(self, name: str) -> None:
        """docs/reference/cli.md has a heading for each command, and names each of its options below it."""
        sections = dict(re.findall(r"^##+ `hub ([a-z ]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
        options = [parameter for parameter in every_command()[name].params if isinstance(parameter, click.Option)]
        missing = [word for option in options for word in option.opts if f"`{word}`" not in sections[name]]
        assert [] == [word for word in missing if word not in {"-h", "--help"}]

    def test_nothing_is_made_up(self) -> None:
        """The page names no command that is not there."""
        assert set(every_command()) == set(re.findall(r"^##+ `hub ([a-z ]+)`$", PAGE, re.MULTILINE))

    @pytest.mark.parametrize("outcome", Outcome)
    def test_exit_codes(self, outcome: Outcome) -> None:
        """Each exit code stands on the page and in `hub --help`."""
        assert f"\n| {outcome.value} | " in PAGE
        assert f"\n    {outcome.value} " in CliRunner().invoke(main, ["--help"]).stdout


class TestGroup:
    def test_version(self) -> None:
        """`hub --version` is the version of the installed package."""
        assert f"hub, version {version('notification-hub')}\n" == CliRunner().invoke(main, ["--version"]).stdout

    @pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["tail", "--count", "0"], ["tail", "--as", "buyer"]])
    def test_usage(self, arguments: list[str]) -> None:
        """A command line that cannot be used is exit code 2, and one line that says where to read on."""
        done = CliRunner().invoke(main, arguments)
        assert (2, 1) == (done.exit_code, done.stderr.count("\n"))
        assert done.stderr.startswith("hub: ")
        assert "--help` says more)" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["tail", "--count", "x"], "'--count': 'x' is not a whole number ("),
            (["tail", "--timeout", "soon"], "'--timeout': 'soon' is not a number ("),
            (["stats", "--interval", "9999"], "'--interval': 9999.0 is not in the range "),
        ],
    )
    def test_number_that_is_none(self, arguments: list[str], words: str) -> None:
        """An option that takes a number says so in a reader's words."""
        assert words in CliRunner().invoke(main, arguments).stderr

    def test_nothing_asked(self) -> None:
        """`hub` alone shows what there is."""
        assert all(name in CliRunner().invoke(main, []).output for name in COMMANDS)

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_script(self, shell: str) -> None:
        """Each shell gets a script of its own that asks `hub`."""
        done = CliRunner().invoke(main, ["completion", shell])
        assert 0 == done.exit_code
        assert f"_HUB_COMPLETE={shell}_complete" in done.stdout

    def test_completion(self, tmp_path: Path) -> None:
        """What the script asks is answered."""
        env = {"_HUB_COMPLETE": "bash_complete", "COMP_WORDS": "hub to", "COMP_CWORD": "1"}
        assert "plain,token\n" == run(folder=tmp_path, env=env).stdout

    @pytest.mark.parametrize(
        ("command", "heavy"),
        [("main", "litestar sqlalchemy httpx uvicorn"), ("check", "litestar sqlalchemy uvicorn apsw")],
    )
    def test_loads_little(self, command: str, heavy: str) -> None:
        """A health check every ten seconds loads neither the framework nor the database's library."""
        module = "hub.cli" if command == "main" else f"hub.cli.commands.{command}"
        code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({heavy.split()!r})))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "\n" == done.stdout


class TestOpenApi:
    def test_printed_is_written(self, tmp_path: Path) -> None:
        """What is printed is what the files hold."""
        runner = CliRunner()
        assert 0 == runner.invoke(main, ["openapi", "--output", str(tmp_path)]).exit_code
        for name, options in {
            "openapi.json": [],
            "openapi-3.0.json": ["--version", "3.0"],
            "asyncapi.json": ["--asyncapi"],
            "frames.schema.json": ["--frames"],
        }.items():
            assert (tmp_path / name).read_text() == runner.invoke(main, ["openapi", *options]).stdout

    def test_two_documents_at_once(self) -> None:
        """Asking for two documents on one output is a usage error that says so."""
        done = CliRunner().invoke(main, ["openapi", "--asyncapi", "--frames"])
        assert (2, True) == (done.exit_code, "give one of them" in done.stderr)

    def test_own_types(self) -> None:
        """The types of HUB_CONTRACTS are in the document, and no others."""
        runner = CliRunner(env={"HUB_CONTRACTS": "tests.contracts.company"})
        printed = runner.invoke(main, ["openapi"]).stdout
        assert "service-order:created" in printed
        assert "order_created" not in printed

    def test_language(self) -> None:
        """The examples of what the hub says to people are in its language."""
        for language, word in (("", "Conectado"), ("en", "Connected")):
            runner = CliRunner(env={"HUB_LANGUAGE": language})
            assert word in runner.invoke(main, ["openapi", "--frames"]).stdout

    def test_folder_that_cannot_be(self, tmp_path: Path) -> None:
        """A folder that cannot be made is a sentence and exit code 1."""
        (tmp_path / "file").write_bytes(b"")
        done = CliRunner().invoke(main, ["openapi", "--output", str(tmp_path / "file" / "x")])
        assert (1, True) == (done.exit_code, "cannot be written" in done.stderr)


class TestDisplay:
    def test_colours(self) -> None:
        """A type keeps its colour, and without colour there is no escape sequence."""
        frame = Frame(type="stock_alert", title="T", message="m", timestamp="2026-11-22T14:03:07.125Z")
        again = Frame(type="stock_alert", title="U", message="m", timestamp="2026-11-22T14:03:07.125Z")
        assert "\x1b" not in frame_line(frame, colour=False)
        assert frame_line(frame, colour=True).replace("T - m", "U - m") == frame_line(again, colour=True)

    def test_json_is_the_same_to_a_parser(self) -> None:
        """One line, nothing a terminal obeys, and the same value."""
        raw = b'{\n "a": 1.0,\t"b": "\xc2\x9b\xe2\x80\xae\x7f\\u001b \xc3\xa7" }'
        line = json_line(raw)
        assert msgspec.json.decode(raw) == msgspec.json.decode(line)
        assert line.isprintable()
        assert '"a":1.0' in line
