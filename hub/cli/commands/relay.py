"""`hub relay`: publish the rows of a service's outbox table, check it, and look after its dead rows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import click
import msgspec
import uvloop

from hub.cli.support.access import ServiceAccess, find_service_access
from hub.cli.support.display import show_findings
from hub.cli.support.outcome import Refused, Unreachable, Unusable
from hub.edge.metrics_port import serve_metrics
from hub.errors import SettingsError
from hub.logging import configure_logging, escape_control
from hub.relay.bounds import RelayBounds
from hub.relay.checks import check_database, check_hub
from hub.relay.database import Database
from hub.relay.fault import DATABASE_ERRORS, OutboxFault, is_lasting
from hub.relay.migration import read_migration
from hub.relay.runner import open_parts, run_relay
from hub.relay.table import DeadRow, OutboxTable, TableName
from hub.settings import Settings, read_settings

__all__ = ["relay"]

#: Of a table of dead rows, what a terminal is shown.
MOST_SHOWN = 1000

T = TypeVar("T")


@click.command()
@click.option("--database", help="The service's PostgreSQL, in place of HUB_RELAY_DATABASE.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--check", is_flag=True, help="Say what would stop a relay; publish and change nothing.")
@click.option(
    "--migrate", is_flag=True, help="Make the table and its indexes; run as their owner. Changes nothing twice."
)
@click.option(
    "--print-sql", type=click.Choice(["up", "down"]), help="Print the SQL of the migration, or of the way back."
)
@click.option(
    "--dead",
    type=click.Choice(["list", "retry", "discard"]),
    is_flag=False,
    flag_value="list",
    help="List the dead rows, or send again or delete those with the IDS (or --all).",
)
@click.option("--all", "every", is_flag=True, help="With --dead retry or discard: all dead rows.")
@click.option("--json", "as_json", is_flag=True, help="With --check or --dead: print JSON.")
@click.argument("ids", nargs=-1)
def relay(
    database: str | None,
    url: str | None,
    dev: bool,
    check: bool,
    migrate: bool,
    print_sql: str | None,
    dead: str | None,
    every: bool,
    as_json: bool,
    ids: tuple[str, ...],
) -> None:
    """Publish the rows of a service's outbox table, once each and in order per key, until a signal.

    The service writes a row in its own transaction; docs/guides/outbox.md says how. The service's key is
    HUB_SERVICE_KEY. Several relays may run at once.
    """
    if sum(map(bool, (check, migrate, print_sql, dead))) > 1:
        raise Unusable("--check, --migrate, --print-sql and --dead exclude each other")
    if ids and dead not in {"retry", "discard"}:
        raise Unusable("IDS: go with --dead retry and --dead discard alone")
    settings = _read_settings(database)
    if print_sql:
        table = TableName.read(settings.relay_table)
        click.echo(read_migration("up" if print_sql == "up" else "down", table), nl=False)
    elif migrate:
        asyncio.run(_migrate(settings))
    elif dead:
        asyncio.run(_look_after_dead(settings, dead, ids, every=every, as_json=as_json))
    else:
        access = find_service_access(url, os.environ, dev=dev)
        if check:
            asyncio.run(_check(settings, access, as_json=as_json))
        else:
            _run(settings, access)


def _read_settings(database: str | None) -> Settings:
    environ = dict(os.environ)
    if database:
        environ["HUB_RELAY_DATABASE"] = database
    # A relay has no tokens to verify and no keys to compare.
    return read_settings(environ, development=True)


def _run(settings: Settings, access: ServiceAccess) -> None:
    handler = configure_logging(settings.log_level, json_lines=not sys.stderr.isatty())

    def on_start(stop: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)

    port = settings.relay_port
    serve = partial(serve_metrics, settings=settings, port=port, variable="HUB_RELAY_PORT") if port else None
    try:
        uvloop.run(run_relay(settings, access.url, access.key, now=time.time, on_start=on_start, serve=serve))
    except OutboxFault as fault:
        raise Refused(str(fault)) from None
    finally:
        handler.close()


async def _check(settings: Settings, access: ServiceAccess, *, as_json: bool) -> None:
    async with open_parts(settings, access.url, access.key, now=time.time) as parts:
        findings = await check_database(parts.database, parts.table)
        findings.append(await check_hub(parts.sender, access.url))
    show_findings(findings, as_json=as_json)


async def _migrate(settings: Settings) -> None:
    name = TableName.read(settings.relay_table)
    sql = read_migration("up", name)

    async def apply(connection: Any, table: OutboxTable) -> None:
        await connection.execute(sql)

    await _use_table(settings, apply)
    click.echo(f"the table {name.shown} is there, with its indexes and its trigger")


async def _look_after_dead(
    settings: Settings, action: str, ids: tuple[str, ...], *, every: bool, as_json: bool
) -> None:
    if action == "list":
        rows = await _use_table(settings, lambda connection, table: table.list_dead(connection, limit=MOST_SHOWN))
        _show_dead(rows, as_json=as_json)
        return
    if bool(ids) == every:
        raise Unusable(f"--dead {action}: give the ids of rows, or --all")
    wanted = None if every else [_read_id(text) for text in ids]

    async def change(connection: Any, table: OutboxTable) -> int:
        if action == "discard":
            return await table.discard_dead(connection, wanted)
        changed = await table.retry_dead(connection, wanted)
        await table.wake(connection)
        return changed

    changed = await _use_table(settings, change)
    if as_json:
        click.echo(msgspec.json.encode({action: changed}))
    else:
        rows_are = "1 row is" if changed == 1 else f"{changed} rows are"
        click.echo(f"{rows_are} {'sent again' if action == 'retry' else 'deleted'}")
    if wanted is not None and changed < len(set(wanted)):
        raise Refused(f"{len(set(wanted)) - changed} of the ids are not of dead rows")


def _show_dead(rows: list[DeadRow], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"dead": rows}))
        return
    for row in rows:
        about = f"{row.id}  {row.dead_at}  {row.type or '(no type)'}  {row.attempts} attempts  {row.reason}"
        click.echo(escape_control(about))
    if len(rows) == MOST_SHOWN:
        click.echo(f"hub: only the first {MOST_SHOWN} are shown", err=True)
    elif not rows:
        click.echo("no row is dead", err=True)


def _read_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Unusable("IDS: are the ids of rows, as `hub relay --dead` lists them") from None


async def _use_table(settings: Settings, use: Callable[[Any, OutboxTable], Coroutine[Any, Any, T]]) -> T:
    """Do one thing to the table, in one transaction; a failure ends the command in one line."""
    bounds = RelayBounds()
    table = OutboxTable(TableName.read(settings.relay_table), bounds)
    database = Database(settings.relay_database, table.name, bounds)
    try:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            async with database.transaction() as connection:
                return await use(connection, table)
    except DATABASE_ERRORS as error:
        if isinstance(error, SettingsError):
            raise
        raise (Refused if is_lasting(error) else Unreachable)(database.describe(error)) from None
