"""`hub push`: what Web Push needs."""

from __future__ import annotations

from pathlib import Path

import click

from hub.cli.support.outcome import Unusable
from hub.push.vapid import make_key_file

__all__ = ["push"]


@click.group()
def push() -> None:
    """Set up Web Push: notifications while no page is open."""


@push.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="hub-push.pem")
def init(file: Path) -> None:
    """Make the hub's key for push services, once.

    FILE gets the private key, readable by you alone. Keep it, and back it up: browsers take messages from this key
    alone, so with another one every user would have to allow them again. A FILE that is there already stays as it is.
    """
    try:
        public_key = make_key_file(file)
    except FileExistsError:
        raise Unusable(f"{file} is there already, and stays: a new key would make every subscription void") from None
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"The hub's key for push services is in {file.absolute()}. Set for the hub, and start it again:\n")
    click.echo(f"  HUB_PUSH_KEY_FILE={file.absolute()}")
    click.echo("  HUB_PUSH_SUBJECT=mailto:you@example.com   # where push services reach you\n")
    click.echo(f"The public key, which browsers get from /api/push:\n  {public_key}")
