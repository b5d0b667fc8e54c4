"""`hub notify`: publish one notification."""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Literal

import click
import httpx
import msgspec
from msgspec import UNSET, UnsetType

from contracts.policy import Confirm
from contracts.receipt import Receipt
from contracts.request import PublishRequest
from hub import routes
from hub.cli.support.access import find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.duration import DURATION
from hub.cli.support.outcome import Unreachable, Unusable

__all__ = ["notify"]

#: The longest a busy hub's Retry-After is heeded.
MAX_WAIT_S = 5.0


@click.command()
@click.option("--type", "kind", required=True, help="The notification's type, such as order_created.")
@click.option("--title", required=True)
@click.option("--message", required=True)
@click.option("--user", "user_id", help="For this user; with --account, in that account.")
@click.option("--account", "account_id", help="For everybody in this account, or the account of --user or --users.")
@click.option("--users", help="For several users, comma separated.")
@click.option("--everyone", is_flag=True, help="For everybody; the key must be allowed to.")
@click.option("--data", help="A JSON object, @FILE with one, or - for the standard input.")
@click.option("--link", help="Where a click leads: a path such as /orders/7, or a URL of an allowed origin.")
@click.option("--ttl", type=DURATION, help="How long it is worth replaying: 30s, 15m, 12h, 7d.")
@click.option("--collapse-key", help="Takes the place of an older one with this key, where the type allows that.")
@click.option("--confirm-within", type=DURATION, help="Until when each user has to have got or read it: 60s, 1h.")
@click.option("--confirm-by", type=click.Choice(["delivered", "read"]), help="What counts; without it: read.")
@click.option("--idempotency-key", help="Names this publish, so that a repeat is not published again; one is made.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def notify(
    kind: str,
    title: str,
    message: str,
    user_id: str | None,
    account_id: str | None,
    users: str | None,
    everyone: bool,
    data: str | None,
    link: str | None,
    ttl: float | None,
    collapse_key: str | None,
    confirm_within: float | None,
    confirm_by: Literal["delivered", "read"] | None,
    idempotency_key: str | None,
    url: str | None,
    dev: bool,
    as_json: bool,
) -> None:
    """Publish a notification and print its receipt.

    The service's key is HUB_SERVICE_KEY. A hub that is busy (503) is asked once more; the same Idempotency-Key makes
    sure that the notification is published once.
    """
    access = find_service_access(url, os.environ, dev=dev)
    request = PublishRequest(
        type=kind,
        title=title,
        message=message,
        data=_read_data(data),
        link=link,
        user_id=user_id,
        account_id=account_id,
        user_ids=None if users is None else [user.strip() for user in users.split(",") if user.strip()],
        everyone=everyone,
        ttl_seconds=None if ttl is None else int(ttl),
        collapse_key=collapse_key,
        confirm=_read_confirm(confirm_within, confirm_by),
    )
    headers = access.headers | {"content-type": "application/json"}
    try:
        body = msgspec.json.encode(request)
        headers["idempotency-key"] = (idempotency_key or str(uuid.uuid4())).encode("ascii").decode()
    except UnicodeEncodeError:
        raise Unusable("an option is not UTF-8, or the Idempotency-Key is not ASCII") from None
    with open_client(access.url) as client:
        response = _publish(client, body, headers)
    if as_json:
        click.echo(response.content)
        return
    receipt = _read_receipt(response)
    words = "was published already" if receipt.duplicate else "is on disk"
    reached = "1 connection" if receipt.connections == 1 else f"{receipt.connections} connections"
    click.echo(f"{receipt.id} {words} at {receipt.cursor}; {reached} matched")
    for warning in receipt.warnings or ():
        # What is not of `data` is a sentence of its own.
        of_data = warning.field.startswith("$.data")
        words = f"{warning.field} is not as declared, and was passed on: " if of_data else f"{warning.field}: "
        click.echo(f"hub: {words}{warning.detail}", err=True)


def _read_confirm(within_s: float | None, by: Literal["delivered", "read"] | None) -> Confirm | None:
    if within_s is None:
        if by is not None:
            raise Unusable("--confirm-by goes with --confirm-within")
        return None
    return Confirm(within_seconds=int(within_s), by=by or "read")


def _publish(client: httpx.Client, body: bytes, headers: dict[str, str]) -> httpx.Response:
    path = routes.NOTIFY
    response = send_request(client, "POST", path, content=body, headers=headers)
    if response.status_code == 503:
        wait = response.headers.get("retry-after", "")
        time.sleep(min(int(wait) if wait.isdigit() else 1, MAX_WAIT_S))
        response = send_request(client, "POST", path, content=body, headers=headers)
    return require_success(response)


def _read_receipt(response: httpx.Response) -> Receipt:
    try:
        return msgspec.json.decode(response.content, type=Receipt)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's receipt; is HUB_URL right?") from None


def _read_data(data: str | None) -> msgspec.Raw | UnsetType:
    """Return the object as it is written, since the hub passes it on so."""
    if data is None:
        return UNSET
    try:
        if data == "-":
            text = sys.stdin.buffer.read()
        else:
            text = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
        msgspec.json.decode(text, type=dict[str, object])
    except OSError as error:
        raise Unusable(f"--data: {data[1:]} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unusable("--data: is not a JSON object in UTF-8") from None
    return msgspec.Raw(text)
