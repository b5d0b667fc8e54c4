"""`hub cluster`: the stream that several hubs share as their log."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import click
import msgspec

from hub.cli.support.development import data_folder
from hub.cli.support.outcome import Refused, Unreachable, Unusable
from hub.errors import SettingsError, StorageUnavailable
from hub.log.administration import ClusterStatus, found_cluster, leave_cluster, read_cluster
from hub.nats.port import NatsError
from hub.settings import Settings, read_settings

__all__ = ["cluster"]

_Result = TypeVar("_Result")


@click.group()
def cluster() -> None:
    """Set up several hubs with one log, in a stream of NATS JetStream.

    The settings are those of the hubs: HUB_LOG_URL, HUB_LOG_STREAM, HUB_LOG_CREDENTIALS_FILE, HUB_LOG_CA_FILE, and
    HUB_DATA_DIR for this one's log.
    """


@cluster.command()
@click.option(
    "--replicas", type=click.IntRange(1, 5), default=3, show_default=True, help="How many servers store each record."
)
def init(replicas: int) -> None:
    """Create the stream, once: empty, or with the log that is in HUB_DATA_DIR.

    The hub on that log must be stopped. Its positions and its epoch stay, so no client notices. What was cut is gone on
    with when the command is run again; a stream that is there already is never changed.
    """
    settings = _read_settings()
    status, brought = _run(found_cluster(settings, replicas=replicas, tell=_show_progress))
    if brought:
        click.echo(f"the stream {settings.log_stream} has all of the log in {settings.data_dir}")
    _show(status)
    click.echo("next: start the hubs, each with HUB_LOG_URL, and with a HUB_NODE and a HUB_DATA_DIR of its own")


@cluster.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Show the stream: its servers, how far each of them is, and what is wrong with it."""
    found = _run(read_cluster(_read_settings()))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _show(found)
    if found.problems:
        raise Refused(f"the stream cannot be used: {'; '.join(found.problems)}")


@cluster.command()
@click.option(
    "--lost", is_flag=True, help="The stream is lost for good: go on with what this hub has, under a new epoch."
)
def leave(lost: bool) -> None:
    """Make the log of this hub, in HUB_DATA_DIR, that of a hub alone.

    All hubs must be stopped. The stream is closed for good, and this hub's log gets everything in it: it goes on at the
    same positions under the same epoch, and no client notices. Start this hub without HUB_LOG_URL then.
    """
    head = _run(leave_cluster(_read_settings(), lost=lost, now=time.time))
    click.echo(f"the log in {data_folder(os.environ)} has everything up to position {head}, and is that of a hub alone")
    if lost:
        click.echo("it has a new epoch: every client is told of one gap")
    click.echo("next: start this hub without HUB_LOG_URL; delete the stream with NATS's own tools when nobody needs it")


def _read_settings() -> Settings:
    try:
        settings = read_settings(os.environ, development=True)
    except SettingsError as error:
        raise Unusable(error.detail) from None
    if not settings.log_url:
        raise Unusable(
            "HUB_LOG_URL: is not set; it says where the NATS servers are (nats://nats-1:4222,nats://nats-2:4222)"
        )
    return msgspec.structs.replace(settings, data_dir=data_folder(os.environ))


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    try:
        return asyncio.run(work)
    except SettingsError as error:
        raise Refused(error.detail) from None
    except StorageUnavailable as error:
        raise Unreachable(error.detail) from None
    except NatsError as error:
        raise Unreachable(str(error)) from None


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} records", nl=done == total, err=True)


def _show(status: ClusterStatus) -> None:
    click.echo(f"stream {status.stream}: positions {status.first} to {status.last}, epoch {status.epoch}")
    click.echo(f"{status.records:,} records, {status.size_bytes / 2**20:,.1f} MiB on each of {status.replicas} servers")
    for server in status.servers:
        state = "leads" if server.leads else "offline" if server.offline else "follows" if server.current else "behind"
        lag = f", {server.lag} records behind" if server.lag else ""
        click.echo(f"  {server.name}: {state}{lag}")
    for problem in status.problems:
        click.echo(f"problem: {problem}")
    for warning in status.warnings:
        click.echo(f"warning: {warning}")
