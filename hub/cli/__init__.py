"""The command `hub`: one module a command, imported only when it is called.

So that `hub check --live`, asked every few seconds by a container's health check, loads no web framework.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Any

import click

from hub.cli.support.outcome import Outcome, Unusable
from hub.errors import SettingsError

__all__ = ["COMMANDS", "Commands", "main"]

#: Every command, in the order that `hub --help` lists them.
COMMANDS = (
    "serve",
    "notify",
    "explain",
    "trace",
    "webhooks",
    "tail",
    "stats",
    "check",
    "drain",
    "forget",
    "relay",
    "backup",
    "restore",
    "cluster",
    "token",
    "key",
    "push",
    "openapi",
    "proxy",
    "conformance",
    "completion",
)

_EXIT_CODES = """\
\b
Exit codes:
  0    done
  1    refused: by the hub, by a check, or by what was asked
  2    a setting or the command line cannot be used
  3    the hub cannot be reached, or it failed
  130  interrupted with Ctrl-C

\b
Secrets are read from the environment: JWT_SECRET, HUB_SERVICE_KEY, HUB_TOKEN.
HUB_URL says where the hub is, http://127.0.0.1:8000 by default.
Every setting stands in docs/reference/settings.md.
"""


class Commands(click.Group):
    """The group of all commands; it loads one when asked for it, and turns failures into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, from its module."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"hub.cli.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the options before the command; an unknown one ends in one line."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise _in_one_line(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a setting that cannot be used ends in one line, Ctrl-C in none."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _in_one_line(error) from None
        except SettingsError as error:
            raise Unusable(str(error)) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(Outcome.INTERRUPTED) from None


def _in_one_line(error: click.UsageError) -> click.ClickException:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        # Nothing was asked for; the help is the answer.
        return error
    path = error.ctx.command_path if error.ctx is not None else "hub"
    words = error.format_message().rstrip(".")
    # What click calls the type of an option that has bounds.
    words = words.replace("is not a valid integer range", "is not a whole number")
    words = words.replace("is not a valid float range", "is not a number")
    return Unusable(f"{words} (`{path} --help` says more)")


@click.group(cls=Commands, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("notification-hub"), prog_name="hub")
def main() -> None:
    """Run a notification hub, publish to one, listen to one, and look after it."""
