"""`hub forget`: erase what the hub has of a user."""

from __future__ import annotations

import os
import sys

import click
import httpx
import msgspec

from contracts.receipt import ForgetReceipt
from contracts.request import ForgetRequest
from hub import routes
from hub.cli.support.access import find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.outcome import Unreachable

__all__ = ["forget"]

#: An erasure of many records takes its time.
_DEADLINE_S = 150.0


@click.command()
@click.option("--user", "user_id", required=True, metavar="ID", help="The user; - reads the id from standard input.")
@click.option("--account", "account_id", metavar="ID", help="The user's account; without it, the user in all accounts.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print what the hub says, as JSON.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
def forget(user_id: str, account_id: str | None, url: str | None, dev: bool, as_json: bool, yes: bool) -> None:
    """Erase a user: what was for that user alone, what the user has read and chosen, and idempotency keys of it.

    What was for an account or for everyone stays. Backups are not changed. The service's key is HUB_SERVICE_KEY and
    needs the operation `forget`, which only a key file gives.
    """
    if user_id == "-":
        user_id = sys.stdin.readline().strip()
    access = find_service_access(url, os.environ, dev=dev)
    if not yes:
        click.confirm("Erase this user? It cannot be undone", abort=True, err=True)
    asked = ForgetRequest(user_id=user_id, account_id=account_id)
    with open_client(access.url, timeout_s=_DEADLINE_S) as client:
        response = require_success(
            send_request(
                client,
                "POST",
                routes.FORGET,
                content=msgspec.json.encode(asked),
                headers={**access.headers, "content-type": "application/json"},
            )
        )
    if as_json:
        click.echo(response.content)
        return
    for line in _describe(_read_receipt(response)):
        click.echo(line)


def _read_receipt(response: httpx.Response) -> ForgetReceipt:
    try:
        return msgspec.json.decode(response.content, type=ForgetReceipt)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's receipt; is HUB_URL right?") from None


def _describe(receipt: ForgetReceipt) -> list[str]:
    lines = [
        f"{receipt.records:>8} notifications and changes that were for this user alone",
        f"{receipt.shared:>8} notifications that were for others as well, without this user now",
        f"{receipt.states:>8} rows of what the user had read, chosen and allowed",
        f"{receipt.idempotency_keys:>8} idempotency keys",
        f"{receipt.connections:>8} connections ended",
    ]
    if not receipt.final:
        lines.append("a reader holds the write-ahead log, such as a backup: repeat the command when it has ended")
    return lines
