"""`hub webhooks`: what services have not been told yet, what was given up, and sending it again."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

import click
import httpx
import msgspec
from msgspec import UNSET

from contracts.webhook import WebhookPage, WebhookView
from hub import routes
from hub.cli.support.access import ServiceAccess, find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.display import describe_target
from hub.cli.support.outcome import Unreachable, Unusable
from hub.logging import escape_control

__all__ = ["webhooks"]

_LIMIT = 1_000


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(["waiting", "dead"]), help="Those alone; without it: both.")
@click.option("--service", help="Those of one service alone.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def webhooks(
    context: click.Context, state: str | None, service: str | None, url: str | None, dev: bool, as_json: bool
) -> None:
    """List webhooks that wait and dead letters, with the last attempt of each.

    The service's key is HUB_SERVICE_KEY and needs the operation `observe`.
    """
    access = find_service_access(url, os.environ, dev=dev)
    context.obj = access, service
    if context.invoked_subcommand is not None:
        return
    for each in ("waiting", "dead") if state is None else (state,):
        page = _list(access, each, service)
        for webhook in page.webhooks:
            click.echo(msgspec.json.encode(webhook) if as_json else escape_control(_describe(webhook)))
        if page.more:
            click.echo(f"hub: there are more that are {each}", err=True)


@webhooks.command()
@click.argument("webhook_id", metavar="ID", required=False)
@click.option("--all", "every", is_flag=True, help="Every dead letter; with --service before `repeat`, of that one.")
@click.pass_obj
def repeat(obj: tuple[ServiceAccess, str | None], webhook_id: str | None, every: bool) -> None:
    """Send the webhook ID again, at once and for a day from now on.

    The key needs the operation `webhooks`, and with --all `observe`, too.
    """
    access, service = obj
    if (webhook_id is None) is not every:
        raise Unusable("give the ID of a webhook, or --all")
    more = True
    while more:
        more = False
        ids = [webhook_id] if webhook_id is not None else []
        if every:
            page = _list(access, "dead", service)
            ids, more = [webhook.id for webhook in page.webhooks], page.more and bool(page.webhooks)
        with open_client(access.url) as client:
            for each in ids:
                path = routes.WEBHOOK_REPEAT.replace("{id}", quote(each, safe=""))
                require_success(send_request(client, "POST", path, headers=access.headers))
                click.echo(f"{each} is sent again")


def _list(access: ServiceAccess, state: str, service: str | None) -> WebhookPage:
    query = {"state": state, "limit": str(_LIMIT)} | ({} if service is None else {"service": service})
    with open_client(access.url) as client:
        path = f"{routes.WEBHOOKS}?{urlencode(query)}"
        return _read(require_success(send_request(client, "GET", path, headers=access.headers)))


def _read(response: httpx.Response) -> WebhookPage:
    try:
        return msgspec.json.decode(response.content, type=WebhookPage)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's list of webhooks; is HUB_URL right?") from None


def _describe(webhook: WebhookView) -> str:
    last = webhook.last_attempts[-1] if webhook.last_attempts else None
    words = f"{webhook.id} {webhook.state} {webhook.event} to {webhook.service} for {describe_target(webhook.user)}"
    words += f", notification {webhook.notification_id}, {webhook.attempts} attempts"
    words += f", the last at {last.at}: {last.outcome}" if last is not None else ""
    return words + (f", next at {webhook.next_attempt_at}" if webhook.next_attempt_at is not UNSET else "")
