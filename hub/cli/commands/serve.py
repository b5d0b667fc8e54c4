"""`hub serve`: run the hub until it is told to stop."""

from __future__ import annotations

import os
from typing import Any

import click

from hub.settings import read_settings

__all__ = ["serve"]


class _Port(click.ParamType[int]):
    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
            self.fail(f"{value!r} is not a port (a whole number up to 65535; HUB_PORT is the same).", param, ctx)
        return int(text)


@click.command()
@click.option(
    "--dev", is_flag=True, help="Make a secret, a key and demo users in the data folder, and print what to paste."
)
@click.option("--host", help="Where to listen, in place of HUB_HOST.")
@click.option("--port", type=_Port(), help="In place of HUB_PORT; 0 takes a free one.")
def serve(dev: bool, host: str | None, port: int | None) -> None:
    """Run the hub until SIGTERM or Ctrl-C.

    The settings come from the environment. At the end the hub disconnects its clients within HUB_DRAIN seconds, spread
    over that time, and the exit code is 0.
    """
    environ = dict(os.environ)
    environ |= {} if host is None else {"HUB_HOST": host}
    environ |= {} if port is None else {"HUB_PORT": str(port)}
    # Imported here: they load SQLAlchemy and the framework, which `hub --help` does without.
    if dev:
        from hub.cli.support.quickstart import prepare_quickstart

        quickstart = prepare_quickstart(environ)
        settings, announce = quickstart.settings, quickstart.announce
    else:
        settings, announce = read_settings(environ), lambda url: None
    from hub.cli.support.runner import run_hub

    run_hub(settings, announce=announce)
