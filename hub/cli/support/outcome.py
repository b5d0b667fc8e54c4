"""How a command ends: its exit code and, when it failed, one line on stderr."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any

import click

from hub.logging import escape_control

__all__ = ["Failed", "Outcome", "Refused", "Unreachable", "Unusable"]


class Outcome(IntEnum):
    """The exit codes; they are documented in `hub --help` and docs/reference/cli.md."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class Failed(click.ClickException):
    """The end of a command that could not do what was asked: `hub: <message>` on stderr."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line; what a hub or a file said in it cannot speak to the terminal."""
        click.echo(f"hub: {escape_control(self.format_message())}", file=file, err=file is None)


class Refused(Failed):
    """The hub, a check or the machine said no."""

    exit_code = Outcome.REFUSED


class Unusable(Failed):
    """A setting, a file or the command line cannot be used as it is."""

    exit_code = Outcome.USAGE


class Unreachable(Failed):
    """There is no hub there, or it failed."""

    exit_code = Outcome.UNREACHABLE
