"""`hub check`: whether a hub can run here, or, with `--live`, whether one does."""

from __future__ import annotations

import os

import click
import httpx

from hub import routes
from hub.cli.support.address import address_of, describe_unreachable, find_url, open_client
from hub.cli.support.development import data_folder, read_development_hub
from hub.cli.support.outcome import Outcome, Unusable
from hub.settings import Settings

__all__ = ["check"]

LIVE_S = 3.0


@click.command()
@click.option("--live", is_flag=True, help="Only ask whether a running hub responds; for a container's health check.")
@click.option("--url", help="With --live: the hub, in place of HUB_URL or HUB_HOST and HUB_PORT.")
@click.option("--dev", is_flag=True, help="Check what `hub serve --dev` made.")
@click.option("--deep", is_flag=True, help="Read the whole log, too: every page, record, target and key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(live: bool, url: str | None, dev: bool, deep: bool, as_json: bool) -> None:
    """Look for what would stop a hub.

    Settings, data folder, disk, log, SQLite, directory, clock and packages; exit code 1 if anything fails.
    """
    if live:
        _check_live(url, dev)
        return
    # Imported here, since the health check must not load SQLAlchemy every few seconds.
    from hub.cli.support.checks import run_checks
    from hub.cli.support.display import show_findings

    show_findings(list(run_checks(os.environ, dev=dev, deep=deep)), as_json=as_json)


def _check_live(url: str | None, dev: bool) -> None:
    named = url or os.environ.get("HUB_URL", "").strip()
    kept = read_development_hub(data_folder(os.environ)).url if dev else None if named else _own_url()
    base = find_url(url, os.environ, kept)
    try:
        with open_client(base, timeout_s=LIVE_S) as client:
            response = client.get(routes.LIVE)
        alive, words = response.status_code == 200, f"the answer is {response.status_code}"
    except httpx.HTTPError as error:
        alive, words = False, describe_unreachable(error)
    if not alive:
        click.echo(f"hub: {base} does not respond: {words}", err=True)
        raise click.exceptions.Exit(Outcome.REFUSED)


def _own_url() -> str:
    """Return where a hub with this environment listens, without judging its other settings."""
    settings = Settings()
    port = os.environ.get("HUB_PORT", "").strip() or str(settings.port)
    if not (port.isascii() and port.isdigit()):
        raise Unusable(f"HUB_PORT: is not a whole number (example: HUB_PORT={settings.port})")
    return address_of(os.environ.get("HUB_HOST", "").strip() or settings.host, int(port))
