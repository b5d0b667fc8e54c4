"""`hub drain`: end the hub on this machine in order, and wait until it is gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from hub.cli.support.outcome import Refused, Unreachable
from hub.log.engine import find_writer
from hub.settings import read_settings

__all__ = ["drain"]

#: What a hub may take after its drain: requests in flight, the last checkpoint.
MARGIN_S = 10.0
POLL_S = 0.05


@click.command()
@click.option("--no-wait", is_flag=True, help="Return as soon as it was told.")
def drain(no_wait: bool) -> None:
    """Tell the hub that writes the log in HUB_DATA_DIR to stop, and wait until it has.

    It does what SIGTERM does. The hub is no longer ready and accepts no new clients. It tells every client when to come
    back and disconnects it within HUB_DRAIN seconds. Nothing acknowledged is lost. Made for a container's preStop hook.
    """
    settings = read_settings(os.environ, development=True)
    writer = find_writer(settings.data_dir)
    if writer is None:
        raise Unreachable(f"no hub writes the log in {settings.data_dir}")
    try:
        os.kill(writer, signal.SIGTERM)
    except PermissionError:
        raise Refused(f"process {writer} belongs to another user") from None
    if not no_wait:
        _wait_gone(settings.data_dir, writer, settings.drain_s + MARGIN_S)
    click.echo(f"process {writer} {'was told to drain' if no_wait else 'has drained and ended'}")


def _wait_gone(folder: Path, writer: int, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while find_writer(folder) == writer:
        if time.monotonic() > deadline_s:
            raise Refused(f"process {writer} still writes the log after {timeout_s:.0f} s")
        time.sleep(POLL_S)
