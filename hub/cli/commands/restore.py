"""`hub restore`: put a backup in the log's place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import msgspec

from hub.cli.support.development import data_folder
from hub.cli.support.outcome import Refused
from hub.errors import SettingsError
from hub.log.engine import log_path, restore_log

__all__ = ["restore"]


@click.command()
@click.argument("backup", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def restore(backup: Path, as_json: bool) -> None:
    """Put BACKUP, a copy of a log or a folder with one, in the place of the log in HUB_DATA_DIR.

    The hub there must be stopped. The backup is checked whole first, and gets a new epoch: every client is told of one
    gap and goes on from there. The files that were there are kept.
    """
    path = log_path(data_folder(os.environ))
    try:
        restored = restore_log(backup.absolute(), path, now_s=time.time())
    except SettingsError as error:
        raise Refused(error.detail) from None
    if as_json:
        replaced = None if restored.replaced is None else str(restored.replaced)
        click.echo(msgspec.json.encode(msgspec.structs.asdict(restored) | {"replaced": replaced}))
        return
    click.echo(
        f"{path} holds positions {restored.first} to {restored.head} and {restored.revocations} revocations of {backup}"
    )
    click.echo(f"its epoch is {restored.epoch}: every client is told of one gap, and goes on from there")
    if restored.replaced is not None:
        click.echo(f"the files that were there are in {restored.replaced}; remove them when nobody needs them")
    click.echo("next: start the hub, and make again what was revoked after the backup")
