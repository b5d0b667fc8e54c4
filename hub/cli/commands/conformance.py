"""`hub conformance`: whether a client keeps the rules of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator

import click
import msgspec

from hub.cli.support.conformance_report import Finding, Report, Transport
from hub.cli.support.conformance_script import Pace
from hub.cli.support.outcome import Refused, Unusable
from hub.cli.support.scripted_hub import ISSUER_PATH, ScriptedHub

__all__ = ["conformance"]

#: How long a client may take to end when it is told to.
_END_S = 5.0
#: The longest line that a client may print.
_LINE_BYTES = 1_048_576


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the client connects.")
@click.option("--transport", type=click.Choice(["websocket", "sse", "poll"]), default="websocket", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--heartbeat", "heartbeat_s", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="In seconds."
)
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(1, 600),
    default=30.0,
    show_default=True,
    help="How many seconds to wait for a client that has to come.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.argument("client", nargs=-1, type=click.UNPROCESSED)
def conformance(
    host: str,
    transport: Transport,
    port: int,
    heartbeat_s: float,
    patience_s: float,
    as_json: bool,
    client: tuple[str, ...],
) -> None:
    """Play a hub to CLIENT, a command, and report which rules of docs/protocol.md it keeps.

    The command gets HUB_URL, HUB_TOKEN and HUB_TOKEN_URL, which has a new token each time. The hub serves the transport
    alone, whose name is in HUB_TRANSPORT. The command may print each frame that
    it hands over as a line of JSON; then what is lost, repeated or out of order is seen as well. Without CLIENT the
    address is printed, and you start one.
    """
    report = Report(transport)
    hub = ScriptedHub(report, host=host, port=port, pace=Pace(heartbeat_s=heartbeat_s, patience_s=patience_s))
    asyncio.run(_run(hub, report, transport, client))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report.findings)).decode())
    else:
        for finding in report.findings:
            click.echo(_describe(finding))
    if report.is_broken:
        raise Refused("the client breaks rules of the protocol")


def _describe(finding: Finding) -> str:
    detail = f": {finding.detail}" if finding.detail else ""
    return f"{finding.rule}  {finding.verdict:<8}  {finding.text}{detail}"


async def _run(hub: ScriptedHub, report: Report, transport: Transport, client: tuple[str, ...]) -> None:
    printed: list[str] = []
    gaps: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(hub)
        except OSError as error:
            raise Refused(f"cannot listen: {error.strerror}") from None
        token = hub.make_token()
        environ = {
            "HUB_URL": hub.url,
            "HUB_TOKEN": token,
            "HUB_TOKEN_URL": hub.url + ISSUER_PATH,
            "HUB_TRANSPORT": transport,
        }
        if client:
            await stack.enter_async_context(_run_client(client, environ, printed, gaps))
        else:
            click.echo("\n".join(f"{name}={value}" for name, value in environ.items()), err=True)
        await hub.play()
    report.judge_printed(hub.sent, printed, gap=bool(gaps))


@contextlib.asynccontextmanager
async def _run_client(
    client: tuple[str, ...], environ: dict[str, str], printed: list[str], gaps: list[str]
) -> AsyncIterator[None]:
    try:
        process = await asyncio.create_subprocess_exec(
            *client,
            env={**os.environ, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
    except OSError as error:
        raise Unusable(f"{client[0]} cannot be run: {error.strerror}") from None
    assert process.stdout is not None
    reading = asyncio.create_task(_read(process.stdout, printed, gaps), name="client's output")
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await reading


async def _read(lines: asyncio.StreamReader, printed: list[str], gaps: list[str]) -> None:
    """Note the ids and gaps that a client prints as JSON; every other line goes to standard error."""
    while line := await lines.readline():
        try:
            frame = json.loads(line)
        except ValueError:
            frame = None
        if isinstance(frame, dict) and frame.get("type") == "gap":
            gaps.append(line.decode(errors="replace"))
        elif isinstance(frame, dict) and isinstance(frame.get("id"), str):
            printed.append(frame["id"])
        elif frame is None:
            sys.stderr.buffer.write(line)
