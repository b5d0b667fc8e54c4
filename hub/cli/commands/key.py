"""`hub key`: make a service key."""

from __future__ import annotations

import click
import msgspec

from hub.auth.service_keys import new_service_key, read_service_keys
from hub.settings import Settings

__all__ = ["key"]


@click.command()
@click.argument("name", default="service")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def key(name: str, as_json: bool) -> None:
    """Make a service key.

    With it the service NAME may publish, read statistics and disconnect. The key is printed once, here; the hub is
    given only its hash, the line for HUB_SERVICE_KEYS.
    """
    made, digest = new_service_key()
    line = f"{name}:{digest}"
    # Refuses a name that the hub would refuse.
    read_service_keys(Settings(service_keys=line))
    if as_json:
        fields = {"name": name, "key": made, "sha256": digest, "line": line}
        click.echo(msgspec.json.encode(fields).decode())
        return
    click.echo(f"The service's secret, shown only now (HUB_SERVICE_KEY for the hub's own commands):\n  {made}\n")
    click.echo(f"For the hub's HUB_SERVICE_KEYS, after a comma where there are others:\n  {line}")
