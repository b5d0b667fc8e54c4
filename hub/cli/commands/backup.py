"""`hub backup`: a checked copy of the log, while the hub runs or not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import msgspec

from hub.cli.support.development import data_folder
from hub.cli.support.outcome import Refused
from hub.errors import SettingsError
from hub.log.engine import back_up_log, log_path, name_backup, remove_old_backups

__all__ = ["backup"]

MIB = 2**20


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), help="Of a folder: afterwards keep so many of the backups in it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def backup(target: Path, keep: int | None, as_json: bool) -> None:
    """Copy the log in HUB_DATA_DIR to TARGET, a new file or a folder that is there.

    In a folder the file is called hub-DATE-TIMEZ.sqlite3. The hub may run and be busy: everything that was acknowledged
    before the command began is in the copy. It is read whole before it gets its name, and `hub restore` takes it.
    """
    now_s = time.time()
    is_folder = target.is_dir()
    if keep is not None and not is_folder:
        raise Refused(f"--keep is for a folder, and {target} is not a folder")
    path = log_path(data_folder(os.environ))
    try:
        made = back_up_log(path, (target / name_backup(now_s) if is_folder else target).absolute(), now_s=now_s)
        removed = [] if keep is None else remove_old_backups(target.absolute(), keep=keep)
    except SettingsError as error:
        raise Refused(error.detail) from None
    if as_json:
        words = {"path": str(made.path), "removed": [str(old) for old in removed]}
        click.echo(msgspec.json.encode(msgspec.structs.asdict(made) | words))
        return
    click.echo(
        f"{made.path} holds positions {made.first} to {made.head} and {made.revocations} revocations,"
        f" {made.size_bytes / MIB:,.1f} MiB; everything in it was read and is whole"
    )
    for old in removed:
        click.echo(f"removed {old}")
