"""`hub proxy`: a network that fails, between clients and a hub."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from random import Random
from urllib.parse import SplitResult

import click

from hub.cli.support.connection_faults import CLEAN, Ending, Faults, Plan, Upgrade
from hub.cli.support.fault_proxy import FaultProxy
from hub.cli.support.outcome import Refused, Unusable
from hub.url import split_url

__all__ = ["plan_faults", "proxy"]

_SECONDS = click.FloatRange(0)


@click.command()
@click.option("--upstream", envvar="HUB_URL", default="http://127.0.0.1:8000", show_default=True, help="The hub.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where clients connect.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--cut", "cut_s", type=_SECONDS, help="Close each connection after so many seconds.")
@click.option("--reset", "reset_s", type=_SECONDS, help="Reset it (RST) after so many seconds.")
@click.option("--stall", "stall_s", type=_SECONDS, help="After so many seconds pass nothing more, and stay open.")
@click.option("--cut-bytes", type=click.IntRange(0), help="Close it after so many bytes from the hub, within a frame.")
@click.option("--delay", "delay_s", type=_SECONDS, help="Hold each piece back for up to so many seconds.")
@click.option("--slices", is_flag=True, help="Pass on in pieces of 1 to 7 bytes.")
@click.option("--hold", "holds", is_flag=True, help="Hold each body back until its end, as a buffering proxy does.")
@click.option(
    "--upgrade",
    type=click.Choice(["pass", "refuse", "silence"]),
    default="pass",
    show_default=True,
    help="What becomes of WebSocket handshakes: passed on, answered with 403, or never answered.",
)
@click.option(
    "--share", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Of connections with faults."
)
@click.option("--seed", default="0", show_default=True, help="The same seed draws the same faults.")
def proxy(
    upstream: str,
    host: str,
    port: int,
    cut_s: float | None,
    reset_s: float | None,
    stall_s: float | None,
    cut_bytes: int | None,
    delay_s: float | None,
    slices: bool,
    holds: bool,
    upgrade: Upgrade,
    share: float,
    seed: str,
) -> None:
    """Stand in front of a hub and break what passes through, until Ctrl-C.

    Give clients the address on standard output instead of the hub's. `hub proxy --stall 2 --cut 5` is a network that
    falls silent after 2 s, and whose connections end after 5 s.
    """
    url = _check_upstream(upstream)
    later: list[tuple[float | None, Ending]] = [(cut_s, "cut"), (reset_s, "reset"), (stall_s, "stall")]
    faults = Faults(
        ending=None if cut_bytes is None else "cut",
        ending_bytes=cut_bytes or 0,
        later=tuple((after_s, ending) for after_s, ending in later if after_s is not None),
        delay_s=(0.0, delay_s or 0.0),
        slices=slices,
        holds=holds,
        upgrade=upgrade,
    )
    asyncio.run(_run(url, host, port, plan_faults(faults, share), seed))


def plan_faults(faults: Faults, share: float) -> Plan:
    """Return a plan that gives this share of the connections these faults, and the others none."""
    return lambda random: faults if random.random() < share else CLEAN


async def _run(url: SplitResult, host: str, port: int, plan: Callable[[Random], Faults], seed: str) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    running = FaultProxy(url.port or 80, to_host=url.hostname or "", host=host, port=port, plan=plan, seed=seed)
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(running)
        except OSError as error:
            raise Refused(f"cannot listen on {host}:{port}: {error.strerror}") from None
        click.echo(running.url)
        await stopping.wait()
    broken = sum(faults != CLEAN for faults in running.drawn)
    click.echo(f"{len(running.drawn)} connections, {broken} with faults", err=True)


def _check_upstream(text: str) -> SplitResult:
    try:
        url = split_url(text)
    except ValueError as error:
        raise Unusable(f"--upstream cannot be used: {error}") from None
    if url.scheme != "http":
        raise Unusable("--upstream cannot be used: it is not http://; put this proxy between TLS and the hub")
    return url
