"""What a scripted hub plays to a client over a connection that stays: a WebSocket or an event stream."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

from contracts.closing import CloseCode
from hub.cli.support.conformance_script import LEAST_WAIT_S, Script, make_gap
from hub.cli.support.scripted_visit import ConnectionVisit, WebSocketVisit
from hub.timestamp import format_time

__all__ = ["play_connections"]

#: How often a client is sent away at once, to see its waits.
DEPARTURES = 2
#: A burst is more than the kernel's buffers hold.
BURST, BURST_BYTES = 250, 8_192
#: A client that leaves because of a frame does so at once.
LEAVES_S = 0.3
_DRAIN_WINDOW_S = 1.0


async def play_connections(script: Script[ConnectionVisit]) -> None:
    """Play every act.

    Raises:
        Absent: the client did not come back.
    """
    acts = _Acts(script)
    await acts.play_first_visit()
    await acts.play_resume()
    # Before what lets a careful client wait for longer each time.
    await acts.play_drain()
    await acts.play_gap()
    await acts.play_departures()
    await acts.play_silence()
    await acts.play_burst()
    await acts.play_end()


class _Acts:
    def __init__(self, script: Script[ConnectionVisit]) -> None:
        self._script = script
        self._report = script.report
        self._pace = script.pace
        #: The position before the burst.
        self._least = 0

    async def play_first_visit(self) -> None:
        visit = await self._script.wait_visit()
        self._report.see("R1.3", bool(visit.token), "there was no credential")
        if isinstance(visit, WebSocketVisit):
            self._report.see("R1.4", visit.speaks_hub_v1, "hub.v1 was not offered")
        self._report.see("R3.4", not visit.cursor, "the first connection had a cursor")
        # As a hub of before acknowledgements.
        await self._greet(visit, "live", features=())
        await self._notify(visit)
        await visit.send({"type": "conformance_of_tomorrow", "data": {"nested": [1, {"deep": None}]}})
        await self._notify(visit, field_of_tomorrow={"x": 1})
        if isinstance(visit, WebSocketVisit):
            responds = await visit.responds_to_ping(self._pace.slack_s)
            self._report.see("R5.3", responds, f"there was no pong within {self._pace.slack_s:g} s")
        else:
            await self._settle(visit)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVES_S):
                    await visit.wait_left()
        self._report.see("R1.7", visit.is_open, "the client left when it got a frame that it does not know")
        if isinstance(visit, WebSocketVisit):
            self._report.see("R11.4", True)
        visit.cut()

    async def play_resume(self) -> None:
        visit = await self._script.wait_return("R8.3")
        self._script.expect_cursor(visit, "R3.2")
        await self._greet(visit, "replayed")
        await self._notify(visit)
        self._script.position += 5
        await visit.beat(self._script.cursor)
        await self._settle(visit)
        await visit.close(CloseCode.SLOW, "too slow")

    async def play_drain(self) -> None:
        visit = await self._script.wait_return("R8.3")
        self._script.expect_cursor(visit, "R3.3")
        await self._greet(visit, "replayed")
        await self._notify(visit)
        signals = visit.signals if isinstance(visit, WebSocketVisit) else []
        for signal in signals:
            await visit.send({"type": signal, "data": {}, "timestamp": format_time(time.time()), "missed": 0})
        await self._settle(visit)
        await visit.shut_down(_DRAIN_WINDOW_S)
        left_s = time.monotonic()
        visit = await self._script.wait_return("R7.2")
        took_s = visit.at_s - left_s
        in_time = took_s <= _DRAIN_WINDOW_S + self._pace.slack_s
        self._report.see("R7.2", in_time, f"it came back after {took_s:.1f} s")
        self._script.expect_cursor(visit, "R3.2")
        if signals:
            self._script.expect_cursor(visit, "R10.5")
        self._script.visits.put_nowait(visit)

    async def play_gap(self) -> None:
        visit = await self._script.wait_return("R8.3")
        self._script.position += 1_000
        await self._greet(visit, "gap")
        await visit.send(make_gap(self._script.cursor))
        await self._settle(visit)
        visit.cut()

    async def play_departures(self) -> None:
        for number in range(DEPARTURES):
            visit = await self._script.wait_return("R8.3")
            self._script.expect_cursor(visit, "R4.3")
            await visit.close(1013, "try again later")
            left_s = time.monotonic()
            if number + 1 < DEPARTURES:
                following = await self._script.wait_return("R8.3")
                waited_s = following.at_s - left_s
                self._report.see("R7.5", waited_s >= LEAST_WAIT_S, f"it came back after {waited_s * 1000:.0f} ms")
                self._script.visits.put_nowait(following)

    async def play_silence(self) -> None:
        visit = await self._script.wait_return("R8.3")
        await self._greet(visit, "replayed")
        began_s = time.monotonic()
        limit_s = 2.5 * self._pace.heartbeat_s + self._pace.slack_s
        try:
            async with asyncio.timeout(limit_s):
                await visit.wait_left()
        except TimeoutError:
            self._report.see("R5.4", False, f"it was still there after {limit_s:g} s of silence")
            visit.cut()
        else:
            silent_s = time.monotonic() - began_s
            early = f"it left after {silent_s:.1f} s, before a heartbeat was late"
            self._report.see("R5.4", silent_s >= self._pace.heartbeat_s, early)

    async def play_burst(self) -> None:
        visit = await self._script.wait_return("R5.4")
        await self._greet(visit, "replayed", heartbeat_s=60.0)
        self._least = self._script.position
        took_all = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.burst_s):
                for _ in range(BURST):
                    await self._notify(visit, padding="x" * BURST_BYTES)
                took_all = await self._settle(visit, within_s=self._pace.burst_s)
        unread = f"{BURST} notifications were not read within {self._pace.burst_s:g} s"
        self._report.see("R7.4", took_all, unread)
        visit.cut()

    async def play_end(self) -> None:
        visit = await self._script.wait_return("R8.3")
        # Its application may not have come to the end of the burst.
        self._script.expect_cursor(visit, "R3.2", least=self._least)
        if self._script.tokens > 1:  # it has a way to get another one
            await self._greet(visit, "replayed", heartbeat_s=60.0)
            await self._settle(visit)
            await visit.close(CloseCode.TOKEN_EXPIRED, "the token expired")
            following = await self._script.wait_return("R6.4")
            self._report.see("R6.4", following.token != visit.token, "it came back with the same token")
            visit = following
        await self._greet(visit, "replayed", heartbeat_s=60.0)
        await self._notify(visit)
        await self._settle(visit)
        if self._report.transport == "websocket":
            await self._script.wait_acknowledged()
        await visit.close(CloseCode.DISCONNECTED, "disconnected by an operator")
        await self._script.expect_nobody("R8.4", "it came back after 4502")

    async def _greet(
        self,
        visit: ConnectionVisit,
        resume: str,
        *,
        heartbeat_s: float | None = None,
        features: tuple[str, ...] = ("ack",),
    ) -> None:
        self._script.begin_visit(takes_acks="ack" in features)
        data = {
            "connectionId": secrets.token_urlsafe(9),
            "resume": resume,
            "cursor": self._script.cursor,
            "heartbeatSeconds": heartbeat_s or self._pace.heartbeat_s,
            "features": list(features),
        }
        greeting = {"type": "connection_established", "title": "Connected", "message": "Connected"}
        await visit.send({**greeting, "data": data, "timestamp": format_time(time.time())})
        if resume == "replayed":
            for frame in self._script.find_after(visit.cursor):
                await visit.send(frame)

    async def _notify(self, visit: ConnectionVisit, **further: object) -> None:
        await visit.send(self._script.add_notification(**further))

    async def _settle(self, visit: ConnectionVisit, *, within_s: float | None = None) -> bool:
        """Wait until the client has taken what it was sent, and its application has processed it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s or self._pace.slack_s):
                await visit.wait_taken()
            await asyncio.sleep(self._pace.process_s)
            return visit.is_open
        return False
