"""`hub tail`: listen as a user, and go on where it stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable
from typing import Literal

import click
import msgspec

from hub.auth.tokens import find_fault
from hub.cli.support.address import find_url
from hub.cli.support.development import data_folder, read_development_hub, read_development_settings
from hub.cli.support.display import show_frame
from hub.cli.support.issuer import issue_token
from hub.cli.support.outcome import Refused, Unreachable, Unusable
from hub.cli.support.stream import Ended, Frame, listen_events, listen_websocket
from hub.logging import escape_control

__all__ = ["Subscription", "tail"]

#: Full jitter between nothing and twice as much each time, so that no two clients come back together.
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 20.0


@click.command()
@click.option("--transport", type=click.Choice(["websocket", "sse"]), default="websocket", show_default=True)
@click.option("--cursor", help="Go on after this place; the last one is printed at the end.")
@click.option("--token", envvar="HUB_TOKEN", help="The user's token; better put into HUB_TOKEN.")
@click.option("--dev", is_flag=True, help="Use a demo user and the address of `hub serve --dev`.")
@click.option("--as", "name", help="Which demo user: buyer (the default), seller, colleague, trial, support, ...")
@click.option("--count", type=click.IntRange(1), help="End after this many notifications.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), help="End after this many seconds.")
@click.option("--reconnect/--no-reconnect", default=True, help="Come back after the connection broke (the default).")
@click.option("--url", help="The hub, in place of HUB_URL.")
@click.option("--json", "as_json", is_flag=True, help="Print every frame but heartbeats as it came, one a line.")
def tail(
    transport: Literal["websocket", "sse"],
    cursor: str | None,
    token: str | None,
    dev: bool,
    name: str | None,
    count: int | None,
    timeout_s: float | None,
    reconnect: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Print notifications as they arrive.

    Standard output has the notifications, standard error the rest: what happens to the connection and, at the end, the
    cursor to go on from. With --count, ending without as many is exit code 1.
    """
    if name is not None and not dev:
        raise click.UsageError("--as goes with --dev.")
    access = _demo_access(url, name or "buyer") if dev else _access(url, token)
    subscription = Subscription(
        *access, transport=transport, cursor=cursor, count=count, reconnect=reconnect, as_json=as_json
    )
    try:
        asyncio.run(subscription.run(timeout_s))
    finally:
        if subscription.cursor:
            click.echo(f"cursor: {subscription.cursor}", err=True)


class Subscription:
    """A subscription that comes back with its cursor; `cursor` is how far it has come."""

    def __init__(
        self,
        url: str,
        find_token: Callable[[], str],
        renews: bool,
        *,
        transport: Literal["websocket", "sse"],
        cursor: str | None,
        count: int | None,
        reconnect: bool,
        as_json: bool,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._max_wait_s = max_wait_s
        self.cursor = cursor
        self._url = url
        self._find_token = find_token
        self._renews = renews
        self._listen = listen_websocket if transport == "websocket" else listen_events
        self._left = count
        self._reconnect = reconnect
        self._as_json = as_json
        self._connected = False
        self._attempts = 0
        self._window_s = 0.0

    async def run(self, timeout_s: float | None) -> None:
        """Listen until enough came, the time is over, or coming back makes no sense.

        Raises:
            Refused: the hub sent this user away, or less came than was asked for.
            Unreachable: there was no hub.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await self._connect():
                    await self._wait()
        except TimeoutError:
            if not self._connected:
                raise Unreachable(f"{self._url} could not be reached in time") from None
            if self._left:
                raise Refused(f"{self._left} notifications fewer came than asked for") from None

    async def _connect(self) -> bool:
        """Show what one connection brings; return whether that was enough."""
        self._window_s = 0.0
        try:
            async with contextlib.aclosing(self._listen(self._url, self._find_token(), self.cursor)) as frames:
                async for frame in frames:
                    self._take(frame)
                    if self._left == 0:
                        return True
        except Ended as ended:
            self._connected = self._connected or ended.connected
            self._raise_unless_worth_returning(ended)
        return False

    def _take(self, frame: Frame) -> None:
        if frame.type in {"", "heartbeat"}:
            pass
        elif frame.type == "connection_established":
            self._connected, self._attempts = True, 0
            self._tell(frame, f"connected to {self._url}")
        elif frame.type == "gap":
            self._tell(frame, f"{frame.title}: what this cursor asks for is no longer kept")
        elif frame.type == "reconnect":
            self._window_s = frame.within_seconds
            self._tell(frame, "the hub is restarting")
        elif frame.type in {"closing", "auth_accepted"}:
            self._tell(frame, "")
        else:
            show_frame(frame, as_json=self._as_json)
            self._left = None if self._left is None else self._left - 1
        # After it was shown: a frame that was interrupted comes again.
        self.cursor = frame.cursor or _cursor_of(frame) or self.cursor

    def _tell(self, frame: Frame, words: str) -> None:
        if self._as_json:
            show_frame(frame, as_json=True)
        elif words:
            _say(words)

    def _raise_unless_worth_returning(self, ended: Ended) -> None:
        """Return if coming back makes sense."""
        if ended.expired and not self._renews:
            raise Refused(f"{ended.reason}; it takes a new token to go on")
        if ended.final:
            raise (Refused if ended.connected else Unreachable)(ended.reason)
        if not self._reconnect:
            raise (Refused if self._connected else Unreachable)(ended.reason)
        _say(ended.reason)

    async def _wait(self) -> None:
        self._attempts += 1
        ceiling_s = min(self._max_wait_s, FIRST_WAIT_S * 2 ** min(self._attempts, 10))
        wait_s = random.uniform(0, max(self._window_s, ceiling_s))  # noqa: S311  # spreads load, guards nothing
        _say(f"coming back in {wait_s:.1f} s")
        await asyncio.sleep(wait_s)


def _cursor_of(frame: Frame) -> str:
    """Return where the connection stands, from the greeting or the gap."""
    if frame.type not in {"connection_established", "gap"}:
        return ""
    with contextlib.suppress(msgspec.MsgspecError):
        cursor = msgspec.json.decode(frame.data, type=dict[str, object]).get("cursor")
        return cursor if isinstance(cursor, str) else ""
    return ""


def _access(url: str | None, token: str | None) -> tuple[str, Callable[[], str], bool]:
    if not token:
        raise Unusable("HUB_TOKEN: is missing (or use --dev with `hub serve --dev`)")
    plain = token.strip()
    if not plain.isascii() or not plain.isprintable() or " " in plain:
        raise Unusable(f"HUB_TOKEN: is not a valid token: {find_fault(plain)}")
    return find_url(url, os.environ), lambda: plain, False


def _demo_access(url: str | None, name: str) -> tuple[str, Callable[[], str], bool]:
    hub = read_development_hub(data_folder(os.environ))
    if name not in hub.people:
        raise click.BadParameter(f"there is no {name}; there are {', '.join(hub.people)}.", param_hint="--as")
    person = hub.people[name]
    _, settings = read_development_settings(os.environ)

    def issue() -> str:
        return issue_token(
            settings,
            user_id=person.user_id,
            account_id=person.account_id,
            role=person.role,
            ttl_s=settings.jwt_max_lifetime_s,
            now_s=time.time(),
        )

    return find_url(url, os.environ, hub.url), issue, True


def _say(words: str) -> None:
    click.echo(f"hub: {escape_control(words)}", err=True)
