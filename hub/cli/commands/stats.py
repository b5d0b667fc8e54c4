"""`hub stats`: who is connected and what happened since the hub started."""

from __future__ import annotations

import os
import sys
import time

import click
import httpx
import msgspec

from contracts.stats import NodeStats, Stats
from hub import routes
from hub.cli.support.access import ServiceAccess, find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.duration import format_duration
from hub.cli.support.outcome import Unreachable

__all__ = ["stats"]


@click.command()
@click.option("--watch", is_flag=True, help="Ask again every few seconds until Ctrl-C.")
@click.option("--interval", default=2.0, show_default=True, type=click.FloatRange(0.2, 3600), help="Seconds.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print what the hub says, one JSON object a line.")
def stats(watch: bool, interval: float, url: str | None, dev: bool, as_json: bool) -> None:
    """Show connections and totals.

    The service's key is HUB_SERVICE_KEY. Accounts are people's and companies' numbers, so only --json names them.
    """
    access = find_service_access(url, os.environ, dev=dev)
    with open_client(access.url) as client:
        while True:
            report = _read(client, access)
            if as_json:
                click.echo(msgspec.json.encode(report))
                sys.stdout.flush()
            else:
                if watch and sys.stdout.isatty():
                    click.clear()
                click.echo(_table(report))
            if not watch:
                return
            time.sleep(interval)


def _read(client: httpx.Client, access: ServiceAccess) -> Stats:
    response = require_success(send_request(client, "GET", routes.STATS, headers=access.headers))
    try:
        return msgspec.json.decode(response.content, type=Stats)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's statistics; is HUB_URL right?") from None


def _table(report: Stats) -> str:
    now, totals = report.connections, report.totals
    rows = [
        ("up for", format_duration(report.uptime_seconds)),
        (
            "connections",
            f"{now.total:,} ({now.websocket:,} WebSocket, {now.sse:,} SSE, {now.durable_streams:,} Durable Streams)",
        ),
        (
            "users, accounts",
            f"{report.unique_users:,}{_sum_words(report)}, {len(report.connections_by_account):,}",
        ),
        ("published", f"{totals.published:,} ({totals.duplicates:,} duplicates)"),
        ("deliveries", f"{totals.deliveries:,}"),
        ("came back", f"{totals.replays:,} ({totals.gaps:,} with a gap)"),
        ("connected so far", f"{totals.connected:,} ({totals.disconnected:,} left, {totals.refused:,} refused)"),
        ("closed as slow", f"{totals.drops:,}"),
    ]
    rows += [(f"refused: {code}", f"{count:,}") for code, count in sorted(report.refusals.items())]
    rows += [(f"node {node.node}", _describe(node)) for node in report.nodes or ()]
    width = max(18, *(len(name) + 2 for name, _ in rows))
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows)


def _sum_words(report: Stats) -> str:
    return " (sum of the nodes: who is connected to two counts twice)" if report.users_are_distinct is False else ""


def _describe(node: NodeStats) -> str:
    now = node.connections
    counts = f"{now.websocket:,} WebSocket, {now.sse:,} SSE, {now.durable_streams:,} Durable Streams"
    words = f"{node.state.replace('_', ' ')}, {counts}, applied {node.applied:,}, lag {node.lag:,}, NATS {node.nats}"
    return f"{words}, version {node.version}"
