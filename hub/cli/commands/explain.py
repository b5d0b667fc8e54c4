"""`hub explain`: what a publish would do, without publishing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import httpx
import msgspec
from msgspec import UNSET

from contracts.explanation import Explanation
from hub import routes
from hub.cli.support.access import find_service_access
from hub.cli.support.address import open_client, require_success, send_request
from hub.cli.support.display import describe_nodes, describe_target
from hub.cli.support.outcome import Outcome, Unreachable, Unusable
from hub.logging import escape_control
from hub.publish.policies import describe_policy

__all__ = ["explain"]


@click.command()
@click.argument("body", metavar="BODY")
@click.option("--for-user", "user_id", help="Explain why this user would get it, or why not.")
@click.option("--in-account", "account_id", help="That user's account, where no directory knows it.")
@click.option("--as-service", "service", help="With the rights of this service, in place of the key's own.")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--dev", is_flag=True, help="Use the key and the address of `hub serve --dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print what the hub says, as JSON.")
def explain(
    body: str,
    user_id: str | None,
    account_id: str | None,
    service: str | None,
    url: str | None,
    dev: bool,
    as_json: bool,
) -> None:
    """Say what publishing BODY would do, without publishing it.

    BODY is the JSON of a publish, @FILE with it, or - for the standard input. The service's key is HUB_SERVICE_KEY and
    needs the operation `observe`. The exit code is 1 if the hub would refuse the publish.
    """
    access = find_service_access(url, os.environ, dev=dev)
    asked = {"explain_user_id": user_id, "explain_account_id": account_id, "explain_service": service}
    request = _read_body(body) | {
        name: msgspec.Raw(msgspec.json.encode(value)) for name, value in asked.items() if value
    }
    with open_client(access.url) as client:
        response = send_request(
            client,
            "POST",
            routes.EXPLAIN,
            content=msgspec.json.encode(request),
            headers=access.headers | {"content-type": "application/json"},
        )
    explanation = _read_explanation(require_success(response))
    if as_json:
        click.echo(response.content)
    else:
        for line in _describe(explanation):
            click.echo(escape_control(line))
    if not explanation.accepted:
        raise click.exceptions.Exit(Outcome.REFUSED)


def _read_body(body: str) -> dict[str, msgspec.Raw]:
    """Return the members of the publish as they are written, since the hub passes `data` on so."""
    try:
        if body == "-":
            text = sys.stdin.buffer.read()
        else:
            text = Path(body[1:]).read_bytes() if body.startswith("@") else body.encode()
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except OSError as error:
        raise Unusable(f"BODY: {body[1:]} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unusable("BODY: is not a JSON object in UTF-8") from None


def _read_explanation(response: httpx.Response) -> Explanation:
    try:
        return msgspec.json.decode(response.content, type=Explanation)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreachable("the answer is not a hub's explanation; is HUB_URL right?") from None


def _describe(explanation: Explanation) -> list[str]:
    if explanation.refusal is not UNSET:
        refusal = explanation.refusal
        at = "" if refusal.field is UNSET else f" ({refusal.field})"
        lines = [f"{explanation.service}: would be refused with {refusal.status} {refusal.code}: {refusal.detail}{at}"]
    else:
        now = explanation.connections
        lines = [
            f"{explanation.service}: would be accepted",
            f"now:     {_number(explanation.users, 'user')}, {_number(now.total, 'connection')}"
            f" ({now.websocket} WebSocket, {now.sse} SSE, {now.durable_streams} Durable Streams)",
            f"targets: {explanation.target_count}",
        ]
        lines += [f"  {describe_target(target)}" for target in explanation.targets]
        if explanation.target_count > len(explanation.targets):
            lines.append(f"  and {explanation.target_count - len(explanation.targets)} more")
        if explanation.supersedes is not UNSET:
            lines.append(f"in place of the one at {explanation.supersedes}")
        if explanation.expires_at is not UNSET:
            lines.append(f"expires: {explanation.expires_at}")
        if explanation.policy is not UNSET:
            lines += [f"policy:  {sentence}" for sentence in describe_policy(explanation.policy)]
    lines += [f"warning: {each.field} is not as declared: {each.detail}" for each in explanation.warnings]
    if explanation.user is not UNSET:
        lines.append(f"user:    {explanation.user.delivery.replace('_', ' ')}")
        lines += [f"  {reason.code}: {reason.detail}" for reason in explanation.user.reasons]
    if explanation.nodes is not UNSET:
        lines.append(f"counts:  {describe_nodes(explanation.nodes)}")
    return lines


def _number(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
