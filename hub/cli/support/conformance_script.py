"""What the acts of a scripted hub share: how long it waits, where its log is, what it sent, the client's visits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Generic, TypeVar

import msgspec

from hub.cli.support.conformance_report import Report
from hub.cli.support.scripted_visit import ConnectionVisit, PollVisit
from hub.cursor import Cursor, new_epoch, parse_cursor
from hub.timestamp import format_time

__all__ = ["LEAST_WAIT_S", "Absent", "Pace", "Script", "make_gap"]

V = TypeVar("V", ConnectionVisit, PollVisit)

#: The least that a client waits where a rule says that it waits.
LEAST_WAIT_S = 0.02
#: Between two acknowledgements is a second; a busy machine may hand over the first of them late.
_LEAST_ACK_S = 0.75


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the hub waits for what. Units are in the names."""

    #: Between two frames, as the hub promises it.
    heartbeat_s: float = 1.0
    #: For a client that has to come.
    patience_s: float = 30.0
    #: What a client may take longer than a rule says, for the network and a busy machine.
    slack_s: float = 5.0
    #: What an application has for the frames that its client has read.
    process_s: float = 0.2
    #: For a client that reads a burst.
    burst_s: float = 20.0
    #: What a client that polls takes for "at once".
    at_once_s: float = 2.0


class Absent(Exception):
    """The client did not come; the arguments are the rules that it broke by this."""


class Script(Generic[V]):
    """What the acts share: where the hub's log is, what was sent, and the client's visits."""

    def __init__(self, report: Report, pace: Pace) -> None:
        self.report = report
        self.pace = pace
        self.visits: asyncio.Queue[V] = asyncio.Queue()
        self.position = 0
        #: How many tokens were given out.
        self.tokens = 0
        #: The notifications by their positions, for a client that comes back with an older cursor.
        self.log: list[tuple[int, dict[str, Any]]] = []
        #: The ids of the notifications, in the order in which they were sent first.
        self.sent: list[str] = []
        #: Whether the newest greeting has the feature `ack`.
        self.takes_acks = False
        # When the newest acknowledgement of the newest visit came.
        self._acknowledged_at_s: float | None = None
        self._acknowledged = asyncio.Event()
        self._epoch = new_epoch()

    @property
    def cursor(self) -> str:
        """The cursor of the newest position."""
        return str(Cursor(self._epoch, self.position))

    def add_notification(self, **further: object) -> dict[str, Any]:
        """Put a notification at the end of the log; return its frame."""
        self.position += 1
        frame = {
            "id": f"conformance-{self.position}",
            "type": "stock_alert",
            "title": f"Notification {self.position}",
            "message": "m",
            "data": {},
            "timestamp": format_time(time.time()),
            **further,
            "cursor": self.cursor,
        }
        self.sent.append(str(frame["id"]))
        self.log.append((self.position, frame))
        return frame

    def find_after(self, cursor: str) -> list[dict[str, Any]]:
        """Return the notifications after a cursor; none where it is not one."""
        place = parse_cursor(cursor)
        return [] if place is None else [frame for position, frame in self.log if position > place.position]

    def begin_visit(self, *, takes_acks: bool) -> None:
        """Note what the greeting of the visit that begins says of acknowledgements."""
        self.takes_acks = takes_acks
        self._acknowledged_at_s = None

    def take_ack(self, cursor: object) -> None:
        """Judge an acknowledgement that came."""
        if not self.takes_acks:
            self.report.see("R11.4", False, "it acknowledged to a hub whose greeting has no ack")
            return
        self._acknowledged.set()
        place = parse_cursor(cursor) if isinstance(cursor, str) else None
        known = place is not None and place.epoch == self._epoch and place.position <= self.position
        self.report.see("R12.3", known, "it acknowledged a cursor that it was not handed")
        now_s, before_s = time.monotonic(), self._acknowledged_at_s
        self._acknowledged_at_s = now_s
        if before_s is not None:
            waited_s = now_s - before_s
            self.report.see("R12.3", waited_s >= _LEAST_ACK_S, f"it acknowledged again after {waited_s * 1000:.0f} ms")

    async def wait_acknowledged(self) -> None:
        """Give the client time for its first acknowledgement; one that never acknowledges breaks no rule."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.pace.slack_s):
                await self._acknowledged.wait()

    def expect_cursor(self, visit: V, rule: str, *, least: int | None = None) -> None:
        """Note whether the visit has the newest cursor, or one from the position `least` on."""
        least = self.position if least is None else least
        told = "no cursor" if not visit.cursor else "another cursor"
        place = parse_cursor(visit.cursor)
        kept = place is not None and place.epoch == self._epoch and least <= place.position <= self.position
        self.report.see(rule, kept, f"it came back with {told}")

    async def wait_visit(self, *rules: str, within_s: float | None = None) -> V:
        """Return the next visit.

        Raises:
            Absent: none came.
        """
        try:
            async with asyncio.timeout(within_s or self.pace.patience_s):
                return await self.visits.get()
        except TimeoutError:
            raise Absent(*rules) from None

    async def wait_return(self, rule: str) -> V:
        """Return the next visit, which R8.3 or another rule asks for.

        Raises:
            Absent: none came.
        """
        visit = await self.wait_visit(rule)
        if rule == "R8.3":
            self.report.see(rule, True)
        return visit

    async def expect_nobody(self, rule: str, detail: str) -> None:
        """Note whether the client stays away."""
        try:
            await self.wait_visit(within_s=self.pace.slack_s)
        except Absent:
            self.report.see(rule, True)
        else:
            self.report.see(rule, False, detail)


def make_gap(cursor: str) -> dict[str, object]:
    """Return the frame that tells of a gap up to a cursor."""
    text = {"type": "gap", "title": "Gap", "message": "What was missed is gone"}
    return {**text, "data": {"cursor": cursor}, "timestamp": format_time(time.time())}
