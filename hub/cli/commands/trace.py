"""`hub trace`: what became of one notification."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

import click
import httpx
import msgspec
from msgspec import UNSET, UnsetType

from contracts.trace import Confirmation, Trace
from hub import routes
from hub.cli.support.access import find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.display import describe_nodes, describe_target
from hub.cli.support.outcome import Unreachable
from hub.logging import escape_control

__all__ = ["trace"]


@click.command()
@click.argument("notification_id", metavar="ID")
@click.option("--cursor", help="The cursor of its receipt: then the hub need not search its log.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print what the hub says, as JSON.")
def trace(notification_id: str, cursor: str | None, url: str | None, dev: bool, as_json: bool) -> None:
    """Say what became of the notification ID: accepted, stored, dispatched, replayed, pushed, confirmed or escalated.

    The service's key is HUB_SERVICE_KEY and needs the operation `observe`. What the hub cannot tell is said, too.
    """
    access = find_service_access(url, os.environ, dev=dev)
    path = routes.TRACE.replace("{id}", quote(notification_id, safe=""))
    if cursor:
        path += "?" + urlencode({"cursor": cursor})
    with open_client(access.url) as client:
        response = require_success(send_request(client, "GET", path, headers=access.headers))
    if as_json:
        click.echo(response.content)
        return
    for line in _describe(_read_trace(response)):
        click.echo(escape_control(line))


def _read_trace(response: httpx.Response) -> Trace:
    try:
        return msgspec.json.decode(response.content, type=Trace)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's trace; is HUB_URL right?") from None


def _describe(trace: Trace) -> list[str]:
    lines = [f"{trace.type} {trace.id}"]
    lines += [f"{'for':<14}{describe_target(target)}" for target in trace.targets]
    if trace.target_count > len(trace.targets):
        lines.append(f"{'':<14}and {trace.target_count - len(trace.targets)} more")
    if trace.trace_id is not UNSET:
        lines.append(f"{'traced as':<14}{trace.trace_id}")
    if trace.accepted is not UNSET:
        lines.append(f"{'accepted':<14}{trace.accepted.at} of {trace.accepted.service}")
    lines.append(f"{'stored':<14}{trace.stored.at} at {trace.stored.cursor}")
    if trace.dispatched is not UNSET:
        done = trace.dispatched
        words = f"{done.websocket} WebSocket, {done.sse} SSE, {done.durable_streams} Durable Streams"
        words += f", {done.deferred} after older ones" if done.deferred else ""
        words += "; it had expired" if done.expired else ""
        lines.append(f"{'dispatched':<14}{words}")
    if trace.replayed is not UNSET:
        lines.append(f"{'replayed':<14}{trace.replayed.connections} to connections, {trace.replayed.polls} to polls")
    if trace.pushed is not UNSET:
        ended = [f"{count} {outcome}" for outcome, count in trace.pushed.outcomes.items()]
        ended += [f"{trace.pushed.pending} pending"] if trace.pushed.pending else []
        lines.append(f"{'pushed':<14}{', '.join(ended) or 'to no browser'}")
    if trace.superseded is not UNSET:
        lines.append(f"{'superseded':<14}by a newer one at {trace.superseded.by}")
    lines += _describe_confirmations(trace)
    if trace.expires_at is not UNSET:
        lines.append(f"{'expired' if trace.expired else 'expires':<14}{trace.expires_at}")
    lines += [f"{each.step:<14}unknown: {each.why}" for each in trace.unknown]
    lines.append(f"{'counted since':<14}{trace.counted_since}")
    if trace.nodes is not UNSET:
        lines.append(f"{'counts':<14}{describe_nodes(trace.nodes)}")
    return lines


def _describe_confirmations(trace: Trace) -> list[str]:
    lines = []
    told: list[tuple[str, list[Confirmation] | UnsetType]] = [
        ("awaited", trace.awaited),
        ("acknowledged", trace.acknowledged),
        ("read", trace.read),
        ("escalated", trace.escalated),
    ]
    for step, confirmations in told:
        for each in confirmations or ():
            user = describe_target(each.user)
            words = f"{user}, to be {each.by} until {each.deadline}" if each.at is UNSET else f"{each.at} {user}"
            lines.append(f"{step:<14}{words}")
    for webhook in trace.webhooks or ():
        lines.append(f"{'webhook':<14}{webhook.event} to {webhook.service}, {webhook.state}: {webhook.id}")
        lines += [f"{'':<14}{attempt.at} {attempt.outcome}" for attempt in webhook.last_attempts]
    return lines
