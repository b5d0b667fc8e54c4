"""What a scripted hub plays to a client that polls."""

from __future__ import annotations

import time

from hub.cli.support.conformance_script import LEAST_WAIT_S, Script, make_gap
from hub.cli.support.scripted_visit import PollVisit
from hub.errors import Draining, TokenExpired, UserNotAllowed

__all__ = ["play_polls"]


async def play_polls(script: Script[PollVisit]) -> None:
    """Play every act.

    Raises:
        Absent: the client did not come back.
    """
    acts = _Acts(script)
    await acts.play_first_poll()
    await acts.play_page()
    await acts.play_broken_page()
    await acts.play_drain()
    await acts.play_gap()
    await acts.play_end()


class _Acts:
    def __init__(self, script: Script[PollVisit]) -> None:
        self._script = script
        self._report = script.report
        #: When the last response was sent, by the clock of the visits.
        self._responded_s = 0.0

    async def play_first_poll(self) -> None:
        visit = await self._script.wait_visit()
        self._report.see("R1.3", bool(visit.token), "there was no credential")
        self._report.see("R3.4", not visit.cursor, "the first poll had a cursor")
        self._script.position += 5
        self._respond(visit, "live")

    async def play_page(self) -> None:
        visit = await self._script.wait_visit("R3.3", "R9.3")
        self._script.expect_cursor(visit, "R3.3")
        waited_s = visit.at_s - self._responded_s
        self._report.see("R9.3", waited_s >= LEAST_WAIT_S, f"it polled {waited_s * 1000:.0f} ms after an empty page")
        before = visit.cursor
        first = self._script.add_notification()
        unknown: dict[str, object] = {"type": "conformance_of_tomorrow", "data": {"nested": [1, {"deep": None}]}}
        second = self._script.add_notification(field_of_tomorrow={"x": 1})
        self._respond(visit, "replayed", first, unknown, second)
        visit = await self._script.wait_visit("R1.7", "R9.3")
        self._report.see("R1.7", visit.cursor != before, "it came back for a page with a frame that it does not know")
        waited_s = visit.at_s - self._responded_s
        at_once = waited_s <= self._script.pace.at_once_s
        self._report.see("R9.3", at_once, f"it polled {waited_s:.1f} s after a page with frames")
        self._script.visits.put_nowait(visit)

    async def play_broken_page(self) -> None:
        visit = await self._script.wait_visit("R8.3")
        self._script.expect_cursor(visit, "R3.2")
        least = self._script.position
        frame = self._script.add_notification()
        visit.cut(self._page("replayed", frame))
        visit = await self._script.wait_return("R8.3")
        # What it could not read it has not processed.
        place = self._script.position
        self._script.position = least
        self._script.expect_cursor(visit, "R3.2")
        self._script.position = place
        self._respond(visit, "replayed", *(self._script.find_after(visit.cursor) or [frame]))

    async def play_drain(self) -> None:
        for _ in range(2):
            visit = await self._script.wait_return("R8.3")
            self._script.expect_cursor(visit, "R3.2")
            visit.refuse(Draining(retry_after_s=1))
            self._note_response()
            following = await self._script.wait_return("R8.3")
            waited_s = following.at_s - self._responded_s
            self._report.see("R7.5", waited_s >= LEAST_WAIT_S, f"it came back after {waited_s * 1000:.0f} ms")
            self._script.visits.put_nowait(following)

    async def play_gap(self) -> None:
        visit = await self._script.wait_return("R8.3")
        self._script.position += 1_000
        self._respond(visit, "gap", make_gap(self._script.cursor))

    async def play_end(self) -> None:
        visit = await self._script.wait_visit("R4.3")
        self._script.expect_cursor(visit, "R4.3")
        if self._script.tokens > 1:  # it has a way to get another one
            refused = visit.token
            visit.refuse(TokenExpired())
            visit = await self._script.wait_visit("R6.4")
            self._report.see("R6.4", visit.token != refused, "it came back with the same token")
        self._respond(visit, "replayed", self._script.add_notification())
        visit = await self._script.wait_visit("R9.3")
        self._script.expect_cursor(visit, "R3.2")
        visit.refuse(UserNotAllowed())
        await self._script.expect_nobody("R2.5", "it came back after 403")

    def _page(self, resume: str, *frames: dict[str, object]) -> dict[str, object]:
        return {"frames": list(frames), "cursor": self._script.cursor, "resume": resume}

    def _respond(self, visit: PollVisit, resume: str, *frames: dict[str, object]) -> None:
        visit.respond(self._page(resume, *frames))
        self._note_response()

    def _note_response(self) -> None:
        self._responded_s = time.monotonic()
